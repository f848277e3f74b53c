# SPDX-License-Identifier: GPL-3.0-or-later
"""Events around a pass in a real window: undo, other editors and workspaces, another owner, damage, no file."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tracking_sessions.tests.blender.machine import (
    Machine,
    Markers,
    newest_session,
    recorded_markers,
    steps_recorded,
)
from tracking_sessions.tests.blender.screen import Screen, opened
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.footage import Shot


@contextmanager
def in_a_pass(screen: Screen) -> Iterator[None]:
    """Run the block in the middle of a pass, which has to be paused afterwards."""
    before = steps_recorded(screen.root)
    screen.click(right=not before)  # Forwards, or Resume
    screen.wait_for_steps(before + 3)
    yield
    screen.wait_until(lambda: screen.outcome == "paused")


def test_a_pass_is_undone_and_redone_as_one_step(machine: Machine, shot: Shot, uninterrupted: Markers) -> None:
    with opened(machine) as screen:
        before = screen.markers()
        screen.click(right=True)  # Forwards
        screen.wait_until(lambda: screen.outcome == "complete")
        assert screen.markers() == uninterrupted
        screen.point_at_clip()
        screen.window.key("ctrl+z")
        screen.wait_until(lambda: screen.markers() == before)
        screen.picture("undone")
        screen.window.key("ctrl+shift+z")
        screen.wait_until(lambda: screen.markers() == uninterrupted)
        screen.leave()


def test_a_pass_pauses_when_the_editor_loses_its_clip(machine: Machine, shot: Shot, uninterrupted: Markers) -> None:
    shutil.copy(machine.folder / "shot.blend", machine.folder / "other.blend")
    with opened(machine) as screen:
        for event in ("workspace", "area", "mode"):
            with in_a_pass(screen):
                screen.ask(event)
            screen.ask("first-workspace")
            screen.ask("clip")
        with in_a_pass(screen):
            screen.ask("load")
        assert recorded_markers(screen.root).keys() == uninterrupted.keys()
        assert "Traceback" not in screen.printed, screen.printed
    with opened(machine) as screen:
        with in_a_pass(screen):
            (machine.folder / "ask-quit").touch()
            assert screen.window.wait_until_closed() == 0
        assert "Traceback" not in screen.printed, screen.printed
    with opened(machine) as screen:
        screen.click()  # Resume
        screen.wait_until(lambda: screen.outcome == "complete")
        assert screen.markers() == uninterrupted
        screen.leave()


def test_the_panel_waits_for_a_session_of_another_process(machine: Machine, shot: Shot, uninterrupted: Markers) -> None:
    root = machine.folder / "tracking_sessions"
    other = machine.start("-q", "-b", "-c", "tracking_sessions", "track", "shot.blend")
    other.wait_for(lambda: steps_recorded(root) >= 10)
    other.signal(signal.SIGSTOP)
    with opened(machine) as screen:
        screen.pictures("owned", 330)
        screen.click()  # Wait for It
        other.signal(signal.SIGKILL)
        os.kill(other.process.pid, signal.SIGCONT)  # the process that entered the root has stopped too
        other.process.wait(30)
        screen.window.wait_for("The session is free")
        screen.click()  # Resume
        screen.wait_until(lambda: screen.outcome == "complete")
        assert screen.markers() == recorded_markers(root) == uninterrupted
        screen.leave()


def test_a_damaged_session_can_be_resumed(machine: Machine, shot: Shot) -> None:
    root = machine.folder / "tracking_sessions"
    other = machine.start("-q", "-b", "-c", "tracking_sessions", "track", "shot.blend")
    other.wait_for(lambda: steps_recorded(root) >= 10)
    other.signal(signal.SIGKILL)
    other.process.wait(30)
    journal = newest_session(root).folder / "journal.1"
    data = flip(journal, -journal.stat().st_size // 4, 0x55)
    with opened(machine) as screen:
        screen.picture("error")
        screen.click()  # Restore
        screen.wait_until(lambda: max(len(rows) for rows in screen.markers().values()) > 2)
        screen.click()  # Resume
        screen.wait_until(lambda: screen.outcome == "complete")
        screen.leave()
    assert journal.read_bytes() == data


def test_a_file_that_was_never_saved_gets_its_tracks_back(machine: Machine, shot: Shot, uninterrupted: Markers) -> None:
    with opened(machine, "") as screen:
        screen.click(right=True)  # Forwards
        screen.wait_for_steps(10)
        machine.signal(screen.window, signal.SIGKILL)
        screen.window.wait_until_closed()
    with opened(machine, "") as screen:
        screen.click()  # Resume
        screen.wait_until(lambda: screen.outcome == "complete")
        assert screen.markers() == uninterrupted
        screen.leave()
