# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds the entries to the top of the Movie Clip Editor's menu Track > Track Motion, and to File > Import and Export,
where F3 also finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from ..operators import retrack
from ..operators.exchange import TRACKING_SESSIONS_OT_export_chan, TRACKING_SESSIONS_OT_import_chan
from ..operators.track import (
    DIRECTIONS,
    TRACKING_SESSIONS_OT_pause,
    TRACKING_SESSIONS_OT_resume,
    TRACKING_SESSIONS_OT_track,
)

if TYPE_CHECKING:
    from bpy.types import Context, Menu


def draw_entries(menu: Menu, context: Context) -> None:
    layout = menu.layout
    assert layout is not None
    for direction, name, _ in DIRECTIONS:
        text = f"{TRACKING_SESSIONS_OT_track.bl_label} {'Both Ways' if direction == 'BOTH' else name}"
        layout.operator(TRACKING_SESSIONS_OT_track.bl_idname, text=text).direction = direction
    layout.operator(TRACKING_SESSIONS_OT_resume.bl_idname)
    layout.operator(TRACKING_SESSIONS_OT_pause.bl_idname)
    layout.separator()
    for operator in retrack.classes:
        layout.operator(operator.bl_idname)
    layout.separator()


def draw_import(menu: Menu, context: Context) -> None:
    assert menu.layout is not None
    menu.layout.operator(TRACKING_SESSIONS_OT_import_chan.bl_idname, text="Nuke Camera (.chan)")


def draw_export(menu: Menu, context: Context) -> None:
    assert menu.layout is not None
    menu.layout.operator(TRACKING_SESSIONS_OT_export_chan.bl_idname, text="Nuke Camera (.chan)")


def register() -> None:
    types: Any = bpy.types  # Blender's own scripts define these
    types.CLIP_MT_track_motion.prepend(draw_entries)
    types.TOPBAR_MT_file_import.append(draw_import)
    types.TOPBAR_MT_file_export.append(draw_export)


def unregister() -> None:
    types: Any = bpy.types
    types.CLIP_MT_track_motion.remove(draw_entries)
    types.TOPBAR_MT_file_import.remove(draw_import)
    types.TOPBAR_MT_file_export.remove(draw_export)
