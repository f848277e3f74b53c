# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags that follow from the markers one by one, without a model of the camera: their number, place and shape."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..model.flags import Flag, FlagKind, Severity
from .motion import Motion
from .regression import Bools, Floats, Indices
from .settings import Settings

CELLS = 3  # along each side of the picture
INSIDE_OUT = 100.0
"""The ratio of a pattern area that is no longer convex, and the largest of any."""


def by_track(motion: Motion) -> Indices:
    """[markers]: their indices by track, then by frame."""
    return np.argsort(motion.track, kind="stable")


def runs(is_same: Bools) -> Iterator[tuple[int, int]]:
    """First and last index of each run, from whether an element belongs to the run of the one before it."""
    starts = np.flatnonzero(~is_same)
    if not len(starts):
        return iter(())
    ends = np.append(starts[1:], len(is_same)) - 1
    return zip(starts.tolist(), ends.tolist(), strict=True)


def segments(motion: Motion) -> tuple[Indices, Bools]:
    """The markers by track and frame, and whether each follows the one before it on the next frame of its track."""
    order = by_track(motion)
    track, frame = motion.track[order], motion.frame[order]
    follows = np.zeros(len(order), bool)
    follows[1:] = (track[1:] == track[:-1]) & (frame[1:] == frame[:-1] + 1)
    return order, follows


def chosen_runs(motion: Motion, is_chosen: Bools) -> Iterator[Indices]:
    """The markers of each run of chosen ones on neighbouring frames of a track."""
    order, follows = segments(motion)
    mine = is_chosen[order]
    follows[1:] &= mine[:-1]
    places = np.flatnonzero(mine)
    for first, last in runs(follows[places]):
        yield order[places[first] : places[last] + 1]


def short(motion: Motion, settings: Settings) -> list[Flag]:
    """Segments of few frames."""
    order, follows = segments(motion)
    frame = motion.frame
    found: list[Flag] = []
    for first, last in runs(follows):
        if (length := last - first + 1) < settings.short:
            a, b = order[first], order[last]
            number = motion.tracks[motion.track[a]].number
            flag = Flag(
                FlagKind.SHORT, Severity.NOTE, number, int(frame[a]), int(frame[b]), length, settings.short, "frames"
            )
            found.append(flag)
    return found


def thin(motion: Motion, settings: Settings) -> list[Flag]:
    """Frames from the first to the last one with a marker that have few, or all of them in one part of the picture."""
    if not len(motion):
        return []
    counts = np.diff(motion.starts)
    width, height = motion.size
    across = np.clip((motion.x / width + 0.5) * CELLS, 0, CELLS - 1).astype(np.intp)
    up = np.clip((motion.y / height + 0.5) * CELLS, 0, CELLS - 1).astype(np.intp)
    occupied = np.zeros((len(counts), CELLS * CELLS), bool)
    occupied[motion.column, up * CELLS + across] = True
    cells = occupied.sum(1)
    grade = np.where(counts < settings.thin, 1, np.where(cells < settings.thin_cells, 0, -1))
    grade[counts < settings.very_thin] = 2
    found: list[Flag] = []
    frames = motion.frames
    is_same = np.append(False, (grade[1:] == grade[:-1]) & (np.diff(frames) == 1))
    for first, last in runs(is_same):
        if grade[first] < 0:
            continue
        if grade[first]:
            limit = settings.very_thin if grade[first] == 2 else settings.thin
            worst, unit = counts[first : last + 1].min(), "tracks"
        else:
            limit, worst, unit = settings.thin_cells, cells[first : last + 1].min(), "cells"
        severity = Severity(int(grade[first]))
        found.append(Flag(FlagKind.THIN, severity, 0, int(frames[first]), int(frames[last]), int(worst), limit, unit))
    for gap in np.flatnonzero(np.diff(frames) > 1):  # no track at all
        first, last = int(frames[gap]) + 1, int(frames[gap + 1]) - 1
        found.append(Flag(FlagKind.THIN, Severity.ERROR, 0, first, last, 0, settings.very_thin, "tracks"))
    return found


def displacements(motion: Motion) -> Floats:
    """[markers]: pixels from the frame before; NaN without a marker on it."""
    order, follows = segments(motion)
    x, y = motion.x[order], motion.y[order]
    found = np.full(len(order), np.nan)
    dx, dy = np.diff(x), np.diff(y)
    found[order[1:]] = np.where(follows[1:], np.sqrt(dx * dx + dy * dy), np.nan)
    return found


