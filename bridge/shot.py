# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip and its session: where the artist's tracks and the journal meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..core.counting import TIMELINE_END, Counting
from ..core.errors import ClipChanged, NothingToTrack, ShotUnusable, UsageError
from ..core.footage.seen import FootageCheck
from ..core.journal import RecordType
from ..core.merging import tracks_record
from ..core.model import Pass, TrackData
from ..core.ranges import FrameRanges
from ..core.replay import Replay, encode_json, encode_markers, is_muted, renumbered, split_rows
from ..core.run import PICTURE_DAMAGED, Run
from ..core.session import TrackingSessionManager, create_session
from .clip import (
    Plate,
    check_first,
    check_readable,
    counting_of,
    footage_of,
    mark_position,
    marked_position,
    metadata_of,
    plate_of,
)
from .editor import ClipEditor
from .markers import merge_rows, read_rows, read_settings, write_rows, write_settings
from .preferences import preferences
from .reading import can_read
from .working_set import WorkingSet, remove_leftovers

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingObject, MovieTrackingTrack, SpaceClipEditor

Delivery = Callable[[int], bool] | None  # as `Run` takes it


def in_bulk(steps: int) -> bool:
    """When to deliver without a window: seldom, because each delivery costs as much as the shot is long."""
    return steps >= 1000


