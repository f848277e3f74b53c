# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels for the passes of a clip's session, its lost tracks, and the sessions of the open file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from bpy.types import Panel, UIList

from ..bridge.clip.movie_clip import counting_of
from ..bridge.open_file import open_file
from ..bridge.sessions import overview
from ..bridge.sessions.history import history
from ..bridge.sessions.listing import SESSIONS, Entry, Listing, chosen, folder_words, is_running
from ..core.model.types import Outcome, PassSummary
from ..core.model.wording import abridged, count_words, owner_words
from ..operators import sessions as actions
from ..operators import track
from .session import TRACKING_SESSIONS_PT_session, draw_words, is_narrow, letters_that_fit, pair

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip, UILayout

MAX_PASSES = 10
MAX_FRAMES = 20  # of lost tracks
# in letters
GAP = 3  # between two columns
ICON = 4  # the width of an icon with its margin
SHORTEST = 6  # the least that is left of a name
MARGIN = 3  # of a button around its text
LIST_MARGIN = 2  # of the list around its lines
NAME, STATE, PROGRESS = 20, 13, 10  # the columns of the list, which shows no progress in a sidebar of the usual width

_OUTCOMES: dict[Outcome | None, str] = {
    Outcome.COMPLETE: "Complete",
    Outcome.LOST: "Lost at {}",
    Outcome.PAUSED: "Paused at {}",
    Outcome.FAILED: "Failed at {}",
    Outcome.DROPPED: "Dropped at {}",
    None: "Interrupted at {}",
}


class InSession(Panel):
    """A panel inside the Session panel, closed by default."""

    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_parent_id = TRACKING_SESSIONS_PT_session.__name__
    bl_options = {"DEFAULT_CLOSED"}


class TRACKING_SESSIONS_PT_passes(InSession):
    bl_label = "Passes"

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        clip = context.space_data.clip
        found = history(clip)
        if not found.passes:
            layout.label(text="Nothing Was Tracked Yet")
            return
        for summary in () if found.is_running else overview.overview(clip).resumable:
            _draw_unfinished(layout, context, clip, summary)
        rows = [
            _pass_words(clip, summary, is_running=found.is_running and summary is found.passes[-1])
            for summary in islice(reversed(found.passes), MAX_PASSES)
        ]
        _draw_passes(layout, context, rows)
        _draw_more(layout, len(found.passes) - MAX_PASSES)


def _draw_unfinished(layout: UILayout, context: Context, clip: MovieClip, summary: PassSummary) -> None:
    """A pass that can be resumed, with its buttons."""
    shown = counting_of(clip).shown
    tracks = count_words(len(summary.followed), "Track")
    words = f"At {shown(summary.last_frame)} of {shown(summary.start)}-{shown(summary.end)}, {tracks}"
    if not summary.followed and summary.then:
        words = f"Planned: {shown(summary.then[0][0])}-{shown(summary.then[0][1])}"
    row = layout.row()
    draw_words(row.column(), context, words, "PAUSE")
    buttons = row.row(align=True)
    buttons.alignment = "RIGHT"
    buttons.operator(track.TRACKING_SESSIONS_OT_resume.bl_idname, text="", icon="PLAY").number = summary.number
    buttons.operator(track.TRACKING_SESSIONS_OT_drop_pass.bl_idname, text="", icon="X").number = summary.number


class _PassWords(NamedTuple):
    frames: str
    outcome: str
    tracks: str
    icon: Any = "NONE"


_HEAD = _PassWords("Frames", "Outcome", "Tracks")


def _pass_words(clip: MovieClip, summary: PassSummary, *, is_running: bool) -> _PassWords:
    shown = counting_of(clip).shown
    words = "At {}" if is_running else _OUTCOMES[summary.outcome]
    is_taken_on = not is_running and not summary.is_open and (summary.outcome is None or not summary.outcome.is_final)
    if is_taken_on:
        words = "Tracked On"
    way: Any = "TRACKING_BACKWARDS" if summary.direction < 0 else "TRACKING_FORWARDS"
    return _PassWords(
        f"{shown(summary.start)}-{shown(summary.end)}",
        words.format(shown(summary.last_frame)),
        f"{summary.alive}/{summary.tracks}",
        "BLENDER" if summary.origin else way,
    )


