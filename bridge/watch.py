# SPDX-License-Identifier: GPL-3.0-or-later
"""Says the recordings when to look at their clips: after events of Blender, and while Blender's own tracker runs.

Blender's dependency graph names a clip after some changes only (tracking, moved and muted markers, scripts); the newest
operator of the window manager, and undo, redo, tell of the others. Changes without any of these signs, as by scripts
that insert markers, are found by looking at the cheap signs of a few tracks at a time.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import bpy
from bpy.app.handlers import persistent

from .clip.editor import TRACKER, blender_is_tracking, redraw
from .open_file import open_file
from .review import auditing, undoing
from .sessions.blender_pass import BlenderPass, Way
from .sessions.recording import RETRY, Recording, close_gone, known_recording, recording_of
from .tracking import live

if TYPE_CHECKING:
    from bpy.types import Depsgraph, MovieClip, Scene

INTERVAL = 0.25  # seconds between two looks
SOON = 0.02  # seconds until the next look while tracks are left to compare
AT_ONCE = bpy.app.background  # whether a session is begun in one tick, as nobody waits for Blender
IDLE_EVERY = 4  # ticks between two looks at the cheap signs of some tracks
DRAGS = (
    "TRANSFORM_OT_",
    "CLIP_OT_slide_marker",
    "CLIP_OT_slide_plane_marker",
    "CLIP_OT_add_marker_move",  # this and the next are macros, and stand for their parts
    "CLIP_OT_add_marker_slide",
)
OURS = "TRACKING_SESSIONS_OT_"
WIDE = {
    "CLIP_OT_clean_tracks",
    "CLIP_OT_hide_tracks",
    "CLIP_OT_hide_tracks_clear",
    "CLIP_OT_graph_delete_knot",
    "CLIP_OT_graph_disable_markers",
}
"""The operators that change tracks which are not selected, without any cheap sign."""

_log = logging.getLogger(__name__)


class _Signs:
    """The signs of changes, since the last tick."""

    def __init__(self) -> None:
        self.is_changed = False  # the dependency graph, or an event, has named a clip
        self.is_wide = False  # any track may be changed
        self.newest = 0  # the address of the newest operator
        self.passes: dict[int, BlenderPass] = {}  # of Blender's running job, by clip
        self.ticks = 0


def _signs() -> _Signs:
    return open_file.view(_Signs)


@persistent
def _after_update(scene: Scene, depsgraph: Depsgraph) -> None:
    if depsgraph.id_type_updated("MOVIECLIP"):
        _signs().is_changed = True


def note(operator: str) -> None:
    """Note that the operator of this `bl_idname` has changed a clip."""
    signs = _signs()
    signs.is_changed = True
    signs.is_wide = signs.is_wide or operator in WIDE


def after_undo(operator: str) -> None:
    """Undo or redo has replaced the tracks of all clips: record what it changed, before any new edit."""
    for clip in bpy.data.movieclips:
        recording = known_recording(clip)
        if recording is not None:
            recording.forget_addresses()
            recording.look(clip, operator, whole=bpy.app.background)  # without a window no tick compares the rest
            undoing.after_undo(clip)


def clips() -> list[MovieClip]:
    """The clips that are recorded: those in an editor, and those with a recording."""
    shown = {
        area.spaces.active.clip
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
        if area.type == "CLIP_EDITOR"
    }
    return [clip for clip in bpy.data.movieclips if clip in shown or clip.session_uid in open_file.recordings]


def _tick() -> float:
    """As `tick`, for Blender, which ends a timer that raises, and draws an edit before it is recorded."""
    try:
        shown = open_file.revision
        pause = tick()
        if open_file.revision != shown and not blender_is_tracking():
            redraw(bpy.context)
        return pause
    except Exception:
        _log.exception("A change of a clip could not be recorded")
        return RETRY


def tick(*, at_once: bool = False) -> float:
    """Look at the clips if there are signs of changes; returns the seconds until the next look.

    `at_once`: record a pass of Blender in a new session now, as before an undo that takes it back.
    """
    if live.running() is not None or _is_dragging():
        return INTERVAL
    signs = _signs()
    newest = _newest()
    name = _name_of(newest)
    address = newest.as_pointer() if newest is not None else 0
    is_new, signs.newest = address != signs.newest, address
    if is_new and newest is not None:
        note(newest.bl_idname)
    is_changed, is_wide = signs.is_changed or is_new, signs.is_wide
    signs.is_changed = signs.is_wide = False
    signs.ticks += 1
    has_more = False
    is_tracking = blender_is_tracking()
    close_gone()
    for clip in clips():
        recording = recording_of(clip)
        if recording is None:
            continue
        if is_tracking or clip.session_uid in signs.passes:
            _track(clip, recording, is_tracking=is_tracking, at_once=at_once or AT_ONCE)
        elif is_new and newest is not None and newest.bl_idname == TRACKER:
            signs.passes[clip.session_uid] = BlenderPass(recording, clip, Way.of(newest, clip))
            _track(clip, recording, is_tracking=False, at_once=at_once or AT_ONCE)
        elif is_changed or recording.is_due:
            recording.look(clip, name, is_wide=is_wide, is_by_hand=is_new and _is_by_hand(newest))
        elif recording.has_more:
            recording.go_on(clip)
        elif signs.ticks % IDLE_EVERY == 0:
            recording.glance(clip)
        recording.rest()
        if is_tracking:
            has_more = has_more or recording.is_beginning
        else:
            has_more = recording.catch_up() or recording.has_more or has_more
            if not (has_more or at_once):
                has_more = auditing.at_idle(clip, recording)
    return SOON if has_more else INTERVAL


def _track(clip: MovieClip, recording: Recording, *, is_tracking: bool, at_once: bool) -> None:
    """Record what Blender's running job has added to the clip, or its end."""
    signs = _signs()
    following = signs.passes.get(clip.session_uid)
    if is_tracking:
        if following is None:
            operator = _running()
            if operator is None or not _is_shown(clip):
                return
            following = signs.passes[clip.session_uid] = BlenderPass(recording, clip, Way.of(operator, clip))
        if at_once or recording.begin(clip):
            following.follow(clip)
        return
    assert following is not None  # as the caller has asked
    if not at_once and not recording.begin(clip):
        return  # the next tick goes on
    del signs.passes[clip.session_uid]
    following.finish(clip)
    recording.look(clip, _name_of(_newest()))
    redraw(bpy.context)


