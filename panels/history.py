# SPDX-License-Identifier: GPL-3.0-or-later
"""The History panel: the states of the clip's session, to go back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpy.types import UIList

from ..bridge.clip.movie_clip import counting_of
from ..bridge.open_file import open_file
from ..bridge.sessions.states import STATES, StateView, chosen, shown_state, shown_states
from ..bridge.tracking import live
from ..core.journal.history import Kind, State
from ..core.journal.state_words import action_words
from ..core.model.types import Outcome
from ..core.model.wording import clock_time, count_words
from ..operators import history as actions
from .session import draw_words, letters_that_fit
from .sessions import InSession, columns

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip, UILayout

_NARROW = 44  # letters; below it an entry takes two lines
_ICONS: dict[Kind, Any] = {
    Kind.EDIT: "GREASEPENCIL",
    Kind.SOLVE: "CON_CAMERASOLVER",
    Kind.SCRIPT: "SCRIPT",
    Kind.RESTORED: "RECOVER_LAST",
    Kind.SET_ASIDE: "LOOP_BACK",
}


class TRACKING_SESSIONS_UL_states(UIList):
    """The states of the session, the newest first"""

    def draw_item(
        self, context: Context, layout: UILayout, data: Any, item: Any, icon: Any, active_data: Any, active_name: Any
    ) -> None:
        state = shown_state(item.name)
        clip = context.space_data.clip
        if state is None or clip is None:  # the timer has not filled the list yet
            layout.label(text="")
            return
        layout.active = not state.is_set_aside
        when = clock_time(state.time)
        if letters_that_fit(context) < _NARROW:
            column = layout.column(align=True)
            column.scale_y = 0.8
            column.label(text=actions.title(state), icon=_icon(state))
            column.label(text=", ".join(text for text in (_frame_words(clip, state), when) if text), icon="BLANK1")
            return
        left, middle, right = columns(layout, 0.5, 0.25, 0.25)
        left.label(text=actions.title(state), icon=_icon(state))
        middle.label(text=_frames(clip, state))
        right.label(text=when)

    def filter_items(self, context: Context, data: Any, property: str) -> tuple[list[int], list[int]]:
        """Filter by the displayed names; the names of the items are ids."""
        text = self.filter_name.casefold()
        shown = shown_states()
        names = [actions.title(shown[item.name]) if item.name in shown else "" for item in getattr(data, property)]
        return [self.bitflag_filter_item if text in name.casefold() else 0 for name in names], []


def _icon(state: State) -> Any:
    if state.name:
        return "BOOKMARKS"
    if state.kind is Kind.PASS:
        is_backwards = state.first is not None and state.last is not None and state.last < state.first
        return "TRACKING_BACKWARDS" if is_backwards else "TRACKING_FORWARDS"
    return _ICONS[state.kind]


def _frames(clip: MovieClip, state: State) -> str:
    if state.first is None or state.last is None:
        return ""
    first, last = (counting_of(clip).shown(frame) for frame in (state.first, state.last))
    return f"{first}-{last}" if first != last else f"{first}"


def _frame_words(clip: MovieClip, state: State) -> str:
    frames = _frames(clip, state)
    return f"Frame{'s' * ('-' in frames[1:])} {frames}" if frames else ""


class TRACKING_SESSIONS_PT_history(InSession):
    bl_label = "History"

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        clip = context.space_data.clip
        view = open_file.view(StateView)
        if live.running() is None:  # else each frame would be read again
            STATES.keep_filled(context, is_due=view.is_due(clip))
        if view.error:
            draw_words(layout, context, view.error, "ERROR")
        states = STATES.data(context)
        if not states.entries:
            layout.label(text="Nothing Is Recorded Yet")
            return
        kind = TRACKING_SESSIONS_UL_states.__name__
        layout.template_list(kind, "", states, "entries", states, "active", rows=4, maxrows=10)
        state = chosen(context)
        if state is not None:
            _draw_state(layout, context, clip, state)
        column = layout.column(align=True)
        column.operator(actions.TRACKING_SESSIONS_OT_go_back.bl_idname, icon="RECOVER_LAST")
        row = column.row(align=True)
        row.operator(actions.TRACKING_SESSIONS_OT_name_state.bl_idname, text="Name")
        row.operator(actions.TRACKING_SESSIONS_OT_compare_state.bl_idname, text="Compare")
        layout.operator(actions.TRACKING_SESSIONS_OT_let_go.bl_idname)


def _draw_state(layout: UILayout, context: Context, clip: MovieClip, state: State) -> None:
    """Draw what does not fit into the list."""
    column = layout.column(align=True)
    if state.name:
        draw_words(column, context, f"“{state.name}”", "NONE")
    parts = [action_words(state), _frame_words(clip, state), count_words(state.tracks, "Track") if state.tracks else ""]
    draw_words(column, context, ", ".join(part for part in parts if part), "NONE")
    ends = {Outcome.PAUSED: "Paused", Outcome.LOST: "All Tracks Lost", Outcome.FAILED: "Failed"}
    remarks = [clock_time(state.time), ends.get(state.outcome, "") if state.outcome else ""]
    remarks.append("Set Aside" if state.is_set_aside else "")
    remarks.append(f"{count_words(state.let_go, 'State')} before It Let Go" if state.let_go else "")
    draw_words(column, context, ", ".join(part for part in remarks if part), "NONE")


classes = (TRACKING_SESSIONS_UL_states, TRACKING_SESSIONS_PT_history)
