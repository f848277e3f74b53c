# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of every frame of a session, reduced to at most one segment per visible column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import groupby
from typing import NamedTuple

from ..model.ranges import FrameRanges


class Kind(IntEnum):
    """The state of a frame."""

    UNTRACKED = 0  # no pass covers it
    DUE = 1  # a pass covers it and has not reached it
    TRACKED = 2
    THIN = 3  # tracked, with fewer tracks than a camera solve needs
    ABSENT = 4  # recorded, but not in the file: recorded after the file was saved, or undone
    PROBLEM = 5  # the tracker lost tracks on it
    APPROVED = 6  # the verdicts of a review
    SUSPECT = 7
    FAILED = 8


_KINDS = tuple(Kind)


class Segment(NamedTuple):
    """Neighbouring frames of one kind: the first and the last, as scene frames."""

    first: int
    last: int
    kind: Kind


def segments(
    tracked: FrameRanges,
    requested: FrameRanges,
    problems: FrameRanges,
    *,
    thin: FrameRanges | None = None,
    absent: FrameRanges | None = None,
    approved: FrameRanges | None = None,
    suspect: FrameRanges | None = None,
    failed: FrameRanges | None = None,
    scene: tuple[int, int],
    clip_start: int,
    columns: int,
) -> list[Segment]:
    """The frames of the scene, from its first to its last, in at most `columns` segments. The sets hold clip frames.

    `clip_start` is the scene frame of clip frame 1. If several frames share a column, it shows the worst of them: a
    column is APPROVED, TRACKED or DUE if all of its frames are, and THIN, SUSPECT, ABSENT, a PROBLEM or FAILED if any
    frame is. The work grows with the columns, hardly with the frames or their ranges.
    """
    start, end = scene[0] - clip_start + 1, scene[1] - clip_start + 1
    columns = min(columns, end - start + 1)
    if columns < 1:
        return []
    grid = _Grid(start, end, columns)
    kinds = bytearray(columns)  # UNTRACKED
    grid.paint_whole(kinds, requested, Kind.DUE)
    grid.paint_whole(kinds, tracked, Kind.TRACKED)
    if approved is not None:
        grid.paint_whole(kinds, approved, Kind.APPROVED)
    for frames, kind in (
        (thin, Kind.THIN),
        (suspect, Kind.SUSPECT),
        (absent, Kind.ABSENT),
        (problems, Kind.PROBLEM),
        (failed, Kind.FAILED),
    ):
        if frames is not None:
            grid.paint_touched(kinds, frames, kind)
    found: list[Segment] = []
    column, first = 0, scene[0]
    for kind, group in groupby(kinds):
        column += sum(1 for _ in group)
        following = grid.first_of(column) + clip_start - 1
        found.append(Segment(first, following - 1, _KINDS[kind]))
        first = following
    return found


class _Grid:
    """The frames `start` to `end` in columns, each of at least one frame."""

    def __init__(self, start: int, end: int, columns: int) -> None:
        self.start = start
        self.end = end
        self.columns = columns
        self.frames = end - start + 1

    def first_of(self, column: int) -> int:
        """The first frame of a column."""
        return self.start + -(-column * self.frames // self.columns)

    def column_of(self, frame: int) -> int:
        return (frame - self.start) * self.columns // self.frames

    def paint_whole(self, kinds: bytearray, ranges: FrameRanges, kind: Kind) -> None:
        """Set the columns whose frames all lie in `ranges`."""
        column = 0
        while column < self.columns:
            found = ranges.following(self.first_of(column))
            if found is None or found[0] > self.end:
                return
            if found[0] > self.first_of(column):
                column = self.column_of(found[0] - 1) + 1  # the first column that begins in the range or later
                continue
            after = self.column_of(min(found[1], self.end) + 1)
            kinds[column:after] = bytes((kind,)) * (after - column)
            column = max(after, column + 1)

    def paint_touched(self, kinds: bytearray, ranges: FrameRanges, kind: Kind) -> None:
        """Set the columns with any frame in `ranges`."""
        column = 0
        while column < self.columns:
            found = ranges.following(self.first_of(column))
            if found is None or found[0] > self.end:
                return
            column = self.column_of(max(found[0], self.start))
            after = self.column_of(min(found[1], self.end)) + 1
            kinds[column:after] = bytes((kind,)) * (after - column)
            column = after


def spans(
    found: Sequence[Segment], *, scene: tuple[int, int], width: float, gap: tuple[float, float] = (0.0, 0.0)
) -> dict[Kind, list[tuple[float, float]]]:
    """The left and right ends of the segments on a strip of `width` pixels, by kind, without the part in `gap`."""
    scale = width / (scene[1] - scene[0] + 1)
    placed: dict[Kind, list[tuple[float, float]]] = {}
    for first, last, kind in found:
        left, right = (first - scene[0]) * scale, (last + 1 - scene[0]) * scale
        for a, b in ((left, min(right, gap[0])), (max(left, gap[1]), right)):
            if a < b:
                placed.setdefault(kind, []).append((a, b))
    return placed


def dashes(ends: Iterable[tuple[float, float]], length: float) -> list[tuple[float, float]]:
    """The left and right ends of dashes of `length` pixels, as far apart, in the places `ends`; each has one at least.

    A dash stands in the same pixels however the places move.
    """
    found: list[tuple[float, float]] = []
    for left, right in ends:
        at = left // (2 * length) * 2 * length
        before = len(found)
        while at < right:
            if at + length > left:
                found.append((max(at, left), min(at + length, right)))
            at += 2 * length
        if len(found) == before:
            found.append((left, right))
    return found
