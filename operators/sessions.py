# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens, discards, deletes and reveals the session chosen in the list; shows lost tracks."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import IntProperty
from bpy.types import Operator

from ..bridge.clip.editor import redraw
from ..bridge.clip.movie_clip import counting_of
from ..bridge.sessions import opening, recovery
from ..bridge.sessions.finding import is_open
from ..bridge.sessions.history import history
from ..bridge.sessions.lending import give_up
from ..bridge.sessions.listing import Entry, chosen, is_running, refresh
from ..bridge.tracking import live
from ..core.errors import TrackingSessionError
from ..core.library.deletion import delete_files
from ..core.model.types import SessionState
from ..core.recording.manager import load_session
from ..core.review.person import person
from .editor import PASS_RUNS, InEditor, Polled, in_use_words, report_error

if TYPE_CHECKING:
    from bpy.types import Context, Event, MovieClip


_DIALOG = 400  # the width of a dialog in pixels at a scale of 1
_LETTERS = 54  # that fit on a line of it beside an icon


class _OnSession(Polled):
    """An operator for the session chosen in the list."""

    @classmethod
    def _obstacle(cls, context: Context) -> str:
        space = context.space_data
        if space is None or space.type != "CLIP_EDITOR":
            return "This works in the Movie Clip Editor"
        entry = chosen(context)
        return cls._entry_obstacle(entry) if entry is not None else "Choose a session in the list"

    @classmethod
    def _entry_obstacle(cls, entry: Entry) -> str:
        """As `_obstacle`, in the state of the session when the list was read."""
        return ""

    def execute(self, context: Context) -> set[str]:
        entry = chosen(context)
        assert entry is not None  # as polled
        try:
            return self._do(context, entry)
        except TrackingSessionError as error:
            return report_error(self, error)

    def _do(self, context: Context, entry: Entry) -> set[str]:
        """Raises TrackingSessionError."""
        raise NotImplementedError


def _unreadable_words(entry: Entry) -> str:
    return "The session cannot be read: check its files with Reveal Folder, or delete it" if entry.error else ""


def _owned_words(entry: Entry) -> str:
    if is_running(entry.path):
        return "The session is being tracked here: pause it first"
    return in_use_words(entry.owner) if entry.owner else ""


class TRACKING_SESSIONS_OT_open_session(_OnSession):
    """Show the clip of the session. If this file does not have it, open the file of the session, or else its footage"""

    bl_idname = "tracking_sessions.open_session"
    bl_label = "Open"

    @classmethod
    def _entry_obstacle(cls, entry: Entry) -> str:
        if live.running() is not None:
            return PASS_RUNS
        return "The session is discarded: bring it back first" if entry.is_discarded else _unreadable_words(entry)

    def _do(self, context: Context, entry: Entry) -> set[str]:
        return show_session(self, context, entry.path, entry.name)


def show_session(operator: Operator, context: Context, path: Path, name: str) -> set[str]:
    """Show the clip of the session of that file in the editor, or open its file or footage; returns the result of the
    operator. Raises the errors of reading sessions."""
    manager = load_session(path)
    clip = opening.clip_of(manager)
    if clip is None:
        blend = opening.blend_of(manager)
        if blend is not None and not is_open(blend):
            return _open_file(operator, blend)
        clip = opening.clip_for(manager)
        hint = ": restore its markers in the Session panel" if manager.passes else ""
        operator.report({"INFO"}, f"Opened the footage of “{name}”{hint}")
    context.space_data.clip = clip
    _go_into(context, clip, manager.resume_frame)
    if not bpy.app.background:  # which has no undo
        bpy.ops.ed.undo_push(message="Open Session")
    redraw(context)
    return {"FINISHED"}


def _go_into(context: Context, clip: MovieClip, frame: int | None) -> None:
    """Go to the clip frame, inside the clip; without a frame, to its first if the playhead is outside."""
    counting, scene = counting_of(clip), context.scene
    if frame is not None or not 1 <= counting.clip_frame(scene.frame_current) <= clip.frame_duration:
        scene.frame_current = counting.shown(min(frame or 1, clip.frame_duration))


