# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender's events mean for the run that is under way and for the sessions of the open file."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from ..core.errors import TrackingSessionError
from . import live, overview
from .working_set import remove_leftovers


@persistent
def _before_saving(*_: object) -> None:
    if live.current is not None:
        try:
            live.current.run.rest()
        except TrackingSessionError:
            _before_change()  # nothing of the tracker may be in the file


@persistent
def _before_change(*_: object) -> None:
    """Undo, redo and loading replace the clip under a run: it pauses before that."""
    if live.current is not None:
        try:
            live.current.finish()
        except TrackingSessionError:
            pass  # the folder cannot be written: what is recorded stays, and the panel tells


@persistent
def _after_undo(*_: object) -> None:
    for clip in bpy.data.movieclips:
        remove_leftovers(clip)
    overview.forget()


@persistent
def _after_loading(*_: object) -> None:
    overview.forget(file_is_new=True)
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
    overview.forget(file_is_new=True)
