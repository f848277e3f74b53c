# SPDX-License-Identifier: GPL-3.0-or-later
"""From a plate to a camera in a real window: one click, the verdict, the scene, and a crash in between."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.model.types import SessionStatus
from tracking_sessions.core.recording.manager import TrackingSessionManager
from tracking_sessions.core.solve.solve import Solve
from tracking_sessions.core.solve.store import read_solve, solve_file
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.blender.machine import Machine, newest_session
from tracking_sessions.tests.blender.real import ROOT
from tracking_sessions.tests.blender.recorded import kill, press
from tracking_sessions.tests.blender.screen import TALL, Screen, pixels
from tracking_sessions.tests.blender.test_asking import BUTTON
from tracking_sessions.tests.blender.test_fit import Sheets

SCRIPTS = ("start_window.py", "fit_window.py", "solve_window.py")
HEIGHT = 720


@contextmanager
def shown(machine: Machine) -> Iterator[Screen]:
    for script in SCRIPTS:
        shutil.copy(ROOT / "tests" / "blender" / script, machine.folder)
    scripts = [word for script in SCRIPTS for word in ("--python", script)]
    (machine.folder / "ready").unlink(missing_ok=True)
    with machine.window("shot.blend", *scripts) as window:
        screen = Screen(machine, window)
        screen.reach = HEIGHT
        yield screen


def session(screen: Screen) -> TrackingSessionManager:
    return newest_session(screen.root)


def solve_of(screen: Screen) -> Solve:
    found = session(screen)
    return read_solve(solve_file(SessionFolder(screen.root), found.id, found.session.best_solve))


def rows(screen: Screen, least: int = 15) -> list[float]:
    """The y of each row of active buttons in the sidebar, at least so many pixels high, whatever their icons."""
    screen.point_at_clip()
    picture = pixels(screen.window.screenshot(screen.machine.folder / "screen.ppm"))
    band = picture[screen.top : screen.top + HEIGHT, screen.left + 10 : screen.left + screen.width - 40]
    is_button = (np.abs(band - BUTTON).max(2) < 6).sum(1) > 12
    changes = np.flatnonzero(np.diff(np.concatenate(([0], is_button.astype(int), [0]))))
    found = [(int(a), int(b)) for a, b in changes.reshape(-1, 2) if b - a >= least]
    return [screen.top + (a + b) / 2 for a, b in found]


def click(screen: Screen, y: float, *, right: bool = False) -> None:
    x = screen.left + (screen.width - 60 if right else 40)
    screen.window.point(x, y)
    screen.settle()
    screen.window.click(x, y)


def scene(screen: Screen) -> dict[str, Any]:
    screen.ask("scene")
    return json.loads((screen.machine.folder / "scene.json").read_text(encoding="utf-8"))


@pytest.mark.timeout(900)
def test_one_click_leads_from_a_plate_to_a_camera_in_the_scene(machine: Machine) -> None:
    with shown(machine) as screen:
        screen.pictures("solve-begin", HEIGHT)
        click(screen, rows(screen, TALL)[1])  # Track and Solve, below the buttons of Session
        screen.wait_until(lambda: session_files(screen.root) and session(screen).passes)
        screen.ask("freeze")  # else a picture waits until the screen is still, at the end of the tracking
        screen.picture("solve-tracking", HEIGHT)
        screen.ask("thaw")
        screen.wait_until(lambda: session(screen).session.status is SessionStatus.SOLVING, 400)
        screen.picture("solve-solving", HEIGHT)
        screen.wait_until(lambda: session(screen).solves, 400)
        solve = solve_of(screen)
        print(machine.name, solve.verdict, solve.average_error, len(solve.cameras), solve.tracks_made)
        assert solve.verdict.reason
        screen.pictures("solve-verdict", HEIGHT)
        with Sheets(machine).narrow(screen):
            screen.picture("solve-verdict-narrow", HEIGHT, 0)
        before = scene(screen)
        click(screen, next(y for y in rows(screen) if y > rows(screen, TALL)[1]))  # Set Up Scene
        screen.wait_until(lambda: scene(screen)["camera"] != before["camera"])
        after = scene(screen)
        assert after["lens"] == pytest.approx(solve.lens.focal) and len(after["objects"]) > len(solve.bundles)
        screen.picture("solve-scene", HEIGHT)
        press(screen, "ctrl+z")
        screen.wait_until(lambda: scene(screen)["objects"] == before["objects"])
        press(screen, "ctrl+shift+z")
        screen.wait_until(lambda: scene(screen)["camera"] == after["camera"])
        screen.ask("save")
        screen.leave()
    with shown(machine) as screen:
        assert scene(screen)["camera"] == after["camera"]
        screen.picture("solve-opened", HEIGHT)
        screen.leave()


@pytest.mark.timeout(900)
def test_a_crash_between_tracking_and_solving_loses_nothing(machine: Machine) -> None:
    with shown(machine) as screen:
        click(screen, rows(screen, TALL)[1])
        screen.wait_until(lambda: session_files(screen.root) and len(session(screen).session.tracked_frames) > 60, 400)
        kill(screen)
    recorded = newest_session(machine.folder / "tracking_sessions")
    assert len(recorded.session.tracked_frames) > 60
    with shown(machine) as screen:
        screen.picture("solve-after-crash", HEIGHT)
        click(screen, rows(screen, TALL)[0])  # Resume Tracking restores the frames, and goes on
        screen.wait_until(lambda: screen.outcome not in ("", "paused"), 400)
        click(screen, rows(screen, TALL)[1])
        screen.wait_until(lambda: session(screen).solves, 400)
        solve = solve_of(screen)
        assert len(solve.cameras) == solve.frames[1] - solve.frames[0] + 1
        screen.leave()
