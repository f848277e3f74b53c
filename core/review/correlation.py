# SPDX-License-Identifier: GPL-3.0-or-later
"""CORRELATION: patterns that do not look like their reference, by their normalised cross-correlation in the pictures.

The reference is that of Blender's tracker: the last keyframe of the track, or the first one for markers before it; the
frame before for tracks that match the previous frame. A pattern is sampled between its corners, so that a track may
turn, scale and shear it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
from numpy.typing import NDArray

from ..model.flags import Flag, FlagKind, Severity
from .measures import by_track, chosen_runs
from .motion import Motion
from .regression import Bools, Floats, Indices
from .settings import Settings

SIDE = 21
"""Samples along a side of a pattern: the pixels of Blender's default pattern."""
LEAST_CONTRAST = 1e-4
"""The standard deviation, of brightness 0 to 1, below which a pattern has nothing to compare."""

Picture = NDArray[np.float32]
Read = Callable[[int], Picture | None]
"""The brightness of a clip frame, float32 [height, width] from the lower left; None if it cannot be read."""


def correlation(motion: Motion, settings: Settings, read: Read) -> Generator[float, None, list[Flag]]:
    """The flags; yields the share done after each frame. Takes the time of reading the pictures."""
    values = yield from correlations(motion, read)
    return _flags(motion, settings, values)


def correlations(motion: Motion, read: Read) -> Generator[float, None, Floats]:
    """[markers]: the correlation of each with its reference; NaN at a keyframe, where a picture is unread or ends, and
    in a flat pattern. `motion` needs corners.

    Reads each frame once, and those of a keyframe that comes after some of its markers twice. Yields the share done.
    """
    reference, frame = references(motion), motion.frame
    tested = np.flatnonzero((reference >= 0) & (reference != np.arange(len(motion))))
    last_use = np.full(len(motion), -1, np.int64)  # the last frame that needs the pattern of a marker
    np.maximum.at(last_use, reference[tested], frame[tested])
    is_ahead = np.zeros(len(motion), bool)
    is_ahead[reference[tested][frame[reference[tested]] > frame[tested]]] = True
    early, frames = np.unique(frame[is_ahead]), np.union1d(frame[tested], frame[last_use >= 0])
    values: Floats = np.full(len(motion), np.nan)
    kept: dict[int, Floats] = {}
    for done, number in enumerate([*early.tolist(), *frames.tolist()]):
        column, is_early = motion.column_of(number), done < len(early)
        markers: Indices = np.arange(int(motion.starts[column]), int(motion.starts[column + 1]))
        if is_early:
            markers = markers[is_ahead[markers]]
        picture = read(number)
        if picture is not None:
            patches = sampled(motion, markers, picture)
            if not is_early:
                pairs = zip(markers.tolist(), reference[markers].tolist(), strict=True)
                values[markers] = _compared(patches, [kept.get(other) if other != at else None for at, other in pairs])
            kept.update({at: patches[:, i] for i, at in enumerate(markers.tolist()) if last_use[at] >= 0})
        if not is_early:
            kept = {at: patch for at, patch in kept.items() if last_use[at] > number}
        yield (done + 1) / (len(early) + len(frames))
    return values


def references(motion: Motion) -> Indices:
    """[markers]: the marker that each is compared with, itself at a keyframe; -1 if there is none."""
    order = by_track(motion)
    track, frame = motion.track[order], motion.frame[order]
    place = np.arange(len(order))
    is_first = np.append(True, track[1:] != track[:-1])[: len(order)]
    # the last keyframe so far in the track, or else its first one
    is_keyed = motion.is_keyed[order]
    starts = place[is_first]
    start = starts[np.cumsum(is_first) - 1]
    latest = np.maximum.accumulate(np.where(is_keyed, place, -1)) if len(order) else place
    keyed_places = place[is_keyed]
    following = np.append(keyed_places, -1)[np.searchsorted(keyed_places, start)]
    following = np.where((following >= 0) & (track[following] == track), following, start)
    found = np.where(latest >= start, latest, following)
    is_next = np.append(False, (track[1:] == track[:-1]) & (frame[1:] == frame[:-1] + 1))[: len(order)]
    by_previous = np.array([one.matches_previous for one in motion.tracks], bool)[track]
    found = np.where(by_previous, np.where(is_next, place - 1, -1), found)
    result = np.full(len(order), -1, np.intp)
    result[order] = np.where(found >= 0, order[found], -1)
    return result


def sampled(motion: Motion, markers: Indices, picture: Picture) -> Floats:
    """[SIDE * SIDE, markers]: the brightness between the corners of each, NaN all over where the picture ends."""
    assert motion.corners is not None
    height, width = picture.shape
    step = ((np.arange(SIDE) + 0.5) / SIDE)[:, None]
    across, up = np.tile(step, (SIDE, 1)), np.repeat(step, SIDE, 0)
    weights = ((1 - across) * (1 - up), across * (1 - up), across * up, (1 - across) * up)
    corners = motion.corners[markers].astype(np.float64)
    x, y = (sum(weight * corners[None, :, i, axis] for i, weight in enumerate(weights)) for axis in range(2))
    x, y = x + motion.x[markers] + (width / 2 - 0.5), y + motion.y[markers] + (height / 2 - 0.5)
    with np.errstate(invalid="ignore"):
        is_inside: Bools = ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)).all(0)
    x, y = np.where(is_inside, x, 0.0), np.where(is_inside, y, 0.0)
    left, low = np.minimum(x.astype(np.intp), width - 2), np.minimum(y.astype(np.intp), height - 2)
    x, y = x - left, y - low
    below = picture[low, left] * (1 - x) + picture[low, left + 1] * x
    above = picture[low + 1, left] * (1 - x) + picture[low + 1, left + 1] * x
    return np.where(is_inside, below * (1 - y) + above * y, np.nan)


def _compared(patches: Floats, others: list[Floats | None]) -> Floats:
    """[markers]: the normalised cross-correlation of each patch with the other one, NaN where there is none."""
    found = np.full(len(others), np.nan)
    pairs = [(i, other) for i, other in enumerate(others) if other is not None]
    if not pairs:
        return found
    known = [i for i, _ in pairs]
    one, other = _centred(patches[:, known]), _centred(np.stack([patch for _, patch in pairs], 1))
    lengths = [np.sqrt((part * part).sum(0)) for part in (one, other)]
    flat = LEAST_CONTRAST * SIDE
    with np.errstate(invalid="ignore", divide="ignore"):
        value = (one * other).sum(0) / (lengths[0] * lengths[1])
        found[known] = np.where((lengths[0] > flat) & (lengths[1] > flat), value, np.nan)
    return found


def _centred(patches: Floats) -> Floats:
    return patches - patches.sum(0) / len(patches)


def _flags(motion: Motion, settings: Settings, values: Floats) -> list[Flag]:
    found: list[Flag] = []
    with np.errstate(invalid="ignore"):
        is_other = values < settings.correlation
    for run in chosen_runs(motion, is_other):
        number, frames = motion.tracks[motion.track[run[0]]].number, motion.frame[run]
        value, limit = float(values[run].min()), settings.correlation
        found.append(
            Flag(FlagKind.CORRELATION, Severity.WARNING, number, int(frames[0]), int(frames[-1]), value, limit, "ratio")
        )
    return found
