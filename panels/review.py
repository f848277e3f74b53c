# SPDX-License-Identifier: GPL-3.0-or-later
"""The Review panel: the states of the frames, the problems, and what can be done about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpy.types import UIList

from ..bridge.clip.movie_clip import counting_of
from ..bridge.review import auditing, problems
from ..bridge.review.problems import PROBLEMS, ReviewView, review_of
from ..bridge.sessions import overview
from ..bridge.tracking import live
from ..core.model.flags import Flag, value_words
from ..core.model.frame_status import FrameStatus
from ..core.model.wording import abridged, clock_time, count_words
from ..operators import retrack, signing
from ..operators import review as actions
from .session import TALL, draw_words, is_narrow, letters_that_fit, pair
from .sessions import ICON, LIST_MARGIN, InSession, columns

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip, UILayout

# in letters
_WIDE = 28  # below it a problem takes two lines
_VALUE = 11  # the value beside the threshold
_NAME = 6  # the least that is left of a track's name


class TRACKING_SESSIONS_UL_problems(UIList):
    """The problems of the review"""

    def draw_item(
        self, context: Context, layout: UILayout, data: Any, item: Any, icon: Any, active_data: Any, active_name: Any
    ) -> None:
        clip = context.space_data.clip
        flag = problems.shown_problem(clip, item.name) if clip is not None else None
        if clip is None or flag is None:  # the timer has not filled the list yet
            layout.label(text="")
            return
        view = problems.shown_view(clip)
        layout.active = flag not in view.done
        frames, kind, value = actions.frame_words(clip, flag), problems.kind_words(flag.kind), value_words(flag)
        mark, track = actions.FLAG_ICONS[flag.severity], actions.track_words(view, flag)
        letters = letters_that_fit(context) - LIST_MARGIN
        if letters < _WIDE:
            column = layout.column(align=True)
            column.scale_y = 0.8
            column.label(text=f"{frames} {kind}", icon=mark)
            room = letters - len(value) - 2
            column.label(text=f"{abridged(track, room)}  {value}" if track and room >= _NAME else value, icon="BLANK1")
            return
        left, right = columns(layout, letters + ICON - _VALUE, _VALUE)
        left.label(text=f"{frames} {kind} {track}".rstrip(), icon=mark)
        right.label(text=value)

    def draw_filter(self, context: Context, layout: UILayout) -> None:
        """The panel has a filter that Next Problem follows too."""

    def filter_items(self, context: Context, data: Any, property: str) -> tuple[list[int], list[int]]:
        return [], []


class _Review(InSession):
    """The Review panel, of which Blender shows one form: open with a review, and closed without one."""

    bl_label = "Review"

    @staticmethod
    def _has_review(context: Context) -> bool:
        return bool(review_of(context.space_data.clip).id)


class TRACKING_SESSIONS_PT_begin_review(_Review):
    bl_order = 1  # below the other panels inside Session, which have no order of their own

    @classmethod
    def poll(cls, context: Context) -> bool:
        return not cls._has_review(context)

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        if not overview.overview(context.space_data.clip).frames:
            layout.label(text="Nothing Was Tracked Yet")
            return
        words = "Finds jumps, drift and strays, lists them, and keeps what you decide about each frame"
        draw_words(layout, context, words, "INFO")
        layout.operator(actions.TRACKING_SESSIONS_OT_audit.bl_idname, text="Begin Review")


class TRACKING_SESSIONS_PT_review(_Review):
    bl_options = set()  # open

    @classmethod
    def poll(cls, context: Context) -> bool:
        return cls._has_review(context)

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        clip = context.space_data.clip
        view = review_of(clip)
        _draw_counts(layout, context, view)
        _draw_commit(layout, context, view)
        if live.running() is not None:
            return
        if not view.is_owned:
            left = f"{count_words(view.left, 'Problem')} Left" if view.left else "No Problem Left"
            row = layout.row()
            row.scale_y = TALL
            name = "Go On" if is_narrow(context) else actions.TRACKING_SESSIONS_OT_go_on_with_review.bl_label
            row.operator(actions.TRACKING_SESSIONS_OT_go_on_with_review.bl_idname, text=f"{name}: {left}")
            return
        _draw_audit(layout, context, clip)
        _draw_list(layout, context, view)
        _draw_decisions(layout, context, clip, view)
        if view.commit is None or not view.commit.holds:
            layout.operator(signing.TRACKING_SESSIONS_OT_commit.bl_idname, text="Commit...")


def _draw_counts(layout: UILayout, context: Context, view: ReviewView) -> None:
    """The frames of each state, in two columns if they fit."""
    left, right = (layout, layout) if is_narrow(context) else columns(layout, 0.45, 0.55)
    parts = [part.column(align=True) for part in (left, right)]
    for part in parts:
        part.scale_y = 0.8
    for i, status in enumerate(_STATES):
        count = view.counts.get(status, 0)
        if count or status in _STATES[:2]:
            parts[i >= 2].label(text=f"{count} {status.word}", icon=actions.STATE_ICONS[status])


def _draw_commit(layout: UILayout, context: Context, view: ReviewView) -> None:
    """Who has committed the session, and whether that still holds."""
    commit = view.commit
    if commit is None:
        return
    who, when = commit.who or "somebody", clock_time(commit.time)
    if commit.holds:
        still_open = " with open frames" if commit.open else ""
        draw_words(layout, context, f"Committed{still_open} by {who}, {when}", "LOCKED")
    else:
        draw_words(layout, context, f"Changed since {who} committed it, {when}", "INFO")


_STATES = (
    FrameStatus.AUDIT_FAIL,
    FrameStatus.AUDIT_WARN,
    FrameStatus.APPROVED,
    FrameStatus.TRACKED,
    FrameStatus.PENDING,
)


def _draw_audit(layout: UILayout, context: Context, clip: MovieClip) -> None:
    running = auditing.running(clip)
    if running is not None:
        row = layout.row(align=True)
        row.progress(factor=running.progress, text="Auditing")
        row.label(text="", icon="EVENT_ESC")
        return
    row = pair(layout, context)
    audit = actions.TRACKING_SESSIONS_OT_audit.bl_idname
    row.operator(audit, text="Audit", icon="VIEWZOOM").level = "QUICK"
    full = row.row(align=True)
    full.operator(audit, text="Full Audit").level = "FULL"
    full.prop(problems.settings_of(context), "with_pictures", text="", icon="IMAGE_DATA")
    if words := auditing.remark(clip):
        draw_words(layout, context, words, "INFO")


def _draw_list(layout: UILayout, context: Context, view: ReviewView) -> None:
    problems.keep_filled(context)
    settings = problems.settings_of(context)
    column = layout.column(align=True)
    for names in (("state", "kind"), ("order", "track")):
        row = pair(column, context)
        for name in names:
            if name == "track":
                row.prop(settings, name, text="", icon="VIEWZOOM")
            else:
                row.prop(settings, name, text="")
    shown = PROBLEMS.data(context)
    kind = TRACKING_SESSIONS_UL_problems.__name__
    if shown is not None:  # else the timer writes it at once
        layout.template_list(kind, "", shown, "entries", settings, "row", rows=4, maxrows=8)
    row = pair(layout, context)
    next_problem = actions.TRACKING_SESSIONS_OT_next_problem
    for direction, text, icon in (("PREVIOUS", "Previous", "TRIA_UP"), ("NEXT", "Next", "TRIA_DOWN")):
        row.operator(next_problem.bl_idname, text=text, icon=icon).direction = direction  # type: ignore[arg-type]
    flag = problems.current(context)
    if flag is not None:
        _draw_problem(layout, context, view, flag)


def _draw_problem(layout: UILayout, context: Context, view: ReviewView, flag: Flag) -> None:
    """The problem that the artist has gone to, with its remarks."""
    column = layout.column(align=True)
    draw_words(column, context, actions.problem_words(context.space_data.clip, flag), "NONE")
    for note in view.notes:
        if note.first <= flag.last and flag.first <= note.last and note.track in (0, flag.track, flag.other):
            draw_words(column, context, f"{note.who}: {note.text}" if note.who else note.text, "TEXT")


def _draw_decisions(layout: UILayout, context: Context, clip: MovieClip, view: ReviewView) -> None:
    """The decisions about the frame and the problem; in place of one that was made, the way to take it back."""
    column = layout.column(align=True)
    row = pair(column, context)
    approve, take_back = (
        operator.bl_idname
        for operator in (actions.TRACKING_SESSIONS_OT_approve, signing.TRACKING_SESSIONS_OT_take_back)
    )
    if counting_of(clip).clip_frame(context.scene.frame_current) in view.signed:
        row.operator(take_back, text="Take Back", icon="LOOP_BACK").extent = "FRAME"
    else:
        row.operator(approve, text="Approve", icon="CHECKMARK").extent = "FRAME"
    flag = problems.current(context)
    is_signed = flag is not None and not len(view.signed.missing(flag.first, flag.last))
    its, icon = (take_back, "LOOP_BACK") if is_signed else (approve, "NONE")
    row.operator(its, text="Its Frames", icon=icon).extent = "PROBLEM"  # type: ignore[arg-type]
    row = pair(column, context)
    is_fine = flag in view.accepted
    row.operator((signing.TRACKING_SESSIONS_OT_not_fine if is_fine else actions.TRACKING_SESSIONS_OT_fine).bl_idname)
    row.operator(actions.TRACKING_SESSIONS_OT_note.bl_idname, icon="TEXT")
    row = pair(column, context)
    row.operator(actions.TRACKING_SESSIONS_OT_mute.bl_idname, text="Mute", icon="HIDE_ON").extent = "PROBLEM"
    row.operator(actions.TRACKING_SESSIONS_OT_nudge.bl_idname, text="Nudge")
    row = pair(column, context)
    both = row.row(align=True)
    both.operator(retrack.TRACKING_SESSIONS_OT_retrack_backwards.bl_idname, text="", icon="TRACKING_BACKWARDS")
    both.operator(retrack.TRACKING_SESSIONS_OT_retrack_forwards.bl_idname, text="Re-track", icon="TRACKING_FORWARDS")
    row.operator(retrack.TRACKING_SESSIONS_OT_fill_gap.bl_idname)


classes = (TRACKING_SESSIONS_UL_problems, TRACKING_SESSIONS_PT_begin_review, TRACKING_SESSIONS_PT_review)
