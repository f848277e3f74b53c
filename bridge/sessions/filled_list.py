# SPDX-License-Identifier: GPL-3.0-or-later
"""A list in Blender's data that a timer fills with ids, as Blender's lists show only Blender's data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import bpy
from bpy.props import CollectionProperty, IntProperty, PointerProperty
from bpy.types import Context, PropertyGroup

from ..clip.editor import redraw

SLICE, PAUSE = 0.01, 0.02  # seconds of reading per tick, and between two ticks


class TRACKING_SESSIONS_PG_entry(PropertyGroup):
    """An entry of the list; its `name` is an id"""


class TRACKING_SESSIONS_PG_list(PropertyGroup):
    entries: CollectionProperty(type=TRACKING_SESSIONS_PG_entry)  # type: ignore[valid-type]
    active: IntProperty(name="Active")  # type: ignore[valid-type]


def write_ids(data: Any, ids: Sequence[str]) -> None:
    """Write the ids to a list of Blender's; the same entry stays active, or else the one in its place."""
    before = [entry.name for entry in data.entries]
    if before == ids:
        return
    active = before[data.active] if 0 <= data.active < len(before) else ""
    data.entries.clear()
    for id in ids:
        data.entries.add().name = id
    data.active = ids.index(active) if active in ids else min(data.active, max(0, len(ids) - 1))


def choose_id(data: Any, id: str) -> None:
    """Make this entry the active one, if the list has it."""
    at = data.entries.find(id)
    if at >= 0:
        data.active = at


class FilledList:
    """A list in the property `name` of the window manager.

    `read` reads for so many seconds and says whether more is left; `ids` are those that it has found, in order.
    """

    def __init__(self, name: str, read: Callable[[float], bool], ids: Callable[[], Iterable[str]]) -> None:
        self._name, self._read, self._ids = name, read, ids
        self.timer = self._fill  # one object: Blender knows a timer by its identity

    def data(self, context: Context) -> Any:
        """The Blender data, with `entries` and `active`."""
        return getattr(context.window_manager, self._name)

    def chosen(self, context: Context) -> str:
        """The id of the active entry; empty without one."""
        data = self.data(context)
        return data.entries[data.active].name if 0 <= data.active < len(data.entries) else ""

    def choose(self, context: Context, id: str) -> None:
        """Make this entry the active one, if the list has it."""
        choose_id(self.data(context), id)

    def keep_filled(self, context: Context, *, is_due: bool) -> None:
        """Start the timer if there is something to read. A panel calls this, and may not change data while drawn."""
        is_other = len(self.data(context).entries) != len(list(self._ids()))  # Blender loaded a file
        if (is_due or is_other) and not bpy.app.timers.is_registered(self.timer):
            bpy.app.timers.register(self.timer, first_interval=0.0)

    def _fill(self) -> float | None:
        if self._read(SLICE):
            return PAUSE
        self.update(bpy.context)
        return None

    def fill(self, context: Context) -> None:
        """Read all of it now."""
        while self._read(1.0):
            pass
        self.update(context)

    def update(self, context: Context) -> None:
        """Write the ids to the list, as `write_ids`."""
        write_ids(self.data(context), list(self._ids()))
        redraw(context)

    def register(self) -> None:
        setattr(bpy.types.WindowManager, self._name, PointerProperty(type=TRACKING_SESSIONS_PG_list))

    def unregister(self) -> None:
        if bpy.app.timers.is_registered(self.timer):
            bpy.app.timers.unregister(self.timer)
        if hasattr(bpy.types.WindowManager, self._name):
            delattr(bpy.types.WindowManager, self._name)


classes = (TRACKING_SESSIONS_PG_entry, TRACKING_SESSIONS_PG_list)