class Shot:
    """A clip in an editor together with the session that it belongs to, which this process owns."""

    def __init__(self, editor: ClipEditor, session: TrackingSessionManager, check: FootageCheck, known: Replay) -> None:
        self.editor = editor
        self.clip: MovieClip = editor.clip
        self.session = session
        self.check = check
        self.tracked_before = len(known.tracked)
        """Frames that were recorded when it was opened."""
        self._known: Replay | None = known  # what is recorded, as long as nothing more was
        self._tracks: dict[int, TrackData] = {}
        self._edited: set[int] = set()

    @classmethod
    def create(cls, editor: ClipEditor, root: Path, name: str, *, blend: str = "", plate: Plate | None = None) -> Shot:
        """A new session of the clip; `plate` is what was seen of its files, if that is known.

        Raises FootageUnusable, StorageFailed.
        """
        plate = plate or plate_of(editor.clip)
        known = metadata_of(editor.clip)
        session = create_session(
            plate.footage.first, name, root, metadata=known, plate=plate, blend=blend, clip=editor.clip.name
        )
        session.durable = preferences().is_durable
        session.acquire()
        return cls(editor, session, FootageCheck(*plate, can_read=can_read), Replay())

    @classmethod
    def join(
        cls,
        editor: ClipEditor,
        session: TrackingSessionManager,
        *,
        restore: bool = True,
        salvage: bool = False,
        wait: bool = False,
    ) -> Shot:
        """The existing session of the clip, and all that is recorded but not in the clip put into it.

        Without `restore` the clip is left as it is, and what differs from the records counts as edits. Raises
        LeaseHeld, FootageUnusable, JournalDamaged, SessionUnreadable, ClipChanged, StorageFailed.
        """
        mark = marked_position(editor.clip)
        since = mark[1] if mark is not None and mark[0] == session.session.id else None
        if since is not None and not session.counts(since):
            since = None
        footage = footage_of(editor.clip)
        check_first(footage)
        check_readable(editor.clip, footage)
        details = session.details()
        known = Replay(since=since)
        session.durable = preferences().is_durable
        session.acquire(salvage=salvage, wait=wait, replay=known)
        try:
            damaged = [int(said["frame"]) for said in known.events if said.get("event") == PICTURE_DAMAGED]
            check = FootageCheck(footage, details, damaged=damaged, can_read=can_read)
            check.frames(known.tracked)
            shot = cls(editor, session, check, known)
            if restore:
                shot._restore(known)
        except BaseException:
            session.close()
            raise
        return shot

    @property
    def counting(self) -> Counting:
        """How people count the frames of the clip."""
        return counting_of(self.clip)

    # Between passes

    def _restore(self, known: Replay) -> None:
        remove_leftovers(self.clip)
        objects = self.clip.tracking.objects
        active = objects.active
        for name in dict.fromkeys(data.object for data in known.tracks.values()):
            before = known.renamed_objects.get(name, name)
            if before in objects and name not in objects:
                objects[before].name = name
        called = self._objects(known)
        self._rename(known, called)
        for number, data in known.tracks.items():
            where = objects.get(called[data.object])
            track = where.tracks.get(data.name) if where is not None else None
            is_new = track is None
            if is_new and known.since is not None and number not in known.changed:
                continue  # the artist deleted it and saved that
            if track is None:
                where = where or objects.new(data.object)
                track = where.tracks.new(name=data.name, frame=1)
                if (where.name, track.name) != (called[data.object], data.name):
                    raise ClipChanged(f"Track “{data.name}” of “{data.object}” cannot be made again under its name")
            if known.since is None or is_new:
                write_settings(track, data.settings)
            if known.since is None or is_new or number in known.replaced:
                rows = known.rows(number)
                if rows:
                    write_rows(track, rows)
            else:
                merge_rows(track, known.changed.get(number, {}))
        objects.active = active
        mark_position(self.clip, self.session.session.id, self.session.position)

    def _objects(self, known: Replay) -> dict[str, str]:
        """What the recorded tracking objects are called in the clip, by their recorded names.

        One that is not there may be one that is not recorded under its name: that which has the most of its markers,
        in tracks of the same names. If there is none, or two are alike, it is called as recorded, and gone.
        """
        objects = self.clip.tracking.objects
        recorded: dict[str, list[TrackData]] = {}
        for data in known.tracks.values():
            recorded.setdefault(data.object, []).append(data)
        called = {name: name for name in recorded}
        others = [one for one in objects if one.name not in recorded]
        for name in [name for name in recorded if name not in objects]:
            found = sorted((sum(_shared(one, data, known) for data in recorded[name]), one.name) for one in others)
            scores = [0, 0, *(score for score, _ in found)]
            if scores[-1] > scores[-2] and found[-1][1] not in called.values():
                called[name] = found[-1][1]
        return called

    def _rename(self, known: Replay, called: Mapping[str, str]) -> None:
        """Give the tracks that had other names before the names that they are recorded under now."""
        waiting = {number: before for number, before in known.renamed.items() if number in known.tracks}
        while True:
            left = dict(waiting)
            for number, before in left.items():
                data = known.tracks[number]
                where = self.clip.tracking.objects.get(called[data.object])
                track = where.tracks.get(before) if where is not None else None
                if where is not None and track is not None and where.tracks.get(data.name) is None:
                    track.name = data.name
                    del waiting[number]  # which may leave its old name to another one
            if waiting == left:
                return

    def start(self, ranges: Sequence[tuple[int, int]], *, delivery: Delivery = in_bulk) -> Run:
        """Begin passes over `ranges` (first and last clip frame of each) for the tracks that Track Forwards would take.

        All ranges start on the same frame. Edits made since the last pass are recorded first. Raises NothingToTrack,
        UsageError for frames outside the clip, FootageUnusable, LeaseLost, StorageFailed.
        """
        start = ranges[0][0]
        for frame in {frame for pair in ranges for frame in pair}:
            if not 1 <= frame <= self.clip.frame_duration:
                raise UsageError(self.counting.outside(frame, self.clip.frame_duration))
        self._check_timeline()
        remove_leftovers(self.clip)
        where = self.clip.tracking.objects.active
        assert where is not None  # a clip has at least the camera
        space = self.editor.space
        chosen = [track for track in where.tracks if is_chosen(track, space)]
        if not any(has_usable_marker(track, start) for track in chosen):
            raise NothingToTrack(_why_none(where, space, len(chosen), self.counting.shown(start)))
        ranges = [_limited(pair, chosen) for pair in ranges]
        asked = FrameRanges((min(pair), max(pair)) for pair in ranges)
        self.check.frames(asked)
        known = self._known or self.session.replay()
        self._known = None
        records = self._edits(where, known)
        names = {data.name: number for number, data in self._tracks.items()}
        numbers = tuple(names[track.name] for track in chosen)
        self.session.set_start(self.clip.frame_start)
        first = 1 + (max(known.passes) if known.passes else 0)
        passes = [Pass(first + i, a, b, numbers, where.name, bpy.app.version_string) for i, (a, b) in enumerate(ranges)]
        self.session.open_pass(passes[0], passes[1:], records)
        return self._run(passes, start, frozenset(numbers), delivery)

    def resume(self, *, delivery: Delivery = in_bulk) -> Run | None:
        """Go on with the pass that was paused or interrupted, and those that were to follow; None if there is none.

        Tracks that the artist has given a new marker on the frame of the pause take part again.
        """
        known = self._known or self.session.replay()
        progress = known.last_pass
        if progress is None or not (progress.is_open or progress.then):
            return None
        self._check_timeline()
        plan = progress.plan
        name = next((known.tracks[number].object for number in plan.tracks if number in known.tracks), plan.object)
        where = self.clip.tracking.objects.get(self._objects(known).get(name, name))
        if where is None:
            raise ClipChanged(
                f"The tracking object “{name}” is gone: undo that, give it this name again, or start a fresh session"
            )
        plan = replace(plan, object=where.name)
        self.clip.tracking.objects.active = where
        self._known = None
        records = self._edits(where, known)
        version = bpy.app.version_string
        then = [
            Pass(plan.number + i, said["start"], said["end"], self._there(said["tracks"]), plan.object, version)
            for i, said in enumerate(progress.then, 1)
        ]
        passes = [plan, *then] if progress.is_open else then
        self.check.frames(FrameRanges((min(p.start, p.end), max(p.start, p.end)) for p in passes))
        self.session.set_start(self.clip.frame_start)
        if not progress.is_open:
            self.session.open_pass(passes[0], passes[1:], records)
            return self._run(passes, passes[0].start, frozenset(passes[0].tracks), delivery)
        alive = frozenset(self._there(plan.tracks))
        if progress.steps:
            follow = [number for number in alive if number in progress.alive or number in self._edited]
            alive = frozenset(number for number in follow if self._is_live(number, progress.frame))
        if progress.alive and not alive:
            raise NothingToTrack(
                f"The markers on frame {self.counting.shown(progress.frame)}, where the pass stopped, are gone: "
                "track from another frame"
            )
        if records:
            self.session.append(*records)
        return self._run(passes, progress.frame, alive, delivery)

    def _check_timeline(self) -> None:
        """Blender crashes on a frame that its timeline does not reach."""
        last = self.clip.frame_duration
        if self.counting.shown(last) > TIMELINE_END:
            raise ShotUnusable(
                f"The clip lies on {self.counting.span(1, last)}, beyond the end of Blender's timeline, "
                f"{TIMELINE_END}: set its Start Frame lower"
            )

    def _run(self, passes: Sequence[Pass], frame: int, alive: frozenset[int], delivery: Delivery) -> Run:
        tracker = WorkingSet(self.editor, self.session.session.id, self._tracks)
        return Run(self.session, tracker, self.check, passes, frame=frame, alive=alive, deliver_every=delivery)

    def _edits(self, where: MovieTrackingObject, known: Replay) -> list[tuple[RecordType, bytes]]:
        """The records of what differs between the tracks of `where` and what is known of them; numbers new tracks."""
        called = self._objects(known)
        numbers = {(called[data.object], data.name): number for number, data in known.tracks.items()}
        last = known.last_track
        rows_of = {track.name: read_rows(track, 0) for track in where.tracks}
        recorded = next((name for name, now in called.items() if now == where.name), where.name)
        renamed = _renamed(recorded, rows_of, known)
        for number in renamed.values():
            del numbers[where.name, known.tracks[number].name]
        numbers.update({(where.name, name): number for name, number in renamed.items()})
        self._tracks, self._edited = {}, set[int]()
        described: list[TrackData] = []
        records: list[tuple[RecordType, bytes]] = []
        for track in where.tracks:
            number = numbers.pop((where.name, track.name), 0)
            if not number:
                last = number = last + 1
            data = TrackData(number, where.name, track.name, read_settings(track))
            self._tracks[number] = data
            if known.tracks.get(number) != data:
                described.append(data)
            rows = renumbered(rows_of[track.name], number)
            if rows != known.rows(number):
                self._edited.add(number)
                records.append((RecordType.MARKERS, encode_markers(number, rows)))
        objects = self.clip.tracking.objects
        gone = [number for (name, _), number in numbers.items() if name == where.name or name not in objects]
        if gone:
            records.insert(0, (RecordType.EVENT, encode_json({"event": "tracks_removed", "tracks": gone})))
        if described:
            records.insert(0, tracks_record(described))
        return records

    def _there(self, numbers: Sequence[int]) -> tuple[int, ...]:
        """Those of the tracks that were not deleted since."""
        return tuple(number for number in numbers if number in self._tracks)

    def _is_live(self, number: int, frame: int) -> bool:
        data = self._tracks.get(number)
        if data is None:
            return False
        row = split_rows(read_rows(self.clip.tracking.objects[data.object].tracks[data.name], number)).get(frame)
        return row is not None and not is_muted(row)

    def close(self) -> None:
        self.session.close()


