# SPDX-License-Identifier: GPL-3.0-or-later
"""The strip over the timeline in a real window: its colours, its gap and its cost."""

from __future__ import annotations

import json
import shutil
import statistics
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.review.timeline import Kind, segments
from tracking_sessions.tests.blender.machine import Machine, newest_session
from tracking_sessions.tests.blender.real import ROOT
from tracking_sessions.tests.blender.screen import Screen, pixels
from tracking_sessions.tests.footage import Shot

BOTTOM, HEIGHT = 8, 8  # pixels: Blender's cache line is below it
LABEL = 30  # pixels to both sides of the current frame that hold its number


def rows_of(screen: Screen, region: dict[str, Any]) -> NDArray[np.int16]:
    """The rows of pixels of the editor from its lower edge upwards."""
    screen.settle()
    picture = pixels(screen.window.screenshot(screen.machine.folder / "strip.ppm"))
    bottom = picture.shape[0] - region["y"]
    return picture[bottom - 200 : bottom, region["x"] : region["x"] + region["width"]][::-1]


def test_the_strip_shows_what_is_recorded(machine: Machine, shot: Shot) -> None:
    for script in ("start_window.py", "strip_window.py"):
        shutil.copy(ROOT / "tests" / "blender" / script, machine.folder)
    scripts = ("--python", "start_window.py", "--python", "strip_window.py")
    with machine.window("shot.blend", *scripts) as window:
        screen = Screen(machine, window)
        screen.ask("track")
        screen.wait_for_steps(60)
        window.key("Escape")
        screen.wait_until(lambda: screen.outcome == "paused")
        screen.ask("redraw")
        screen.wait_until((machine.folder / "strip.json").exists)
        figures = json.loads((machine.folder / "strip.json").read_text(encoding="utf-8"))
        on = rows_of(screen, figures)
        window.screenshot(machine.folder / "strip.png")
        screen.ask("toggle")
        off = rows_of(screen, figures)
        screen.ask("toggle")
        again = rows_of(screen, figures)
        screen.leave()

    strip = slice(BOTTOM, BOTTOM + HEIGHT)
    changed = (on != off).any(2)
    assert changed[strip].any() and not np.delete(changed, strip, 0).any()
    assert (on == again).all()

    width = figures["width"]
    session = newest_session(screen.root)
    known = (session.session.tracked_frames, session.requested, FrameRanges.of(session.lost.frames))
    found = segments(*known, scene=(1, shot.frames), clip_start=1, columns=width // 2)
    assert {part.kind for part in found} == {Kind.TRACKED, Kind.DUE, Kind.PROBLEM}
    current = (figures["frame"] - 0.5) / shot.frames * width
    checked = set[Kind]()
    for part in found:
        a, b = ((frame - 1) / shot.frames * width for frame in (part.first, part.last + 1))
        inside = [x for x in range(int(a) + 1, int(b)) if abs(x - current) > LABEL]
        for y in range(strip.start, strip.stop):
            is_border = y == strip.stop - 1
            *colour, alpha = figures["background"] if is_border else figures["colours"][part.kind]
            actual = on[y, inside].astype(float)
            expected = 255 * alpha * np.array(colour) + (1 - alpha) * off[y, inside]
            assert np.abs(actual - expected).max(initial=0) < 3, (part, y)
        if inside:
            checked.add(part.kind)
    assert checked == {Kind.TRACKED, Kind.DUE, Kind.PROBLEM}
    label = (off[strip] != off[100, width // 2]).any(2)
    label[:, : int(current) - LABEL] = False  # Blender draws solver keyframes there
    assert label.any() and not changed[strip][label].any(), "the strip covers the number of the current frame"
    free = (~changed[strip].any(0)).sum() - label.any(0).sum()
    assert free <= 4, f"{free} pixels are empty beside the number of the current frame"

    for kind, took in figures["took"].items():
        median = statistics.median(took)
        print(f"{machine.name}: {kind}: {median * 1e6:.0f} us, the median of {len(took)} redraws")
        if kind in figures["redraws"]:
            assert median < statistics.median(figures["redraws"][kind]) / 10
