# SPDX-License-Identifier: GPL-3.0-or-later
"""The Session panel in the Track tab of the Movie Clip Editor's sidebar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.types import Panel

from ..bridge import live, overview
from ..operators.recovery import TRACKING_SESSIONS_OT_restore, TRACKING_SESSIONS_OT_start_fresh
from ..operators.track import TRACKING_SESSIONS_OT_pause, TRACKING_SESSIONS_OT_resume, TRACKING_SESSIONS_OT_track

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip, UILayout


class TRACKING_SESSIONS_PT_top(Panel):
    """The place of the session above Blender's own panels: only one without a header gets there"""

    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_category = "Track"
    bl_label = ""
    bl_options = {"HIDE_HEADER"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        space = context.space_data
        return space.clip is not None and space.mode == "TRACKING"

    def draw(self, context: Context) -> None:
        pass


class TRACKING_SESSIONS_PT_session(Panel):
    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_parent_id = "TRACKING_SESSIONS_PT_top"
    bl_label = "Session"

    @classmethod
    def poll(cls, context: Context) -> bool:
        space = context.space_data
        return space.clip is not None and space.mode == "TRACKING"

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        running = live.current
        if running is not None:
            _draw_running(layout, running)
            return
        clip = context.space_data.clip
        seen = overview.overview(clip)
        if seen.error:
            _draw_words(layout, context, seen.error, "ERROR")
            layout.operator(TRACKING_SESSIONS_OT_start_fresh.bl_idname)
            return
        if seen.owner:
            _draw_words(layout, context, f"In use by {seen.owner}", "LOCKED")
        if seen.is_missing:
            words = f"Tracking reached frame {_in_scene(clip, seen.last_frame or 1)} after this file was saved"
            _draw_words(layout, context, words, "RECOVER_LAST")
        elif seen.resume_frame is not None:
            layout.label(text=f"Paused at Frame {_in_scene(clip, seen.resume_frame)}", icon="PAUSE")
        if seen.resume_frame is not None:
            row = layout.row()
            row.scale_y = 1.5
            row.operator(TRACKING_SESSIONS_OT_resume.bl_idname, icon="PLAY")
        if seen.is_missing:
            row = layout.row(align=True)
            row.operator(TRACKING_SESSIONS_OT_restore.bl_idname)
            row.operator(TRACKING_SESSIONS_OT_start_fresh.bl_idname)
            return
        _draw_track(layout)
        if seen.frames:
            layout.label(text=f"{seen.frames} of {seen.total} Frames Recorded")
        if not bpy.data.filepath:
            _draw_words(layout, context, "The file is not saved yet: the session is kept in the user folder", "INFO")


def _in_scene(clip: MovieClip, frame: int) -> int:
    """The clip's frame as the timeline counts it."""
    return frame + clip.frame_start - 1


def _draw_running(layout: UILayout, running: live.LivePass) -> None:
    run = running.run
    done = run.total - run.remaining
    frame, end = (n + running.clip_start - 1 for n in (run.frame, run.plan.end))  # as the timeline counts
    direction, towards = ("Backwards", ", Down to") if run.plan.backwards else ("Forwards", " of")
    layout.label(text=f"Tracking {direction}", icon="REC")
    layout.progress(factor=done / max(1, run.total), text=f"Frame {frame}{towards} {end}")
    layout.label(text=f"{len(run.alive)} of {len(run.plan.tracks)} Tracks Followed")
    row = layout.row()
    row.scale_y = 1.5
    row.operator(TRACKING_SESSIONS_OT_pause.bl_idname, icon="PAUSE")


def _draw_track(layout: UILayout) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.5
    idname = TRACKING_SESSIONS_OT_track.bl_idname
    row.operator(idname, text="Backwards", icon="TRACKING_BACKWARDS").backwards = True
    row.operator(idname, text="Forwards", icon="TRACKING_FORWARDS").backwards = False


def _draw_words(layout: UILayout, context: Context, text: str, icon: Any) -> None:
    """A sentence, broken into lines that fit the sidebar; Blender's labels do not wrap."""
    region = context.region
    scale = context.preferences.system.ui_scale or 1.0  # 0 without a window
    width = max(12, int(((region.width if region else 260) / scale - 50) / 6.2))
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + len(word) < width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for i, line in enumerate(lines):
        column.label(text=line, icon=icon if i == 0 else "BLANK1")


classes = (TRACKING_SESSIONS_PT_top, TRACKING_SESSIONS_PT_session)