def _draw_passes(layout: UILayout, context: Context, rows: Sequence[_PassWords]) -> None:
    """Draw the passes as a table, or if that does not fit in several lines each."""
    widths = [GAP + max(len(row[i]) for row in (_HEAD, *rows)) for i in range(3)]
    if sum(widths) - GAP > letters_that_fit(context):
        for row in rows:
            _draw_pass(layout, context, row)
        return
    layout = layout.column(align=True)
    widths[0] += ICON
    for part, text in zip(columns(layout, *widths), _HEAD, strict=False):
        part.active = False
        part.label(text=text)
    for row in rows:
        left, middle, right = columns(layout, *widths)
        left.label(text=row.frames, icon=row.icon)
        middle.label(text=row.outcome)
        right.label(text=row.tracks)


def _draw_pass(layout: UILayout, context: Context, row: _PassWords) -> None:
    lines = layout.column(align=True)
    lines.scale_y = 0.8
    if len(row.frames) + GAP + len(row.tracks) <= letters_that_fit(context):
        left, right = columns(lines, len(row.frames) + ICON, len(row.tracks))
        left.label(text=row.frames, icon=row.icon)
        right.alignment = "RIGHT"
        right.label(text=row.tracks)
        lines.label(text=row.outcome, icon="BLANK1")
    else:
        lines.label(text=row.frames, icon=row.icon)
        for text in (row.outcome, row.tracks):
            lines.label(text=text, icon="BLANK1")


def columns(layout: UILayout, *widths: float) -> list[UILayout]:
    """Columns whose widths have these ratios."""
    columns: list[UILayout] = []
    for i, width in enumerate(widths[:-1]):
        layout = layout.split(factor=width / sum(widths[i:]))
        columns.append(layout.row())
    return [*columns, layout.row()]


def _draw_more(layout: UILayout, count: int) -> None:
    if count > 0:
        layout.label(text=f"And {count} More")


class TRACKING_SESSIONS_PT_lost(InSession):
    bl_label = "Lost Tracks"

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        clip = context.space_data.clip
        lost = history(clip).lost
        if not lost.frames:
            draw_words(layout, context, "No Track Was Lost in the Picture", "NONE")
            return
        column = layout.column(align=True)
        for frame in islice(sorted(lost.frames), MAX_FRAMES):
            row = column.row()
            row.alignment = "LEFT"
            names = [name for _, name in lost.tracks(frame)]
            text = f"{counting_of(clip).shown(frame)}:  "
            letters = letters_that_fit(context)
            beside = text + _named(names, letters - MARGIN - len(text))
            has_room = len(beside) <= letters - MARGIN
            idname = actions.TRACKING_SESSIONS_OT_show_lost.bl_idname
            row.operator(idname, text=beside if has_room else text, icon="TRACKER", emboss=False).frame = frame
            if not has_room:
                column.label(text=_named(names, letters, cut=True), icon="BLANK1")
        _draw_more(layout, len(lost.frames) - MAX_FRAMES)


def _named(names: list[str], letters: int, *, cut: bool = False) -> str:
    """The first names that fit into so many letters, at least one, and the number of the others.

    With `cut` a single name that is too long loses its middle.
    """
    named = [name for name in names if name]
    if not named:
        return f"{len(names)} Tracks" if len(names) > 1 else "1 Track"
    for count in range(len(named), 0, -1):
        more = len(names) - count
        rest = f" and {more} More" if more else ""
        text = ", ".join(named[:count]) + rest
        if len(text) <= letters:
            return text
    return abridged(named[0], max(SHORTEST, letters - len(rest))) + rest if cut else text


