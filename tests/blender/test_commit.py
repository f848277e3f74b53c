# SPDX-License-Identifier: GPL-3.0-or-later
"""A review is signed off by clicks in a real window; decisions are undone and taken back; a drag is a nudge."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from numpy.typing import NDArray

from tracking_sessions.core.journal.decisions import OverrideKind
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.recording.manager import TrackingSessionManager
from tracking_sessions.core.review.committing import last_commit
from tracking_sessions.tests.blender.machine import Machine, newest_session
from tracking_sessions.tests.blender.real import ROOT
from tracking_sessions.tests.blender.recorded import press
from tracking_sessions.tests.blender.screen import Screen, pixels
from tracking_sessions.tests.blender.test_asking import BLUE, BUTTON, click, runs
from tracking_sessions.tests.blender.test_fit import Sheets
from tracking_sessions.tests.blender.test_review import EDGE, HEIGHT, jumps, place, review

SCRIPTS = ("start_window.py", "review_window.py", "commit_window.py", "fit_window.py")
SHOWN = 520  # pixels of the editor beside the sidebar in pictures of the dialog
LOW = 700  # pixels from the top of the sidebar, below the Review panel and above the timeline
DRAG = 24  # pixels


def session(screen: Screen) -> TrackingSessionManager:
    return newest_session(screen.root)


def prepare(screen: Screen) -> None:
    """Track a part of the shot and no more, let three tracks slip, and audit."""
    screen.ask("track")
    screen.wait_for_steps(40)
    screen.window.key("Escape")
    screen.wait_until(lambda: screen.outcome == "paused")
    screen.ask("dropped")
    screen.ask("jumps")
    press(screen, "shift+alt+v")  # Full Audit
    screen.wait_until(lambda: len(review(screen).full))
    assert jumps(screen) == [(12, 12), (20, 20), (30, 30)]


def drag(screen: Screen) -> None:
    """Move a marker with G, as an artist does."""
    screen.ask("hand")
    before = screen.markers()
    press(screen, "g")
    screen.window.point(screen.left / 2 + DRAG, screen.top + 300)
    screen.settle()
    screen.window.click(screen.left / 2 + DRAG, screen.top + 300)
    screen.wait_until(lambda: review(screen).overrides)
    (nudge,) = review(screen).overrides
    assert (nudge.kind, nudge.first, nudge.last) == (OverrideKind.NUDGE, 16, 16) and nudge.who
    assert nudge.original is not None and nudge.position is not None
    assert nudge.position[0] > nudge.original[0] + 1
    assert session(screen).history().states[-1].who == "Move"
    assert screen.markers() != before


def undo(screen: Screen) -> None:
    """Approve, undo that, redo it, and take it back by its key."""
    press(screen, "v")
    assert place(screen)[0] == 12
    before = screen.markers()
    press(screen, "w")  # Approve
    screen.wait_until(lambda: 12 in review(screen).signed)
    press(screen, "ctrl+z")
    screen.wait_until(lambda: 12 not in review(screen).signed)
    assert screen.markers() == before, "the drag stays"
    assert place(screen)[0] == 12 and 12 in review(screen).failed
    press(screen, "ctrl+shift+z")
    screen.wait_until(lambda: 12 in review(screen).signed)
    press(screen, "shift+alt+w")  # Take Back
    screen.wait_until(lambda: 12 not in review(screen).signed)
    press(screen, "w")
    screen.wait_until(lambda: 12 in review(screen).signed)


def blue(screen: Screen) -> NDArray[np.bool_]:
    screen.settle()
    picture = pixels(screen.window.screenshot(screen.machine.folder / "screen.ppm"))
    return np.abs(picture - BLUE).max(2) < 6


def open_dialog(screen: Screen) -> tuple[float, float]:
    """Click Commit, the last button of the Review panel; returns where Commit Anyway is, to the right of Cancel."""
    screen.point_at_clip()
    before = blue(screen)
    buttons = [run for run in runs(screen, screen.left + EDGE, BUTTON, 14) if run.end < screen.top + LOW]
    click(screen, screen.left + 60, buttons[-1].middle)
    rows, columns = np.nonzero(blue(screen) & ~before)  # Cancel, which Return presses
    assert len(rows) > 1000
    return float(np.percentile(columns, 99)) + 60, float(np.median(rows))


@pytest.mark.timeout(600)
def test_a_review_is_signed_off_by_clicks(machine: Machine) -> None:
    for script in SCRIPTS:
        shutil.copy(ROOT / "tests" / "blender" / script, machine.folder)
    scripts = [word for script in SCRIPTS for word in ("--python", script)]
    with machine.window("shot.blend", *scripts) as window:
        screen = Screen(machine, window)
        prepare(screen)
        drag(screen)
        undo(screen)
        screen.pictures("commit-before", HEIGHT, 300)
        open_dialog(screen)
        screen.pictures("commit-dialog", HEIGHT, SHOWN)
        screen.window.key("Return")  # takes Cancel
        screen.settle()
        assert session(screen).session.state is SessionState.ACTIVE
        click(screen, *open_dialog(screen))
        screen.wait_until(lambda: session(screen).session.state is SessionState.COMMITTED)
        commit = last_commit(session(screen))
        assert commit is not None and "2 failed" in commit.open and commit.who
        screen.pictures("committed", HEIGHT, 300)
        with Sheets(machine).narrow(screen):
            screen.picture("committed-narrow", HEIGHT, 0)
        screen.ask("save")
        screen.leave()
