# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip and its session: where the artist's tracks and the journal meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.errors import ClipChanged, PictureUnusable, ShotUnusable, UsageError
from ...core.footage.check import FootageCheck
from ...core.journal.chain import Position
from ...core.journal.replay import Replay
from ...core.model.counting import TIMELINE_END, Counting
from ...core.model.ranges import FrameRanges
from ...core.recording.create import create_session
from ...core.recording.manager import TrackingSessionManager
from ...core.tracking import passes
from ...core.tracking.run import InBulk, Run, note_damaged
from ..clip.colour import changed_words
from ..clip.editor import ClipEditor
from ..clip.markers import check_settings
from ..clip.movie_clip import (
    Plate,
    check_first,
    check_readable,
    counting_of,
    footage_of,
    metadata_of,
    plate_of,
)
from ..clip.reading import can_read
from ..preferences import preferences
from . import reconcile
from .artist_tracks import ArtistTracks
from .chosen_tracks import chosen_tracks
from .reconcile import edits, objects_called
from .working_set import WorkingSet, remove_leftovers

if TYPE_CHECKING:
    from bpy.types import MovieClip


IN_BULK = InBulk()


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
        since: Position | None,
        *,
        restore: bool = True,
        salvage: bool = False,
        wait: bool = False,
    ) -> Shot:
        """The existing session of the clip, and all that is recorded but not in the clip put into it.

        The clip contains the journal up to `since`, as `TrackingSessionManager.contained` tells of its mark.
        A track that was changed in the clip keeps its markers and gets the frames that it lacks; see `reconcile`.

        Without `restore` the clip is left as it is, and what differs from the records counts as edits. Raises
        LeaseHeld, FootageUnusable, JournalDamaged, SessionUnreadable, ClipChanged, StorageFailed.
        """
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

    def start(
        self,
        ranges: Sequence[tuple[int, int]],
        *,
        after_step: Callable[[Run], None] = IN_BULK,
        separate_clip: bool = True,
    ) -> Run:
        """Begin passes over `ranges` (first and last clip frame of each) for the tracks that Track Forwards would take.

        All ranges start on the same frame. Edits made since the last pass are recorded first. `after_step` and
        `separate_clip` as in `Run` and `WorkingSet`. Raises NothingToTrack, UsageError for frames outside the clip,
        ShotUnusable, FootageUnusable, LeaseLost, StorageFailed.
        """
        start = ranges[0][0]
        for frame in {frame for pair in ranges for frame in pair}:
            if not 1 <= frame <= self.clip.frame_duration:
                raise UsageError(self.counting.outside(frame, self.clip.frame_duration))
        self._check_timeline()
        remove_leftovers(self.clip)
        where = self.clip.tracking.objects.active
        assert where is not None  # a clip has at least the camera
        chosen = chosen_tracks(where, self.editor.space, start, self.counting)
        limit = min((track.frames_limit for track in chosen if track.frames_limit), default=0)
        ranges = [passes.limited(*pair, limit) for pair in ranges]
        self._check_frames(FrameRanges((min(pair), max(pair)) for pair in ranges))
        known = self._known or self.session.replay()
        found = edits(self.clip, where, known)
        names = {data.name: number for number, data in found.tracks.items()}
        numbers = [names[track.name] for track in chosen]
        plan = passes.begin(ranges, numbers, known, object=where.name, blender=bpy.app.version_string)
        return self._run(plan, found, after_step, separate_clip)

    def resume(self, *, after_step: Callable[[Run], None] = IN_BULK, separate_clip: bool = True) -> Run | None:
        """Resume the pass that was paused or interrupted, and those that were to follow; None if there is none.

        See `core.tracking.passes.resume`. Raises as `start` does, and ClipChanged.
        """
        known = self._known or self.session.replay()
        progress = known.last_pass
        if progress is None or not (progress.is_open or progress.then):
            return None
        self._check_timeline()
        tracks = progress.plan.tracks
        name = next((known.tracks[number].object for number in tracks if number in known.tracks), progress.plan.object)
        where = self.clip.tracking.objects.get(objects_called(self.clip, known).get(name, name))
        if where is None:
            raise ClipChanged(
                f"The tracking object “{name}” is gone: undo that, give it this name again, or start a fresh session"
            )
        self.clip.tracking.objects.active = where
        found = edits(self.clip, where, known)
        plan = passes.resume(known, found, self.counting, object=where.name, blender=bpy.app.version_string)
        assert plan is not None  # there is a pass to resume
        for number in {number for one in plan.passes for number in found.existing(one.tracks)}:
            check_settings(where.tracks[found.tracks[number].name])
        self._check_frames(plan.frames)
        self.left_out, self.is_tracked_on = plan.left_out, plan.is_tracked_on
        return self._run(plan, found, after_step, separate_clip)

    def _run(
        self, plan: passes.Plan, found: passes.Edits, after_step: Callable[[Run], None], separate_clip: bool
    ) -> Run:
        """Record the edits and, unless it is open, the first pass; the run then tracks it."""
        self._known = None
        self.recorder.set_start(self.clip.frame_start)
        if not plan.is_open:
            self.recorder.open_pass(plan.passes[0], plan.passes[1:], found.records)
        elif found.records:
            self.recorder.append(*found.records)
        session_id = self.session.session.id
        tracks = ArtistTracks(self.clip, session_id, plan.passes[0].object, found.tracks, plan.frame)
        tracker = WorkingSet(self.editor, tracks, separate_clip=separate_clip)
        return Run(self.recorder, tracker, tracks, self.check, plan, after_step=after_step)

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
