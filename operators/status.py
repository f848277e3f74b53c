# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a pass: in words, and in the status bar while it goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import bpy

from ..bridge.clip.editor import redraw
from ..bridge.tracking import live
from ..core.model.wording import clock

if TYPE_CHECKING:
    from bpy.types import Context, Header

INTERVAL = 0.2  # seconds between two drawings of what tells the progress


def frames_text(running: live.LivePass) -> str:
    return f"{running.done} of {running.total} Frames"


def pace_text(running: live.LivePass) -> str:
    """How fast it goes and how long it still takes; says so as long as that is not known."""
    if not running.rate or running.seconds_left is None:
        return "Measuring the Speed"
    return f"{running.rate:.1f} per Second, {clock(running.seconds_left)} Left"


def tracks_text(running: live.LivePass) -> str:
    return f"{len(running.run.alive)} Followed, {running.lost} Lost"


def position_text(running: live.LivePass) -> str:
    """The frame reached and the one to reach, as the timeline counts them."""
    run = running.run
    frame, end = map(running.counting.shown, (run.frame, run.plan.end))
    return f"Frame {frame}, Down to {end}" if run.plan.backwards else f"Frame {frame} of {end}"


def factor(running: live.LivePass) -> float:
    return running.done / max(1, running.total)


def draw_status(header: Header, context: Context) -> None:
    """The status bar with the progress in place of the hints about mouse and keys; the rest as in Blender's own."""
    layout = header.layout
    assert layout is not None
    running = live.running()
    if running is None:
        layout.template_input_status()
    else:
        row = layout.row()
        row.label(text="Pause Tracking", icon="EVENT_ESC")
        row.progress(factor=factor(running), text=position_text(running))
        row.label(text=f"{frames_text(running)}, {pace_text(running)}")
    layout.separator_spacer()
    layout.template_reports_banner()
    layout.template_running_jobs()
    layout.separator_spacer()
    layout.template_status_info()


class Display:
    """What shows the progress of a pass that a timer drives: the Clip Editors and the status bar of each window."""

    def __init__(self) -> None:
        self._shown = -INTERVAL

    def update(self, context: Context) -> None:
        """Draw anew, a few times a second at most."""
        now = time.monotonic()
        if now - self._shown < INTERVAL:
            return
        self._shown = now
        redraw(context)
        # A text would be kept in each workspace that was shown meanwhile. A function is one for all of them, and this
        # call is also all that makes a status bar draw.
        for window in context.window_manager.windows:
            with context.temp_override(window=window):
                window.workspace.status_text_set(draw_status)  # type: ignore[arg-type]  # the stubs know only texts


def clear(context: Context) -> None:
    """Give the status bars back, and draw a last time."""
    if bpy.types.STATUSBAR_HT_header.draw is draw_status:  # type: ignore[attr-defined]
        for window in context.window_manager.windows:
            with context.temp_override(window=window):
                window.workspace.status_text_set(None)
    redraw(context)
