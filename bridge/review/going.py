# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a problem in the artist's editor: its frame, its track selected alone, and the view zoomed to that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from ...core.journal.head import Head
from ...core.model.flags import Flag
from ..clip.editor import select_alone
from ..clip.movie_clip import counting_of

if TYPE_CHECKING:
    from bpy.types import Context

CLOSE = 2.0
"""Pixels of the screen for one of the picture, at least: Blender's own operator only moves the view, or zooms out."""
_VIEWS = {"CLIP": "view_selected", "GRAPH": "graph_view_all", "DOPESHEET": "dopesheet_view_all"}


def go_to(context: Context, flag: Flag, head: Head) -> None:
    """Show the flag's first frame and, if it is about a track that the clip still has, the track."""
    space: Any = context.space_data
    clip = space.clip
    frame = counting_of(clip).shown(flag.first)
    context.scene.frame_current = frame
    space.clip_user.frame_current = frame  # without a window Blender does not set it
    data = head.tracks.get(flag.track)
    if data is None or select_alone(clip, data.object, data.name) is None:
        return
    if context.region is None or context.region.type != "WINDOW":  # the click was in the sidebar
        region = next(region for region in context.area.regions if region.type == "WINDOW")
        with context.temp_override(region=region):
            _zoom(space)
    else:
        _zoom(space)


def _zoom(space: Any) -> None:
    operator = getattr(bpy.ops.clip, _VIEWS[space.view])
    if operator.poll():
        operator()
        if space.view == "CLIP" and space.zoom_percentage < 100 * CLOSE:
            bpy.ops.clip.view_zoom_ratio(ratio=CLOSE)
