# SPDX-License-Identifier: GPL-3.0-or-later
"""Track, pause and resume in the Movie Clip Editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty
from bpy.types import Operator

from ..bridge import live, overview
from ..bridge.editor import ClipEditor
from ..core.errors import TrackingSessionError
from .editor import InEditor, editor_of, redraw

if TYPE_CHECKING:
    from bpy.types import Context, Event, OperatorProperties


class _TracksLive(InEditor):
    """What the operators share that drive a run: a loop when executed, a timer when invoked in a window."""

    _live: live.LivePass | None = None
    _timer: bpy.types.Timer | None = None

    def _ranges(self, editor: ClipEditor) -> list[tuple[int, int]]:
        """What to track; nothing to go on with what was paused. Raises UsageError."""
        return []

    def _begin(self, context: Context) -> bool:
        editor = editor_of(context)
        try:
            ranges = self._ranges(editor)
            self._live = live.LivePass(editor, overview.open_shot(editor), ranges)
        except TrackingSessionError as error:
            self.report({"ERROR"}, str(error))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        if not self._begin(context):
            return {"CANCELLED"}
        assert self._live is not None
        try:
            while self._live.tick():
                pass
        except TrackingSessionError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def invoke(self, context: Context, event: Event) -> set[str]:
        if bpy.app.background:
            return self.execute(context)
        if not self._begin(context):
            return {"CANCELLED"}
        manager = context.window_manager
        self._timer = manager.event_timer_add(live.TICK, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        assert self._live is not None
        if live.current is not self._live:  # undo, loading a file or unregistering has ended it
            return self._end(context)
        if event.type == "ESC" and event.value == "PRESS":
            self._live.wants_pause = True
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if not self._live.editor.is_showing():
                self._live.wants_pause = True
            goes_on = self._live.tick()
        except TrackingSessionError as error:
            self.report({"ERROR"}, str(error))
            return self._end(context)
        redraw(context)
        return {"RUNNING_MODAL"} if goes_on else self._end(context)

    def cancel(self, context: Context) -> None:
        if live.current is not None and live.current is self._live:
            live.current.finish()
        self._end(context)

    def _end(self, context: Context) -> set[str]:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        redraw(context)
        return {"FINISHED"}  # also after an error: what was recorded is in the clip, and undo takes it back


class TRACKING_SESSIONS_OT_track(_TracksLive):
    """Track the selected tracks from the current frame, and record each frame at once"""

    bl_idname = "tracking_sessions.track"
    bl_label = "Track in Session"
    bl_options = {"UNDO"}

    backwards: BoolProperty(  # type: ignore[valid-type]  # Blender's way to declare a property
        name="Backwards", description="Track towards the beginning of the clip", options={"SKIP_SAVE"}
    )

    def _ranges(self, editor: ClipEditor) -> list[tuple[int, int]]:
        return live.asked_ranges(editor, "BACKWARDS" if self.backwards else "FORWARDS", "SCENE", 0)

    @classmethod
    def _poll_session(cls, seen: overview.Overview) -> bool:
        if seen.is_missing:
            cls.poll_message_set("Frames are recorded that this file does not have: restore them first, or start fresh")
        return not seen.is_missing

    @classmethod
    def description(cls, context: Context, properties: OperatorProperties) -> str:
        direction = "backwards" if properties.backwards else "forwards"
        return f"Track the selected tracks {direction} from the current frame, and record each frame at once"


class TRACKING_SESSIONS_OT_resume(_TracksLive):
    """Continue tracking from the last recorded frame"""

    bl_idname = "tracking_sessions.resume"
    bl_label = "Resume Tracking"
    bl_options = {"UNDO"}

    @classmethod
    def _poll_session(cls, seen: overview.Overview) -> bool:
        if seen.resume_frame is None:
            cls.poll_message_set("Nothing was interrupted in this clip")
        return seen.resume_frame is not None


class TRACKING_SESSIONS_OT_pause(Operator):
    """Stop after the frame in flight, which is recorded"""

    bl_idname = "tracking_sessions.pause"
    bl_label = "Pause Tracking"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if live.current is None:
            cls.poll_message_set("Nothing is being tracked")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        assert live.current is not None
        live.current.wants_pause = True
        return {"FINISHED"}


classes = (
    TRACKING_SESSIONS_OT_track,
    TRACKING_SESSIONS_OT_resume,
    TRACKING_SESSIONS_OT_pause,
)
