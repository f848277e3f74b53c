# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of the operators that work on the clip of a Movie Clip Editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.types import Operator

from ..bridge.clip.editor import ClipEditor
from ..bridge.clip.movie_clip import linked_words
from ..bridge.errors import error_words
from ..bridge.open_file import open_file
from ..bridge.sessions import overview
from ..bridge.tracking import live
from ..core.errors import TrackingSessionError
from ..core.model.wording import owner_words

if TYPE_CHECKING:
    from bpy.types import Context


class InEditor(Operator):
    """An operator for the clip of an editor in mode Tracking, while no pass runs."""

    _works_while_owned = False  # whether the operator also works while another Blender owns the session

    @classmethod
    def poll(cls, context: Context) -> bool:
        space = context.space_data
        if space is None or space.type != "CLIP_EDITOR" or space.clip is None:
            cls.poll_message_set("Open a clip in the Movie Clip Editor first")
            return False
        if space.mode != "TRACKING":
            cls.poll_message_set("Set the Movie Clip Editor to Tracking")
            return False
        if live.running() is not None:
            cls.poll_message_set("A pass is being tracked: pause it first")
            return False
        if words := linked_words(space.clip):
            cls.poll_message_set(words)
            return False
        seen = overview.overview(space.clip)
        if seen.owner and not cls._works_while_owned:
            cls.poll_message_set(f"The session is in use by {owner_words(seen.owner)}: wait for it")
            return False
        return cls._poll_session(seen)

    @classmethod
    def _poll_session(cls, seen: overview.Overview) -> bool:
        """Whether the state of the clip's session allows the operator; else sets the poll message."""
        return True


def editor_of(context: Context) -> ClipEditor:
    return ClipEditor(context.window, context.area, context.space_data.clip)


def report_error(operator: Operator, error: TrackingSessionError) -> None:
    """Report the error and the buttons that help."""
    operator.report({"ERROR"}, error_words(error))


def end_modal() -> None:
    """End the modal operators: Blender does not call `cancel` when it unregisters a class."""
    for operator in list(open_file.modal.values()):
        operator.cancel(bpy.context)
