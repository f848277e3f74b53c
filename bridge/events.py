# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers of Blender's events, for the running pass and the sessions of the open file."""

from __future__ import annotations

import logging
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..core.errors import TrackingSessionError
from . import watch
from .clip.colour import note_spaces
from .clip.movie_clip import library_of
from .open_file import open_file
from .sessions import finding, moving, overview, recovery
from .sessions.recording import REDO, UNDO, close_recordings, known_recording, recording_of
from .tracking import live, reconcile
from .tracking.working_set import remove_leftovers

_log = logging.getLogger(__name__)


@persistent
def _before_saving(path: str, *_: object) -> None:
    running = live.running()
    if running is not None:
        try:
            running.run.suspend()
        except TrackingSessionError as error:
            _log.warning("The pass ends before the file is saved: %s", error)
            live.end_running()  # takes the tracker's objects out of the file
    watch.record_everything()
    for clip in bpy.data.movieclips:
        recording = known_recording(clip)
        if recording is not None:
            recording.stamp(clip)
        if path:
            finding.note_root(clip, path)


@persistent
def _after_saving(path: str, *_: object) -> None:
    if not path or path != bpy.data.filepath:
        return  # Blender saved a copy, or the startup file
    running = live.running()
    owned = running.shot.session if running is not None else None
    for clip in bpy.data.movieclips:
        try:
            recovery.note_saved(clip, owned)
        except TrackingSessionError as error:  # at worst the panel lists undone frames as missing from the file
            _log.warning("The session of the clip %r does not know of the saved file: %s", clip.name, error)
        moving.move_beside(clip)


@persistent
def _before_undo(*_: object) -> None:
    """Pause the running pass and record what is new: undo and redo replace the clip."""
    live.end_running()
    watch.tick(at_once=True)


@persistent
def _before_leaving(*_: object) -> None:
    """Pause the running pass, record everything and give the sessions up: the file goes, or Blender quits."""
    live.end_running()
    watch.record_everything()
    close_recordings()


def _after_change() -> None:
    for clip in bpy.data.movieclips:
        if not library_of(clip):
            remove_leftovers(clip)
    open_file.forget()


@persistent
def _after_undo(*_: object) -> None:
    _after_change()
    watch.after_undo(UNDO)


@persistent
def _after_redo(*_: object) -> None:
    _after_change()
    watch.after_undo(REDO)


@persistent
def _after_loading(*_: object) -> None:
    open_file.reset()
    _after_change()
    note_spaces(file_is_new=True)  # before a picture is drawn
    for clip in bpy.data.movieclips:
        if overview.overview(clip).missing:
            reconcile.note_opened(clip)
            recording_of(clip)
    if not bpy.app.background and not bpy.app.timers.is_registered(_report_lost):
        bpy.app.timers.register(_report_lost, first_interval=0.1)


def _report_lost() -> None:
    """Report the frames that the opened file lacks. Blender has no window for it until the file is open."""
    if not overview.lost_words():
        return
    operators: Any = bpy.ops.tracking_sessions  # type: ignore[attr-defined]  # made when they are registered
    for window in bpy.context.window_manager.windows:
        with bpy.context.temp_override(window=window):
            operators.tell_lost("INVOKE_DEFAULT")
        return


HANDLERS = (
    ("save_pre", _before_saving),
    ("save_post", _after_saving),
    ("undo_pre", _before_undo),
    ("redo_pre", _before_undo),
    ("load_pre", _before_leaving),
    ("undo_post", _after_undo),
    ("redo_post", _after_redo),
    ("load_post", _after_loading),
    ("exit_pre", _before_leaving),  # from Blender 5.1; before, it ends with `unregister`
)


def register() -> None:
    for name, handler in HANDLERS:
        if hasattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).append(handler)
    watch.register()


def unregister() -> None:
    _before_leaving()
    watch.unregister()
    for name, handler in HANDLERS:
        handlers: list[object] = getattr(bpy.app.handlers, name, [])
        if handler in handlers:
            handlers.remove(handler)
    if bpy.app.timers.is_registered(_report_lost):
        bpy.app.timers.unregister(_report_lost)
    open_file.reset()
