# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-tracks a track until its next good frame, and fills a gap from both sides.

A tracker follows copies of the tracks (`bridge.tracking.retracking`) while these stay as they are. Each trial judges
the new markers of one track, and has those to write in the end: all of them at once, or none. `Rows` are packed markers
by clip frame; distances are pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import hypot
from typing import NamedTuple, Protocol

from ..errors import UsageError
from ..journal.decisions import OverrideKind
from ..journal.rows import (
    GUARDED,
    KEYED,
    MUTED,
    blended,
    each_row,
    flags_of,
    frame_of,
    is_muted,
    join_rows,
    position_of,
    track_of,
    with_head,
)
from ..model.counting import Counting
from ..model.flags import Flag, Severity
from ..model.ranges import FrameRanges
from ..model.types import Pass
from .run import Step

Rows = Mapping[int, bytes]

DISTANCE = 1.0
"""Pixels up to which two markers on a frame agree. A step of this size shows at half of it in the audit's measure of
jumps, which flags from 0.5 px on: a join never makes a new problem."""


class Way(NamedTuple):
    """Frames that a tracker follows a track over: from `start`, where it has a live marker, to `end`."""

    start: int
    end: int

    @property
    def direction(self) -> int:
        return 1 if self.end > self.start else -1


class Trial(Protocol):
    """The new markers of one track, while the tracker makes them."""

    kind: OverrideKind
    ways: tuple[Way, ...]

    def behind(self, way: Way) -> Rows:
        """The markers from which the tracker goes on along `way`, also in the middle of it."""
        ...

    def take(self, way: Way, frame: int, row: bytes) -> bool:
        """Judge the new marker on the next frame of the way; it is empty if the track has left the picture.

        Returns whether the way is over.
        """
        ...

    def rows(self) -> Rows:
        """The markers that differ from those of the track, once all ways are over; none if nothing is to be changed."""
        ...

    def span(self) -> tuple[int, int]:
        """The first and the last frame that get new markers from the tracker."""
        ...

    def words(self, counting: Counting) -> str:
        """The result in words, without a full stop."""
        ...


def suspect_frames(flags: Iterable[Flag], track: int) -> FrameRanges:
    """The frames on which one of the open `flags`, an error or a warning, is about the track."""
    frames = FrameRanges()
    for flag in flags:
        if track in (flag.track, flag.other) and flag.severity is not Severity.NOTE:
            frames.add(flag.first, flag.last)
    return frames


def is_live(rows: Rows, frame: int) -> bool:
    """Whether there is a marker on the frame that is not muted."""
    return frame in rows and not is_muted(rows[frame])


def reference(rows: Rows, frame: int, direction: int, suspect: FrameRanges) -> int:
    """The frame to re-track from: `frame`, on which there is a live marker, unless that marker is suspect.

    Then it is the nearest frame behind it, against the `direction`, with a good one: a person who goes to a problem and
    re-tracks means that. A keyed marker is good, as a person has placed it. Raises UsageError if the segment has none.
    """
    at = frame
    while at in suspect and not flags_of(rows[at]) & KEYED:
        at -= direction
        if not is_live(rows, at):
            raise UsageError("all its markers up to here are suspect: move the one on this frame to its place first")
    return at


