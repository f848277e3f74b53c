# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels for the passes of a clip's session, its lost tracks, and the sessions of the open file."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from bpy.types import Panel, UIList

from ..bridge.clip.movie_clip import counting_of
from ..bridge.open_file import open_file
from ..bridge.sessions import list_data, overview
from ..bridge.sessions.history import history
from ..bridge.sessions.listing import Entry, Listing, folder_words, is_running
from ..core.model.types import Outcome, PassSummary
from ..core.model.wording import owner_words
from ..operators import sessions as actions
from .session import TRACKING_SESSIONS_PT_session, draw_words, letters_that_fit

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip, UILayout

MAX_PASSES = 10
MAX_FRAMES = 20  # of lost tracks

_OUTCOMES: dict[Outcome | None, str] = {
    Outcome.COMPLETE: "Complete",
    Outcome.LOST: "Lost at {}",
    Outcome.PAUSED: "Paused at {}",
    Outcome.FAILED: "Failed at {}",
    None: "Interrupted at {}",
}


class _InSession(Panel):
    """A panel inside the Session panel, closed by default."""

    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_parent_id = TRACKING_SESSIONS_PT_session.__name__
    bl_options = {"DEFAULT_CLOSED"}


class TRACKING_SESSIONS_PT_passes(_InSession):
    bl_label = "Passes"

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        clip = context.space_data.clip
        found = history(clip)
        if not found.passes:
            layout.label(text="Nothing Was Tracked Yet")
            return
        column = layout.column(align=True)
        head = _columns(column)
        for part, text in zip(head, ("Frames", "Outcome", "Tracks"), strict=True):
            part.active = False
            part.label(text=text)
        for summary in islice(reversed(found.passes), MAX_PASSES):
            _draw_pass(column, clip, summary, is_running=found.is_running and summary is found.passes[-1])
        _draw_more(layout, len(found.passes) - MAX_PASSES)


def _draw_pass(layout: UILayout, clip: MovieClip, summary: PassSummary, *, is_running: bool) -> None:
    counting = counting_of(clip)
    words = "At {}" if is_running else _OUTCOMES[summary.outcome]
    left, middle, right = _columns(layout)
    span = f"{counting.shown(summary.start)}-{counting.shown(summary.end)}"
    left.label(text=span, icon="TRACKING_BACKWARDS" if summary.direction < 0 else "TRACKING_FORWARDS")
    middle.label(text=words.format(counting.shown(summary.last_frame)))
    right.label(text=f"{summary.alive}/{summary.tracks}")


def _columns(layout: UILayout, first: float = 0.33, second: float = 0.48) -> tuple[UILayout, UILayout, UILayout]:
    """Three columns; `first` and `second` are their shares of the width."""
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
        for frame in islice(sorted(lost.frames), MAX_FRAMES):
            row = column.row()
            row.alignment = "LEFT"
            text = f"{counting_of(clip).shown(frame)}:  "
            text += _named([name for _, name in lost.tracks(frame)], letters_that_fit(context) - len(text))
            idname = actions.TRACKING_SESSIONS_OT_show_lost.bl_idname
            row.operator(idname, text=text, icon="TRACKER", emboss=False).frame = frame
        _draw_more(layout, len(lost.frames) - MAX_FRAMES)


def _named(names: list[str], letters: int) -> str:
    """The first names that fit into so many letters, at least one, and the number of the others."""
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
    """The sessions of the open file's folders: that of the clip first, then the newest"""

    def draw_item(
        self, context: Context, layout: UILayout, data: Any, item: Any, icon: Any, active_data: Any, active_name: Any
    ) -> None:
        entry = open_file.view(Listing).entries.get(item.name)
        if entry is None:  # the timer has not filled the list yet
            layout.label(text="")
            return
        left, middle, right = _columns(layout, 0.42, 0.32)
        own_icon: Any = "PINNED" if item.name == _own(context) else "NONE"
        left.label(text=entry.name, icon="ERROR" if entry.error else own_icon)
        middle.label(text="Tracking" if is_running(entry.path) else entry.words)
        right.label(text=entry.progress)
        for part in (left, middle, right):
            part.active = not entry.is_discarded

    def filter_items(self, context: Context, data: Any, property: str) -> tuple[list[int], list[int]]:
        """Filter by the displayed names, and put the session of the clip first; the names of the items are ids."""
        text = self.filter_name.casefold()
        entries = open_file.view(Listing).entries
        ids = [item.name for item in getattr(data, property)]
        names = [entries[id].name if id in entries else "" for id in ids]
        flags = [self.bitflag_filter_item if text in name.casefold() else 0 for name in names]
        own = _own(context)
        first = ids.index(own) if own in ids else 0
        return flags, [0 if at == first else at + (at < first) for at in range(len(ids))]


def _own(context: Context) -> str:
    """The id of the session of the editor's clip; empty without one."""
    return overview.last_overview(context.space_data.clip).session


class TRACKING_SESSIONS_PT_sessions(_InSession):
    bl_label = "Sessions"

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        list_data.keep_filled(context)
        listing = open_file.view(Listing)
        if listing.error:
            draw_words(layout, context, listing.error, "ERROR")
        elif listing.is_read and not listing.entries:
            draw_words(layout, context, f"No Session in {folder_words()} Yet", "NONE")
            return
        sessions = list_data.list_of(context)
        kind = TRACKING_SESSIONS_UL_sessions.__name__
        layout.template_list(kind, "", sessions, "entries", sessions, "active", rows=4, maxrows=10)
        if listing.hidden:
            layout.label(text=f"And {listing.hidden} Older Ones")
        entry = list_data.chosen(context)
        if entry is not None:
            _draw_entry(layout, context, entry)
        _draw_actions(layout, is_discarded=entry is not None and entry.is_discarded)


def _draw_entry(layout: UILayout, context: Context, entry: Entry) -> None:
    """Draw the details of the session that do not fit into the list."""
    column = layout.column(align=True)
    draw_words(column, context, entry.name, "NONE")
    if open_file.view(Listing).entries.get(_own(context)) is entry:
        column.label(text="Session of This Clip", icon="PINNED")
    if entry.modified:
        draw_words(column, context, f"Last Change {entry.modified}", "NONE")
    if entry.error:
        draw_words(layout, context, entry.error, "ERROR")
    elif entry.owner and not is_running(entry.path):
        draw_words(layout, context, f"In use by {owner_words(entry.owner)}", "LOCKED")


def _draw_actions(layout: UILayout, *, is_discarded: bool) -> None:
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator(actions.TRACKING_SESSIONS_OT_open_session.bl_idname)
    discard, bring_back = actions.TRACKING_SESSIONS_OT_discard_session, actions.TRACKING_SESSIONS_OT_bring_back_session
    row.operator((bring_back if is_discarded else discard).bl_idname)
    row = column.row(align=True)
    row.operator(actions.TRACKING_SESSIONS_OT_delete_session.bl_idname)
    row.operator(actions.TRACKING_SESSIONS_OT_reveal_session.bl_idname)


classes = (
    TRACKING_SESSIONS_PT_passes,
    TRACKING_SESSIONS_PT_lost,
    TRACKING_SESSIONS_UL_sessions,
    TRACKING_SESSIONS_PT_sessions,
)
