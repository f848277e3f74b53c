# SPDX-License-Identifier: GPL-3.0-or-later
"""A review by keys and clicks in a real window: find a problem, go there, decide, next; and go on after a restart."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tracking_sessions.core.journal.decisions import OverrideKind
from tracking_sessions.core.journal.review import Review
from tracking_sessions.core.model.flags import Flag
from tracking_sessions.core.review.frames import FrameStates, FrameStatus
from tracking_sessions.tests.blender.machine import Machine, newest_session, recorded_markers
from tracking_sessions.tests.blender.real import ROOT
from tracking_sessions.tests.blender.recorded import kill, press
from tracking_sessions.tests.blender.screen import TALL, Screen
from tracking_sessions.tests.blender.test_asking import BESIDE, BUTTON, LIST, click, runs
from tracking_sessions.tests.blender.test_fit import Sheets

SCRIPTS = ("start_window.py", "review_window.py", "fit_window.py")
FIRST, ROW = 13, 20  # pixels from the top of the list to the middle of its first problem, and to the next one
REACH = 420  # pixels from the top of the sidebar to the end of the Review panel, as it is in an opened file
HEIGHT = 780
EDGE = 20  # pixels from the left of the sidebar, inside the buttons and beside their words


@contextmanager
def shown(machine: Machine) -> Iterator[Screen]:
    for script in SCRIPTS:
        shutil.copy(ROOT / "tests" / "blender" / script, machine.folder)
    scripts = [word for script in SCRIPTS for word in ("--python", script)]
    with machine.window("shot.blend", *scripts) as window:
        yield Screen(machine, window)


def state(screen: Screen) -> dict[str, Any]:
    screen.settle()
    screen.ask("state")
    return json.loads((screen.machine.folder / "review.json").read_text(encoding="utf-8"))


def place(screen: Screen) -> tuple[int, list[str]]:
    """The clip frame, of a clip that begins on frame 1001, and the names of the selected tracks."""
    now = state(screen)
    return now["frame"] - 1000, now["selected"]


def review(screen: Screen) -> Review:
    return newest_session(screen.root).review


def jumps(screen: Screen) -> list[tuple[int, int]]:
    """The frames of the jumps that nobody has accepted or approved."""
    known = review(screen)

    def is_open(flag: Flag) -> bool:
        return flag.kind == "JUMP" and flag.first not in known.signed

    return sorted((flag.first, flag.last) for flag in known.open_flags if is_open(flag))


def click_row(screen: Screen, row: int) -> None:
    """Click a problem in the list."""
    (entries,) = runs(screen, screen.left + BESIDE, LIST, 60)
    click(screen, screen.left + 100, entries.start + FIRST + row * ROW)


def pictures(screen: Screen) -> None:
    """The panel in both themes, in a narrow sidebar, and at a scale of 1.5."""
    screen.pictures("review", HEIGHT, 700)
    with Sheets(screen.machine).narrow(screen):
        screen.picture("review-narrow", HEIGHT, 0)
    screen.ask("scaled")
    screen.picture("review-scaled", HEIGHT, 100)
    screen.ask("unscaled")


def find(screen: Screen) -> None:
    """Track, let three tracks slip, and audit by the key."""
    screen.ask("track")
    screen.wait_for_steps(40)
    screen.window.key("Escape")
    screen.wait_until(lambda: screen.outcome == "paused")
    screen.ask("jumps")
    press(screen, "shift+alt+v")  # Full Audit
    screen.wait_until(lambda: len(review(screen).full))
    assert jumps(screen) == [(12, 12), (20, 20), (30, 30)]


def go(screen: Screen) -> None:
    """Go from problem to problem: by a click, forwards and backwards."""
    click_row(screen, 2)
    assert place(screen) == (30, ["Survives.03"])
    press(screen, "v")  # Next Problem: the first again
    assert place(screen) == (12, ["Survives.01"])
    assert state(screen)["zoom"] >= 200
    press(screen, "shift+v")
    assert place(screen) == (30, ["Survives.03"])
    press(screen, "v")


def decide(screen: Screen) -> None:
    """Accept one problem, mute another, undo that, approve the third, and mute once more."""
    press(screen, "z")  # Fine As It Is
    screen.wait_until(lambda: jumps(screen) == [(20, 20), (30, 30)])
    assert place(screen) == (12, ["Survives.01"]), "what the artist looks at stays"
    press(screen, "v")
    assert place(screen) == (20, ["Survives.02"])
    before = screen.markers()
    press(screen, "shift+z")  # Mute
    screen.wait_until(lambda: jumps(screen) == [(30, 30)])
    assert [frame for name, frame in state(screen)["muted"] if name == "Survives.02" and 0 < frame < 42] == [20]
    press(screen, "ctrl+z")
    screen.wait_until(lambda: screen.markers() == before)
    press(screen, "v")
    assert place(screen) == (30, ["Survives.03"])
    screen.wait_until(lambda: jumps(screen) == [(20, 20), (30, 30)])  # audited again by itself
    press(screen, "w")  # Approve
    screen.wait_until(lambda: jumps(screen) == [(20, 20)])
    press(screen, "v", "shift+z")
    screen.wait_until(lambda: jumps(screen) == [])
    kept = newest_session(screen.root)
    mute = kept.review.overrides[-1]
    assert (mute.kind, mute.first, mute.last) == (OverrideKind.MUTE, 20, 20)
    assert FrameStates(kept).status(30) is FrameStatus.APPROVED


@pytest.mark.timeout(600)  # two windows
def test_problems_are_found_and_decided_by_keys_and_clicks(machine: Machine) -> None:
    with shown(machine) as screen:
        find(screen)
        assert state(screen)["collisions"] == [], "a key of the review is one of Blender's as well"
        go(screen)
        pictures(screen)
        decide(screen)
        screen.ask("jumps")  # once more, so that something is left
        press(screen, "shift+alt+v")
        screen.wait_until(lambda: (12, 12) in jumps(screen))
        left = jumps(screen)
        screen.ask("save")
        screen.leave()
    with shown(machine) as screen:
        screen.pictures("review-offer", REACH, 0)
        screen.point_at_clip()
        tall = [run for run in runs(screen, screen.left + EDGE, BUTTON, TALL - 6) if run.end < screen.top + REACH]
        click(screen, screen.left + 60, tall[-1].middle)  # Go On with the Review
        assert place(screen)[0] in [first for first, _ in left]
        assert jumps(screen) == left
        screen.leave()


@pytest.mark.timeout(600)  # two windows
def test_a_killed_blender_loses_no_decision(machine: Machine) -> None:
    with shown(machine) as screen:
        find(screen)
        press(screen, "v", "z")  # Fine As It Is
        press(screen, "v", "shift+z")  # Mute
        screen.wait_until(lambda: jumps(screen) == [(30, 30)])
        press(screen, "v")
        screen.window.key("w")  # Approve
        screen.wait_until(lambda: jumps(screen) == [])
        kill(screen)
    wanted = review(screen).to_state()
    assert [(one["kind"], one["first"]) for one in (*wanted["fine"], *wanted["overrides"])] == [
        ("JUMP", 12),
        ("mute", 20),
    ]
    assert "30" in wanted["signed"].split(",")
    with shown(machine) as screen:
        screen.click(1)  # Restore: the file was never saved
        screen.wait_until(lambda: screen.markers() == recorded_markers(screen.root))
        assert review(screen).to_state() == wanted
        press(screen, "shift+alt+v")  # Full Audit: what was decided stays decided
        screen.wait_until(lambda: review(screen).to_state() != wanted)
        assert jumps(screen) == []
        screen.leave()
