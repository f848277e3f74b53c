# SPDX-License-Identifier: GPL-3.0-or-later
"""The Sessions panel in a real window: the session of the clip stays in sight, wherever it lies."""

from __future__ import annotations

import signal

from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.tests.blender.machine import Machine, newest_session, recorded_markers
from tracking_sessions.tests.blender.screen import Screen, opened, pixels

# rows of buttons, counted from the last one
OPEN_BRING_BACK, DELETE_REVEAL = -2, -1
REACH = 700  # pixels to the end of the panel Sessions
HIGH = 530  # pixels of a picture with that panel


def beside_the_panel(screen: Screen) -> bytes:
    """The picture of the editor left of the sidebar."""
    screen.settle()
    picture = screen.window.screenshot(screen.machine.folder / "editor.ppm")
    return pixels(picture)[screen.top : screen.top + REACH, screen.left - 200 : screen.left - 20].tobytes()


def test_a_session_of_an_unsaved_file_is_never_lost_from_sight(machine: Machine) -> None:
    (machine.folder / "open-sessions").touch()
    with opened(machine, "") as screen:
        screen.reach = REACH
        screen.click(right=True)  # Forwards
        screen.wait_for_steps(15)
        screen.window.key("Escape")
        screen.wait_until(lambda: screen.outcome == "paused")
        in_user_folder = screen.root
        screen.ask("save-new")
        screen.is_saved = True
        assert session_files(in_user_folder) == [] and len(session_files(screen.root)) == 1
        screen.picture("sessions", HIGH)

        editor = beside_the_panel(screen)
        screen.click(DELETE_REVEAL)
        screen.wait_until(lambda: beside_the_panel(screen) != editor)  # the dialog is there
        screen.window.key("Return")  # takes Cancel
        screen.wait_until(lambda: beside_the_panel(screen) == editor)
        assert len(session_files(screen.root)) == 1

        screen.click()  # Resume
        screen.wait_for_steps(40)
        machine.signal(screen.window, signal.SIGKILL)
        screen.window.wait_until_closed()
    recorded = recorded_markers(machine.folder / "tracking_sessions")
    with opened(machine, "saved.blend") as screen:
        screen.reach = REACH
        before = screen.markers()
        assert before != recorded
        screen.click(1, right=True)  # Start Fresh
        screen.wait_until(lambda: newest_session(screen.root).session.state is SessionState.DISCARDED)
        screen.picture("set-aside", HIGH)
        screen.click(OPEN_BRING_BACK, right=True)
        screen.wait_until(lambda: newest_session(screen.root).session.state is SessionState.ACTIVE)
        screen.click(1)  # Restore
        screen.wait_until(lambda: screen.markers() == recorded)
        assert len(session_files(screen.root)) == 1
        screen.leave()
