# SPDX-License-Identifier: GPL-3.0-or-later
"""The coverage of a session: on which clip frames each track has a live marker, that is, one that is not muted.

Ranges of frames per track, so the size does not grow with the shot. A step that loses no track costs the same however
many tracks it follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import compress

from ..model.ranges import FrameRanges
from ..model.types import SOLVE_NEEDS
from .records import EditRecord, FrameRecord, MarkersRecord
from .rows import GUARDED, MUTED, all_flags_of, count_rows, frames_of, heads_of, tracks_of

TRACK_LIMIT = 1 << 20
"""The highest number of a track: beyond it a session file is refused."""


def track_numbers(text: str) -> FrameRanges:
    """The numbers of tracks in a text such as `4,9-12`. Raises ValueError."""
    numbers = FrameRanges.parse(text)
    if any(low < 0 or high > TRACK_LIMIT for low, high in numbers.ranges()):
        raise ValueError(f"“{text[:80]}” are not the numbers of tracks")
    return numbers


class Coverage:
    """The live frames of each track, updated by each record."""

    def __init__(self) -> None:
        self._frames: dict[int, FrameRanges] = {}
        self.followed: frozenset[int] = frozenset()
        """The tracks that the last step followed."""
        self._direction = 1
        self._since = 0  # the frame from which `followed` are not yet in `_frames`
        self._last: FrameRecord | None = None  # the last step; None: another record came after it

    @property
    def frames(self) -> Mapping[int, FrameRanges]:
        """The live frames of each track, by its number."""
        self._settle()
        return self._frames

    def step(self, record: FrameRecord, direction: int) -> bool:
        """Apply a step of a pass; returns whether the followed tracks may be others than before it."""
        last = self._last
        is_next = last is not None and (record.number, record.frame) == (last.number, last.frame + direction)
        is_same = record.alive == len(self.followed) == count_rows(record.rows)
        if last is not None and is_next and is_same and tracks_of(record.rows) == tracks_of(last.rows):
            self._last = record
            return False
        self._settle()
        followed: set[int] = set()
        for track, at, flags in heads_of(record.rows):
            frames = self._frames.setdefault(track, FrameRanges())
            if flags & MUTED:
                frames.discard(at)
            else:
                frames.add(at)
                if at == record.frame:
                    followed.add(track)
        self.followed = frozenset(followed)
        self._direction, self._since, self._last = direction, record.frame, record
        return True

    def replace(self, record: MarkersRecord) -> None:
        """Apply all markers of a track."""
        self.end_step()
        live = (not flags & MUTED for flags in all_flags_of(record.rows))
        self._frames[record.track] = FrameRanges.of(compress(frames_of(record.rows), live))

    def edit(self, record: EditRecord) -> None:
        """Apply some markers of a track."""
        self.end_step()
        frames = self._frames.setdefault(record.track, FrameRanges())
        for at in record.removed:
            frames.discard(at)
        for _, at, flags in heads_of(record.rows):
            if flags & MUTED:
                frames.discard(at)
            else:
                frames.add(at)

    def add(self, tracks: Iterable[int]) -> None:
        """Apply tracks, which may be new and have no marker yet."""
        for number in tracks:
            self._frames.setdefault(number, FrameRanges())

    def remove(self, tracks: Iterable[int]) -> None:
        self.end_step()
        for number in tracks:
            self._frames.pop(number, None)

    def end_step(self) -> None:
        """The next step is not the one after the last: it may follow other tracks."""
        self._settle()
        self._last = None

    def _settle(self) -> None:
        """Add the frames of the steps since `_since`, and take away the guards of the last one."""
        last = self._last
        if last is None:
            return
        low, high = sorted((self._since, last.frame))
        for track in self.followed:
            self._frames[track].add(low, high)
        self._since = last.frame
        for track, at, flags in heads_of(last.rows):
            if flags & GUARDED:
                self._frames[track].discard(at + self._direction)

    # Questions

    def thin(self, tracked: FrameRanges, least: int = SOLVE_NEEDS) -> FrameRanges:
        """The frames of `tracked` on which fewer than `least` tracks have a live marker."""
        changes: dict[int, int] = {}
        for frames in self.frames.values():
            for start, end in frames.ranges():
                changes[start] = changes.get(start, 0) + 1
                changes[end + 1] = changes.get(end + 1, 0) - 1
        enough = FrameRanges()
        count, since = 0, 0
        for frame, change in sorted(changes.items()):
            if count >= least:
                enough.add(since, frame - 1)
            count, since = count + change, frame
        return tracked.without(enough)

    def beyond(self, other: Mapping[int, FrameRanges]) -> tuple[int, FrameRanges]:
        """How many tracks have live frames that they have not in `other`, and all these frames."""
        tracks, found = 0, FrameRanges()
        for number, frames in self.frames.items():
            more = frames.without(other[number]) if number in other else frames
            if len(more):
                tracks += 1
                found.update(more)
        return tracks, found

    # In a session file

    def __str__(self) -> str:
        """The coverage as `1-137,140: 4,9-12; 1-78: 3`: frames and the numbers of the tracks that are live there."""
        tracks: dict[str, list[int]] = {}
        for number, frames in self.frames.items():
            tracks.setdefault(str(frames), []).append(number)
        return "; ".join(f"{frames}: {FrameRanges.of(numbers)}" for frames, numbers in tracks.items())

    @classmethod
    def of(cls, frames: Mapping[int, FrameRanges]) -> Coverage:
        """The coverage with these live frames."""
        coverage = cls()
        coverage._frames = dict(frames)
        return coverage

    @classmethod
    def parse(cls, text: str) -> Coverage:
        """The coverage from the result of `str`. Raises ValueError for anything else."""
        coverage = cls()
        for part in text.split(";") if text.strip() else []:
            frames, colon, numbers = part.partition(":")
            if not colon:
                raise ValueError(f"“{part[:80]}” is not a set of frames with the numbers of tracks")
            for number in track_numbers(numbers):
                coverage._frames[number] = FrameRanges.parse(frames)
        return coverage