def medians(motion: Motion, values: Floats) -> Floats:
    """[columns]: the lower median of the values [markers] that are no NaN; NaN if all are."""
    keep = np.flatnonzero(np.isfinite(values))
    column = motion.column[keep]
    order = keep[np.lexsort((values[keep], column))]
    counts = np.bincount(column, minlength=len(motion.frames))
    starts = np.cumsum(counts) - counts
    found = np.full(len(counts), np.nan)
    some = counts > 0
    found[some] = values[order[starts[some] + (counts[some] - 1) // 2]]
    return found


def stuck(motion: Motion, settings: Settings, moved: Floats, median: Floats) -> list[Flag]:
    """Tracks that stand still while the others move, from the displacements and their medians."""
    with np.errstate(invalid="ignore"):
        still = (moved < settings.stuck) & (median > settings.stuck_motion)[motion.column]
    if not still.any():
        return []
    found: list[Flag] = []
    frame = motion.frame
    for run in chosen_runs(motion, still):
        if len(run) >= settings.stuck_frames:
            number = motion.tracks[motion.track[run[0]]].number
            first, last = int(frame[run[0]]) - 1, int(frame[run[-1]])
            value = float(moved[run].max())
            found.append(Flag(FlagKind.STUCK, Severity.WARNING, number, first, last, value, settings.stuck, "px"))
    return found


def duplicates(motion: Motion, settings: Settings) -> list[Flag]:
    """Pairs of tracks close to each other on several frames, found in a grid; `track` is the one with fewer markers."""
    if not len(motion):
        return []
    side = 2 * settings.duplicate
    count = len(motion.tracks)
    column = motion.column
    pairs: list[NDArray[np.int64]] = []
    for shift_x in (0.0, 0.5):  # two close markers share a cell of at least one of the four grids
        for shift_y in (0.0, 0.5):
            across = np.floor(motion.x / side + shift_x).astype(np.int64)
            up = np.floor(motion.y / side + shift_y).astype(np.int64)
            across -= across.min()
            up -= up.min()
            cell = across * (int(up.max()) + 1) + up
            order = (
                np.lexsort((cell, column))
                if int(cell.max()) >= 1 << 40
                else np.argsort(column.astype(np.int64) * (int(cell.max()) + 1) + cell, kind="stable")
            )
            one, other = order[:-1], order[1:]
            dx, dy = motion.x[one] - motion.x[other], motion.y[one] - motion.y[other]
            close = (column[one] == column[other]) & (dx * dx + dy * dy < settings.duplicate**2)
            one, other = one[close], other[close]
            low, high = np.minimum(one, other), np.maximum(one, other)
            pairs.append(low.astype(np.int64) * len(motion) + high)
    low, high = np.divmod(np.unique(np.concatenate(pairs)), len(motion))
    dx, dy = motion.x[low] - motion.x[high], motion.y[low] - motion.y[high]
    distance = np.sqrt(dx * dx + dy * dy)
    both = motion.track[low] * count + motion.track[high]
    order = np.argsort(both, kind="stable")
    both = both[order]
    frame = motion.frame
    markers = np.bincount(motion.track, minlength=count)
    found: list[Flag] = []
    for first, last in runs(np.append(False, both[1:] == both[:-1])[: len(both)]):
        if last - first + 1 < settings.duplicate_frames:
            continue
        rows = order[first : last + 1]
        one, other = int(motion.track[low[rows[0]]]), int(motion.track[high[rows[0]]])
        track, kept = (one, other) if markers[one] < markers[other] else (other, one)
        frames = frame[low[rows]]
        flag = Flag(
            FlagKind.DUPLICATE,
            Severity.WARNING,
            motion.tracks[track].number,
            int(frames.min()),
            int(frames.max()),
            float(np.sort(distance[rows])[len(rows) // 2]),
            settings.duplicate,
            "px",
            motion.tracks[kept].number,
        )
        found.append(flag)
    return found


def shape(motion: Motion, settings: Settings) -> list[Flag]:
    """Pattern areas that have become much larger or smaller than on their keyframe, or are no longer convex."""
    corners = motion.corners
    shaped = np.array([track.is_shaped for track in motion.tracks], bool)
    if corners is None or not shaped.any() or not len(motion):
        return []
    order, _ = segments(motion)
    order = order[shaped[motion.track[order]]]
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        points = corners[order].astype(np.float64)
        sides = np.roll(points, -1, axis=1) - points
        turns = sides[..., 0] * np.roll(sides[..., 1], -1, 1) - sides[..., 1] * np.roll(sides[..., 0], -1, 1)
        area = np.abs((points[..., 0] * np.roll(points[..., 1], -1, 1)).sum(1)
                      - (points[..., 1] * np.roll(points[..., 0], -1, 1)).sum(1)) / 2  # fmt: skip
        is_convex = (turns > 0).all(1) | (turns < 0).all(1)
        reference = _reference(motion.track[order], motion.is_keyed[order], area)
        ratio = np.maximum(area / reference, reference / area)
        ratio = np.where(is_convex & (ratio < INSIDE_OUT), ratio, INSIDE_OUT)
    values = np.zeros(len(motion))
    values[order] = ratio
    found: list[Flag] = []
    frame = motion.frame
    for run in chosen_runs(motion, values > settings.shape_ratio):
        number = motion.tracks[motion.track[run[0]]].number
        first, last, worst = int(frame[run[0]]), int(frame[run[-1]]), float(values[run].max())
        flag = Flag(FlagKind.SHAPE, Severity.WARNING, number, first, last, worst, settings.shape_ratio, "ratio")
        found.append(flag)
    return found


def _reference(track: Indices, is_keyed: Bools, area: Floats) -> Floats:
    """The area of the last keyframe at or before each marker, else of the first one behind it, else its own."""
    count = len(track)
    at = np.arange(count)
    before = np.maximum.accumulate(np.where(is_keyed, at, -1))
    behind = np.minimum.accumulate(np.where(is_keyed, at, count)[::-1])[::-1]
    is_mine = (before >= 0) & (track[np.maximum(before, 0)] == track)
    is_theirs = (behind < count) & (track[np.minimum(behind, count - 1)] == track)
    return area[np.where(is_mine, before, np.where(is_theirs, behind, at))]
