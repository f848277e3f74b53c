# SPDX-License-Identifier: GPL-3.0-or-later
"""The Solve panel: the verdict on the camera, its solves, and what can be done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpy.types import Panel, UIList

from ..bridge.clip.movie_clip import counting_of
from ..bridge.sessions.recording import known_recording
from ..bridge.solve import looking, running, solves
from ..bridge.solve.solves import SOLVES, SolvesView
from ..bridge.tracking import live
from ..core.journal.solves import SolveEntry
from ..core.model.wording import abridged, clock_time, count_words
from ..core.solve.solve import Round, Solve, VerdictKind
from ..operators import solving as actions
from ..operators import status
from .session import TALL, draw_words, letters_that_fit, pair
from .sessions import InSession, columns

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip, UILayout

# in letters
_TITLE, _ERROR = 20, 12  # the columns of the list, with their icons
_LEAST = 28  # of a sidebar whose list has room for errors

TITLES = {
    VerdictKind.SOLVED: "Solved",
    VerdictKind.TRIPOD: "Tripod Shot",
    VerdictKind.STATIC: "Static Shot",
    VerdictKind.LOW_PARALLAX: "Low Parallax",
    VerdictKind.FOCAL_UNDETERMINED: "Focal Unknown",
    VerdictKind.CUT: "Cut",
    VerdictKind.TOO_FEW_TRACKS: "Too Few Tracks",
    VerdictKind.TWO_MOTIONS: "Two Motions",
    VerdictKind.NOT_SOLVED: "Not Solved",
}
_GOOD = (VerdictKind.SOLVED, VerdictKind.TRIPOD, VerdictKind.STATIC)
_NONE = (VerdictKind.CUT, VerdictKind.TOO_FEW_TRACKS, VerdictKind.NOT_SOLVED)


def verdict_icon(verdict: str) -> Any:
    """The icon of a verdict by its value."""
    return "CHECKMARK" if verdict in _GOOD else "ERROR" if verdict in _NONE or not verdict else "QUESTION"


def verdict_title(verdict: str) -> str:
    return TITLES[VerdictKind(verdict)] if verdict in {kind.value for kind in TITLES} else "No Verdict"


class TRACKING_SESSIONS_UL_solves(UIList):
    """The solves of the session, the newest first"""

    def draw_item(
        self, context: Context, layout: UILayout, data: Any, item: Any, icon: Any, active_data: Any, active_name: Any
    ) -> None:
        view = solves.solves_of(context.space_data.clip)
        row = next((row for row in view.rows if row.id == item.name), None)
        if row is None:  # the timer has not filled the list yet
            layout.label(text="")
            return
        is_best, title, icon = row.id == view.best, verdict_title(row.verdict), verdict_icon(row.verdict)
        if letters_that_fit(context) < _LEAST:
            layout.label(text=title, icon="SOLO_ON" if is_best else icon)
            return
        left, right = columns(layout, _TITLE, _ERROR)
        left.label(text=title, icon=icon)
        right.label(text=f"{row.error:.2f} px" if row.error else "", icon="SOLO_ON" if is_best else "BLANK1")

    def draw_filter(self, context: Context, layout: UILayout) -> None:
        """A handful of solves needs no filter."""

    def filter_items(self, context: Context, data: Any, property: str) -> tuple[list[int], list[int]]:
        return [], []


class TRACKING_SESSIONS_PT_solve(InSession):
    bl_label = "Solve"

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        clip = context.space_data.clip
        view = solves.solves_of(clip)
        if live.running() is not None:
            count = actions.rounds()
            words = f"Tracking for the camera, round {count}: Esc pauses" if count else "Wait for the pass to end"
            draw_words(layout, context, words, "TIME")
            return
        if (seen := looking.looking()) is not None:
            draw_words(layout, context, status.looking_text(seen), "VIEWZOOM")
            draw_words(layout, context, "Esc stops it; then it tracks and solves", "EVENT_ESC")
            return
        job = running.running(clip)
        if job is not None:
            _draw_running(layout, context, job.rounds)
        else:
            _draw_begin(layout, context, view)
            if words := running.failure(clip):
                draw_words(layout, context, words, "ERROR")
        SOLVES.keep_filled(context, is_due=solves.is_due(clip))
        for words in solves.footage_words(clip):
            draw_words(layout, context, words, "ERROR")
        if not view.rows:
            return
        data = SOLVES.data(context)
        layout.template_list(
            TRACKING_SESSIONS_UL_solves.__name__, "", data, "entries", data, "active", rows=2, maxrows=5
        )
        id = solves.chosen_id(context, view)
        row = next((row for row in view.rows if row.id == id), None)
        if row is not None:
            if len(view.rows) > 1:
                _draw_choice(layout, context, view, row)
            _draw_verdict(layout, context, clip, row)


def _draw_begin(layout: UILayout, context: Context, view: SolvesView) -> None:
    row = pair(layout, context)
    row.scale_y = TALL
    row.operator(actions.TRACKING_SESSIONS_OT_track_and_solve.bl_idname, icon="CAMERA_DATA")
    again = "Solve Again" if view.rows else "Solve"
    row.operator(actions.TRACKING_SESSIONS_OT_solve.bl_idname, text=again)
    layout.prop(actions.settings_of(context), "is_lens_known")


def _draw_running(layout: UILayout, context: Context, rounds: list[Round]) -> None:
    last = rounds[-1] if rounds else None
    words = "Starting Blender" if last is None else last.name
    if last is not None and last.cameras:
        words += f", {last.error:.2f} px, {count_words(last.tracks, 'track')}"
    draw_words(layout, context, f"Solving: {words}", "SORTTIME")
    layout.operator(actions.TRACKING_SESSIONS_OT_stop_solve.bl_idname, icon="CANCEL")


def _draw_choice(layout: UILayout, context: Context, view: SolvesView, row: SolveEntry) -> None:
    """How to compare the solves, and to say which is the best."""
    if row.best_by is not None:
        draw_words(layout, context, f"Marked as best by {row.best_by}" if row.best_by else "Marked as best", "SOLO_ON")
    buttons = pair(layout, context)
    buttons.popover(TRACKING_SESSIONS_PT_compare.__name__, text="Compare")
    if row.best_by is not None:
        buttons.operator(actions.TRACKING_SESSIONS_OT_mark_best.bl_idname, text="Unmark Best")
    elif row.id != view.best and row.cameras:
        buttons.operator(actions.TRACKING_SESSIONS_OT_mark_best.bl_idname)


class TRACKING_SESSIONS_PT_compare(Panel):
    """The solves of the session beside each other"""

    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "HEADER"  # it opens from a button, and stands in no sidebar
    bl_label = "Compare Solves"
    bl_ui_units_x = 34

    def draw(self, context: Context) -> None:
        assert self.layout is not None
        table = self.layout.column(align=True)
        clip = context.space_data.clip
        view = solves.solves_of(clip)
        for part, text in zip(columns(table, *_COLUMNS.values()), _COLUMNS, strict=True):
            part.active = False
            part.label(text=text)
        for row in view.rows:
            star, verdict, *figures = columns(table, *_COLUMNS.values())
            mark = "SOLO_ON" if row.id == view.best else "SOLO_OFF"
            star.enabled = row.cameras > 0
            idname = actions.TRACKING_SESSIONS_OT_mark_best.bl_idname
            star.operator(idname, text="", icon=mark, emboss=False).solve = row.id
            verdict.label(text=verdict_title(row.verdict), icon=verdict_icon(row.verdict))
            for part, text in zip(figures, _compared(clip, row), strict=True):
                part.label(text=text)


_COLUMNS = {
    "": 3,
    "Verdict": 20,
    "Error": 9,
    "Frames": 13,
    "Tracks": 12,
    "Focal Length": 12,
    "Keyframes": 12,
    "Made": 15,
}
"""The columns of the comparison, and their widths in letters."""


def _compared(clip: MovieClip, row: SolveEntry) -> list[str]:
    """The cells behind the verdict; empty where there is no camera."""
    shown = counting_of(clip).shown
    return [
        f"{row.error:.2f} px" if row.error else "",
        f"{row.cameras} of {row.frames}" if row.frames else "",
        f"{row.tracks_kept} of {row.tracks_made}" if row.tracks_made else "",
        f"{row.focal:.2f} mm" if row.cameras and row.focal else "",
        ", ".join(str(shown(frame)) for frame in row.keyframes) if any(row.keyframes) else "",
        clock_time(row.created),
    ]


def _draw_verdict(layout: UILayout, context: Context, clip: MovieClip, row: SolveEntry) -> None:
    column = layout.column(align=True)
    solve = solves.chosen(context)
    title = verdict_title(row.verdict)
    draw_words(column, context, f"{title}: {row.reason}" if row.reason else title, verdict_icon(row.verdict))
    if words := solves.unreadable(context):
        draw_words(column, context, words, "ERROR")
    if solve is None:
        return
    if solve.verdict.advice:
        draw_words(column, context, solve.verdict.advice, "INFO")
    if solves.is_stale(clip, solve):
        draw_words(column, context, "Older than the tracks: solve again", "ERROR")
    draw_words(column, context, ", ".join(_figures(solve)), "CAMERA_DATA")
    if solve.cameras:
        layout.operator(actions.TRACKING_SESSIONS_OT_set_up_scene.bl_idname, icon="VIEW_CAMERA")
    if solve.dropped or solve.muted:
        _draw_left_out(layout, context, solve)
    if solve.bundles:
        _draw_worst(layout, context, clip, solve)


def _figures(solve: Solve) -> list[str]:
    frames = solve.frames[1] - solve.frames[0] + 1
    words = ["No camera", count_words(solve.tracks_made, "track")]
    if solve.cameras:
        words = [
            f"Camera on {len(solve.cameras)} of {frames} frames",
            f"{len(solve.bundles)} of {solve.tracks_made} tracks kept",
            f"{solve.lens.focal:.2f} mm",
        ]
    when = clock_time(solve.created)
    return [*words, f"made {when}"] if when else words


def _draw_left_out(layout: UILayout, context: Context, solve: Solve) -> None:
    parts = [
        count_words(len(solve.dropped), "Track") if solve.dropped else "",
        f"{len(solve.muted)} Stretch{'es' * (len(solve.muted) != 1)}" if solve.muted else "",
    ]
    column = layout.column(align=True)
    draw_words(column, context, f"Left out: {' and '.join(part for part in parts if part)}", "HIDE_ON")
    column.operator(actions.TRACKING_SESSIONS_OT_leave_out.bl_idname)


def _draw_worst(layout: UILayout, context: Context, clip: MovieClip, solve: Solve) -> None:
    """The tracks with the largest errors, each with a jump and a drop."""
    recording = known_recording(clip)
    if recording is None or recording.session is None:
        return
    names = recording.head.tracks
    column = layout.column(align=True)
    column.label(text="Largest Errors")
    letters = letters_that_fit(context) - 10
    for number, error in solves.worst(solve):
        if number not in names:
            continue
        row = column.row(align=True)
        text = f"{abridged(names[number].name, max(6, letters))}  {error:.2f} px"
        row.operator(actions.TRACKING_SESSIONS_OT_go_to_track.bl_idname, text=text).track = number
        row.operator(actions.TRACKING_SESSIONS_OT_drop_track.bl_idname, text="", icon="X").track = number


classes = (TRACKING_SESSIONS_UL_solves, TRACKING_SESSIONS_PT_solve, TRACKING_SESSIONS_PT_compare)