def _open_file(operator: Operator, blend: Path) -> set[str]:
    """Let Blender open the file; in a window Blender first offers to save the open one."""
    call = "EXEC_DEFAULT" if bpy.app.background else "INVOKE_DEFAULT"
    try:
        bpy.ops.wm.open_mainfile(call, filepath=str(blend), display_file_selector=False)
    except RuntimeError as error:
        operator.report({"ERROR"}, f"Blender cannot open {blend}: {str(error).strip()}")
        return {"CANCELLED"}
    return {"FINISHED"}


class _SetsState(_OnSession):
    """Set the session to `_state`."""

    _state: SessionState
    _obstacle_words: str  # for a session of that state

    @classmethod
    def _entry_obstacle(cls, entry: Entry) -> str:
        if entry.is_discarded == (cls._state is SessionState.DISCARDED):
            return cls._obstacle_words
        return _unreadable_words(entry) or _owned_words(entry)

    def _do(self, context: Context, entry: Entry) -> set[str]:
        give_up(entry.path)
        with load_session(entry.path) as manager:
            manager.set_state(self._state, who=person())
        recovery.catch_up(entry.path)
        refresh(context)
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_discard_session(_SetsState):
    """Set the session aside: its files stay, but no clip uses it until you bring it back"""

    bl_idname = "tracking_sessions.discard_session"
    bl_label = "Discard"

    _state = SessionState.DISCARDED
    _obstacle_words = "The session is discarded already"


class TRACKING_SESSIONS_OT_bring_back_session(_SetsState):
    """Make the discarded session active again"""

    bl_idname = "tracking_sessions.bring_back_session"
    bl_label = "Bring Back"

    _state = SessionState.ACTIVE
    _obstacle_words = "The session is not discarded"


class TRACKING_SESSIONS_OT_delete_session(_OnSession):
    """Delete the session and its recorded frames; the markers in clips stay"""

    bl_idname = "tracking_sessions.delete_session"
    bl_label = "Delete"

    _words = ""  # the warning

    @classmethod
    def _entry_obstacle(cls, entry: Entry) -> str:
        return _owned_words(entry)

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Ask first. `invoke_confirm` cannot make Cancel the default button."""
        entry = chosen(context)
        assert entry is not None  # as polled
        self._words = opening.deletion_words(entry)
        manager = context.window_manager
        return manager.invoke_props_dialog(
            self, width=_DIALOG, title="Delete Session", confirm_text="Delete", cancel_default=True
        )

    def draw(self, context: Context) -> None:
        assert self.layout is not None
        column = self.layout.column(align=True)
        for number, line in enumerate(textwrap.wrap(self._words, _LETTERS)):
            column.label(text=line, icon="BLANK1" if number else "ERROR")

    def _do(self, context: Context, entry: Entry) -> set[str]:
        give_up(entry.path)
        delete_files(entry.path)
        refresh(context)
        self.report({"INFO"}, f"Deleted the session “{entry.name}”")
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_reveal_session(_OnSession):
    """Show the files of the session in the system's file manager"""

    bl_idname = "tracking_sessions.reveal_session"
    bl_label = "Reveal Folder"

    def _do(self, context: Context, entry: Entry) -> set[str]:
        folder = entry.path.with_suffix("")
        return show_outside(self, folder if folder.is_dir() else folder.parent)


def show_outside(operator: Operator, path: Path) -> set[str]:
    """Show a folder or a file in the system's program for it; returns the result of the operator."""
    try:
        # without this program Blender's operator prints a traceback and succeeds
        if sys.platform.startswith("linux") and shutil.which("xdg-open") is None:
            raise RuntimeError("xdg-open is not installed")
        bpy.ops.wm.path_open(filepath=str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        noun = "folder" if path.is_dir() else "file"
        operator.report({"ERROR"}, f"Blender cannot show the {noun} {path} ({reason})")
        return {"CANCELLED"}
    return {"FINISHED"}


class TRACKING_SESSIONS_OT_show_lost(InEditor):
    """Go to the frame and select the tracks lost there"""

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
            self.report({"WARNING"}, "The clip has none of the tracks lost on this frame")
            return {"FINISHED"}
        for track in (track for where in objects for track in where.tracks):
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
