# SPDX-License-Identifier: GPL-3.0-or-later
"""What a refinement has come to: the best solution, the figures behind a verdict, and what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..review.measures import chosen_runs
from ..review.motion import Motion
from ..review.regression import Bools, Floats
from .filtering import Filtered
from .pairs import Link
from .solve import Drop, Mute, Round
from .solver import Solution

NONE = float("nan")


@dataclass
class Facts:
    """What a verdict is made from. Pixels are those of the reference width, angles degrees, shares 0..1; NaN: not
    measured.

    `frames`: clip frames, the first and the last with a marker. `link`: of the tracks that the filter has kept;
    `before`, `after`: those alive on its frame and on the next one. `live` by clip frame: the tracks that take part;
    `covered` by clip frame: the share of the picture that they cover.
    `motion`: the median over the pairs; `parallax`: H75; `tripod`: the error of a tripod solve; `angle`: the median
    over the points of the largest angle between rays. `focal_ratio`: how many times worse other focal lengths are.
    `unsteady`: how many times larger the error became at most when bad markers were left out; infinite if cameras were
    lost. 0: nothing was.
    `removed_share`: of the markers that do not move with another body. `apart`: the tracks that a turning camera does
    not explain, in a small part of the picture. `failure`: why Blender has refused last.
    """

    frames: tuple[int, int] = (0, 0)
    tracks: int = 0
    link: Link = field(default_factory=lambda: Link(0, 0))
    before: int = 0
    after: int = 0
    live: Mapping[int, int] = field(default_factory=dict[int, int])
    covered: Mapping[int, float] = field(default_factory=dict[int, float])
    motion: float = NONE
    parallax: float = NONE
    tripod: float = NONE
    angle: float = NONE
    focal_ratio: float = NONE
    unsteady: float = 0.0
    removed_share: float = 0.0
    is_still: bool = False
    apart: int = 0
    is_focal_known: bool = True
    failure: str = ""

    @property
    def least_live(self) -> int:
        return min(self.live.values(), default=0)


@dataclass(frozen=True)
class Outcome:
    """`solution`: the best one; None: Blender could not solve. `used` [markers]: those that it was made from.

    `keyframes` and `lens` are in the solution. `rounds`: all that was done, also what was no better."""

    solution: Solution | None
    used: Bools
    filtered: Filtered
    facts: Facts
    dropped: tuple[Drop, ...]
    muted: tuple[Mute, ...]
    rounds: tuple[Round, ...]


def drops(motion: Motion, used: Bools, reasons: Mapping[int, str], worst: Floats) -> tuple[Drop, ...]:
    """The tracks without a used marker [markers]. `reasons` by number; `worst` [markers]: errors of the muted ones."""
    count = len(motion.tracks)
    takes_part = np.bincount(motion.track[used], minlength=count) > 0
    has_marker = np.bincount(motion.track, minlength=count) > 0
    largest = np.zeros(count)
    np.maximum.at(largest, motion.track, worst)
    found: list[Drop] = []
    for index in np.flatnonzero(has_marker & ~takes_part):
        number = motion.tracks[int(index)].number
        muted = f"all of it was muted, with errors of up to {largest[index]:.2g} px"
        found.append(Drop(number, reasons.get(number, muted)))
    return tuple(found)


def mutes(motion: Motion, used: Bools, worst: Floats) -> tuple[Mute, ...]:
    """The stretches that are left out of tracks that take part. `worst` [markers]: errors of the muted ones."""
    takes_part = np.bincount(motion.track[used], minlength=len(motion.tracks)) > 0
    frame = motion.frame
    found: list[Mute] = []
    for run in chosen_runs(motion, ~used & takes_part[motion.track]):
        number = motion.tracks[int(motion.track[run[0]])].number
        found.append(Mute(number, int(frame[run[0]]), int(frame[run[-1]]), float(worst[run].max())))
    return tuple(found)
