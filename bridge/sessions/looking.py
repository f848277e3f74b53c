# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds what has changed in a clip since it was last seen, and reads as little as it can for that.

Tracks whose cheap signs differ are compared first, then the selected ones, as Blender's operators change no others.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ...core.journal.changes import Found, Key, changes, numbers_of, renamed
from ...core.journal.head import Head, row_on
from ...core.journal.records import EditRecord, JournalRecord
from ..clip.markers import Columns, read_columns, read_row, read_rows, read_settings
from ..clip.movie_clip import counting_of
from ..tracking.working_set import OBJECT_NAME

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingTrack

SLICE = 0.004  # seconds of reading per look; what is left is read in the next ones
COMPARED = 8  # tracks whose columns are kept for the next comparison
GLANCE = 60  # tracks whose cheap signs are looked at without any sign of a change, once a second


class _Sign(NamedTuple):
    """Cheap signs of a track."""

    address: int
    count: int
    first: int
    last: int


def _sign_of(track: MovieTrackingTrack) -> _Sign:
    markers = track.markers
    count = len(markers)
    if not count:
        return _Sign(track.as_pointer(), 0, 0, 0)
    return _Sign(track.as_pointer(), count, markers[0].frame, markers[count - 1].frame)


def tracks_in(clip: MovieClip) -> dict[Key, MovieTrackingTrack]:
    """The artist's tracks of all tracking objects."""
    return {
        (name, track.name): track
        for where in clip.tracking.objects
        if not (name := where.name).startswith(OBJECT_NAME)
        for track in where.tracks
    }


def found_in(track: MovieTrackingTrack) -> Found:
    return Found(read_settings(track), read_rows(track, 0))


