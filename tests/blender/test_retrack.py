# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-track Forwards and Fill Gap by keys in a real window, with undo, redo and Escape."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from tracking_sessions.core.journal.decisions import Override
from tracking_sessions.tests.blender.machine import Machine, Markers, newest_session, recorded_markers
from tracking_sessions.tests.blender.real import ROOT
from tracking_sessions.tests.blender.screen import Screen
from tracking_sessions.tests.footage import Shot

NAME = ("Camera", "Survives.01")
BAD = range(40, 45)


@contextmanager
def tracked(machine: Machine) -> Iterator[Screen]:
    """A window in which all frames are tracked."""
    for script in ("start_window.py", "retrack_window.py"):
        shutil.copy(ROOT / "tests" / "blender" / script, machine.folder)
    scripts = ("--python", "start_window.py", "--python", "retrack_window.py")
    with machine.window("shot.blend", *scripts) as window:
        screen = Screen(machine, window)
        screen.ask("track")
        screen.wait_until(lambda: screen.outcome == "complete")
        yield screen


def ask(screen: Screen, fault: str) -> Markers:
    """Make a fault, and wait until the journal has it; returns the markers."""
    screen.ask(fault)
    markers = screen.markers()
    wait_for(screen, markers)
    return markers


def wait_for(screen: Screen, markers: Markers) -> None:
    screen.wait_until(lambda: recorded_markers(screen.root) == markers)


def overrides(screen: Screen) -> list[Override]:
    return newest_session(screen.root).review.overrides


def press(screen: Screen, *keys: str) -> None:
    screen.point_at_clip()
    screen.window.key(*keys)
    screen.settle()


def test_a_jump_is_mended_by_a_key_and_undone(machine: Machine) -> None:
    with tracked(machine) as screen:
        good = screen.markers()
        bad = ask(screen, "jump")
        assert bad != good
        press(screen, "y")
        screen.wait_until(lambda: overrides(screen))
        mended = screen.markers()
        wait_for(screen, mended)
        (override,) = overrides(screen)
        assert (override.first, override.last) == (BAD.start, BAD[-1])
        assert {frame for frame, row in mended[NAME].items() if row != bad[NAME][frame]} == {39, *BAD}
        assert {**mended, NAME: bad[NAME]} == bad
        press(screen, "ctrl+z")
        assert screen.markers() == bad
        wait_for(screen, bad)
        press(screen, "ctrl+shift+z")
        assert screen.markers() == mended
        wait_for(screen, mended)
        gap = ask(screen, "gap")
        press(screen, "o")
        screen.wait_until(lambda: len(overrides(screen)) == 2)
        filled = screen.markers()
        assert {frame: row for frame, row in filled[NAME].items() if frame not in BAD} == gap[NAME]
        assert set(BAD) <= filled[NAME].keys()
        screen.leave()


def test_escape_in_the_middle_leaves_the_markers(machine: Machine, shot: Shot) -> None:
    with tracked(machine) as screen:
        bad = ask(screen, "slip")
        screen.point_at_clip()
        with screen.halted():  # so that Escape comes with the first frames
            screen.window.key("y", "Escape")
        screen.settle()
        assert screen.markers() == bad
        assert not overrides(screen)
        press(screen, "y")
        screen.wait_until(lambda: overrides(screen))
        (override,) = overrides(screen)
        assert (override.first, override.last) == (BAD.start, shot.frames)
        screen.leave()
