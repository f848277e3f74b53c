# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of states in Blender's data, and the timer that fills it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import CollectionProperty, IntProperty, PointerProperty
from bpy.types import PropertyGroup

from ...core.journal.history import State
from ...core.journal.state_words import state_id, state_position
from ..clip.editor import redraw
from ..open_file import open_file
from .states import StateView

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip

SLICE, PAUSE = 0.01, 0.02  # seconds of reading per tick, and between two ticks


class TRACKING_SESSIONS_PG_state(PropertyGroup):
    """An entry of the list; its `name` is the id of a state"""


class TRACKING_SESSIONS_PG_states(PropertyGroup):
    # Blender's lists show only Blender's data; `StateView` has the texts
    entries: CollectionProperty(type=TRACKING_SESSIONS_PG_state)  # type: ignore[valid-type]
    active: IntProperty(name="State")  # type: ignore[valid-type]


def list_of(context: Context) -> Any:
    return context.window_manager.tracking_sessions_states  # type: ignore[attr-defined]  # the stubs do not know it


def shown() -> dict[str, State]:
    """The states by their ids, newest first."""
    return {state_id(state.position): state for state in reversed(open_file.view(StateView).history.states)}


def shown_state(id: str) -> State | None:
    """The state with this id."""
    position = state_position(id)
    return open_file.view(StateView).history.find(position) if position is not None else None


def chosen(context: Context) -> State | None:
    """The active state of the list."""
    states = list_of(context)
    return shown_state(states.entries[states.active].name) if 0 <= states.active < len(states.entries) else None


class _Waiting:
    """The clip whose states the timer reads."""

    clip = 0


def keep_filled(context: Context, clip: MovieClip) -> None:
    """Start the timer if the list is out of date. A panel calls this, and may not change data while it is drawn."""
    view = open_file.view(StateView)
    is_other = len(list_of(context).entries) != len(view.history.states)  # Blender loaded a file
    open_file.view(_Waiting).clip = clip.session_uid
    if (view.is_due(clip) or is_other) and not bpy.app.timers.is_registered(_fill):
        bpy.app.timers.register(_fill, first_interval=0.0)


def _fill() -> float | None:
    wanted = open_file.view(_Waiting).clip
    clip = next((clip for clip in bpy.data.movieclips if clip.session_uid == wanted), None)
    if clip is not None and open_file.view(StateView).read(clip, SLICE):
        return PAUSE
    update(bpy.context)
    return None


def update(context: Context) -> None:
    """Write the states to the list; the same state stays active."""
    states = list_of(context)
    before = [entry.name for entry in states.entries]
    ids = list(shown())
    if before != ids:
        active = before[states.active] if 0 <= states.active < len(before) else ""
        states.entries.clear()
        for state in ids:
            states.entries.add().name = state
        states.active = ids.index(active) if active in ids else 0
    redraw(context)


def register() -> None:
    kind = PointerProperty(type=TRACKING_SESSIONS_PG_states)
    bpy.types.WindowManager.tracking_sessions_states = kind  # type: ignore[attr-defined]


def unregister() -> None:
    if bpy.app.timers.is_registered(_fill):
        bpy.app.timers.unregister(_fill)
    if hasattr(bpy.types.WindowManager, "tracking_sessions_states"):
        del bpy.types.WindowManager.tracking_sessions_states  # type: ignore[attr-defined]


classes = (TRACKING_SESSIONS_PG_state, TRACKING_SESSIONS_PG_states)
