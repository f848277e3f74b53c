# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds the entries to the top of the Movie Clip Editor's menu Track > Track Motion, where F3 also finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..operators import retrack
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


def register() -> None:
    bpy.types.CLIP_MT_track_motion.prepend(draw_entries)  # type: ignore[attr-defined]  # Blender's own scripts define it


def unregister() -> None:
    bpy.types.CLIP_MT_track_motion.remove(draw_entries)  # type: ignore[attr-defined]
