# SPDX-License-Identifier: GPL-3.0-or-later
"""The question of a restore, answered by clicks, and the way back through the History by clicks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from tracking_sessions.core.journal.history import Kind
from tracking_sessions.tests.blender.machine import Machine, newest_session, recorded_markers
from tracking_sessions.tests.blender.recorded import kill, last_frame, press, recorded, seen, written
from tracking_sessions.tests.blender.screen import Screen, pixels

BLUE = (71, 114, 179)  # a chosen value, and the button that Return presses
BUTTON = (84, 84, 84)
LIST = (42, 42, 42)
BESIDE = 19  # pixels from the left of the sidebar to the edge of a list, beside its entries
ENTRY = 32  # pixels: the two lines of a state in the list
FIRST = 20  # pixels from the top of the list to the middle of its first entry


class Run(NamedTuple):
    """Pixels of one colour in a column of the screen."""

    start: int
    end: int

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


def runs(screen: Screen, x: float, colour: tuple[int, int, int], longer: int) -> list[Run]:
    """The runs of more than `longer` pixels of the colour at x, from the top of the editor."""
    screen.settle()
    picture = pixels(screen.window.screenshot(screen.machine.folder / "screen.ppm"))
    is_coloured = (np.abs(picture[:, round(x)] - colour).max(1) < 6).astype(int)
    changes = np.flatnonzero(np.diff(np.concatenate(([0], is_coloured, [0]))))
    found = [Run(int(a), int(b)) for a, b in changes.reshape(-1, 2)]
    return [run for run in found if run.end - run.start > longer and run.start >= screen.top]


def click(screen: Screen, x: float, y: float) -> None:
    screen.window.point(x, y)
    screen.settle()
    screen.window.click(x, y)
    screen.settle()


def take(screen: Screen) -> None:
    """Click Restore Markers, and in its dialog Take What Is Recorded and Restore."""
    x = screen.left + 60
    before = runs(screen, x - 30, BLUE, 12)
    click(screen, x, screen.first_button())

    def blue() -> list[Run]:
        return [run for run in runs(screen, x - 30, BLUE, 12) if run not in before]

    keep, confirm = blue()
    screen.pictures("asked", 300, editor=320)
    click(screen, x - 90, keep.middle + 20)
    chosen, confirm = blue()
    assert keep.end <= chosen.start < keep.end + 5
    click(screen, x - 60, confirm.middle)


def go_back(screen: Screen, place: int) -> None:
    """Click the state at this place of the History list, and then Go Back to State."""
    x = screen.left + 60
    (entries,) = runs(screen, screen.left + BESIDE, LIST, 100)
    click(screen, x, entries.start + FIRST + place * ENTRY)
    (entries,) = runs(screen, screen.left + BESIDE, LIST, 100)
    button = next(run for run in runs(screen, x, BUTTON, 15) if run.start > entries.end)
    click(screen, x, button.middle)


@pytest.mark.timeout(600)  # three windows
def test_what_is_recorded_is_taken_undone_and_gone_back_on(machine: Machine) -> None:
    (machine.folder / "open-history").touch()
    with recorded(machine) as screen:
        screen.click(right=True)  # Forwards
        screen.wait_for_steps(40)
        kill(screen)
    before = recorded_markers(machine.folder / "tracking_sessions")
    with recorded(machine) as screen:
        for frame in (2, 3):
            press(screen, "alt+Right")
            screen.wait_until(lambda frame=frame: last_frame(screen.markers()) == frame)
        press(screen, "shift+d")
        mine = screen.markers()
        written(screen, mine)
        assert seen(screen)["in_question"] == len(mine)
        take(screen)
        screen.wait_until(lambda: screen.markers() == before)
        written(screen, before)
        press(screen, "ctrl+z")
        screen.wait_until(lambda: screen.markers() == mine)
        written(screen, mine)
        press(screen, "ctrl+shift+z")
        screen.wait_until(lambda: screen.markers() == before)
        written(screen, before)
        screen.ask("save")
        kill(screen)
    with recorded(machine) as screen:
        assert screen.markers() == before and not seen(screen)["missing"]
        states = newest_session(screen.root).history().states
        place = next(i for i, state in enumerate(reversed(states)) if state.who == "Disable Markers")
        go_back(screen, place)
        screen.wait_until(lambda: screen.markers() == mine)
        assert newest_session(screen.root).history().states[-1].kind is Kind.RESTORED
        press(screen, "ctrl+z")
        screen.wait_until(lambda: screen.markers() == before)
        written(screen, before)
        screen.leave()