def _shared(where: MovieTrackingObject, data: TrackData, known: Replay) -> int:
    """How many markers of the recorded track the one of its name in the tracking object has."""
    track = where.tracks.get(data.name)
    if track is None:
        return 0
    return len(known.markers.get(data.id, {}).items() & split_rows(read_rows(track, data.id)).items())


def _renamed(where: str, rows_of: Mapping[str, bytes], known: Replay) -> dict[str, int]:
    """The tracks of the tracking object that have another name than is known, with the numbers they are known by.

    They have exactly the markers of a track that is not there any more under its name. `rows_of` holds the markers of
    the tracks by name, packed with the number 0. Names that were only exchanged are none of these.
    """
    recorded = {data.name: number for number, data in known.tracks.items() if data.object == where}
    if recorded.keys() >= rows_of.keys():
        return {}
    rows = {name: renumbered(known.rows(number), 0) for name, number in recorded.items()}
    gone = {rows[name]: number for name, number in recorded.items() if rows_of.get(name) != rows[name]}
    found = {name: gone.pop(mine) for name, mine in rows_of.items() if rows.get(name) != mine and mine in gone}
    renamed: dict[str, int] = {}
    while True:
        free = [name for name in found if name not in recorded or recorded[name] in renamed.values()]
        if not free:
            return renamed
        renamed.update({name: found.pop(name) for name in free})


