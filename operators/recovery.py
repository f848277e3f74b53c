# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist does about frames that are recorded but not in the open file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.types import Operator

from ..bridge.clip.editor import redraw
from ..bridge.clip.movie_clip import counting_of
from ..bridge.open_file import open_file
from ..bridge.sessions import overview, recovery
from ..bridge.tracking.shot import kept_words
from ..core.errors import TrackingSessionError
from ..core.model.wording import owner_words
from ..core.storage.lease import Watch
from .editor import InEditor, editor_of, report_error

if TYPE_CHECKING:
    from bpy.types import Context, Event


class TRACKING_SESSIONS_OT_restore(InEditor):
    """Put the recorded frames into this file, without tracking on"""

    bl_idname = "tracking_sessions.restore"
    bl_label = "Restore Markers"
    bl_options = {"UNDO"}

    @classmethod
    def _poll_session(cls, seen: overview.Overview) -> bool:
        is_wanted = seen.is_missing or seen.is_undone or seen.is_damaged
        if not is_wanted:
            cls.poll_message_set("This file has all frames that are recorded")
        return is_wanted

    def execute(self, context: Context) -> set[str]:
        try:
            editor = editor_of(context)
            restored = recovery.restore(editor)
        except TrackingSessionError as error:
            report_error(self, error)
            return {"CANCELLED"}
        frame = counting_of(editor.clip).shown(restored.frame)
        words = f"Restored the recorded markers up to frame {frame}"
        if restored.kept:
            self.report({"WARNING"}, f"{words}; {kept_words(restored.kept)}")
        else:
            self.report({"INFO"}, words)
        redraw(context)
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_start_fresh(InEditor):
    """Leave the recorded frames aside and begin a new session; the old one is kept"""

    bl_idname = "tracking_sessions.start_fresh"
    bl_label = "Start Fresh"

    @classmethod
    def _poll_session(cls, seen: overview.Overview) -> bool:
        if not (seen.name or seen.error):
            cls.poll_message_set("This clip has no session yet")
        return bool(seen.name or seen.error)

    def execute(self, context: Context) -> set[str]:
        try:
            recovery.set_aside(context.space_data.clip)
        except TrackingSessionError as error:
            report_error(self, error)
            return {"CANCELLED"}
        redraw(context)
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_wait(InEditor):
    """Wait until the session is free, and say so"""

    bl_idname = "tracking_sessions.wait"
    bl_label = "Wait for It"

    _works_while_owned = True
    _watch: Watch | None = None
    _timer: bpy.types.Timer | None = None
    _workspace = ""  # the one whose status bar says what is waited for

    @classmethod
    def _poll_session(cls, seen: overview.Overview) -> bool:
        if not seen.owner:
            cls.poll_message_set("The session is not in use: there is nothing to wait for")
        elif "wait" in open_file.modal:
            cls.poll_message_set("It is already being waited for")
        return bool(seen.owner) and "wait" not in open_file.modal

    def execute(self, context: Context) -> set[str]:
        """One look."""
        if self._is_free(context):
            return {"FINISHED"}
        if self._watch is not None:
            self.report({"WARNING"}, f"The session is still in use by {owner_words(str(self._watch.owner))}")
        return {"CANCELLED"}

    def invoke(self, context: Context, event: Event) -> set[str]:
        if bpy.app.background:
            return self.execute(context)
        if self._is_free(context):
            return {"FINISHED"}
        if self._watch is None:
            return {"CANCELLED"}
        manager = context.window_manager
        self._timer = manager.event_timer_add(1.0, window=context.window)
        manager.modal_handler_add(self)
        self._workspace = context.workspace.name
        open_file.modal["wait"] = self
        self._tell(context)
        redraw(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self.cancel(context)
            return {"CANCELLED"}
        if event.type == "TIMER":
            if self._is_free(context):
                self.cancel(context)
                return {"FINISHED"}
            if self._watch is None:
                self.cancel(context)
                return {"CANCELLED"}
            self._tell(context)
        return {"PASS_THROUGH"}

    def cancel(self, context: Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        self._tell(context, is_over=True)
        self._watch = None
        if open_file.modal.get("wait") is self:
            del open_file.modal["wait"]

    def _is_free(self, context: Context) -> bool:
        """One look; says that the session is free, or, with no watch left, why it cannot be told."""
        try:
            self._watch = self._watch or recovery.watch(context.space_data.clip)
            if not self._watch.poll():
                return False
        except TrackingSessionError as error:
            self._watch = None
            report_error(self, error)
            return False
        open_file.forget()
        redraw(context)
        self.report({"INFO"}, "The session is free now: restore its frames, resume it, or track on")
        return True

    def _tell(self, context: Context, *, is_over: bool = False) -> None:
        workspace = bpy.data.workspaces.get(self._workspace)
        if workspace is not None:
            owner = owner_words(str(self._watch.owner)) if self._watch is not None else None
            workspace.status_text_set(None if is_over else f"Waiting for {owner}. ESC: Stop Waiting")


class TRACKING_SESSIONS_OT_tell_lost(Operator):
    """Say which recorded frames the file that was just opened does not have"""

    bl_idname = "tracking_sessions.tell_lost"
    bl_label = "Tell What Is Missing"
    bl_options = {"INTERNAL"}

    _timer: bpy.types.Timer | None = None

    def execute(self, context: Context) -> set[str]:
        words = overview.lost_words()
        if not words:
            return {"CANCELLED"}
        self.report({"WARNING"}, words)
        return {"FINISHED"}

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Blender shows no report of an operator that a script has called, but that of one it has called itself."""
        if bpy.app.background:
            return self.execute(context)
        manager = context.window_manager
        self._timer = manager.event_timer_add(0.1, window=context.window)
        manager.modal_handler_add(self)
        open_file.modal["tell"] = self
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        self.cancel(context)
        return self.execute(context)

    def cancel(self, context: Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        if open_file.modal.get("tell") is self:
            del open_file.modal["tell"]


classes = (
    TRACKING_SESSIONS_OT_restore,
    TRACKING_SESSIONS_OT_start_fresh,
    TRACKING_SESSIONS_OT_wait,
    TRACKING_SESSIONS_OT_tell_lost,
)