class Retrack:
    """Re-tracks from a frame, whose marker is the reference, until the next good frame, and joins there.

    That is the first frame with a live marker that is not suspect and that the new one meets; from there on the old
    markers stay. Else the new ones replace the old ones to the end of their segment, up to a keyed marker, which is the
    word of a person, or up to the loss of the track. From the end of a segment they bridge the gap if they meet the
    first marker behind it.
    """

    kind = OverrideKind.RETRACK

    def __init__(
        self, old: Rows, frame: int, direction: int, suspect: FrameRanges, size: tuple[int, int], distance: float
    ) -> None:
        """`old`: the markers of the track, live on `frame`; `size`: that of the footage. Raises UsageError."""
        self._old = old
        self._frame = frame
        self._suspect = suspect
        self._size = size
        self._distance = distance
        self._new: dict[int, bytes] = {}
        self._miss = 0.0  # the distance to the last live marker on the way
        self._joined = False
        self._stopped = ""  # the end of the way without a join, in words with the frame to come
        self._at = frame  # the last frame that was tracked
        self._bridges = not is_live(old, frame + direction)
        """Whether the way begins with a gap: it then has to join."""
        self._keeps_end = False  # whether the marker on the last frame stays even if the new one misses it
        self.ways = (Way(frame, self._end(direction)),)

    def _end(self, direction: int) -> int:
        """The last frame of the way. Raises UsageError if there is nothing to replace or to join."""
        at = self._frame + direction
        if self._bridges:
            ahead = [frame for frame in self._old if (frame - at) * direction > 0 and is_live(self._old, frame)]
            if not ahead:
                raise UsageError(
                    "it has no markers to re-track on this side: use Blender's tracker, or Track in Session"
                )
            self._keeps_end = True
            return min(ahead) if direction > 0 else max(ahead)
        while True:
            if flags_of(self._old[at]) & KEYED:
                self._keeps_end = True
                return at
            if not is_live(self._old, at + direction):
                return at
            at += direction

    def behind(self, way: Way) -> Rows:
        rows = {at: row for at, row in self._old.items() if (way.start - at) * way.direction >= 0} | self._new
        return rows | {way.start: _keyed(rows[way.start])}

    def take(self, way: Way, frame: int, row: bytes) -> bool:
        self._at = frame
        if not row or is_muted(row):
            self._stopped = "lost" if row else "out of the picture"
            if row:
                self._new[frame] = row
            return True
        if is_live(self._old, frame):
            self._miss = _apart(row, self._old[frame], self._size)
            self._joined = self._miss <= self._distance and frame not in self._suspect
        if self._joined or (frame == way.end and self._keeps_end):
            return True
        self._new[frame] = row
        return frame == way.end

    def rows(self) -> Rows:
        if all(is_muted(row) for row in self._new.values()) or (self._bridges and not self._joined):
            return {}
        direction = self.ways[0].direction
        last = max(self._new) if direction > 0 else min(self._new)
        rows = {at: with_head(row, track_of(row), at, flags_of(row) & ~GUARDED) for at, row in self._new.items()}
        border = last + direction
        if flags_of(self._new[last]) & GUARDED and not is_live(self._old, border):
            rows[border] = with_head(rows[last], track_of(rows[last]), border, MUTED | KEYED)
        rows[self._frame] = _keyed(self._old[self._frame])
        return {at: row for at, row in rows.items() if self._old.get(at) != row}

    def span(self) -> tuple[int, int]:
        live = [at for at, row in self._new.items() if not is_muted(row)]
        return min(live), max(live)

    def words(self, counting: Counting) -> str:
        at, miss = counting.shown(self._at), f"{self._miss:.2f} px"
        if self._joined:
            joined = f"the good marker on frame {at}, {miss} away"
            return (
                f"re-tracked {counting.span(*self.span())} up to {joined}"
                if self._new
                else f"it meets {joined}: nothing to re-track"
            )
        if not self.rows():
            missed = f"{self._stopped} on frame {at}" if self._stopped else f"{miss} off the marker on frame {at}"
            return f"nothing changed: it is {missed}"
        if self._stopped:
            return f"re-tracked {counting.span(*self.span())}, {self._stopped} on frame {at}: the markers behind stay"
        where = f"the keyed marker on frame {at}" if self._keeps_end else "the old markers to their end"
        return f"re-tracked {counting.span(*self.span())}, {miss} off {where}"