class TRACKING_SESSIONS_UL_sessions(UIList):
    """The sessions of the open file's folders: that of the clip first, then the newest"""

    def draw_item(
        self, context: Context, layout: UILayout, data: Any, item: Any, icon: Any, active_data: Any, active_name: Any
    ) -> None:
        entry = open_file.view(Listing).entries.get(item.name)
        if entry is None:  # the timer has not filled the list yet
            layout.label(text="")
            return
        layout.active = not entry.is_discarded
        own_icon: Any = "PINNED" if item.name == _own(context) else "NONE"
        mark: Any = "ERROR" if entry.error else own_icon
        letters = letters_that_fit(context) - LIST_MARGIN
        if is_narrow(context):
            layout.label(text=abridged(entry.name, letters), icon=mark)
            return
        has_progress = letters >= NAME + STATE + PROGRESS
        widths = [letters - STATE - PROGRESS, STATE, PROGRESS] if has_progress else [letters - STATE, STATE]
        left, middle, *right = columns(layout, *widths)
        left.label(text=abridged(entry.name, widths[0] - LIST_MARGIN), icon=mark)
        middle.label(text=_state(entry))
        for part in right:
            part.label(text=entry.progress)

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


class TRACKING_SESSIONS_PT_sessions(InSession):
    bl_label = "Sessions"

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        listing = open_file.view(Listing)
        SESSIONS.keep_filled(context, is_due=listing.is_due())
        if listing.error:
            draw_words(layout, context, listing.error, "ERROR")
        elif listing.is_read and not listing.entries:
            draw_words(layout, context, f"No Session in {folder_words()} Yet", "NONE")
            return
        sessions = SESSIONS.data(context)
        kind = TRACKING_SESSIONS_UL_sessions.__name__
        layout.template_list(kind, "", sessions, "entries", sessions, "active", rows=4, maxrows=10)
        if listing.hidden:
            layout.label(text=f"And {listing.hidden} Older Ones")
        entry = chosen(context)
        if entry is not None:
            _draw_entry(layout, context, entry)
        _draw_actions(layout, context, is_discarded=entry is not None and entry.is_discarded)


def _state(entry: Entry) -> str:
    return "Tracking" if is_running(entry.path) else entry.words


def _draw_entry(layout: UILayout, context: Context, entry: Entry) -> None:
    """Draw the details of the session that do not fit into the list."""
    column = layout.column(align=True)
    draw_words(column, context, entry.name, "NONE")
    if open_file.view(Listing).entries.get(_own(context)) is entry:
        column.label(text="Session of This Clip", icon="PINNED")
    draw_words(column, context, ", ".join(filter(None, (_state(entry), entry.progress))), "NONE")
    if entry.modified:
        draw_words(column, context, f"Last Change {entry.modified}", "NONE")
    if entry.error:
        draw_words(layout, context, entry.error, "ERROR")
    elif entry.owner and not is_running(entry.path):
        draw_words(layout, context, f"In use by {owner_words(entry.owner)}", "LOCKED")


def _draw_actions(layout: UILayout, context: Context, *, is_discarded: bool) -> None:
    column = layout.column(align=True)
    row = pair(column, context)
    row.operator(actions.TRACKING_SESSIONS_OT_open_session.bl_idname)
    discard, bring_back = actions.TRACKING_SESSIONS_OT_discard_session, actions.TRACKING_SESSIONS_OT_bring_back_session
    row.operator((bring_back if is_discarded else discard).bl_idname)
    row = pair(column, context)
    row.operator(actions.TRACKING_SESSIONS_OT_delete_session.bl_idname)
    row.operator(actions.TRACKING_SESSIONS_OT_reveal_session.bl_idname)


classes = (
    TRACKING_SESSIONS_PT_passes,
    TRACKING_SESSIONS_PT_lost,
    TRACKING_SESSIONS_UL_sessions,
    TRACKING_SESSIONS_PT_sessions,
)
