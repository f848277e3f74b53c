# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded reaches the artist's tracks, whatever is done to them while a pass goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ..core.errors import ClipChanged
from ..core.journal import MARKER_SIZE, Position
from ..core.model import Pass, TrackData
from ..core.replay import frame_of, spread_rows
from ..core.run import Step
from .clip import mark_position
from .markers import merge_rows

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingObject, MovieTrackingTrack


class _Place(NamedTuple):
    """Where a track is. It may get another name, and once deleted it may not even be looked at: Blender crashes."""

    index: int  # among the tracks of its object, when last seen
    address: int
    frame: int  # one on which it had a marker


class Delivery:
    """The artist's tracks of a run, and how they get their markers. One serves all passes of the run."""

    def __init__(
        self, clip: MovieClip, session_id: str, where: str, tracks: Mapping[int, TrackData], frame: int
    ) -> None:
        """`tracks` tells the names that the tracks of the tracking object `where` have now, which starts on `frame`.

        Raises ClipChanged if the tracking object is gone.
        """
        self._clip = clip
        self._session_id = session_id
        self._tracks = {number: data for number, data in tracks.items() if data.object == where}
        self._gone: set[int] = set()  # tracks of which it was said that they were deleted
        self._object = where
        found = clip.tracking.objects.get(where)
        if found is None:
            raise self._without_object()
        self._where = found.as_pointer()
        self._places: dict[int, _Place] = {}
        there = {track.name: (index, track) for index, track in enumerate(found.tracks)}
        for number, data in self._tracks.items():
            if data.name in there:
                index, track = there[data.name]
                marker = track.markers.find_frame(frame, exact=False)
                self._places[number] = _Place(index, track.as_pointer(), marker.frame if marker is not None else frame)

    @property
    def where(self) -> MovieTrackingObject | None:
        """The tracking object, whatever it is called now; None if it was deleted."""
        for one in self._clip.tracking.objects:
            if one.as_pointer() == self._where:
                return one
        return None

    def find(self, number: int) -> MovieTrackingTrack | None:
        """The track of that number, whatever it is called now; None if it was deleted."""
        where = self.where
        place = self._places.get(number)
        if where is None or place is None:
            return None
        tracks = where.tracks
        track = tracks[place.index] if place.index < len(tracks) else None
        if track is None or track.as_pointer() != place.address:
            index = next((index for index, one in enumerate(tracks) if one.as_pointer() == place.address), None)
            if index is None:
                return None
            self._places[number] = place._replace(index=index)
            track = tracks[index]
        # one that was made since may be where one was that was deleted
        is_same = track.name == self._tracks[number].name or track.markers.find_frame(place.frame) is not None
        return track if is_same else None

    def tracks(self, plan: Pass) -> list[MovieTrackingTrack]:
        """The tracks of the pass that are there."""
        return [track for number in plan.tracks if (track := self.find(number)) is not None]

    def renamed(self) -> list[TrackData]:
        """The tracks that are called otherwise than when this was asked last."""
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
        """What to tell about deleted tracks."""
        if self.where is None:
            return self._without_object()
        name = self._tracks[numbers[0]].name
        said = f"Track “{name}” is" if len(numbers) == 1 else f"{len(numbers)} tracks (“{name}”, …) are"
        return ClipChanged(f"{said} gone from the clip: undo that, or resume to track the others on")

    def _without_object(self) -> ClipChanged:
        return ClipChanged(f"The tracking object “{self._object}” is gone: undo that, or start a fresh session")

    def give(self, plan: Pass, steps: Sequence[Step], position: Position) -> Iterator[None]:
        """Give the markers of steps of the pass to one track after the other.

        At the end the clip holds the journal up to `position`.

        Raises ClipChanged if the clip is gone, or, when all others have theirs, for the tracks that are.
        """
        markers: dict[int, list[bytes]] = {}
        for step in steps:
            for start in range(0, len(step.rows), MARKER_SIZE):
                row = step.rows[start : start + MARKER_SIZE]
                markers.setdefault(int.from_bytes(row[:4], "little"), []).append(row)
            yield
        is_complete = True
        try:
            for number, rows in markers.items():
                is_complete = (number in self._gone or self._give_to(number, rows, plan.direction)) and is_complete
                yield
            mark_position(self._clip, self._session_id, position)
            gone = [] if is_complete else [n for n in plan.tracks if n not in self._gone and self.find(n) is None]
        except ReferenceError as error:
            raise ClipChanged("The clip was deleted: undo that, or open the file again, then resume") from error
        self._gone.update(gone)
        if gone:
            raise self.gone(gone)

    def _give_to(self, number: int, rows: list[bytes], direction: int) -> bool:
        track = self.find(number)
        if track is None:
            return False
        found = {frame_of(row): row for row in rows}
        spread_rows(rows[-1], direction, {number: found})  # the guards of the others would be written over
        merge_rows(track, found)
        return True
