# SPDX-License-Identifier: GPL-3.0-or-later
"""The bases of the operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.types import Operator

from ..bridge.clip.editor import ClipEditor, blender_is_tracking, redraw
from ..bridge.clip.movie_clip import linked_words
from ..bridge.errors import error_words
from ..bridge.open_file import open_file
from ..bridge.sessions import overview
from ..bridge.tracking import live
from ..core.errors import TrackingSessionError
from ..core.model.wording import owner_words

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip


PASS_RUNS = "A pass is being tracked: pause it first"
BLENDER_TRACKS = "Blender is tracking: wait until it is done, or stop it with Esc"


class Polled(Operator):
    """An operator that shows why it cannot run."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        obstacle = cls._obstacle(context)
        if obstacle:
            cls.poll_message_set(obstacle)
        return not obstacle

    @classmethod
    def _obstacle(cls, context: Context) -> str:
        """Why the operator cannot run, with the remedy; empty if it can."""
        raise NotImplementedError


class InEditor(Polled):
    """An operator for the clip of an editor in mode Tracking, while neither a pass runs nor Blender's tracker."""

    _works_while_owned = False  # whether the operator also works while another Blender owns the session

    @classmethod
    def _obstacle(cls, context: Context) -> str:
        if obstacle := cls._editor_obstacle(context):
            return obstacle
        seen = overview.overview(context.space_data.clip)
        if seen.owner and not cls._works_while_owned:
            return in_use_words(seen.owner)
        return cls._session_obstacle(seen)

    @classmethod
    def _editor_obstacle(cls, context: Context) -> str:
        """As `_obstacle`, whatever the session of the clip is: reads no file."""
        space = context.space_data
        if space is None or space.type != "CLIP_EDITOR" or space.clip is None:
            return "Open a clip in the Movie Clip Editor first"
        if space.mode != "TRACKING":
            return "Set the Movie Clip Editor to Tracking"
        if live.running() is not None:
            return PASS_RUNS
        if blender_is_tracking():
            return BLENDER_TRACKS
        return linked_words(space.clip)

    @classmethod
    def _session_obstacle(cls, seen: overview.Overview) -> str:
        """As `_obstacle`, in the state of the clip's session."""
        return ""


class Acting(InEditor):
    """An operator that does one thing with the clip, and reports the error if it cannot."""

    def execute(self, context: Context) -> set[str]:
        try:
            self._do(context, context.space_data.clip)
        except TrackingSessionError as error:
            return report_error(self, error)
        redraw(context)
        return {"FINISHED"}

    def _do(self, context: Context, clip: MovieClip) -> None:
        """Raises TrackingSessionError."""
        raise NotImplementedError


class Modal(Operator):
    """An operator that waits for the events of a timer."""

    _job = ""  # its key in `open_file.modal`
    _timer: bpy.types.Timer | None = None

    def _listen(self, context: Context, interval: float) -> set[str]:
        manager = context.window_manager
        self._timer = manager.event_timer_add(interval, window=context.window)
        manager.modal_handler_add(self)
        open_file.modal[self._job] = self
        return {"RUNNING_MODAL"}

    def _stop_listening(self, context: Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        if open_file.modal.get(self._job) is self:
            del open_file.modal[self._job]


def editor_of(context: Context) -> ClipEditor:
    return ClipEditor(context.window, context.area, context.space_data.clip)


def in_use_words(owner: str) -> str:
    return f"The session is in use by {owner_words(owner)}: wait for it"


def report_error(operator: Operator, error: TrackingSessionError) -> set[str]:
    """Report the error and the buttons that help; returns the result of the operator."""
    operator.report({"ERROR"}, error_words(error))
    return {"CANCELLED"}


def end_modal() -> None:
    """End the modal operators: Blender does not call `cancel` when it unregisters a class."""
    for operator in list(open_file.modal.values()):
        operator.cancel(bpy.context)
