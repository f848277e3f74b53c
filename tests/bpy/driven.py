# SPDX-License-Identifier: GPL-3.0-or-later
"""A track operator in the middle of a pass, which gets its events from the test: without a window there is no loop."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import bpy

from tracking_sessions.bridge.clip.editor import ClipEditor, newest_tracking
from tracking_sessions.bridge.tracking import live
from tracking_sessions.operators import status
from tracking_sessions.operators.track import TracksLive
from tracking_sessions.tests.bpy.window import begin


class Driven:
    """The operator, and its reports."""

    modal, cancel, _end = TracksLive.modal, TracksLive.cancel, TracksLive._end
    _close, _save_copy = TracksLive._close, TracksLive._save_copy
    _job, _stop_listening = TracksLive._job, TracksLive._stop_listening
    _go_on, give_way, _tell_pause = TracksLive._go_on, TracksLive.give_way, TracksLive._tell_pause
    _gave_way, bl_label = False, "Track in Session"

    def __init__(self, editor: ClipEditor, steps: int = 1, **asked: Any) -> None:
        self.editor = editor
        self.reports: list[tuple[set[str], str]] = []
        self._live = begin(editor, steps=steps, **asked)
        self._display = status.Display()
        self._tracked_before = newest_tracking()
        self._timer: Any = bpy.context.window_manager.event_timer_add(1.0, window=editor.window)

    def report(self, kind: set[str], text: str) -> None:
        self.reports.append((kind, text))

    def send(self, kind: str = "TIMER", value: str = "PRESS") -> Any:
        event: Any = SimpleNamespace(type=kind, value=value)
        context = bpy.context
        with context.temp_override(window=context.window_manager.windows[0]):
            return self.modal(context, event)  # type: ignore[arg-type]

    @property
    def is_over(self) -> bool:
        """Whether Blender has no trace of the operator."""
        return live.running() is None and self._timer is None and not status_is_ours()


def status_is_ours() -> bool:
    return bpy.types.STATUSBAR_HT_header.draw is status.draw_status  # type: ignore[attr-defined]