def _running() -> Any:
    """The modal operator of Blender's tracker."""
    for window in bpy.context.window_manager.windows:
        for operator in window.modal_operators:
            if operator is not None and operator.bl_idname == TRACKER:
                return operator
    return None


def _is_dragging() -> bool:
    """Whether the artist drags markers: an edit with a name of its own once the mouse button is let go."""
    return any(
        operator is not None and operator.bl_idname.startswith(DRAGS)
        for window in bpy.context.window_manager.windows
        for operator in window.modal_operators
    )


def _is_by_hand(operator: Any) -> bool:
    """Whether a person moves markers with it: Blender's own, or one of another extension, such as arrow keys."""
    idname = operator.bl_idname if operator is not None else ""
    kind: Any = bpy.types.Operator
    return idname.startswith(DRAGS) or (not idname.startswith(OURS) and kind.bl_rna_get_subclass_py(idname) is not None)


def _is_shown(clip: MovieClip) -> bool:
    return any(
        area.type == "CLIP_EDITOR" and area.spaces.active.clip == clip
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
    )


def _newest() -> Any:
    operators = bpy.context.window_manager.operators
    return operators[-1] if len(operators) else None


def _name_of(operator: Any) -> str:
    return str(operator.name) if operator is not None else ""


def record_everything() -> None:
    """Compare every track of all recorded clips now, as before the file is saved or closed."""
    signs = _signs()
    if live.running() is not None:
        return
    for clip in bpy.data.movieclips:
        recording = known_recording(clip)
        if recording is None:
            continue
        following = signs.passes.pop(clip.session_uid, None)
        if following is not None:
            following.finish(clip)
        recording.look(clip, _name_of(_newest()), whole=True)


def register() -> None:
    bpy.app.handlers.depsgraph_update_post.append(_after_update)
    bpy.app.timers.register(_tick, first_interval=INTERVAL, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _after_update in bpy.app.handlers.depsgraph_update_post:
        bpy.app.handlers.depsgraph_update_post.remove(_after_update)
