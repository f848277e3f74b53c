# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking back: the passes of a clip's session, what was lost where, and the sessions of the folder."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from bpy.types import Panel, UIList

from ..bridge.clip.movie_clip import counting_of
from ..bridge.open_file import open_file
from ..bridge.sessions import list_rows
from ..bridge.sessions.history import history
from ..bridge.sessions.listing import Listing, Row, is_running
from ..core.model.types import Outcome, PassSummary
from ..core.model.wording import owner_words
from ..operators import sessions as actions
from .session import TRACKING_SESSIONS_PT_session, draw_words, letters_that_fit

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip, UILayout

PASSES_SHOWN = 10
LOST_SHOWN = 20

_OUTCOMES: dict[Outcome | None, str] = {
    Outcome.COMPLETE: "Complete",
    Outcome.LOST: "Lost at {}",
    Outcome.PAUSED: "Paused at {}",
    Outcome.FAILED: "Failed at {}",
}


class _InSession(Panel):
    """A panel in the panel Session, closed at first."""

    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_category = "Track"
    bl_parent_id = TRACKING_SESSIONS_PT_session.__name__
    bl_options = {"DEFAULT_CLOSED"}


class TRACKING_SESSIONS_PT_passes(_InSession):
    bl_label = "Passes"

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        clip = context.space_data.clip
        done = history(clip)
        if not done.passes:
            layout.label(text="Nothing Was Tracked Yet")
            return
        column = layout.column(align=True)
        head = _columns(column)
        for part, text in zip(head, ("Frames", "Outcome", "Tracks"), strict=True):
            part.active = False
            part.label(text=text)
        for known in islice(reversed(done.passes), PASSES_SHOWN):
            _draw_pass(column, clip, known, is_running=done.is_running and known is done.passes[-1])
        _draw_more(layout, len(done.passes) - PASSES_SHOWN)


def _draw_pass(layout: UILayout, clip: MovieClip, known: PassSummary, *, is_running: bool) -> None:
    counting = counting_of(clip)
    words = "At {}" if is_running else _OUTCOMES.get(known.outcome, "Ended at {}")
    left, middle, right = _columns(layout)
    span = f"{counting.shown(known.start)}-{counting.shown(known.end)}"
    left.label(text=span, icon="TRACKING_BACKWARDS" if known.backwards else "TRACKING_FORWARDS")
    middle.label(text=words.format(counting.shown(known.last_frame)))
    right.label(text=f"{known.alive}/{known.tracks}")


def _columns(layout: UILayout, first: float = 0.38, second: float = 0.4) -> tuple[UILayout, UILayout, UILayout]:
    """Three in a row, as wide as these parts of it."""
    outer = layout.split(factor=first)
    left = outer.row()
    inner = outer.split(factor=second / (1 - first))
    return left, inner.row(), inner.row()


def _draw_more(layout: UILayout, count: int) -> None:
    if count > 0:
        layout.label(text=f"And {count} More")


class TRACKING_SESSIONS_PT_lost(_InSession):
    bl_label = "Lost Tracks"

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        clip = context.space_data.clip
        lost = history(clip).lost
        if not lost.frames:
            layout.label(text="No Track Was Lost")
            return
        column = layout.column(align=True)
        for frame in islice(reversed(lost.frames), LOST_SHOWN):
            row = column.row()
            row.alignment = "LEFT"
            text = f"{counting_of(clip).shown(frame)}:  "
            text += _named([name for _, name in lost.tracks(frame)], letters_that_fit(context) - len(text))
            idname = actions.TRACKING_SESSIONS_OT_show_lost.bl_idname
            row.operator(idname, text=text, icon="TRACKER", emboss=False).frame = frame
        _draw_more(layout, len(lost.frames) - LOST_SHOWN)


def _named(names: list[str], letters: int) -> str:
    """The first names, as many as so many letters have room for but one at least, and how many more there are."""
    named = [name for name in names if name]
    if not named:
        return f"{len(names)} Tracks" if len(names) > 1 else "1 Track"
    for count in range(len(named), 0, -1):
        more = len(names) - count
        text = ", ".join(named[:count]) + (f" and {more} More" if more else "")
        if len(text) <= letters:
            break
    return text


class TRACKING_SESSIONS_UL_sessions(UIList):
    """The sessions of the folder, the newest first"""

    def draw_item(
        self,
        context: Context,
        layout: UILayout,
        data: Any,
        item: Any,
        icon: int | None,
        active_data: Any,
        active_property: str | None,
        index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:
        row = open_file.view(Listing).rows.get(item.name)
        if row is None:  # it is about to be filled
            layout.label(text="")
            return
        left, middle, right = _columns(layout, 0.42, 0.32)
        left.label(text=row.name, icon="ERROR" if row.error else "NONE")
        middle.label(text="Tracking" if is_running(row.path) else row.words)
        right.label(text=row.progress)
        for part in (left, middle, right):
            part.active = not row.is_discarded

    def filter_items(self, context: Context, data: Any, property: str) -> tuple[list[int], list[int]]:
        """By the names that are shown; those of the items are ids."""
        wanted = self.filter_name.casefold()
        rows = open_file.view(Listing).rows
        shown = [rows[item.name].name if item.name in rows else "" for item in getattr(data, property)]
        return [self.bitflag_filter_item if wanted in name.casefold() else 0 for name in shown], []


class TRACKING_SESSIONS_PT_sessions(_InSession):
    bl_label = "Sessions"

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        list_rows.keep_filled(context)
        found = open_file.view(Listing)
        if found.error:
            draw_words(layout, context, found.error, "ERROR")
        shown = list_rows.list_of(context)
        layout.template_list(
            TRACKING_SESSIONS_UL_sessions.__name__, "", shown, "rows", shown, "active", rows=4, maxrows=10
        )
        if found.hidden:
            layout.label(text=f"And {found.hidden} Older Ones")
        row = list_rows.chosen(context)
        if row is not None:
            _draw_row(layout, context, row)
        _draw_actions(layout, is_discarded=row is not None and row.is_discarded)


def _draw_row(layout: UILayout, context: Context, row: Row) -> None:
    """What the list has no room for."""
    column = layout.column(align=True)
    draw_words(column, context, row.name, "NONE")
    if row.modified:
        draw_words(column, context, f"Last Change {row.modified}", "NONE")
    if row.error:
        draw_words(layout, context, row.error, "ERROR")
    elif row.owner and not is_running(row.path):
        draw_words(layout, context, f"In use by {owner_words(row.owner)}", "LOCKED")


def _draw_actions(layout: UILayout, *, is_discarded: bool) -> None:
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator(actions.TRACKING_SESSIONS_OT_open_session.bl_idname)
    kind = actions.TRACKING_SESSIONS_OT_discard_session
    row.operator((actions.TRACKING_SESSIONS_OT_bring_back_session if is_discarded else kind).bl_idname)
    row = column.row(align=True)
    row.operator(actions.TRACKING_SESSIONS_OT_delete_session.bl_idname)
    row.operator(actions.TRACKING_SESSIONS_OT_reveal_session.bl_idname)


classes = (
    TRACKING_SESSIONS_PT_passes,
    TRACKING_SESSIONS_PT_lost,
    TRACKING_SESSIONS_UL_sessions,
    TRACKING_SESSIONS_PT_sessions,
)