def is_chosen(track: MovieTrackingTrack, space: SpaceClipEditor) -> bool:
    """Whether Track Forwards would take the track: selected by a part that is shown, visible and not locked."""
    return _is_selected(track, space) and not track.hide and not track.lock


def _is_selected(track: MovieTrackingTrack, space: SpaceClipEditor) -> bool:
    return (
        track.select_anchor
        or (track.select_pattern and space.show_marker_pattern)
        or (track.select_search and space.show_marker_search)
    )


def _why_none(where: MovieTrackingObject, space: SpaceClipEditor, chosen: int, number: int) -> str:
    """Why no track of the tracking object can be followed from the frame with this number, and what to do."""
    if chosen:
        whose = "The selected track has" if chosen == 1 else f"None of the {chosen} selected tracks has"
        lacks = "no" if chosen == 1 else "an"
        there = "it has" if chosen == 1 else "they have"
        return f"{whose} {lacks} enabled marker on frame {number}: start where {there} one, or set one there"
    if not where.tracks:
        return "There are no tracks yet: add markers, or detect features"
    selected = sum(_is_selected(track, space) for track in where.tracks)
    if selected or all(track.hide or track.lock for track in where.tracks):
        whose = "All selected tracks are" if selected > 1 else "The selected track is" if selected else "All tracks are"
        return f"{whose} hidden or locked: show and unlock those to follow"
    return "No track is selected: select those to follow"


def has_usable_marker(track: MovieTrackingTrack, frame: int) -> bool:
    """Whether the track can be followed from the frame: its marker there, or the nearest before it, is not muted."""
    marker = track.markers.find_frame(frame, exact=False)
    return marker is not None and not marker.mute


def _limited(pair: tuple[int, int], chosen: Sequence[MovieTrackingTrack]) -> tuple[int, int]:
    """The range cut to the smallest Frames Limit of the tracks, as Blender does."""
    start, end = pair
    limit = min((track.frames_limit for track in chosen if track.frames_limit), default=0)
    if not limit:
        return pair
    return start, max(end, start - limit) if end < start else min(end, start + limit)
