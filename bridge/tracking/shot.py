# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip together with its session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.errors import ClipChanged, PictureUnusable, ShotUnusable, UsageError
from ...core.footage.check import FootageCheck
from ...core.footage.details import describe
from ...core.journal.chain import Position
from ...core.journal.replay import Replay
from ...core.model.counting import TIMELINE_END, Counting
from ...core.model.ranges import FrameRanges
from ...core.model.wording import count_words
from ...core.recording.create import create_session
from ...core.recording.manager import TrackingSessionManager
from ...core.tracking import passes
from ...core.tracking.run import InBulk, Run, Tracker, note_damaged
from ..clip.colour import changed_words
from ..clip.editor import ClipEditor
from ..clip.markers import check_settings
from ..clip.movie_clip import Plate, check_first, check_readable, counting_of, footage_of, metadata_of, plate_of
from ..clip.reading import can_read
from ..preferences import preferences
from . import reconcile
from .artist_tracks import ArtistTracks
from .chosen_tracks import chosen_tracks, has_usable_marker
from .reconcile import edits, objects_called
from .working_set import WorkingSet, remove_leftovers

if TYPE_CHECKING:
    from bpy.types import MovieClip


IN_BULK = InBulk()
Apart = Callable[[passes.Plan, passes.Edits], Tracker | None]
"""Another tracker for the passes of a plan; None for passes that it cannot track."""


