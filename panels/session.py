# SPDX-License-Identifier: GPL-3.0-or-later
"""The Session panel in the Track tab of the Movie Clip Editor's sidebar."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import bpy
from bpy.types import Panel

from ..bridge.clip.editor import blender_is_tracking, redraw
from ..bridge.clip.movie_clip import counting_of, linked_words
from ..bridge.preferences import preferences
from ..bridge.sessions import overview
from ..bridge.sessions.listing import folder_words
from ..bridge.sessions.recording import is_recorded
from ..bridge.tracking import live
from ..core.model.types import SOLVE_NEEDS
from ..core.model.wording import clock_time, count_words, owner_words
from ..operators import status
from ..operators.recording import TRACKING_SESSIONS_OT_toggle_recording
from ..operators.recovery import (
    TRACKING_SESSIONS_OT_restore,
    TRACKING_SESSIONS_OT_start_fresh,
    TRACKING_SESSIONS_OT_wait,
)
from ..operators.settings import settings_of
from ..operators.strip import TRACKING_SESSIONS_OT_toggle_strip
from ..operators.track import (
    DIRECTIONS,
    TRACKING_SESSIONS_OT_pause,
    TRACKING_SESSIONS_OT_resume,
    TRACKING_SESSIONS_OT_track,
)

if TYPE_CHECKING:
    from bpy.types import Context, UILayout

TALL = 1.5  # the height of the main buttons, in that of others
ICON = 3  # letters: the width of an icon
NARROW = 30  # letters on a line of the sidebar; in a narrower one the Track buttons show only their icons
_ICONS: Any = {"BACKWARDS": "TRACKING_BACKWARDS", "BOTH": "ARROW_LEFTRIGHT", "FORWARDS": "TRACKING_FORWARDS"}


class TRACKING_SESSIONS_PT_session(Panel):
    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_category = "Track"
    bl_label = "Session"
    # Blender places only panels without a header above its own; the first drawing removes the option
    bl_options = {"HIDE_HEADER"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        space = context.space_data
        return space.clip is not None and space.mode == "TRACKING"

    def draw_header_preset(self, context: Context) -> None:
        assert self.layout is not None
        clip, row = context.space_data.clip, self.layout.row(align=True)
        if preferences().records and not linked_words(clip):
            row.operator(
                TRACKING_SESSIONS_OT_toggle_recording.bl_idname, text="", icon="REC", depress=is_recorded(clip)
            )
        toggle = TRACKING_SESSIONS_OT_toggle_strip.bl_idname
        row.operator(toggle, text="", icon="SEQ_STRIP_META", depress=preferences().has_strip)

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        if "HIDE_HEADER" in self.bl_options:  # of the class in Blender, which gets its header, background and grip
            self.bl_options = set()
            bpy.app.timers.register(_redraw_once, first_interval=0.0)  # a panel cannot do that while it is drawn
        clip = context.space_data.clip
        running = live.running()
        if running is not None:
            _draw_running(layout, context, running)
            return
        if words := linked_words(clip):
            draw_words(layout, context, words, "LINKED")
            return
        seen = overview.overview(clip)
        if seen.error:
            draw_words(layout, context, seen.error, "ERROR")
            row = _tall(layout)
            if seen.is_damaged:
                row.operator(TRACKING_SESSIONS_OT_restore.bl_idname)
            row.operator(TRACKING_SESSIONS_OT_start_fresh.bl_idname)
        elif seen.owner:
            draw_words(layout, context, f"In use by {owner_words(seen.owner)}", "LOCKED")
            if is_recorded(clip):
                draw_words(layout, context, "This Blender does not record your changes meanwhile", "ERROR")
            _tall(layout).operator(TRACKING_SESSIONS_OT_wait.bl_idname, icon="TIME")
            _draw_track(layout, context)
        elif seen.missing and not seen.is_recording:
            _draw_missing(layout, context, seen)
        else:
            _draw_next(layout, context, seen)


def _redraw_once() -> None:
    redraw(bpy.context)


def _draw_missing(layout: UILayout, context: Context, seen: overview.Overview) -> None:
    """The file lacks recorded frames, as after a crash: show only the remedies."""
    frame = counting_of(context.space_data.clip).shown(seen.last_frame or 1)
    words = f"This file lacks {count_words(seen.missing, 'recorded frame')}, up to frame {frame}"
    when = clock_time(seen.until)
    draw_words(layout, context, f"{words} ({when})" if when else words, "RECOVER_LAST")
    if seen.resume_frame is not None:
        _tall(layout).operator(TRACKING_SESSIONS_OT_resume.bl_idname, icon="PLAY")
        row = pair(layout, context)
    else:
        row = pair(layout, context)
        row.scale_y = TALL
    row.operator(TRACKING_SESSIONS_OT_restore.bl_idname)
    row.operator(TRACKING_SESSIONS_OT_start_fresh.bl_idname)


def _draw_offers(layout: UILayout, context: Context, seen: overview.Overview) -> None:
    """What can be restored or resumed."""
    clip = context.space_data.clip
    if seen.missing:
        words = f"{count_words(seen.missing, 'frame')} recorded before you went on in this file can come back"
        draw_words(layout, context, words, "RECOVER_LAST")
        layout.operator(TRACKING_SESSIONS_OT_restore.bl_idname)
    elif seen.undone:
        words = f"Undo removed {count_words(seen.undone, 'recorded frame')}: restore or track on"
        draw_words(layout, context, words, "LOOP_BACK")
        layout.operator(TRACKING_SESSIONS_OT_restore.bl_idname)
    if seen.resume_frame is not None and not seen.undone:
        words = f"Paused at Frame {counting_of(clip).shown(seen.resume_frame)}"
        if seen.resumable and seen.resumable[0].followed:
            words += f", {count_words(len(seen.resumable[0].followed), 'Track')}"
        draw_words(layout, context, f"{words}: {seen.pause_reason}" if seen.pause_reason else words, "PAUSE")
        _tall(layout).operator(TRACKING_SESSIONS_OT_resume.bl_idname, icon="PLAY")
        if seen.in_question:
            changed = count_words(seen.in_question, "track")
            draw_words(layout, context, f"Restore first: {changed} changed on both sides", "INFO")
        if len(seen.resumable) > 1:
            draw_words(layout, context, f"{len(seen.resumable)} passes are unfinished: see Passes", "NONE")
    elif seen.lost_frame is not None:
        draw_words(layout, context, f"Lost at Frame {counting_of(clip).shown(seen.lost_frame)}", "ERROR")


def _draw_next(layout: UILayout, context: Context, seen: overview.Overview) -> None:
    """The file has all recorded frames, or the artist went on without them: offer to resume, or to track."""
    clip = context.space_data.clip
    if blender_is_tracking():
        draw_words(layout, context, "Blender Is Tracking", "TRACKER")
    else:
        _draw_offers(layout, context, seen)
    _draw_track(layout, context)
    if seen.frames:
        is_whole = seen.is_done and not len(seen.thin)
        text = f"{seen.frames} of {seen.total} Frames Recorded"
        draw_words(layout, context, text, "CHECKMARK" if is_whole else "NONE")
    if len(seen.thin):
        where = counting_of(clip).spans(seen.thin)
        draw_words(layout, context, f"Fewer than {SOLVE_NEEDS} Tracks on {where}", "ERROR")
    if seen.not_recorded:
        draw_words(layout, context, f"Your changes are not recorded now: {seen.not_recorded}", "ERROR")
    elif seen.session and is_recorded(clip):
        draw_words(layout, context, f"Recording in {folder_words()}", "REC")
    if not bpy.data.filepath and not preferences().folder:
        draw_words(layout, context, "The file is not saved yet: the session is kept in the user folder", "INFO")


def _draw_running(layout: UILayout, context: Context, running: live.LivePass) -> None:
    is_here = running.editor.clip == context.space_data.clip
    if running.is_catching_up:
        draw_words(layout, context, "Bringing the Tracks up to Date", "TIME")
    else:
        words = status.pass_text(running) if is_here else f"Tracking “{running.clip_name}”"
        draw_words(layout, context, words, "REC")
    stop = TRACKING_SESSIONS_OT_pause.bl_idname
    _tall(layout).operator(stop, text=running.stop_words, icon="PAUSE")  # in the place of Resume Tracking
    layout.progress(factor=status.factor(running), text=status.frames_text(running))
    column = layout.column(align=True)
    for text in (status.position_text(running), status.pace_text(running), status.tracks_text(running)):
        draw_words(column, context, text, "NONE")


def _draw_track(layout: UILayout, context: Context) -> None:
    column = layout.column(align=True)
    column.label(text=TRACKING_SESSIONS_OT_track.bl_label)
    part = _tall(column)
    has_icons_only = is_narrow(context)
    widths = (1 / 3, 1 / 2, 1.0) if has_icons_only else (0.38, 0.39, 1.0)  # by the length of the names
    for (direction, name, _), width in zip(DIRECTIONS, widths, strict=True):
        part = part.split(factor=width, align=True)
        text = "" if has_icons_only else name
        button = part.operator(TRACKING_SESSIONS_OT_track.bl_idname, text=text, icon=_ICONS[direction])
        button.direction = direction
    chosen = settings_of(context.scene)
    column = layout.column()
    column.use_property_split = not is_narrow(context)
    column.use_property_decorate = False
    if is_narrow(context):
        column.prop(chosen, "extent", text="")
    else:
        column.prop(chosen, "extent")
    if chosen.extent == "FRAMES":
        column.prop(chosen, "frames")
    column.prop(chosen, "pause_below")


def _tall(layout: UILayout) -> UILayout:
    """A row for the main button."""
    row = layout.row(align=True)
    row.scale_y = TALL
    return row


def pair(layout: UILayout, context: Context) -> UILayout:
    """A row for two buttons, or in a narrow sidebar a column."""
    return layout.column(align=True) if is_narrow(context) else layout.row(align=True)


def draw_words(layout: UILayout, context: Context, text: str, icon: Any) -> None:
    """Draw a sentence in lines that fit the sidebar."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    letters = letters_that_fit(context) + (ICON if icon == "NONE" else 0)
    for i, line in enumerate(wrap(text, letters, break_on_hyphens=False)):
        column.label(text=line, icon=icon if i == 0 or icon == "NONE" else "BLANK1")


def letters_that_fit(context: Context) -> int:
    """The number of letters that fit on a line of the sidebar beside an icon; Blender's labels do not wrap."""
    width = context.region.width if context.region else 0
    scale = context.preferences.system.ui_scale or 1.0
    return max(12, int(((width if width > 1 else 280) / scale - 82) / 6))  # without a window: width 1, scale 0


def is_narrow(context: Context) -> bool:
    """Whether two buttons with words do not fit beside each other."""
    return letters_that_fit(context) < NARROW


classes = (TRACKING_SESSIONS_PT_session,)
