# SPDX-License-Identifier: GPL-3.0-or-later
"""The newest state of a journal, packed: its tracks, and their markers in little more memory than their bytes."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b

from ..model.types import PassSummary, TrackData
from .records import (
    EditRecord,
    FrameRecord,
    JournalRecord,
    MarkersRecord,
    PassRecord,
    TracksRecord,
    TracksRemovedEvent,
)
from .replay import Replay
from .rows import (
    MARKER_SIZE,
    count_rows,
    equal_at_end,
    equal_at_start,
    frame_of,
    frames_of,
    join_rows,
    place_of,
    renumbered,
    row_at,
    split_rows,
)
from .steps import Steps

Key = tuple[str, str]
"""A track in a clip: the names of its tracking object and of the track."""


class Head:
    """Tracks and markers after the last record, updated by each. A step costs the same in a shot of any length."""

    def __init__(self) -> None:
        self.tracks: dict[int, TrackData] = {}
        self.last_track = 0
        """The highest track number ever used."""
        self._numbers: dict[Key, int] | None = None  # None: the tracks have changed
        self._rows: dict[int, bytes] = {}
        self._removed: dict[tuple[str, str, bytes], int] = {}
        """The numbers of removed tracks, by the names of tracking object and track and a digest of the markers."""
        self._digests: dict[int, tuple[bytes, bytes]] = {}  # the packed markers of a track, and their digest
        self._directions: dict[int, int] = {}  # of the passes
        self._steps = Steps()  # that are not in `_rows` yet

    @classmethod
    def of(cls, replay: Replay) -> Head:
        """The head of a journal that was replayed to its end."""
        head = cls()
        head.tracks, head.last_track = dict(replay.tracks), replay.last_track
        head._rows = {number: replay.rows(number) for number in replay.tracks}
        head._directions = {number: known.plan.direction for number, known in replay.passes.items()}
        return head

    @property
    def numbers(self) -> dict[Key, int]:
        """The numbers of the tracks, by their names; not to be changed."""
        if self._numbers is None:
            self._numbers = {(data.object, data.name): number for number, data in self.tracks.items()}
        return self._numbers

    def note_directions(self, passes: Iterable[PassSummary]) -> None:
        """Note the directions of passes whose records were not applied."""
        self._directions.update({known.number: known.direction for known in passes})

    def rows(self, track: int) -> bytes:
        """The packed markers of the track, by frame."""
        self._settle()
        return self._rows.get(track, b"")

    def removed(self, object_name: str, name: str, rows: bytes) -> int:
        """The number of a removed track with these names and exactly these markers, which has come back; 0 if none."""
        return self._removed.get((object_name, name, _digest(renumbered(rows, 0))), 0)

    def digest(self, track: int) -> bytes:
        """A digest of the packed markers of the track, which is kept until they change."""
        rows = self.rows(track)
        known = self._digests.get(track)
        if known is None or known[0] is not rows:
            known = self._digests[track] = rows, _digest(rows)
        return known[1]

    def apply(self, record: JournalRecord) -> None:
        """Apply a valid record."""
        match record:
            case FrameRecord(number, _, _, rows):
                self._steps.add(self._directions.get(number, 1), rows)
                if self._steps.is_full:
                    self._settle()
            case EditRecord(track, removed, rows):
                self._settle()
                self._rows[track] = edited(self._rows.get(track, b""), removed, rows)
            case MarkersRecord(track, rows):
                self._settle()
                self._rows[track] = rows
            case TracksRecord(tracks):
                self._numbers = None
                for data in tracks:
                    self.tracks[data.id] = data
                    self._rows.setdefault(data.id, b"")
                    self.last_track = max(self.last_track, data.id)
            case TracksRemovedEvent(tracks=numbers):
                self._settle()
                self._numbers = None
                for number in numbers:
                    data, rows = self.tracks.pop(number, None), self._rows.pop(number, b"")
                    if data is not None:
                        self._removed[data.object, data.name, _digest(renumbered(rows, 0))] = number
            case PassRecord(plan):
                self._directions[plan.number] = plan.direction
            case _:
                pass

    def _settle(self) -> None:
        """Merge the markers of the steps into the rows of their tracks."""
        if self._steps:
            for number, rows in self._steps.take():
                self._rows[number] = edited(self._rows.get(number, b""), (), rows)


def _digest(rows: bytes) -> bytes:
    return blake2b(rows, digest_size=16).digest()


def edited(rows: bytes, removed: Sequence[int], changed: bytes) -> bytes:
    """The packed markers of a track, by frame, after those on the frames `removed` are gone and others are set.

    Takes apart only the part from the first to the last of these frames, and nothing for a run of frames.
    """
    new = frames_of(changed)
    if not removed and len(new) > 1 and new == array("i", range(new[0], new[0] + len(new))):
        start, end = (place_of(rows, frame) * MARKER_SIZE for frame in (new[0], new[-1] + 1))
        return b"".join((rows[:start], changed, rows[end:]))
    frames = [*removed, *new]
    if not frames:
        return rows
    if not rows or min(frames) > frame_of(rows[-MARKER_SIZE:]):  # as most steps
        return rows + join_rows(split_rows(changed))
    first, _ = _place(rows, min(frames))
    last, is_there = _place(rows, max(frames))
    start, end = first * MARKER_SIZE, (last + is_there) * MARKER_SIZE
    mine = split_rows(rows[start:end])
    for frame in removed:
        mine.pop(frame, None)
    return b"".join((rows[:start], join_rows(mine | split_rows(changed)), rows[end:]))


def row_on(rows: bytes, frame: int) -> bytes:
    """The packed marker on the frame, of the markers of one track by frame; empty if there is none."""
    at, is_there = _place(rows, frame)
    return row_at(rows, at) if is_there else b""


class PackedRows(Mapping[int, bytes]):
    """The packed markers of one track, by frame, as a mapping that takes none apart."""

    def __init__(self, rows: bytes) -> None:
        self._rows = rows

    def __getitem__(self, frame: int) -> bytes:
        row = row_on(self._rows, frame)
        if not row:
            raise KeyError(frame)
        return row

    def __iter__(self) -> Iterator[int]:
        return iter(frames_of(self._rows))

    def __len__(self) -> int:
        return count_rows(self._rows)


def _place(rows: bytes, frame: int) -> tuple[int, bool]:
    """The index of the marker on the frame, or of the first one behind it, and whether it is on the frame."""
    at = place_of(rows, frame)
    return at, at < count_rows(rows) and frame_of(row_at(rows, at)) == frame


def difference(track: int, before: bytes, after: bytes) -> EditRecord | MarkersRecord | None:
    """The record that turns the packed markers `before` of the track into `after`, by frame; None if they are equal.

    Takes apart only the part between the first and the last difference.
    """
    if before == after:
        return None
    if not before:
        return MarkersRecord(track, after)
    start = equal_at_start(before, after, MARKER_SIZE) * MARKER_SIZE
    end = equal_at_end(before[start:], after[start:], MARKER_SIZE) * MARKER_SIZE
    was, now = split_rows(before[start : len(before) - end]), split_rows(after[start : len(after) - end])
    changed = {frame: row for frame, row in now.items() if was.get(frame) != row}
    removed = tuple(sorted(was.keys() - now.keys()))
    return EditRecord(track, removed, join_rows(changed))


def frames_changed(records: Iterable[JournalRecord]) -> list[int]:
    """The clip frames of the markers that these records set or remove, ascending."""
    frames: set[int] = set()
    for record in records:
        match record:
            case EditRecord(_, removed, rows):
                frames.update(removed, frames_of(rows))
            case MarkersRecord(_, rows) | FrameRecord(_, _, _, rows):
                frames.update(frames_of(rows))
            case _:
                pass
    return sorted(frames)
