# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the list of sessions in Blender's data, and the timer that fills them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import CollectionProperty, IntProperty, PointerProperty
from bpy.types import PropertyGroup

from ..clip.editor import redraw
from ..open_file import open_file
from .listing import Listing, Row

if TYPE_CHECKING:
    from bpy.types import Context

SLICE, PAUSE = 0.01, 0.02  # seconds of reading, and for Blender in between


class TRACKING_SESSIONS_PG_session(PropertyGroup):
    """A row of the list; its `name` is the id of a session"""


class TRACKING_SESSIONS_PG_list(PropertyGroup):
    # in Blender's data because its lists show nothing else; the words of the rows stay in `Listing`
    rows: CollectionProperty(type=TRACKING_SESSIONS_PG_session)  # type: ignore[valid-type]
    active: IntProperty(name="Session")  # type: ignore[valid-type]


def list_of(context: Context) -> Any:
    return context.window_manager.tracking_sessions  # type: ignore[attr-defined]  # the stubs do not know it


def chosen(context: Context) -> Row | None:
    """The session that is chosen in the list."""
    shown = list_of(context)
    if not 0 <= shown.active < len(shown.rows):
        return None
    return open_file.view(Listing).rows.get(shown.rows[shown.active].name)


def keep_filled(context: Context) -> None:
    """Have the list filled if it is out of date: soon, because nothing can be changed while a panel is drawn."""
    listing = open_file.view(Listing)
    is_other = len(list_of(context).rows) != len(listing.rows)  # a file was loaded
    if (listing.is_due() or is_other) and not bpy.app.timers.is_registered(_fill):
        bpy.app.timers.register(_fill, first_interval=0.0)


def _fill() -> float | None:
    if open_file.view(Listing).read(SLICE):
        return PAUSE
    update(bpy.context)
    return None


def update(context: Context) -> None:
    """Put what was read into the list; the same session stays chosen."""
    shown = list_of(context)
    before = [row.name for row in shown.rows]
    wanted = list(open_file.view(Listing).rows)
    if before != wanted:
        name = before[shown.active] if 0 <= shown.active < len(before) else ""
        shown.rows.clear()
        for one in wanted:
            shown.rows.add().name = one
        shown.active = wanted.index(name) if name in wanted else min(shown.active, max(0, len(wanted) - 1))
    redraw(context)


def register() -> None:
    kind = PointerProperty(type=TRACKING_SESSIONS_PG_list)
    bpy.types.WindowManager.tracking_sessions = kind  # type: ignore[attr-defined]


def unregister() -> None:
    if bpy.app.timers.is_registered(_fill):
        bpy.app.timers.unregister(_fill)
    if hasattr(bpy.types.WindowManager, "tracking_sessions"):
        del bpy.types.WindowManager.tracking_sessions  # type: ignore[attr-defined]


classes = (TRACKING_SESSIONS_PG_session, TRACKING_SESSIONS_PG_list)