class Fill:
    """Fills a gap between two live segments, tracked forwards from its left end and backwards from its right end.

    Where both reach, the markers are blended: each drifts in proportion to the frames since its own end, as a random
    walk does, so these weights are those of the least variance, and neither end gets a step. Both have to agree on all
    frames that both reach, of which there has to be one.
    """

    kind = OverrideKind.FILL

    def __init__(self, old: Rows, frame: int, size: tuple[int, int], distance: float) -> None:
        """`old`: the markers of the track, none of them live on `frame`. Raises UsageError without a segment beside."""
        live = [at for at in old if is_live(old, at)]
        left, right = (
            max((at for at in live if at < frame), default=0),
            min((at for at in live if at > frame), default=0),
        )
        if frame in live or not (left and right):
            raise UsageError("it has no gap here, between two frames on which it has enabled markers")
        self._old = old
        self._size = size
        self._distance = distance
        self._left, self._right = left, right
        self.ways = (Way(left, right - 1), Way(right, left + 1))
        self._new: dict[Way, dict[int, bytes]] = {way: {} for way in self.ways}

    def behind(self, way: Way) -> Rows:
        rows = {at: row for at, row in self._old.items() if (way.start - at) * way.direction >= 0} | self._new[way]
        return rows | {way.start: _keyed(rows[way.start])}

    def take(self, way: Way, frame: int, row: bytes) -> bool:
        if not row or is_muted(row):
            return True
        self._new[way][frame] = row
        return frame == way.end

    def rows(self) -> Rows:
        forwards, backwards = (self._new[way] for way in self.ways)
        both = sorted(forwards.keys() & backwards.keys())
        if not both or self._worst(both)[0] > self._distance:
            return {}
        rows: dict[int, bytes] = {}
        for at in range(self._left + 1, self._right):
            row = forwards.get(at) or backwards[at]
            if at in backwards and at in forwards:
                row = blended(row, backwards[at], (at - both[0] + 1) / (len(both) + 1))
            rows[at] = with_head(row, track_of(row), at, 0)
        return rows

    def _worst(self, both: Iterable[int]) -> tuple[float, int]:
        """The largest distance between both sides, and its frame."""
        forwards, backwards = (self._new[way] for way in self.ways)
        return max((_apart(forwards[at], backwards[at], self._size), at) for at in both)

    def span(self) -> tuple[int, int]:
        return self._left + 1, self._right - 1

    def words(self, counting: Counting) -> str:
        forwards, backwards = (self._new[way] for way in self.ways)
        both = forwards.keys() & backwards.keys()
        if not both:
            ahead, back = self._left + len(forwards) + 1, self._right - len(backwards) - 1
            lost = f"forwards on frame {counting.shown(ahead)}, backwards on frame {counting.shown(back)}"
            return f"the gap stays: the track is lost {lost}"
        miss, at = self._worst(both)
        if miss > self._distance:
            where = f"{miss:.2f} px apart on frame {counting.shown(at)}, more than {self._distance:g} px"
            return f"the gap stays: both sides are {where}"
        return f"filled {counting.span(*self.span())}, both sides at most {miss:.2f} px apart"


class Trials:
    """The trials of several tracks of one tracking object, by number, in the passes of one run."""

    def __init__(self, trials: Mapping[int, Trial], *, object: str, blender: str) -> None:
        self.trials = trials
        grouped: dict[tuple[int, int], dict[int, Way]] = {}
        for number, trial in trials.items():
            for way in trial.ways:
                grouped.setdefault((way.start, way.direction), {})[number] = way
        self.passes: list[Pass] = []
        self._left: dict[int, dict[int, Way]] = {}  # the ways that are not over, by pass and track
        for ways in grouped.values():
            start, end = max(ways.values(), key=lambda way: abs(way.end - way.start))
            self.passes.append(Pass(len(self.passes) + 1, start, end, tuple(ways), object, blender))
            self._left[self.passes[-1].number] = ways

    @property
    def frames(self) -> FrameRanges:
        """All frames of the passes."""
        return FrameRanges((min(each.start, each.end), max(each.start, each.end)) for each in self.passes)

    @property
    def is_over(self) -> bool:
        return not any(self._left.values())

    def left(self, plan: Pass) -> frozenset[int]:
        """The tracks that the pass still follows."""
        return frozenset(self._left[plan.number])

    def behind(self, plan: Pass, track: int) -> bytes:
        """The packed markers, by frame, from which the track goes on in the pass."""
        return join_rows(self.trials[track].behind(self._left[plan.number][track]))

    def take(self, plan: Pass, step: Step) -> None:
        """Judge the markers of a step of the pass."""
        rows = {track_of(row): row for row in each_row(step.rows) if frame_of(row) == step.frame}
        left = self._left[plan.number]
        for number, way in list(left.items()):
            if self.trials[number].take(way, step.frame, rows.get(number, b"")):
                del left[number]


def _keyed(row: bytes) -> bytes:
    return with_head(row, track_of(row), frame_of(row), flags_of(row) | KEYED)


def _apart(row: bytes, other: bytes, size: tuple[int, int]) -> float:
    """The distance of two markers in pixels of a picture of this size."""
    (x, y), (there_x, there_y) = position_of(row), position_of(other)
    return hypot((x - there_x) * size[0], (y - there_y) * size[1])
