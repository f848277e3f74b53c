# SPDX-License-Identifier: GPL-3.0-or-later
"""The History panel in a real window: back to a state and forward again, and undo of it."""

from __future__ import annotations

import shutil

from tracking_sessions.core.journal.history import Kind
from tracking_sessions.tests.blender.machine import Machine, newest_session
from tracking_sessions.tests.blender.real import ROOT
from tracking_sessions.tests.blender.screen import Screen
from tracking_sessions.tests.footage import Shot


def test_an_artist_goes_back_and_undoes_that(machine: Machine, shot: Shot) -> None:
    for script in ("start_window.py", "history_window.py"):
        shutil.copy(ROOT / "tests" / "blender" / script, machine.folder)
    scripts = ("--python", "start_window.py", "--python", "history_window.py")
    with machine.window("shot.blend", *scripts) as window:
        screen = Screen(machine, window)
        screen.ask("track")
        screen.wait_for_steps(20)
        window.key("Escape")
        screen.wait_until(lambda: screen.outcome == "paused")
        tracked = screen.markers()
        screen.ask("edit")
        edited = screen.markers()
        assert edited != tracked
        screen.ask("choose")  # the state before the pass, when the list shows the edit too
        screen.settle()
        screen.ask("back")
        screen.settle()
        placed = screen.markers()
        assert {len(rows) for rows in placed.values()} == {1}
        kinds = [state.kind for state in newest_session(screen.root).history().states]
        assert kinds == [Kind.EDIT, Kind.PASS, Kind.EDIT, Kind.RESTORED]
        screen.ask("undo")
        screen.settle()
        assert screen.markers() == edited
        screen.leave()