class Sight:
    """A clip as last seen: the signs of its tracks, and those that are still to be compared with the head."""

    def __init__(self) -> None:
        self._signs: dict[Key, _Sign] = {}
        self._glanced = 0
        self._left: deque[Key] = deque()  # tracks still to be compared
        self._were_selected: list[Key] = []  # at the last look
        self._columns: dict[Key, tuple[Columns, bytes]] = {}  # of the tracks compared last, with their packed markers

    @property
    def has_more(self) -> bool:
        """Whether tracks are still to be compared."""
        return bool(self._left)

    def glance(self, clip: MovieClip) -> bool:
        """Look at the cheap signs of the next `GLANCE` tracks; returns whether the clip has changed."""
        objects = [where for where in clip.tracking.objects if not where.name.startswith(OBJECT_NAME)]
        count = sum(len(where.tracks) for where in objects)
        is_changed = count != len(self._signs)
        start = self._glanced = self._glanced + GLANCE if self._glanced + GLANCE < count else 0
        for where in objects:
            for track in where.tracks[max(0, start) : max(0, start + GLANCE)]:
                key = where.name, track.name
                if self._signs.get(key) != _sign_of(track):
                    self._signs.pop(key, None)  # for `differences`, which compares the track
                    is_changed = True
            start -= len(where.tracks)
        return is_changed

    def begin(self, clip: MovieClip) -> None:
        """All tracks of a new clip are still to be read."""
        self._left = deque(tracks_in(clip))

    def saw(self, tracks: Mapping[Key, MovieTrackingTrack]) -> None:
        """These tracks are as the head has them."""
        self._signs |= {key: _sign_of(track) for key, track in tracks.items()}

    def forget_addresses(self, head: Head) -> None:
        """Undo, redo or loading has replaced all tracks: any of them may have changed."""
        self._signs = {key: sign._replace(address=0) for key, sign in self._signs.items()}
        self.suspect_all(head)

    def suspect_all(self, head: Head) -> None:
        """Any track may have changed: compare them all, by and by."""
        self._left = deque(dict.fromkeys((*self._left, *numbers_of(head))))

    def differences(
        self, clip: MovieClip, head: Head, *, whole: bool, made: Mapping[Key, int] | None = None
    ) -> list[JournalRecord]:
        """The records that turn the head into the clip.

        `whole`: of every track; else reading stops after about `SLICE` seconds, and `more` continues. `made` has the
        numbers of tracks that were made again.
        """
        present = tracks_in(clip)
        numbers = numbers_of(head) | dict(made or {})
        signs = {key: self._sign_now(key, track) for key, track in present.items()}
        new = [key for key in present if key not in numbers]
        gone = {numbers[key]: key for key in numbers if key not in present}
        names = dict(made or {})
        if new and gone:
            names |= self._renamed(head, new, {key: number for number, key in gone.items()}, present, signs)
        fresh = [key for key, sign in signs.items() if sign is not self._signs.get(key)]
        changed = [key for key in fresh if signs[key][1:] != self._sign(head, key, names)[1:]]
        self._signs = signs
        first = dict.fromkeys((*new, *changed))
        worked_on = self._worked_on(present)
        others = present if whole else worked_on
        self._left = deque(dict.fromkeys((*first, *(key for key in (*others, *self._left) if key in present))))
        until = float("inf") if whole else time.perf_counter() + SLICE
        ended = [number for number in gone if number not in names.values()]
        return self._compare(clip, head, present, until=until, at_least=len(first), gone=ended, names=names)

    def more(self, clip: MovieClip, head: Head, *, seconds: float = SLICE) -> list[JournalRecord]:
        """The differences of more tracks, at least of one, for about so many seconds."""
        if not self._left:
            return []
        return self._compare(clip, head, tracks_in(clip), until=time.perf_counter() + seconds, at_least=1)

    def _sign_now(self, key: Key, track: MovieTrackingTrack) -> _Sign:
        """The signs of the track; those seen last if its address and number of markers are the same."""
        seen = self._signs.get(key)
        if seen is None or seen.count != len(track.markers) or seen.address != track.as_pointer():
            return _sign_of(track)
        return seen

    def _sign(self, head: Head, key: Key, names: dict[Key, int]) -> _Sign:
        if key in names and names[key] in head.tracks:
            data = head.tracks[names[key]]
            key = data.object, data.name
        return self._signs.get(key, _Sign(0, -1, 0, 0))

    def _renamed(
        self,
        head: Head,
        new: Iterable[Key],
        gone: dict[Key, int],
        present: dict[Key, MovieTrackingTrack],
        signs: dict[Key, _Sign],
    ) -> dict[Key, int]:
        """The numbers of renamed tracks by their new names: known by their addresses, else by equal markers."""
        before = {sign.address: key for key, sign in self._signs.items() if sign.address and key in gone}
        names = {key: gone[before[signs[key].address]] for key in new if signs[key].address in before}
        rest = {key: read_rows(present[key], 0) for key in new if key not in names}
        names |= {key: number for key, number in renamed(head, present, rest).items() if number not in names.values()}
        return names

    def _worked_on(self, present: dict[Key, MovieTrackingTrack]) -> list[Key]:
        """The selected tracks, and those that were selected at the last look: a quick hand has the next one by now."""
        before = self._were_selected
        self._were_selected = [
            key
            for key, track in present.items()
            if track.select or track.select_anchor or track.select_pattern or track.select_search
        ]
        return [*self._were_selected, *before]

    def _compare(
        self,
        clip: MovieClip,
        head: Head,
        present: dict[Key, MovieTrackingTrack],
        *,
        until: float,
        at_least: int = 0,
        gone: Iterable[int] = (),
        names: dict[Key, int] | None = None,
    ) -> list[JournalRecord]:
        """The differences of the tracks in `_left`: of `at_least` so many, then until the time is over.

        The selected ones among the others are compared on the current frame at least.
        """
        found: dict[Key, Found] = {}
        while self._left and (len(found) < at_least or time.perf_counter() < until):
            key = self._left.popleft()
            if key in present:
                found[key] = self._found(key, present[key], head)
                self._signs[key] = _sign_of(present[key])
        records = changes(head, found, list(gone), names)
        return records + (self._on_frame(clip, head, present) if self._left else [])

    def _found(self, key: Key, track: MovieTrackingTrack, head: Head) -> Found:
        """As `found_in`, but what has not changed since the track was compared last is not packed again."""
        number = head.numbers.get(key, 0)
        known = head.rows(number)
        columns = read_columns(track)
        before, rows = self._columns.pop(key, (columns, b""))
        rows = columns.rows_after(before, rows, number) if rows and rows == known else columns.rows(number)
        self._columns[key] = columns, rows
        if len(self._columns) > COMPARED:
            del self._columns[next(iter(self._columns))]
        return Found(read_settings(track), rows)

    def _on_frame(self, clip: MovieClip, head: Head, present: dict[Key, MovieTrackingTrack]) -> list[JournalRecord]:
        """The differences of the selected tracks in `_left` on the current frame, where most operators work."""
        frame = counting_of(clip).clip_frame(bpy.context.scene.frame_current)
        numbers = numbers_of(head)
        records: list[JournalRecord] = []
        for key in self._left:
            track, number = present.get(key), numbers.get(key)
            marker = track.markers.find_frame(frame) if track is not None and track.select else None
            if marker is not None and number is not None:
                row = read_row(marker, number)
                if row != row_on(head.rows(number), frame):
                    records.append(EditRecord(number, (), row))
        return records
