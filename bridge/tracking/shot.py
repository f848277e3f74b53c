# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip and its session: where the artist's tracks and the journal meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.errors import ClipChanged, NothingToTrack, PictureUnusable, ShotUnusable, UsageError
from ...core.footage.check import FootageCheck
from ...core.journal.replay import Replay
from ...core.journal.rows import is_muted, split_rows
from ...core.model.counting import TIMELINE_END, Counting
from ...core.model.ranges import FrameRanges
from ...core.model.types import Pass, TrackData
from ...core.recording.create import create_session
from ...core.recording.manager import TrackingSessionManager
from ...core.tracking.run import Run, note_damaged
from ..clip.colour import changed_words
from ..clip.editor import ClipEditor
from ..clip.markers import check_settings, read_rows
from ..clip.movie_clip import (
    Plate,
    check_first,
    check_readable,
    counting_of,
    footage_of,
    marked_position,
    metadata_of,
    plate_of,
)
from ..clip.reading import can_read
from ..preferences import preferences
from . import reconcile
from .reconcile import edits, objects_called, tracked_ahead
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
        self.recorder = session.acquire()
        self.check = check
        self.tracked_before = len(known.tracked)
        """Frames that were recorded when it was opened."""
        self._known: Replay | None = known  # what is recorded, as long as nothing more was
        self.kept = 0
        """Tracks that were changed in the clip since the file was saved, and kept their markers."""
        self.left_out = 0
        """Tracks of the resumed passes that the artist has tracked on already, so that they take no part."""
        self.colour_words = ""
        """That the tracker sees the pictures otherwise than before, and why; empty if it does not."""
        self.is_tracked_on = False
        """Whether these were all, so that the first step closes the pass."""
        self._tracks: dict[int, TrackData] = {}

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

        A track that was changed in the clip keeps its markers and gets the frames that it lacks; see `reconcile`.

        Without `restore` the clip is left as it is, and what differs from the records counts as edits. Raises
        LeaseHeld, FootageUnusable, JournalDamaged, SessionUnreadable, ClipChanged, StorageFailed.
        """
        mark = marked_position(editor.clip)
        since = mark[1] if mark is not None and mark[0] == session.session.id else None
        if since is not None and not session.counts(since):
            since = None
        footage = footage_of(editor.clip)
        try:
            picture = check_first(footage)
            check_readable(editor.clip, footage, picture)
        except PictureUnusable as error:
            with session:
                note_damaged(session.acquire(salvage=salvage, wait=wait), error)
            raise
        details = session.details()
        session.durable = preferences().is_durable
        known = session.acquire_replay(since=since, salvage=salvage, wait=wait)
        try:
            check = FootageCheck(footage, details, damaged=known.damaged, can_read=can_read)
            shot = cls(editor, session, check, known)
            shot._check_frames(known.tracked)
            if restore:
                shot.kept = reconcile.restore(shot.clip, session, known)
            if picture is not None and picture.is_float:
                shot.colour_words = changed_words(shot.clip, session.session.footage)
        except BaseException:
            session.close()
            raise
        return shot

    @property
    def counting(self) -> Counting:
        """How people count the frames of the clip."""
        return counting_of(self.clip)

    # Between passes

    def start(self, ranges: Sequence[tuple[int, int]], *, delivery: Delivery = in_bulk) -> Run:
        """Begin passes over `ranges` (first and last clip frame of each) for the tracks that Track Forwards would take.

        All ranges start on the same frame. Edits made since the last pass are recorded first. Raises NothingToTrack,
        UsageError for frames outside the clip, ShotUnusable, FootageUnusable, LeaseLost, StorageFailed.
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
        for track in chosen:
            check_settings(track)
        ranges = [_limited(pair, chosen) for pair in ranges]
        asked = FrameRanges((min(pair), max(pair)) for pair in ranges)
        self._check_frames(asked)
        known = self._known or self.session.replay()
        self._known = None
        found = edits(self.clip, where, known)
        self._tracks = found.tracks
        names = {data.name: number for number, data in self._tracks.items()}
        numbers = tuple(names[track.name] for track in chosen)
        self.recorder.set_start(self.clip.frame_start)
        first = 1 + (max(known.passes) if known.passes else 0)
        passes = [Pass(first + i, a, b, numbers, where.name, bpy.app.version_string) for i, (a, b) in enumerate(ranges)]
        self.recorder.open_pass(passes[0], passes[1:], found.records)
        return self._run(passes, start, frozenset(numbers), delivery)

    def resume(self, *, delivery: Delivery = in_bulk) -> Run | None:
        """Go on with the pass that was paused or interrupted, and those that were to follow; None if there is none.

        Tracks that the artist has given a new marker on the frame of the pause take part again. Tracks that have got
        newer markers on the frames to come do not: those would be written over. If that leaves none, the pass goes on
        from the frame where the farthest of them stop, or, at its end, is closed with the first step.
        """
        known = self._known or self.session.replay()
        progress = known.last_pass
        if progress is None or not (progress.is_open or progress.then):
            return None
        self._check_timeline()
        plan = progress.plan
        name = next((known.tracks[number].object for number in plan.tracks if number in known.tracks), plan.object)
        where = self.clip.tracking.objects.get(objects_called(self.clip, known).get(name, name))
        if where is None:
            raise ClipChanged(
                f"The tracking object “{name}” is gone: undo that, give it this name again, or start a fresh session"
            )
        plan = replace(plan, object=where.name)
        self.clip.tracking.objects.active = where
        self._known = None
        found = edits(self.clip, where, known)
        self._tracks = found.tracks
        edited = found.edited | known.edited.keys()
        version = bpy.app.version_string
        planned = [
            replace(planned, tracks=self._there(planned.tracks), object=plan.object, blender=version)
            for planned in progress.then
        ]
        then: list[Pass] = []
        done: set[int] = set()
        for one in planned:
            ahead = tracked_ahead(one.tracks, found, known, one.start, one.end)
            done.update(ahead)
            if len(ahead) < len(one.tracks) or not ahead:
                then.append(replace(one, tracks=tuple(number for number in one.tracks if number not in ahead)))
        for number in {number for one in (plan, *then) for number in self._there(one.tracks)}:
            check_settings(where.tracks[self._tracks[number].name])
        self.recorder.set_start(self.clip.frame_start)
        if not progress.is_open:
            self.left_out = len(done)
            is_over = self.is_tracked_on = not then
            then = then or planned[:1]
            self._check_passes(then)
            self.recorder.open_pass(then[0], then[1:], found.records)
            alive = frozenset[int]() if is_over else frozenset(then[0].tracks)
            return self._run(then, then[0].end if is_over else then[0].start, alive, delivery)
        self._check_passes([plan, *then])
        alive = frozenset(self._there(plan.tracks))
        if progress.steps:
            follow = frozenset(number for number in alive if number in progress.alive or number in edited)
            alive = frozenset(number for number in follow if self._is_live(number, progress.frame))
        if progress.alive and not alive:
            raise NothingToTrack(
                f"The markers on frame {self.counting.shown(progress.frame)}, where the pass stopped, are gone: "
                "track from another frame"
            )
        frame = progress.frame
        ahead = tracked_ahead(alive, found, known, frame, plan.end)
        alive -= ahead.keys()
        if ahead and not alive:  # the pass goes on from where the farthest of them stop
            frame = (min if plan.backwards else max)(ahead.values())
            alive = frozenset(number for number, at in ahead.items() if at == frame and frame != plan.end)
            self.is_tracked_on = not alive
        self.left_out = len(done | ahead.keys() - alive)
        if found.records:
            self.recorder.append(*found.records)
        return self._run([plan, *then], frame, alive, delivery)

    def _check_passes(self, passes: Sequence[Pass]) -> None:
        self._check_frames(FrameRanges((min(p.start, p.end), max(p.start, p.end)) for p in passes))

    def _check_frames(self, frames: FrameRanges) -> None:
        """Look at the files of the frames; what is damaged is recorded. Raises FootageUnusable."""
        try:
            self.check.frames(frames)
        except PictureUnusable as error:
            if self.session.passes:  # one without is not gone on with
                note_damaged(self.recorder, error)
            raise

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
        return Run(self.recorder, tracker, self.check, passes, frame=frame, alive=alive, deliver_every=delivery)

    def _there(self, numbers: Sequence[int]) -> tuple[int, ...]:
        """Those of the tracks that were not deleted since."""
        return tuple(number for number in numbers if number in self._tracks)

    def _is_live(self, number: int, frame: int) -> bool:
        data = self._tracks.get(number)
        if data is None:
            return False
        row = split_rows(read_rows(self.clip.tracking.objects[data.object].tracks[data.name], number)).get(frame)
        return row is not None and not is_muted(row)

    @property
    def remarks(self) -> list[str]:
        """What a person should know before the session goes on, each without a full stop."""
        over = "no track is left to go on with, so the pass is closed" if self.is_tracked_on else ""
        kept = "; ".join(words for words in (kept_words(self.kept), left_out_words(self.left_out), over) if words)
        said = [f"Nothing that was changed in the file is written over: {kept}"] if kept else []
        return [*said, self.colour_words] if self.colour_words else said

    def close(self) -> None:
        self.session.close()


def kept_words(tracks: int) -> str:
    """That so many tracks kept their markers, in words."""
    if not tracks:
        return ""
    if tracks == 1:
        return "1 track that was changed in this file since kept its markers"
    return f"{tracks} tracks that were changed in this file since kept theirs"


def left_out_words(tracks: int) -> str:
    """That so many tracks take no part in what is resumed, in words."""
    if not tracks:
        return ""
    if tracks == 1:
        return "1 track has newer markers on the frames to come and is not tracked over them"
    return f"{tracks} tracks have newer markers on the frames to come and are not tracked over them"


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
