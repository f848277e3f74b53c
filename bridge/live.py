# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking in a window: the one run of this Blender, and what a panel needs to know of a clip's session."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy
from bpy.app.handlers import persistent

from ..core.errors import JournalDamaged, SessionUnreadable, ShotUnusable, TrackingSessionError, UsageError
from ..core.model import SessionState, SessionStatus
from ..core.run import Run
from ..core.session import TrackingSessionManager, delete_session, load_session, session_files, sessions_folder
from ..core.session_file import resolve
from ..core.storage import SUFFIXES
from .clip import default_root, marked_position, unmark
from .editor import ClipEditor
from .shot import Shot
from .working_set import remove_leftovers

if TYPE_CHECKING:
    from bpy.types import MovieClip

DELIVERY_INTERVAL = 0.5  # seconds between two deliveries to the artist's tracks, and the view's steps
TICK = 1 / 30  # seconds of tracking per timer tick; one step at least

current: LivePass | None = None
"""The run that is under way in this Blender."""

_contained: set[str] = set()
"""The sessions whose records this Blender has put into the open file, whatever undo took back since."""


class LivePass:
    """A run driven by a timer or a loop, for one clip at a time."""

    def __init__(self, editor: ClipEditor, shot: Shot, backwards: bool | None) -> None:
        """Begin to track from the current frame, or, if `backwards` is None, go on with what was paused.

        Raises UsageError if there is nothing to resume, and what tracking raises.
        """
        self.editor = editor
        self.shot = shot
        self.clip_name = editor.clip.name
        self.clip_start = editor.clip.frame_start  # kept, because the clip may be deleted
        self.wants_pause = False
        self._delivered = time.monotonic()
        scene = bpy.context.scene
        clip = editor.clip
        try:
            if backwards is None:
                run = shot.resume(delivery=self._is_due)
                if run is None:
                    raise UsageError("Nothing was interrupted: there is nothing to resume")
            else:
                first, last, frame = (
                    n - clip.frame_start + 1 for n in (scene.frame_start, scene.frame_end, scene.frame_current)
                )
                end = max(first, 1) if backwards else min(last, clip.frame_duration)
                if frame == end or (frame < end) == backwards:
                    raise UsageError(
                        "The current frame is the last one of the scene in this direction: go to another frame"
                    )
                run = shot.start([(frame, end)], delivery=self._is_due)
            self.run: Run = run.__enter__()
            self._shown = run.frame
        except BaseException as error:
            if isinstance(error, UsageError | ShotUnusable) and not shot.session.passes:
                delete_session(shot.session)  # or each click in vain would leave an empty one
            shot.close()
            raise
        global current
        current = self

    def _is_due(self, _: int) -> bool:
        now = time.monotonic()
        if now - self._delivered < DELIVERY_INTERVAL:
            return False
        self._delivered = now
        self._shown = self.run.frame
        return True

    def tick(self, seconds: float = TICK) -> bool:
        """Track for about so many seconds, one frame at least; False when it is over.

        Raises what tracking raises; the run is then over as well.
        """
        until = time.monotonic() + seconds
        goes_on = True
        try:
            while goes_on and not self.wants_pause:
                goes_on = self.run.step()
                if time.monotonic() >= until:
                    break
            self._follow()
        except BaseException as error:
            self._leave(error)
            raise
        if goes_on and not self.wants_pause:
            return True
        self.finish()
        return False

    def _follow(self) -> None:
        """Show the last frame that the artist's tracks have. The tracker has moved the editor on beyond it."""
        frame = self._shown + self.clip_start - 1
        scene = bpy.context.scene
        if scene.frame_current != frame:
            scene.frame_current = frame
        if self.editor.is_showing():
            self.editor.space.clip_user.frame_current = frame

    def finish(self) -> None:
        """End in good order: pause if there are frames left. It is over even if that raises."""
        run = self.run
        try:
            has_more = run.remaining > abs(run.plan.end - run.frame)  # passes that follow this one
            run.pause()
            if run.outcome is not None and run.outcome.is_final and not has_more:
                self.shot.session.mark_tracking_complete()
            self._shown = run.frame
            self._follow()
        except BaseException as error:
            self._leave(error)
            raise
        self._leave(None)

    def _leave(self, error: BaseException | None) -> None:
        global current
        current = None
        try:
            self.run.__exit__(type(error) if error else None, error, None)
        finally:
            if self._has_clip():
                _contained.add(self.shot.session.session.id)
            else:  # should it come back, by undo or from the file, then without what was recorded
                _contained.discard(self.shot.session.session.id)
            self.shot.close()
            _overviews.clear()

    def _has_clip(self) -> bool:
        try:
            return bool(self.editor.clip.name)
        except ReferenceError:
            return False


def open_shot(editor: ClipEditor) -> Shot:
    """The clip's session with all its frames put into the clip, or a new one.

    Raises what reading and owning sessions raises.
    """
    clip = editor.clip
    found = find_session(clip)
    if found is None:
        name = f"{Path(bpy.data.filepath).stem} {clip.name}" if bpy.data.filepath else clip.name
        return Shot.create(editor, default_root(), name, blend=bpy.data.filepath)
    # what this Blender had put in and the artist took back by undo is not put in again
    shot = Shot.join(editor, found, restore=found.session.id not in _contained)
    _contained.add(found.session.id)
    return shot


