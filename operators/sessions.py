# SPDX-License-Identifier: GPL-3.0-or-later
"""The session that is chosen in the list: open, discard, delete, reveal it; the tracks that it lost."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import IntProperty
from bpy.types import Operator

from ..bridge.clip.editor import redraw
from ..bridge.clip.movie_clip import counting_of
from ..bridge.open_file import open_file
from ..bridge.sessions import opening
from ..bridge.sessions.history import history
from ..bridge.sessions.list_rows import chosen, update
from ..bridge.sessions.listing import Listing, Row, is_running
from ..bridge.tracking import live
from ..core.errors import TrackingSessionError
from ..core.model.types import SessionState
from ..core.model.wording import owner_words
from ..core.recording.manager import load_session
from .editor import InEditor, report_error

if TYPE_CHECKING:
    from bpy.types import Context, Event


class _OnSession(Operator):
    """An operator for the session that is chosen in the list."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        space = context.space_data
        if space is None or space.type != "CLIP_EDITOR":
            cls.poll_message_set("This works in the Movie Clip Editor")
            return False
        row = chosen(context)
        if row is None:
            cls.poll_message_set("Choose a session in the list")
            return False
        return cls._poll_row(row)

    @classmethod
    def _poll_row(cls, row: Row) -> bool:
        return cls._is_readable(row)

    @classmethod
    def _is_readable(cls, row: Row) -> bool:
        if row.error:
            cls.poll_message_set("The session cannot be read: look at its files with Reveal Folder, or delete it")
        return not row.error

    @classmethod
    def _is_free(cls, row: Row) -> bool:
        """Whether nobody works on the session, as far as the list knows; owning it says for sure."""
        if is_running(row.path):
            cls.poll_message_set("The session is being tracked here: pause it first")
            return False
        if row.owner:
            cls.poll_message_set(f"The session is in use by {owner_words(row.owner)}: wait for it")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        row = chosen(context)
        assert row is not None  # as polled
        try:
            return self._do(context, row)
        except TrackingSessionError as error:
            report_error(self, error)
            return {"CANCELLED"}

    def _do(self, context: Context, row: Row) -> set[str]:
        """Raises TrackingSessionError."""
        raise NotImplementedError

    def _refresh(self, context: Context) -> None:
        """Show at once what the operator did."""
        while open_file.view(Listing).read(1.0):
            pass
        update(context)


class TRACKING_SESSIONS_OT_open_session(_OnSession):
    """Show the clip of the session; where it is not in this file, open its file, or else its footage"""

    bl_idname = "tracking_sessions.open_session"
    bl_label = "Open"

    @classmethod
    def _poll_row(cls, row: Row) -> bool:
        if live.running() is not None:
            cls.poll_message_set("A pass is being tracked: pause it first")
            return False
        if row.is_discarded:
            cls.poll_message_set("The session is discarded: bring it back first")
            return False
        return cls._is_readable(row)

    def _do(self, context: Context, row: Row) -> set[str]:
        manager = load_session(row.path)
        clip = opening.clip_of(manager)
        if clip is None:
            blend = opening.blend_of(manager)
            if blend is not None and not opening.is_open(blend):
                return _open_file(self, blend)
            clip = opening.clip_for(manager)
            hint = ": restore its markers in the panel Session" if manager.passes else ""
            self.report({"INFO"}, f"Opened the footage of “{row.name}”{hint}")
        context.space_data.clip = clip
        if not bpy.app.background:  # where there is no undo
            bpy.ops.ed.undo_push(message="Open Session")
        redraw(context)
        return {"FINISHED"}


def _open_file(operator: Operator, blend: Path) -> set[str]:
    """Let Blender open the file. Invoked, it asks first what is to become of changes that are not saved."""
    call = "EXEC_DEFAULT" if bpy.app.background else "INVOKE_DEFAULT"
    try:
        bpy.ops.wm.open_mainfile(call, filepath=str(blend), display_file_selector=False)
    except RuntimeError as error:
        operator.report({"ERROR"}, f"Blender cannot open {blend}: {str(error).strip()}")
        return {"CANCELLED"}
    return {"FINISHED"}


