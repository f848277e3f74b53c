# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of sessions in Blender's data, and the timer that fills it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import CollectionProperty, IntProperty, PointerProperty
from bpy.types import PropertyGroup

from ..clip.editor import redraw
from ..open_file import open_file
from .listing import Entry, Listing

if TYPE_CHECKING:
    from bpy.types import Context

SLICE, PAUSE = 0.01, 0.02  # seconds of reading per tick, and between two ticks


class TRACKING_SESSIONS_PG_session(PropertyGroup):
    """An entry of the list; its `name` is the id of a session"""


class TRACKING_SESSIONS_PG_list(PropertyGroup):
    # Blender's lists show only Blender's data; `Listing` has the texts
    entries: CollectionProperty(type=TRACKING_SESSIONS_PG_session)  # type: ignore[valid-type]
    active: IntProperty(name="Session")  # type: ignore[valid-type]


def list_of(context: Context) -> Any:
    return context.window_manager.tracking_sessions  # type: ignore[attr-defined]  # the stubs do not know it


def chosen(context: Context) -> Entry | None:
    """The active session of the list."""
    sessions = list_of(context)
    if not 0 <= sessions.active < len(sessions.entries):
        return None
    return open_file.view(Listing).entries.get(sessions.entries[sessions.active].name)


def keep_filled(context: Context) -> None:
    """Start the timer if the list is out of date. A panel calls this, and may not change data while it is drawn."""
    listing = open_file.view(Listing)
    is_other = len(list_of(context).entries) != len(listing.entries)  # Blender loaded a file
    if (listing.is_due() or is_other) and not bpy.app.timers.is_registered(_fill):
        bpy.app.timers.register(_fill, first_interval=0.0)


def _fill() -> float | None:
    if open_file.view(Listing).read(SLICE):
        return PAUSE
    update(bpy.context)
    return None


def update(context: Context) -> None:
    """Write the entries of the listing to the list; the same session stays active."""
    sessions = list_of(context)
    before = [entry.name for entry in sessions.entries]
    ids = list(open_file.view(Listing).entries)
    if before != ids:
        active = before[sessions.active] if 0 <= sessions.active < len(before) else ""
        sessions.entries.clear()
        for session_id in ids:
            sessions.entries.add().name = session_id
        sessions.active = ids.index(active) if active in ids else min(sessions.active, max(0, len(ids) - 1))
    redraw(context)


def refresh(context: Context) -> None:
    """Read the list again at once."""
    open_file.forget()
    while open_file.view(Listing).read(1.0):
        pass
    update(context)


def choose(context: Context, session_id: str) -> None:
    """Make this session the active one of the list, if the list has it."""
    sessions = list_of(context)
    ids = [entry.name for entry in sessions.entries]
    if session_id in ids:
        sessions.active = ids.index(session_id)


def register() -> None:
    kind = PointerProperty(type=TRACKING_SESSIONS_PG_list)
    bpy.types.WindowManager.tracking_sessions = kind  # type: ignore[attr-defined]


def unregister() -> None:
    if bpy.app.timers.is_registered(_fill):
        bpy.app.timers.unregister(_fill)
    if hasattr(bpy.types.WindowManager, "tracking_sessions"):
        del bpy.types.WindowManager.tracking_sessions  # type: ignore[attr-defined]


classes = (TRACKING_SESSIONS_PG_session, TRACKING_SESSIONS_PG_list)
