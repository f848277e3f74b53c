# SPDX-License-Identifier: GPL-3.0-or-later
"""The session panel in a real window: an artist's clicks, and the session after a crash."""

from __future__ import annotations

import signal

from tracking_sessions.tests.blender.machine import (
    Machine,
    Markers,
    newest_session,
    recorded_markers,
    steps_recorded,
)
from tracking_sessions.tests.blender.screen import opened
from tracking_sessions.tests.footage import Shot


def test_an_artist_tracks_pauses_and_resumes(machine: Machine, shot: Shot, uninterrupted: Markers) -> None:
    with opened(machine) as screen:
        screen.picture("idle")
        screen.click(right=True)  # Forwards
        screen.point_at_clip()
        screen.wait_for_steps(15)
        with screen.halted():
            screen.picture("tracking")
            buttons = screen.buttons()
            screen.window.key("Escape")
        screen.wait_until(lambda: screen.outcome == "paused")
        screen.picture("paused")
        assert steps_recorded(screen.root) < shot.frames - 1
        assert screen.markers() == recorded_markers(screen.root)

        screen.click()  # Resume
        screen.wait_for_steps(45)
        screen.click(buttons=buttons)  # Pause
        screen.wait_until(lambda: screen.outcome == "paused")
        assert steps_recorded(screen.root) < shot.frames - 1

        screen.click()  # Resume
        screen.wait_until(lambda: screen.outcome == "complete")
        screen.picture("complete")
        assert screen.markers() == recorded_markers(screen.root) == uninterrupted

        steps = steps_recorded(screen.root)
        screen.click()  # Backwards
        screen.wait_for_steps(steps + 3)
        screen.ask("delete")
        screen.wait_until(lambda: newest_session(screen.root).is_interrupted)
        screen.leave()


def test_a_crash_costs_nothing(machine: Machine, shot: Shot, uninterrupted: Markers) -> None:
    with opened(machine) as screen:
        screen.click(right=True)  # Forwards
        screen.wait_for_steps(10)
        screen.ask("save")  # while the pass runs
        screen.wait_for_steps(steps_recorded(screen.root) + 10)
        machine.signal(screen.window, signal.SIGKILL)
        screen.window.wait_until_closed()
    with opened(machine) as screen:
        screen.picture("recovery")
        screen.click()  # Resume
        screen.wait_for_steps(50)
        machine.signal(screen.window, signal.SIGKILL)
        screen.window.wait_until_closed()
    recorded = recorded_markers(machine.folder / "tracking_sessions")
    with opened(machine) as screen:
        saved = screen.markers()
        assert saved != recorded and {where for where, _ in saved} == {"Camera"}
        screen.click(1)  # Restore
        screen.wait_until(lambda: screen.markers() == recorded)
        screen.click()  # Resume
        screen.wait_until(lambda: screen.outcome == "complete")
        assert screen.markers() == recorded_markers(screen.root) == uninterrupted
        screen.ask("save")
        screen.leave()
    with opened(machine) as screen:  # the saved file holds everything: the panel offers no Restore
        assert screen.markers() == uninterrupted
        assert len(screen.buttons()) == 2  # Track, and the field Pause Below
        screen.leave()


def test_markers_of_blenders_own_tracker_after_a_crash_stay(machine: Machine, shot: Shot) -> None:
    with opened(machine) as screen:
        screen.click(right=True)  # Forwards
        screen.wait_for_steps(20)
        machine.signal(screen.window, signal.SIGKILL)
        screen.window.wait_until_closed()
    recorded = recorded_markers(machine.folder / "tracking_sessions")
    with opened(machine) as screen:
        screen.picture("recovery")
        screen.point_at_clip()
        screen.window.key("a")
        screen.window.key("ctrl+t")
        screen.wait_until(lambda: max(frame for rows in live(screen.markers()).values() for frame in rows) > 30)
        screen.window.key("Escape")
        screen.settle()
        tracked = screen.markers()
        screen.point_at_clip()
        screen.window.key("g")  # moves the markers on this frame
        screen.window.point(screen.left / 2 + 40, screen.top + 320)
        screen.settle()
        screen.window.key("Return")
        screen.settle()
        before = screen.markers()
        assert before != tracked
        screen.click()  # Resume
        screen.wait_until(lambda: screen.outcome == "complete")
        after = screen.markers()
        for name, rows in live(before).items():
            assert rows.items() <= after[name].items()
        for name, rows in live(recorded).items():
            assert rows.keys() <= live(after)[name].keys()
        assert after == recorded_markers(screen.root)
        screen.picture("kept")
        screen.leave()


def live(markers: Markers) -> Markers:
    """The markers that are not muted."""
    return {name: {frame: row for frame, row in rows.items() if not row[4] & 1} for name, rows in markers.items()}
