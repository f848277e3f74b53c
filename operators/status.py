# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of the running pass, in words and in the status bar."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import bpy

from ..bridge.clip.editor import redraw
from ..bridge.solve.looking import Looking
from ..bridge.solve.looking import looking as looking_now
from ..bridge.tracking import live
from ..core.model.wording import clock, count_words

if TYPE_CHECKING:
    from bpy.types import Context, Header

INTERVAL = 0.2  # seconds between two redraws of the progress
BAR_WIDTH = 8  # of the status bar's bar, in Blender's units of a button's height; a bar does not grow with its text


def pass_text(running: live.LivePass) -> str:
    """The direction of the pass, and its place if the run has several."""
    place, count = running.run.place
    text = f"{running.verb} {'Backwards' if running.run.plan.backwards else 'Forwards'}"
    return f"{text}, {place} of {count}" if count > 1 else text


def frames_text(running: live.LivePass) -> str:
    """The steps done of all passes: the fraction that the bar shows."""
    return f"{running.done} of {running.total} Frames"


def pace_text(running: live.LivePass) -> str:
    """The rate and the remaining time, once they are known."""
    if not running.rate or running.seconds_left is None:
        return "Measuring the Speed"
    return f"{running.rate:.1f} per Second, {clock(running.seconds_left)} Left"


def tracks_text(running: live.LivePass) -> str:
    run = running.run
    left = f", {run.left} Left the Picture" if run.left else ""
    return f"{len(run.alive)} Followed, {running.lost} Lost{left}"


def position_text(running: live.LivePass) -> str:
    """The current frame and the last one of the pass, as the timeline counts them."""
    run = running.run
    frame, end = map(running.counting.shown, (run.frame, run.plan.end))
    return f"Frame {frame}, {'Down' if run.plan.backwards else 'Up'} to {end}"


def looking_text(looking: Looking) -> str:
    return f"Looking at the footage: {looking.done} of {count_words(looking.total, 'frame')}"


def factor(running: live.LivePass) -> float:
    return running.done / max(1, running.total)


def draw_status(header: Header, context: Context) -> None:
    """Blender's status bar, with the progress in place of the key hints."""
    layout = header.layout
    assert layout is not None
    running, looking = live.running(), looking_now()
    if looking is not None:
        layout.label(text="Stop", icon="EVENT_ESC")
        layout.label(text=looking_text(looking))
    elif running is None:
        layout.template_input_status()
    else:
        row = layout.row()
        row.label(text=running.stop_words, icon="EVENT_ESC")
        bar = row.row()
        bar.ui_units_x = BAR_WIDTH
        bar.progress(factor=factor(running), text=frames_text(running))
        row.label(text=f"{position_text(running)}, {pace_text(running)}")
    layout.separator_spacer()
    layout.template_reports_banner()
    layout.template_running_jobs()
    layout.separator_spacer()
    layout.template_status_info()


class Display:
    """The views of a running pass: the Clip Editors, and the status bar of each window."""

    def __init__(self) -> None:
        self._updated = -INTERVAL

    def update(self, context: Context) -> None:
        """Redraw the views, a few times a second at most."""
        now = time.monotonic()
        if now - self._updated < INTERVAL:
            return
        self._updated = now
        redraw(context)
        # Each workspace keeps its own text, but all share one function. Only this call redraws a status bar.
        for window in context.window_manager.windows:
            with context.temp_override(window=window):
                window.workspace.status_text_set(draw_status)  # type: ignore[arg-type]  # the stubs know only texts


def clear(context: Context) -> None:
    """Restore Blender's status bars and redraw the editors."""
    if bpy.types.STATUSBAR_HT_header.draw is draw_status:  # type: ignore[attr-defined]
        for window in context.window_manager.windows:
            with context.temp_override(window=window):
                window.workspace.status_text_set(None)
    redraw(context)
