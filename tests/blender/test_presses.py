# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys and clicks that 20 problems take, with the review and with Blender alone, as docs/review.md says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tracking_sessions.core.model.flags import FlagKind, Severity
from tracking_sessions.tests.blender.machine import Machine, newest_session, put_clip
from tracking_sessions.tests.blender.real import ROOT
from tracking_sessions.tests.blender.recorded import press
from tracking_sessions.tests.blender.screen import Screen
from tracking_sessions.tests.footage import Shot, make_long

SCRIPTS = ("start_window.py", "presses_window.py")
FRAMES, TRACKS, PROBLEMS = 80, 40, 20


@pytest.fixture(scope="session")
def circling(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """A clip without much parallax, in which Filter Tracks has no false alarms."""
    folder = tmp_path_factory.mktemp("circling")
    shot = make_long(folder / "plate", FRAMES, 640, 360, TRACKS)
    tracks = [{"name": track.name, "co": track.co, "pattern_size": 21, "search_size": 71} for track in shot.tracks]
    (folder / "tracks.json").write_text(json.dumps({"tracks": tracks}), encoding="utf-8")
    return shot


@contextmanager
def shown(machine: Machine, *blend: str) -> Iterator[Screen]:
    for script in SCRIPTS:
        shutil.copy(ROOT / "tests" / "blender" / script, machine.folder)
    scripts = [word for script in SCRIPTS for word in ("--python", script)]
    with machine.window(*blend, *scripts) as window:
        yield Screen(machine, window)


def look(screen: Screen) -> dict[str, Any]:
    screen.settle()
    screen.ask("look")
    return json.loads((screen.machine.folder / "look.json").read_text(encoding="utf-8"))


def flags(screen: Screen) -> list[FlagKind]:
    """The kinds of the open errors and warnings, the worst first."""
    found = newest_session(screen.root).review.open_flags
    return [flag.kind for flag in found if flag.severity is not Severity.NOTE]


def with_the_review(screen: Screen) -> int:
    """Audit, then Next Problem and Mute for each, and Fine As It Is for the rest of the list; returns how many."""
    press(screen, "shift+alt+v")
    screen.wait_until(lambda: len(newest_session(screen.root).review.full))
    kinds = flags(screen)
    assert kinds[:PROBLEMS] == PROBLEMS * [FlagKind.JUMP] and FlagKind.JUMP not in kinds[PROBLEMS:]
    for number in range(1, PROBLEMS + 1):
        press(screen, "v")
        at = look(screen)
        (name,) = at["selected"]
        assert [name, at["frame"]] in at["slips"]
        press(screen, "shift+z")
        assert len(look(screen)["disabled"]) == number
    left = set(kinds[PROBLEMS:])
    false = 0
    while flags(screen):
        assert set(flags(screen)) <= left, "no other problem has come up"
        press(screen, "v", "z")
        false += 1
    return false


def with_blender(screen: Screen) -> int:
    """Filter Tracks, then for each spike in the graph: the curve, its frame, a closer look, and disable the marker.

    Returns how many tracks without a problem Filter Tracks has selected.
    """
    screen.ask("unselect")
    screen.ask("graph-below")
    press(screen, "shift+s", "f")  # Filter Tracks, in the pie menu
    slipped = {name for name, _ in look(screen)["slips"]}
    selected = set(look(screen)["selected"])
    assert slipped <= selected, "all are above its threshold"
    screen.window.point(*look(screen)["spikes"][0][0])
    screen.settle()
    screen.window.key("Home")
    for number, (name, frame) in enumerate(look(screen)["slips"]):
        curve, at_frame = look(screen)["spikes"][number]
        screen.window.point(*curve)
        screen.settle()
        screen.window.click(*curve)
        screen.settle()
        assert look(screen)["selected"] == [name]
        screen.window.click(*at_frame, 3, held="shift")
        assert look(screen)["frame"] == frame
        press(screen, "KP_Decimal", "shift+d")
        assert len(look(screen)["disabled"]) == number + 1
    return len(selected - slipped)


@pytest.mark.timeout(900)  # two windows, some hundred presses
def test_20_problems_take_fewer_presses_than_in_blender(machine: Machine, circling: Shot) -> None:
    shutil.rmtree(machine.folder / "plate")
    (machine.folder / "tracks.json").unlink()
    put_clip(circling, machine.folder)
    machine.make_blend("shot.blend", "plate/long_0001.png")
    with shown(machine, "shot.blend") as screen:
        screen.ask("track")
        screen.wait_until(lambda: screen.outcome == "complete")
        screen.ask("slips")
        screen.ask("save")
        shutil.copy(machine.folder / "shot.blend", machine.folder / "slipped.blend")
        screen.window.presses.clear()
        dismissed = with_the_review(screen)
        ours = screen.window.presses
        wanted = look(screen)["disabled"]
        screen.leave()
    assert len(ours) == 1 + 2 * PROBLEMS + 2 * dismissed
    with shown(machine, "--factory-startup", "slipped.blend") as screen:  # without the extension
        screen.window.presses.clear()
        false = with_blender(screen)
        theirs = screen.window.presses
        assert look(screen)["disabled"] == wanted
        screen.leave()
    assert len(theirs) == 3 + 4 * PROBLEMS
    print(f"{len(ours)} with the review, {dismissed} of its problems are none")
    print(f"{len(theirs)} with Blender alone, {false} of its tracks have no problem")
