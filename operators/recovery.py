# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores recorded frames that the open file lacks, discards them, or waits for their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty

from ..bridge.clip.editor import redraw
from ..bridge.clip.movie_clip import counting_of
from ..bridge.open_file import open_file
from ..bridge.sessions import overview, recovery
from ..bridge.sessions.listing import SESSIONS, refresh
from ..bridge.tracking.shot import kept_words
from ..core.errors import TrackingSessionError
from ..core.model.wording import count_words, owner_words
from ..core.storage.lease import Watch
from .editor import InEditor, Modal, editor_of, report_error

if TYPE_CHECKING:
    from bpy.types import Context, Event


class TRACKING_SESSIONS_OT_restore(InEditor):
    """Write the recorded frames to this file, without tracking more frames"""

    bl_idname = "tracking_sessions.restore"
    bl_label = "Restore Markers"
    bl_options = {"UNDO"}

    choice: EnumProperty(  # type: ignore[valid-type]  # Blender's way to declare a property
        name="Tracks Changed on Both Sides",
        items=(
            ("KEEP", "Keep Mine and Add What Is Missing", "Set recorded markers only on frames without a marker"),
            ("TAKE", "Take What Is Recorded", "Set all recorded markers; yours stay in the history"),
        ),
        default="KEEP",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Ask if tracks have changed on both sides."""
        clip = context.space_data.clip
        recovery.look_at(clip)
        if not overview.overview(clip).in_question or bpy.app.background:
            return self.execute(context)
        manager = context.window_manager
        return manager.invoke_props_dialog(self, width=380, title="Restore Markers", confirm_text="Restore")

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        seen = overview.overview(context.space_data.clip)
        for line in question_lines(seen):
            layout.label(text=line)
        layout.column().prop(self, "choice", expand=True)

    @classmethod
    def _session_obstacle(cls, seen: overview.Overview) -> str:
        return "" if seen.missing or seen.undone or seen.is_damaged else "This file has all recorded frames"

    def execute(self, context: Context) -> set[str]:
        editor = editor_of(context)
        try:
            restored = recovery.restore(editor, keeps=self.choice == "KEEP")
        except TrackingSessionError as error:
            return report_error(self, error)
        words = f"Restored the recorded markers up to frame {counting_of(editor.clip).shown(restored.frame or 0)}"
        if restored.kept:
            self.report({"WARNING"}, f"{words}; {kept_words(restored.kept)}")
        else:
            self.report({"INFO"}, words)
        redraw(context)
        return {"FINISHED"}


def question_lines(seen: overview.Overview) -> list[str]:
    """The question about tracks that changed on both sides."""
    verb = "was" if seen.in_question == 1 else "were"
    return [
        f"{count_words(seen.missing, 'frame')} {'is' if seen.missing == 1 else 'are'} recorded that this file lacks.",
        f"{seen.in_question} of their tracks {verb} changed in this file as well.",
    ]


class TRACKING_SESSIONS_OT_start_fresh(InEditor):
    """Set the session of this clip aside, so that the next pass begins a new one; Sessions > Bring Back undoes it"""

    bl_idname = "tracking_sessions.start_fresh"
    bl_label = "Start Fresh"

    @classmethod
    def _session_obstacle(cls, seen: overview.Overview) -> str:
        return "" if seen.name or seen.error else "This clip has no session yet"

    def execute(self, context: Context) -> set[str]:
        try:
            discarded = recovery.set_aside(context.space_data.clip)
        except TrackingSessionError as error:
            return report_error(self, error)
        refresh(context)
        if discarded:
            SESSIONS.choose(context, next(iter(discarded)))
            names = " and ".join(f"“{name}”" for name in discarded.values())
            was = "was" if len(discarded) == 1 else "were"
            self.report({"INFO"}, f"{names} {was} set aside: Sessions > Bring Back")
        else:
            self.report({"INFO"}, "The clip no longer uses the session that cannot be read; its files stay")
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_wait(InEditor, Modal):
    """Wait until the session is free, and report it"""

    bl_idname = "tracking_sessions.wait"
    bl_label = "Wait for It"

    _job = "wait"
    _works_while_owned = True
    _watch: Watch | None = None
    _workspace = ""  # its status bar names the owner

    @classmethod
    def _session_obstacle(cls, seen: overview.Overview) -> str:
        if not seen.owner:
            return "The session is not in use: there is nothing to wait for"
        return "Blender is already waiting for the session" if cls._job in open_file.modal else ""

    def execute(self, context: Context) -> set[str]:
        """Check the owner once."""
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
        self._workspace = context.workspace.name
        self._show_owner()
        redraw(context)
        return self._listen(context, 1.0)

    def modal(self, context: Context, event: Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self.cancel(context)
            return {"CANCELLED"}
        if event.type == "TIMER":
            is_free = self._is_free(context)
            if is_free or self._watch is None:
                self.cancel(context)
                return {"FINISHED"} if is_free else {"CANCELLED"}
            self._show_owner()
        return {"PASS_THROUGH"}

    def cancel(self, context: Context) -> None:
        self._stop_listening(context)
        self._watch = None
        self._show_owner()

    def _is_free(self, context: Context) -> bool:
        """Check the owner once. Reports that the session is free, or an error, after which no watch is left."""
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
        self.report({"INFO"}, "The session is free: restore its frames, resume it, or track more frames")
        return True

    def _show_owner(self) -> None:
        """Name the owner in the status bar, or without a watch restore it."""
        workspace = bpy.data.workspaces.get(self._workspace)
        if workspace is not None:
            owner = owner_words(str(self._watch.owner)) if self._watch is not None else ""
            workspace.status_text_set(f"Waiting for {owner}. ESC: Stop Waiting" if owner else None)


class TRACKING_SESSIONS_OT_tell_lost(Modal):
    """Report the recorded frames that the opened file lacks"""

    bl_idname = "tracking_sessions.tell_lost"
    bl_label = "Report Missing Frames"
    bl_options = {"INTERNAL"}

    _job = "tell"

    def execute(self, context: Context) -> set[str]:
        words = overview.lost_words()
        if not words:
            return {"CANCELLED"}
        self.report({"WARNING"}, words)
        return {"FINISHED"}

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Report from a timer event: Blender shows no report of an operator that a script called."""
        if bpy.app.background:
            return self.execute(context)
        return self._listen(context, 0.1)

    def modal(self, context: Context, event: Event) -> set[str]:
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        self.cancel(context)
        return self.execute(context)

    def cancel(self, context: Context) -> None:
        self._stop_listening(context)


classes = (
    TRACKING_SESSIONS_OT_restore,
    TRACKING_SESSIONS_OT_start_fresh,
    TRACKING_SESSIONS_OT_wait,
    TRACKING_SESSIONS_OT_tell_lost,
)
