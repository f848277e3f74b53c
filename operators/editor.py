# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators share that work on the clip of a Movie Clip Editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpy.types import Operator

from ..bridge.clip.editor import ClipEditor
from ..bridge.clip.movie_clip import linked_words
from ..bridge.sessions import overview
from ..bridge.tracking import live

if TYPE_CHECKING:
    from bpy.types import Context


class InEditor(Operator):
    """An operator for a clip that is shown for tracking and is not being tracked."""

    _works_while_owned = False  # whether it can do something about a session that another Blender is working on

    @classmethod
    def poll(cls, context: Context) -> bool:
        space = context.space_data
        if space is None or space.type != "CLIP_EDITOR" or space.clip is None:
            cls.poll_message_set("Open a clip in the Movie Clip Editor first")
            return False
        if space.mode != "TRACKING":
            cls.poll_message_set("Set the Movie Clip Editor to Tracking")
            return False
        if live.current is not None:
            cls.poll_message_set("A pass is being tracked: pause it first")
            return False
        if words := linked_words(space.clip):
            cls.poll_message_set(words)
            return False
        seen = overview.overview(space.clip)
        if seen.owner and not cls._works_while_owned:
            cls.poll_message_set(f"The session is in use by {owner_words(seen)}: wait for it")
            return False
        return cls._poll_session(seen)

    @classmethod
    def _poll_session(cls, seen: overview.Overview) -> bool:
        """Whether the state of the clip's session allows the operator; says why if not."""
        return True


def editor_of(context: Context) -> ClipEditor:
    return ClipEditor(context.window, context.area, context.space_data.clip)


def owner_words(seen: overview.Overview) -> str:
    """Who has the session, and since when by the clock on the wall."""
    who, since, when = seen.owner.partition(" since ")
    return f"{who}{since}{overview.clock_time(when) or when}"


def redraw(context: Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "CLIP_EDITOR":
                area.tag_redraw()