class TRACKING_SESSIONS_OT_discard_session(_OnSession):
    """Set the session aside: it is kept, but not gone on with until it is brought back"""

    bl_idname = "tracking_sessions.discard_session"
    bl_label = "Discard"

    @classmethod
    def _poll_row(cls, row: Row) -> bool:
        if row.is_discarded:
            cls.poll_message_set("The session is discarded already")
            return False
        return cls._is_readable(row) and cls._is_free(row)

    def _do(self, context: Context, row: Row) -> set[str]:
        opening.set_state(row.path, SessionState.DISCARDED)
        self._refresh(context)
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_bring_back_session(_OnSession):
    """Make the discarded session one that can be gone on with again"""

    bl_idname = "tracking_sessions.bring_back_session"
    bl_label = "Bring Back"

    @classmethod
    def _poll_row(cls, row: Row) -> bool:
        if not row.is_discarded:
            cls.poll_message_set("The session is not discarded")
            return False
        return cls._is_readable(row) and cls._is_free(row)

    def _do(self, context: Context, row: Row) -> set[str]:
        opening.set_state(row.path, SessionState.ACTIVE)
        self._refresh(context)
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_delete_session(_OnSession):
    """Delete the session and all that it has recorded; what is in a clip stays there"""

    bl_idname = "tracking_sessions.delete_session"
    bl_label = "Delete"

    @classmethod
    def _poll_row(cls, row: Row) -> bool:
        return cls._is_free(row)

    def invoke(self, context: Context, event: Event) -> set[str]:
        row = chosen(context)
        assert row is not None  # as polled
        return context.window_manager.invoke_confirm(
            self,
            event,
            title="Delete Session",
            message=opening.what_goes(row),
            confirm_text="Delete",
            icon="WARNING",
        )

    def _do(self, context: Context, row: Row) -> set[str]:
        opening.delete(row.path)
        self._refresh(context)
        self.report({"INFO"}, f"Deleted the session “{row.name}”")
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_reveal_session(_OnSession):
    """Show the files of the session in the system's file manager"""

    bl_idname = "tracking_sessions.reveal_session"
    bl_label = "Reveal Folder"

    @classmethod
    def _poll_row(cls, row: Row) -> bool:
        return True

    def _do(self, context: Context, row: Row) -> set[str]:
        folder = row.path.with_suffix("")
        folder = folder if folder.is_dir() else folder.parent
        try:
            # Blender's operator prints a traceback where this program is missing, and succeeds
            if sys.platform.startswith("linux") and shutil.which("xdg-open") is None:
                raise RuntimeError("xdg-open is not installed")
            bpy.ops.wm.path_open(filepath=str(folder))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            self.report({"ERROR"}, f"The folder cannot be shown here ({reason}). It is {folder}")
            return {"CANCELLED"}
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_show_lost(InEditor):
    """Go to the frame and select the tracks that were lost there"""

    bl_idname = "tracking_sessions.show_lost"
    bl_label = "Show Lost Tracks"
    bl_options = {"UNDO"}
    _works_while_owned = True

    frame: IntProperty(  # type: ignore[valid-type]  # Blender's way to declare a property
        name="Frame", description="Frame of the clip", options={"SKIP_SAVE"}
    )

    def execute(self, context: Context) -> set[str]:
        clip = context.space_data.clip
        names = history(clip).lost.tracks(self.frame)
        objects = clip.tracking.objects
        found = [(objects.get(where), name) for where, name in names]
        tracks = [(where, where.tracks[name]) for where, name in found if where is not None and name in where.tracks]
        context.scene.frame_current = counting_of(clip).shown(self.frame)
        if not tracks:
            self.report({"WARNING"}, "None of the tracks that were lost on this frame is in the clip")
            return {"FINISHED"}
        for one in objects:
            for track in one.tracks:
                track.select = False
        for _, track in tracks:
            track.select = True
        where, track = tracks[0]
        objects.active = where
        where.tracks.active = track
        redraw(context)
        return {"FINISHED"}


classes = (
    TRACKING_SESSIONS_OT_open_session,
    TRACKING_SESSIONS_OT_discard_session,
    TRACKING_SESSIONS_OT_bring_back_session,
    TRACKING_SESSIONS_OT_delete_session,
    TRACKING_SESSIONS_OT_reveal_session,
    TRACKING_SESSIONS_OT_show_lost,
)
