# SPDX-License-Identifier: GPL-3.0-or-later
"""The Farm panel: what was submitted, and where its shots stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpy.types import Menu, UIList

from ..bridge.farm import sending, shots
from ..bridge.farm.shots import FARM, Submissions
from ..core.farm.manifest import Head
from ..core.farm.status import Stand, Standing
from ..core.model.wording import abridged, clock_time, count_words, short
from ..operators import farm as actions
from .session import TALL, draw_words, letters_that_fit, pair
from .sessions import ICON, SHORTEST, InSession, columns

if TYPE_CHECKING:
    from bpy.types import Context, UILayout

# in letters
_LIST_MARGIN = 2  # of the list around its lines
_NAME, _STATE, _PROGRESS = 20, 14, 9  # the columns of the list, the first with its icon
_LEAST = 15  # of a name with its icon
_BUTTON = 6  # the width of Refresh, and the margins of the menu beside it
_LONG = 600  # of an error, or a name in a line of its own, at most

_WORDS: dict[Stand, tuple[str, Any]] = {
    Stand.WAITING: ("Waiting", "TIME"),
    Stand.RUNNING: ("Running", "PLAY"),
    Stand.INTERRUPTED: ("Interrupted", "PAUSE"),
    Stand.COMPLETED: ("Done", "CHECKMARK"),
    Stand.FAILED: ("Failed", "CANCEL"),
    Stand.SKIPPED: ("Unusable", "ERROR"),
    Stand.LOST: ("Tracks Lost", "ERROR"),
    Stand.NO_CAMERA: ("No Camera", "QUESTION"),
}


def _head_words(head: Head, letters: int = _LONG) -> str:
    """The name of a submission and when it was made, in so many letters."""
    when, name = clock_time(head.created), short(head.name, _LONG)
    if not name or not when:
        return name or when or head.id
    return f"{abridged(name, max(SHORTEST, letters - len(when) - 2))}, {when}"


class TRACKING_SESSIONS_MT_submissions(Menu):
    """Show the shots of another submission"""

    bl_label = "Submissions"

    def draw(self, context: Context) -> None:
        assert self.layout is not None
        for head in shots.submissions().heads:
            idname = actions.TRACKING_SESSIONS_OT_show_submission.bl_idname
            self.layout.operator(idname, text=_head_words(head)).id = head.id


class TRACKING_SESSIONS_UL_shots(UIList):
    """The shots of a submission, each with its state and progress"""

    def draw_item(
        self, context: Context, layout: UILayout, data: Any, item: Any, icon: Any, active_data: Any, active_name: Any
    ) -> None:
        standing = shots.submissions().shots.get(item.name)
        if standing is None:  # the timer has not filled the list yet
            layout.label(text="")
            return
        words, mark = _WORDS[standing.stand]
        letters = letters_that_fit(context) - _LIST_MARGIN
        progress = _progress(standing)
        # what matters the least goes first; the icon tells the state, too
        if letters >= _NAME + _STATE + _PROGRESS:
            others = {_STATE: words, _PROGRESS: progress}
        elif letters >= _NAME + _STATE:
            others = {_STATE: progress if progress and standing.stand is Stand.RUNNING else words}
        else:
            others = {_PROGRESS: progress or words} if letters >= _LEAST + _PROGRESS else {}
        name = short(standing.shot.spec.title, _LONG)
        if not others:
            layout.label(text=abridged(name, letters), icon=mark)
            return
        width = letters - sum(others)
        first, *rest = columns(layout, width, *others)
        first.label(text=abridged(name, width - ICON), icon=mark)
        for part, text in zip(rest, others.values(), strict=True):
            part.label(text=text)

    def filter_items(self, context: Context, data: Any, property: str) -> tuple[list[int], list[int]]:
        """Filter by the displayed names; the names of the items are numbers."""
        text = self.filter_name.casefold()
        if not text:
            return [], []
        found = shots.submissions().shots
        names = [found[item.name].shot.spec.title if item.name in found else "" for item in getattr(data, property)]
        return [self.bitflag_filter_item if text in name.casefold() else 0 for name in names], []


def _progress(standing: Standing) -> str:
    return f"{standing.tracked}/{standing.total}" if standing.total else ""


class TRACKING_SESSIONS_PT_farm(InSession):
    bl_label = "Farm"

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        shots.keep_seen(context)
        row = layout.row(align=True)
        row.scale_y = TALL
        row.operator(actions.TRACKING_SESSIONS_OT_submit.bl_idname, icon="EXPORT")
        shown = shots.submissions()
        _draw_outcome(layout, context, shown.manifest.head.id if shown.manifest is not None else "")
        if shown.error:
            draw_words(layout, context, shown.error, "ERROR")
        if not shown.is_read:
            draw_words(layout, context, "Reading the Submissions", "TIME")
        elif shown.manifest is None:
            if not shown.error:
                draw_words(layout, context, "Nothing Was Submitted Yet", "NONE")
        else:
            _draw_submission(layout, context, shown, shown.manifest.head)


def _draw_outcome(layout: UILayout, context: Context, id: str) -> None:
    """What became of the last press of Submit or Retry, unless another submission than that is shown."""
    outcome = sending.last_outcome()
    if sending.is_sending():
        draw_words(layout, context, "Sending the Shots", "TIME")
    elif outcome.words and outcome.id in ("", id):
        draw_words(layout, context, short(outcome.words, _LONG), "ERROR" if outcome.is_error else "INFO")


def _draw_submission(layout: UILayout, context: Context, shown: Submissions, head: Head) -> None:
    row = layout.row(align=True)
    name = _head_words(head, letters_that_fit(context) - _BUTTON)
    if len(shown.heads) > 1:
        row.menu(TRACKING_SESSIONS_MT_submissions.__name__, text=name)
    else:
        row.label(text=name)
    row.operator(actions.TRACKING_SESSIONS_OT_refresh_shots.bl_idname, text="", icon="FILE_REFRESH")
    done = shown.counts[Stand.COMPLETED]
    layout.progress(factor=done / max(1, shown.total), text=f"{done} of {count_words(shown.total, 'Shot')} Done")
    others = [
        f"{shown.counts[stand]} {words}"
        for stand, (words, _) in _WORDS.items()
        if shown.counts[stand] and stand is not Stand.COMPLETED
    ]
    if others:
        draw_words(layout, context, ", ".join(others), "NONE")
    data = FARM.data(context)
    kind = TRACKING_SESSIONS_UL_shots.__name__
    layout.template_list(kind, "", data, "entries", data, "active", rows=4, maxrows=10)
    if shown.total > len(shown.shots) > 0:
        layout.label(text=f"And {shown.total - len(shown.shots)} More")
    standing = shots.chosen(context)
    if standing is not None:
        _draw_shot(layout, context, standing)
    buttons = pair(layout, context)
    buttons.operator(actions.TRACKING_SESSIONS_OT_open_shot.bl_idname)
    buttons.operator(actions.TRACKING_SESSIONS_OT_open_log.bl_idname)
    words = f"Retry {count_words(shown.to_retry, 'Shot')}" if shown.to_retry else "Retry"
    layout.operator(actions.TRACKING_SESSIONS_OT_retry_shots.bl_idname, text=words, icon="LOOP_BACK")


def _draw_shot(layout: UILayout, context: Context, standing: Standing) -> None:
    """The details of the chosen shot."""
    column = layout.column(align=True)
    state = standing.state
    words, icon = _WORDS[standing.stand]
    facts = [
        words,
        f"{standing.tracked} of {standing.total} Frames" if standing.total else "",
        f"on {short(state.host)}" if state.host and standing.stand is Stand.RUNNING else "",
    ]
    draw_words(column, context, short(standing.shot.spec.title, _LONG), "NONE")
    draw_words(column, context, ", ".join(filter(None, facts)), icon)
    if state.verdict:
        draw_words(column, context, f"Camera: {state.verdict.replace('_', ' ').title()}", "CAMERA_DATA")
    if state.error and standing.stand is not Stand.COMPLETED:
        draw_words(column, context, short(state.error, _LONG), "ERROR")


classes = (
    TRACKING_SESSIONS_MT_submissions,
    TRACKING_SESSIONS_UL_shots,
    TRACKING_SESSIONS_PT_farm,
)