def restore(editor: ClipEditor) -> int:
    """Put what is recorded but not in the clip into it; returns the last recorded clip frame.

    Raises UsageError if the clip has no session, and what reading and owning one raises.
    """
    if find_session(editor.clip) is None:
        raise UsageError("This clip has no session: there is nothing to restore")
    shot = open_shot(editor)
    shot.close()
    _overviews.clear()
    return shot.session.session.checkpoint_frame or 0


def set_aside(clip: MovieClip) -> None:
    """Discard the clip's session, which is kept, so that the next pass begins a new one."""
    try:
        found = find_session(clip)
    except (SessionUnreadable, JournalDamaged):
        found = None
        unmark(clip)  # it cannot be written that it is discarded
    if found is not None:
        with found:
            found.acquire(salvage=True)  # damage is no reason to keep it; its files stay as they are
            found.set_state(SessionState.DISCARDED)
    _overviews.clear()


def find_session(clip: MovieClip) -> TrackingSessionManager | None:
    """The session that the clip is marked with, or, after a crash before saving, the last one of this file and clip.

    Discarded ones are passed over. Raises SessionUnreadable or JournalDamaged.
    """
    root = default_root()
    mark = marked_position(clip)
    if mark is not None:
        for suffix in SUFFIXES:
            path = sessions_folder(root) / f"{mark[0]}{suffix}"
            if path.exists():
                manager = load_session(path)
                return None if manager.session.state is SessionState.DISCARDED else manager
    if not bpy.data.filepath:
        return None
    for path in reversed(session_files(root)):
        try:
            manager = load_session(path)
        except (SessionUnreadable, JournalDamaged):
            continue
        said = manager.session
        is_ours = said.blend and said.clip == clip.name and _same(resolve(path, said.blend), bpy.data.filepath)
        if is_ours and said.state is SessionState.ACTIVE:
            return manager
    return None


def _same(path: Path, other: str) -> bool:
    return os.path.normcase(path) == os.path.normcase(os.path.abspath(other))


class Overview(NamedTuple):
    """What the panel shows of the session of a clip that is not being tracked now."""

    name: str = ""
    frames: int = 0
    total: int = 0
    resume_frame: int | None = None
    last_frame: int | None = None  # recorded last
    is_missing: bool = False  # the open file lacks frames that are recorded
    owner: str = ""
    error: str = ""
    seen: float = 0.0  # when, by time.monotonic


_overviews: dict[str, tuple[tuple[float, ...], Overview]] = {}
OWNER_INTERVAL = 2.0  # seconds until it is looked again whether an owner lives: one that was killed changes no file


def overview(clip: MovieClip) -> Overview:
    """The state of the clip's session; read again only when files have changed."""
    root = sessions_folder(default_root())
    stamp = (
        _modified(root),
        *(_modified(root / f"{(marked_position(clip) or ('',))[0]}{suffix}") for suffix in SUFFIXES),
    )
    known = _overviews.get(clip.name)
    if known is not None and known[0] == stamp:
        seen = known[1]
        if not seen.owner or time.monotonic() - seen.seen < OWNER_INTERVAL:
            return seen
    try:
        found = find_session(clip)
        seen = Overview() if found is None else _overview_of(clip, found)
    except TrackingSessionError as error:
        seen = Overview(error=str(error))
    _overviews[clip.name] = (stamp, seen)
    return seen


def _overview_of(clip: MovieClip, manager: TrackingSessionManager) -> Overview:
    session = manager.session
    mark = marked_position(clip)
    progress = manager.get_progress()
    is_open = session.state is SessionState.ACTIVE and session.status is SessionStatus.TRACKING
    contained = mark[1] if mark is not None and mark[0] == session.id else None
    return Overview(
        name=session.name,
        frames=progress["tracked_frames"],
        total=progress["total_frames"],
        resume_frame=manager.get_resume_point() if is_open else None,
        last_frame=session.checkpoint_frame,
        is_missing=session.id not in _contained and manager.has_frames_after(contained),
        owner=manager.owner,
        seen=time.monotonic(),
    )


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


# Blender's events


@persistent
def _before_saving(*_: object) -> None:
    if current is not None:
        try:
            current.run.rest()
        except TrackingSessionError:
            _before_change()  # nothing of the tracker may be in the file


@persistent
def _before_change(*_: object) -> None:
    """Undo, redo and loading replace the clip under a run: it pauses before that."""
    if current is not None:
        try:
            current.finish()
        except TrackingSessionError:
            pass  # the folder cannot be written: what is recorded stays, and the panel tells


@persistent
def _after_undo(*_: object) -> None:
    for clip in bpy.data.movieclips:
        remove_leftovers(clip)
    _overviews.clear()


@persistent
def _after_loading(*_: object) -> None:
    _contained.clear()
    _after_undo()


HANDLERS = (
    ("save_pre", _before_saving),
    ("undo_pre", _before_change),
    ("redo_pre", _before_change),
    ("load_pre", _before_change),
    ("undo_post", _after_undo),
    ("redo_post", _after_undo),
    ("load_post", _after_loading),
)


def register() -> None:
    for name, handler in HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    _before_change()
    for name, handler in HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
    _contained.clear()
    _overviews.clear()
