# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the recorded markers to the artist's tracks, also after the artist renamed, moved or deleted some."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ...core.errors import ClipChanged
from ...core.journal.chain import Position
from ...core.journal.rows import each_row, frame_of, spread_rows, tracks_of
from ...core.model.types import Pass, TrackData
from ...core.tracking.run import Step
from ..clip.markers import merge_rows
from ..clip.movie_clip import mark_position

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingObject, MovieTrackingTrack


MARKER_TIME = 13e-6  # seconds to write a marker to a track of 4,000 markers; a tenth of that for a short track


class _Place(NamedTuple):
    """Finds a track, whatever its name: Blender crashes if Python reads a deleted track."""

    index: int  # last known, among the tracks of the tracking object
    address: int
    frame: int  # a frame on which the track had a marker


class ArtistTracks:
    """The artist's tracks of a run, for all its passes; the `Destination` of a `core.tracking.run.Run`.

    For each new marker Blender copies the whole track. So while the artist waits, only a few markers are written at a
    time, the newest first; the others stay pending.
    """

    def __init__(
        self, clip: MovieClip, session_id: str, where: str, tracks: Mapping[int, TrackData], frame: int
    ) -> None:
        """`tracks` has the current names of the tracks of the tracking object `where`; the run starts on `frame`.

        Raises ClipChanged if the tracking object is gone.
        """
        self._clip = clip
        self._session_id = session_id
        self._tracks = {number: data for number, data in tracks.items() if data.object == where}
        self._gone: set[int] = set()  # deleted tracks that an error has named
        self._pending: defaultdict[int, list[bytes]] = defaultdict(list)
        """Per track the markers still to be written, in recorded order."""
        self._newest: dict[int, bytes] = {}  # per track the newest marker that `flush_some` wrote
        self._turn: list[int] = []  # tracks that lack their newest marker
        self._is_complete = True  # whether all markers so far had a track
        self._object = where
        found = clip.tracking.objects.get(where)
        if found is None:
            raise self._without_object()
        self._where = found.as_pointer()
        self._places: dict[int, _Place] = {}
        numbers = {data.name: number for number, data in self._tracks.items()}
        for index, track in enumerate(found.tracks):
            if track.name in numbers:
                marker = track.markers.find_frame(frame, exact=False)
                at = marker.frame if marker is not None else frame
                self._places[numbers[track.name]] = _Place(index, track.as_pointer(), at)

    @property
    def where(self) -> MovieTrackingObject | None:
        """The tracking object, whatever its name; None if it was deleted."""
        objects = self._clip.tracking.objects
        return next((where for where in objects if where.as_pointer() == self._where), None)

    def find(self, number: int) -> MovieTrackingTrack | None:
        """The track of that number, whatever its name; None if it was deleted."""
        return self._find_in(self.where, number)

    def _find_in(self, where: MovieTrackingObject | None, number: int) -> MovieTrackingTrack | None:
        place = self._places.get(number)
        if place is None or where is None:
            return None
        tracks = where.tracks
        track = tracks[place.index] if place.index < len(tracks) else None
        if track is None or track.as_pointer() != place.address:
            index = next((index for index, other in enumerate(tracks) if other.as_pointer() == place.address), None)
            if index is None:
                return None
            self._places[number] = place._replace(index=index)
            track = tracks[index]
        # a new track may have the address of a deleted one
        is_same = track.name == self._tracks[number].name or track.markers.find_frame(place.frame) is not None
        return track if is_same else None

    def tracks(self, plan: Pass) -> list[MovieTrackingTrack]:
        """The tracks of the pass that still exist."""
        return [track for number in plan.tracks if (track := self.find(number)) is not None]

    def renamed(self) -> list[TrackData]:
        try:
            found = [(data, self.find(number)) for number, data in self._tracks.items()]
        except ReferenceError:  # the clip was deleted
            return []
        changed = [
            replace(data, name=track.name) for data, track in found if track is not None and track.name != data.name
        ]
        self._tracks.update({data.id: data for data in changed})
        return changed

    def gone(self, numbers: Sequence[int]) -> ClipChanged:
        """The error about deleted tracks."""
        if self.where is None:
            return self._without_object()
        name = self._tracks[numbers[0]].name
        tracks = f"Track “{name}” was" if len(numbers) == 1 else f"{len(numbers)} tracks (“{name}”, …) were"
        return ClipChanged(f"{tracks} deleted from the clip: undo that, or resume to track the others")

    def _without_object(self) -> ClipChanged:
        return ClipChanged(f"The tracking object “{self._object}” was deleted: undo that, or start a fresh session")

    @property
    def has_pending(self) -> bool:
        return any(self._pending.values())

    def flush_some(self, plan: Pass, steps: Sequence[Step], seconds: float) -> bool:
        """As in `Destination`. The older markers are written in the time left, as many at once as fit.

        Raises ClipChanged as `flush` does.
        """
        until = time.perf_counter() + seconds
        if steps:
            self._add(steps)
            self._turn = self._turn or [number for number, rows in self._pending.items() if rows]
        at_once = max(1, int(seconds / MARKER_TIME))
        try:
            where = self.where
            for number, count in self._portions(at_once):
                self._write(where, plan, number, count)
                if time.perf_counter() >= until:
                    break
        except ReferenceError as error:
            raise _without_clip() from error
        if not self._turn:
            self._check(plan)
        return not self._turn

    def _portions(self, at_once: int) -> Iterator[tuple[int, int]]:
        """The next tracks to write to, each with a number of markers."""
        while self._turn:
            yield self._turn.pop(), 1
        for number, rows in self._pending.items():
            while rows:
                yield number, at_once

    def _write(self, where: MovieTrackingObject | None, plan: Pass, number: int, count: int) -> None:
        """Write the newest of the track's pending markers, at most `count`."""
        pending = self._pending[number]
        rows = pending[-count:]
        del pending[-count:]
        self._newest[number] = _newer(rows[-1], self._newest.get(number), plan)
        self._merge(where, number, {frame_of(row): row for row in rows})

    def flush(self, plan: Pass, steps: Sequence[Step], position: Position) -> None:
        """As in `Destination`. Raises ClipChanged if the clip was deleted, or, after all other tracks have their
        markers, for deleted tracks.
        """
        self._add(steps)
        self._turn.clear()
        try:
            where = self.where
            for number, pending in self._pending.items():
                rows = {frame_of(row): row for row in pending}
                newest = _newer(pending[-1] if pending else b"", self._newest.get(number), plan)
                spread_rows(newest, plan.direction, {number: rows})  # newer markers overwrite all other guards
                self._merge(where, number, rows)
            self._pending.clear()
            self._newest.clear()
            mark_position(self._clip, self._session_id, position)
            self._check(plan)
        except ReferenceError as error:
            raise _without_clip() from error

    def _add(self, steps: Sequence[Step]) -> None:
        pending_of = self._pending.__getitem__
        for step in steps:
            for pending, row in zip(map(pending_of, tracks_of(step.rows)), each_row(step.rows), strict=True):
                pending.append(row)

    def _merge(self, where: MovieTrackingObject | None, number: int, rows: Mapping[int, bytes]) -> None:
        if number in self._gone:
            return
        track = self._find_in(where, number)
        if track is None:
            self._is_complete = False
        else:
            merge_rows(track, rows)

    def _check(self, plan: Pass) -> None:
        """Raise ClipChanged, once, for deleted tracks."""
        if self._is_complete:
            return
        self._is_complete = True
        gone = [number for number in plan.tracks if number not in self._gone and self.find(number) is None]
        self._gone.update(gone)
        if gone:
            raise self.gone(gone)


def _newer(row: bytes, other: bytes | None, plan: Pass) -> bytes:
    """The packed marker that the pass reached later; the first may be empty."""
    if other is None or (row and (frame_of(row) - frame_of(other)) * plan.direction > 0):
        return row
    return other


def _without_clip() -> ClipChanged:
    return ClipChanged("The clip was deleted: undo that, or open the file again, then resume")
