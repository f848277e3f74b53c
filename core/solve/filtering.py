# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter before the first solve: which tracks do not move with the set, by the fundamental matrices of many pairs.

Without it a solve follows whatever moves, and the errors of that solve then condemn the good tracks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..review.distortion import CameraLens
from ..review.motion import Motion
from ..review.regression import NORMAL_MAD, Bools, Floats
from .bodies import Bodies, bodies, set_body
from .consensus import CUT, REFERENCE, Body
from .solve import Drop

RMS, RMS_MADS, RMS_CAP = 0.7, 4.0, 2.0
"""A track is bad from this RMS on, pixels, or from the median and so many deviations, if that is more; but always from
the cap on: with two motions median and deviation are both large. Measured on rendered shots with true cameras: an RMS
over 1.0 is that of 14 to 70 % of the bad tracks and of 0 to 1 % of the good ones."""
LARGEST, LARGEST_SHARE = 2.0, 3.0
"""And from this largest distance on, or from so many times the threshold of the RMS. Over 2 px it is that of 43 to 90 %
of the bad tracks and of 0 to 5 % of the good ones."""


@dataclass(frozen=True)
class Filtered:
    """`kept` [tracks]: those that are solved from. `dropped`: the others, each with its reason. `inliers`: the median
    share of the tracks that agree in a pair. `bodies`: None if no two frames share enough tracks for the filter.

    `kept_share`: of all tracks; `own_share`: of those that move with the set or with nothing."""

    kept: Bools
    dropped: tuple[Drop, ...]
    inliers: float
    bodies: Bodies | None

    @property
    def kept_share(self) -> float:
        return float(self.kept.sum() / max(1, len(self.kept)))

    @property
    def others(self) -> Bools:
        """[tracks]: those that move on their own, together with others."""
        return np.zeros(len(self.kept), bool) if self.bodies is None else self.bodies.others

    @property
    def own_share(self) -> float:
        return float(self.kept.sum() / max(1, len(self.kept) - int((self.others & ~self.kept).sum())))


def filtered(motion: Motion, lens: CameraLens | None = None) -> Filtered:
    """The tracks of a motion in pixels of the footage, whose lens is `lens` if it is known. Locked ones are kept."""
    found = bodies(motion, lens)
    count = len(motion.tracks)
    if found is None:
        return Filtered(np.ones(count, bool), (), 1.0, None)
    main = set_body(found)
    limits = _limits(main)
    locked = np.array([track.is_locked for track in motion.tracks], bool)
    others = found.others
    bad = (main.tested > 0) & ((main.rms > limits[0]) | (main.largest > limits[1]))
    kept = locked | ~(bad | others)
    unit = motion.size[0] / REFERENCE
    sizes = np.zeros(count, np.intp)
    for body in found.found:
        sizes[body.is_member & others] = body.is_member.sum()
    dropped = tuple(
        Drop(motion.tracks[int(index)].number, _reason(main, int(index), limits, unit, int(sizes[index])))
        for index in np.flatnonzero(~kept)
    )
    return Filtered(kept, dropped, main.inliers, found)


def _limits(body: Body) -> tuple[float, float]:
    """The largest RMS and the largest distance of a good track, pixels of the reference width."""
    rms = body.rms[body.is_member]
    middle, deviation = median_and_mad(rms)
    limit = min(max(RMS, middle + RMS_MADS * NORMAL_MAD * deviation), RMS_CAP)
    return limit, max(LARGEST, LARGEST_SHARE * limit)


def median_and_mad(values: Floats) -> tuple[float, float]:
    """The median and the median absolute deviation from it; zeros of nothing."""
    if not len(values):
        return 0.0, 0.0
    middle = float(np.median(values))
    return middle, float(np.median(np.abs(values - middle)))


def _reason(body: Body, index: int, limits: tuple[float, float], unit: float, group: int) -> str:
    rms, largest, pairs = float(body.rms[index]) * unit, float(body.largest[index]), int(body.tested[index])
    where = f"in {pairs} pair{'s' * (pairs != 1)} of frames"
    if group > 1:
        return f"it moves with {group - 1} other tracks, but not with the set: {rms:.2g} px RMS off {where}"
    if body.rms[index] > limits[0]:
        return f"it is {rms:.2g} px RMS off the motion of the set {where}, with {limits[0] * unit:.2g} px allowed"
    words = f"over {CUT * unit:.2g} px" if largest >= CUT else f"{largest * unit:.2g} px"
    return f"it is {words} off the motion of the set in one pair of frames, with {limits[1] * unit:.2g} px allowed"
