# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of frames, stored as ranges: their size does not grow with the length of a shot."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

FRAME_LIMIT = 1 << 24
"""The highest number of a frame: beyond it no session records one."""
_PART = re.compile(r"\s*(-?\d{1,9})\s*(?:-\s*(-?\d{1,9})\s*)?$")
_SPAN = re.compile(r"\s*(-?\d{1,9})-(-?\d{1,9})\s*\Z", re.ASCII)


class FrameRanges:
    """A set of frames such as `1-137,140`. Adding the next frame of a run costs the same however long the run is."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in ranges:
            self.add(start, end)

    @classmethod
    def of(cls, frames: Iterable[int]) -> FrameRanges:
        """The set of these frames."""
        ordered = sorted(frames)
        if ordered and ordered == list(range(ordered[0], ordered[0] + len(ordered))):  # one run, as most often
            return cls([(ordered[0], ordered[-1])])
        found = cls()
        starts, ends = found._starts, found._ends
        for frame in ordered:
            if ends and frame <= ends[-1] + 1:
                ends[-1] = frame
            else:
                starts.append(frame)
                ends.append(frame)
        return found

    @classmethod
    def parse(cls, text: str) -> FrameRanges:
        """Read `1-137,140`; raises ValueError for anything else."""
        ranges: list[tuple[int, int]] = []
        for part in text.split(",") if text.strip() else []:
            match = _PART.match(part)
            if match is None:
                raise ValueError(f"“{part}” is not a range of frames")
            start = int(match[1])
            end = start if match[2] is None else int(match[2])
            if end < start:
                raise ValueError(f"the range “{part}” ends before it starts")
            ranges.append((start, end))
        return cls(sorted(ranges))

    def add(self, start: int, end: int | None = None) -> None:
        """Add the frames `start` to `end`, both included."""
        end = start if end is None else end
        if not self._ends or start > self._ends[-1] + 1:
            self._append([(start, end)])
            return
        first = bisect_right(self._ends, start - 2)  # the first range that touches or follows start - 1
        last = bisect_right(self._starts, end + 1)  # past the last range that touches or precedes end + 1
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def discard(self, start: int, end: int | None = None) -> None:
        """Remove the frames `start` to `end`, both included."""
        end = start if end is None else end
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if first >= last:
            return
        kept = ((self._starts[first], start - 1), (end + 1, self._ends[last - 1]))
        left = [(low, high) for low, high in kept if low <= high]
        self._starts[first:last] = [low for low, _ in left]
        self._ends[first:last] = [high for _, high in left]

    def update(self, other: FrameRanges) -> None:
        for start, end in other.ranges():
            self.add(start, end)

    def ranges(self) -> Iterator[tuple[int, int]]:
        yield from zip(self._starts, self._ends, strict=True)

    def missing(self, start: int, end: int) -> FrameRanges:
        """The frames of `start` to `end` that are not in this set."""
        found = FrameRanges()
        found._append(self._gaps(start, end))
        return found

    def without(self, other: FrameRanges) -> FrameRanges:
        """The frames of this set that are not in `other`."""
        left = FrameRanges()
        for start, end in self.ranges():
            left._append(other._gaps(start, end))
        return left

    def _gaps(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The ranges of `start` to `end` that are not in this set, ascending."""
        at = start
        for index in range(bisect_left(self._ends, start), bisect_right(self._starts, end)):
            if self._starts[index] > at:
                yield at, self._starts[index] - 1
            at = self._ends[index] + 1
        if at <= end:
            yield at, end

    def _append(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Add ranges that lie behind all of this set, ascending, and do not touch: cheaper than `add`."""
        for start, end in ranges:
            self._starts.append(start)
            self._ends.append(end)

    def following(self, frame: int) -> tuple[int, int] | None:
        """The first range that holds `frame` or lies behind it, as its first and last frame."""
        index = bisect_left(self._ends, frame)
        return (self._starts[index], self._ends[index]) if index < len(self._ends) else None

    def __iter__(self) -> Iterator[int]:
        """The frames, ascending."""
        for start, end in self.ranges():
            yield from range(start, end + 1)

    def __contains__(self, frame: int) -> bool:
        index = bisect_right(self._starts, frame) - 1
        return index >= 0 and frame <= self._ends[index]

    def __len__(self) -> int:
        return sum(self._ends) - sum(self._starts) + len(self._starts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrameRanges) and str(self) == str(other)

    __hash__ = None  # type: ignore[assignment]  # the set is mutable

    def __str__(self) -> str:
        return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in self.ranges())

    def __repr__(self) -> str:
        return f"FrameRanges.parse({str(self)!r})"


def parse_span(text: str) -> tuple[int, int]:
    """The two frames of `3-9`, or of `9-3` for a pass that runs backwards. Raises ValueError for anything else."""
    match = _SPAN.match(text)
    if match is None:
        raise ValueError(f"“{text[:80]}” is not a first and a last frame")
    return int(match[1]), int(match[2])