class Shot:
    """A clip in an editor together with its session, which this process owns."""

    def __init__(self, editor: ClipEditor, session: TrackingSessionManager, check: FootageCheck, known: Replay) -> None:
        self.editor = editor
        self.clip: MovieClip = editor.clip
        self.session = session
        self.recorder = session.acquire()
        self.check = check
        self.tracked_before = len(known.tracked)
        """Frames recorded before the session was opened."""
        self._known: Replay | None = known  # the replay of the journal, until more is recorded
        self.kept = 0
        """Tracks that were changed in the clip since the file was saved, and kept their markers."""
        self.left_out = 0
        """Tracks of the resumed passes that do not take part, because the artist has tracked them further."""
        self.colour_words = ""
        """The message that the colours of the pictures have changed; empty if they have not."""
        self.is_tracked_on = False
        """Whether no track takes part, so that the first step closes the pass."""
        self.release: Callable[[], None] = session.close
        """Gives the session up after a run; whoever lent it takes it back."""

    @classmethod
    def create(cls, editor: ClipEditor, root: Path, name: str, *, blend: str = "", plate: Plate | None = None) -> Shot:
        """Create a session of the clip; `plate` are its files, if they were checked already.

        Raises FootageUnusable, StorageFailed.
        """
        clip = editor.clip
        plate = plate or plate_of(clip)
        session = create_session(
            plate.footage.first, name, root, metadata=metadata_of(clip), plate=plate, blend=blend, clip=clip.name
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
        """Own the existing session of the clip, and write the recorded markers that the clip lacks to it.

        The clip contains the journal up to `since`; see `TrackingSessionManager.contained` and `reconcile.restore`.
        Without `restore` the clip stays as it is, and its differences from the records count as edits. Raises
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
        details = session.details() if session.session.footage.fingerprint else None
        session.durable = preferences().is_durable
        known = session.acquire_replay(since=since, salvage=salvage, wait=wait)
        try:
            if details is None:
                details = describe(footage)
                session.acquire().set_details(footage, details)
            check = FootageCheck(footage, details, damaged=known.damaged, can_read=can_read)
            shot = cls(editor, session, check, known)
            shot.check_frames(known.tracked)
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

    def known(self) -> Replay:
        """The replay of the journal."""
        return self._known or self.session.replay()

    # Between passes

    def start(
        self,
        ranges: Sequence[tuple[int, int]],
        *,
        after_step: Callable[[Run], None] = IN_BULK,
        separate_clip: bool = True,
        apart: Apart | None = None,
    ) -> Run:
        """Begin passes over `ranges` (first and last clip frame of each) for the tracks of Track Forwards.

        All ranges start on the same frame. The journal first gets the artist's edits. `after_step` and `separate_clip`
        as in `Run` and `WorkingSet`; with `apart` its tracker takes the place of the working set. Raises
        NothingToTrack, UsageError for frames outside the clip, ShotUnusable, FootageUnusable, LeaseLost, StorageFailed.
        """
        start = ranges[0][0]
        for frame in {frame for pair in ranges for frame in pair}:
            if not 1 <= frame <= self.clip.frame_duration:
                raise UsageError(self.counting.outside(frame, self.clip.frame_duration))
        self.check_timeline()
        remove_leftovers(self.clip)
        where = self.clip.tracking.objects.active
        assert where is not None  # a clip has at least the camera
        chosen = chosen_tracks(where, self.editor.space, start, self.counting)
        limit = min((track.frames_limit for track in chosen if track.frames_limit), default=0)
        ranges = [passes.limited(*pair, limit) for pair in ranges]
        self.check_frames(FrameRanges((min(pair), max(pair)) for pair in ranges))
        known = self.known()
        found = edits(self.clip, where, known)
        names = {data.name: number for number, data in found.tracks.items()}
        numbers = [names[track.name] for track in chosen]
        followed = sum(has_usable_marker(track, start) for track in chosen)
        version = bpy.app.version_string
        plan = passes.begin(ranges, numbers, known, object=where.name, blender=version, followed=followed)
        return self._run(plan, found, after_step, separate_clip, apart)

    def resume(
        self,
        number: int | None = None,
        *,
        after_step: Callable[[Run], None] = IN_BULK,
        separate_clip: bool = True,
        apart: Apart | None = None,
    ) -> Run | None:
        """Resume the unfinished pass of that number, or the one that matters most, and those planned after it.

        None if there is none. See `core.tracking.passes.resume`. Raises as `start` does, and ClipChanged.
        """
        known = self.known()
        unfinished = [progress for progress in known.unfinished if number is None or progress.plan.number == number]
        if not unfinished:
            return None
        self.check_timeline()
        progress = unfinished[0]
        number, tracks = progress.plan.number, progress.plan.tracks
        name = next((known.tracks[number].object for number in tracks if number in known.tracks), progress.plan.object)
        where = self.clip.tracking.objects.get(objects_called(self.clip, known).get(name, name))
        if where is None:
            raise ClipChanged(
                f"The tracking object “{name}” is gone: undo that, give it this name again, or start a fresh session"
            )
        self.clip.tracking.objects.active = where
        found = edits(self.clip, where, known)
        version = bpy.app.version_string
        plan = passes.resume(known, found, self.counting, object=where.name, blender=version, number=number)
        assert plan is not None  # there is a pass to resume
        for number in {number for each in plan.passes for number in found.existing(each.tracks)}:
            check_settings(where.tracks[found.tracks[number].name])
        self.check_frames(plan.frames)
        self.left_out, self.is_tracked_on = plan.left_out, plan.is_tracked_on
        return self._run(plan, found, after_step, separate_clip, apart)

    def _run(
        self,
        plan: passes.Plan,
        found: passes.Edits,
        after_step: Callable[[Run], None],
        separate_clip: bool,
        apart: Apart | None,
    ) -> Run:
        """Record the edits and, unless it is open, the first pass; the run tracks the passes."""
        self._known = None
        self.recorder.set_start(self.clip.frame_start)
        if not plan.is_open:
            self.recorder.open_pass(plan.passes[0], plan.passes[1:], found.records)
        elif found.records:
            self.recorder.append(*found.records)
        session_id = self.session.id
        tracks = ArtistTracks(self.clip, session_id, plan.passes[0].object, found.tracks, plan.frame)
        other = apart(plan, found) if apart is not None else None
        tracker = other or WorkingSet(self.editor, tracks, separate_clip=separate_clip)
        return Run(self.recorder, tracker, tracks, self.check, plan, after_step=after_step)

    def check_frames(self, frames: FrameRanges) -> None:
        """Check the files of the frames, and record a damaged picture. Raises FootageUnusable."""
        try:
            self.check.frames(frames)
        except PictureUnusable as error:
            if self.session.passes:  # a session without passes is not resumed
                note_damaged(self.recorder, error)
            raise

    def check_timeline(self) -> None:
        """Raise ShotUnusable for frames beyond Blender's timeline, on which Blender crashes."""
        last = self.clip.frame_duration
        if self.counting.shown(last) > TIMELINE_END:
            raise ShotUnusable(
                f"The clip covers {self.counting.span(1, last)}, beyond the end of Blender's timeline "
                f"({TIMELINE_END}): set its Start Frame lower"
            )

    @property
    def remarks(self) -> list[str]:
        """Remarks for the user before the session is resumed, each without a full stop."""
        closed = "no track is left to follow, so the pass is closed" if self.is_tracked_on else ""
        kept = "; ".join(words for words in (kept_words(self.kept), left_out_words(self.left_out), closed) if words)
        changes = f"The changes in the file stay: {kept}" if kept else ""
        return [words for words in (changes, self.colour_words) if words]


def kept_words(tracks: int) -> str:
    """The remark about tracks that kept their changed markers; empty for none."""
    if not tracks:
        return ""
    return f"{count_words(tracks, 'track')} changed in this file kept {'its' if tracks == 1 else 'their'} markers"


def left_out_words(tracks: int) -> str:
    """The remark about tracks that a resumed pass does not track; empty for none."""
    if not tracks:
        return ""
    has, is_ = ("has", "is") if tracks == 1 else ("have", "are")
    return (
        f"{count_words(tracks, 'track')} {has} newer markers on the frames to come and {is_} tracked only behind them"
    )
