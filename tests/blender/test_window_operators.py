# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the mouse does to tracks in a real window survives a kill: the operators that work only there, and G, S, R.

tests/bpy/sessions/test_every_operator.py has all other operators, and holds the tables here to its list.
"""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tracking_sessions.tests.blender.machine import Machine, newest_session, recorded_markers
from tracking_sessions.tests.blender.recorded import kill, last_frame, press, recorded, seen, written
from tracking_sessions.tests.blender.screen import Screen

LAST = 7  # the frame that Blender's tracker has reached
FREE = (-140, 150)  # pixels from the middle of the editor, where no track is
DRAG = 2.0  # seconds: longer than the timer waits before it looks at a clip without any sign of a change
Point = tuple[float, float]


class Hand:
    """The mouse and the keys of an artist in the Clip Editor."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.last = 0.0
        """When the last key or button was pressed or released, by time.time."""

    def where(self, part: str) -> Any:
        self.screen.ask("where")
        return json.loads((self.screen.machine.folder / "where.json").read_text(encoding="utf-8"))[part]

    def part(self, name: str) -> Point:
        x, y = self.where("parts")[name]
        return x, y

    @property
    def free(self) -> Point:
        left, top, width, height = self.where("box")
        return left + width / 2 + FREE[0], top + height / 2 + FREE[1]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.last = time.time()
            self.screen.window.key(key)
            self.screen.settle()

    def point(self, x: float, y: float) -> None:
        self.screen.window.point(x, y)
        self.screen.settle()

    def button(self, action: str) -> None:
        self.last = time.time()
        self.screen.window._on_screen("xdotool", action, "1")
        self.screen.settle()

    def drag(self, start: Point, by: Point = (31, -17)) -> None:
        self.point(*start)
        self.button("mousedown")
        self.lead(start, by)
        self.button("mouseup")

    def lead(self, start: Point, by: Point) -> None:
        """Move the mouse in a few steps, which take some time."""
        for part in (0.3, 0.7, 1.0):
            self.point(start[0] + part * by[0], start[1] + part * by[1])
            time.sleep(DRAG / 3)


Action = Callable[[Hand], object]


def slide(part: str) -> Action:
    return lambda hand: hand.drag(hand.part(part))


def transform(key: str) -> Action:
    def action(hand: Hand) -> None:
        x, y = hand.part("point")
        start = x + 120, y
        hand.point(*start)
        hand.press(key)
        hand.lead(start, (40, -60))
        hand.press("Return")

    return action


def add_at_click(hand: Hand) -> None:
    hand.point(*hand.free)
    hand.press("y")
    x, y = hand.free
    hand.point(x + 9, y - 5)
    hand.button("mousedown")
    hand.button("mouseup")


def add_and_move(hand: Hand) -> None:
    start = hand.free
    hand.point(*start)
    hand.press("u")
    hand.lead(start, (60, -80))
    hand.press("Return")


def add_and_slide(hand: Hand) -> None:
    hand.screen.window._on_screen("xdotool", "keydown", "ctrl")
    hand.drag(hand.free, (90, 20))
    hand.screen.window._on_screen("xdotool", "keyup", "ctrl")


IN_CLIP: dict[str, tuple[str, Action]] = {
    "slide_marker": ("Slide Marker", slide("point")),
    "slide_marker, a corner of the pattern": ("Slide Marker", slide("corner")),
    "slide_marker, the tilt of the pattern": ("Slide Marker", slide("tilt")),
    "slide_marker, the search area": ("Slide Marker", slide("search")),
    "transform.translate": ("Move", transform("g")),
    "transform.resize": ("Resize", transform("s")),
    "transform.rotate": ("Rotate", transform("r")),
    "add_marker_at_click": ("Add Marker at Click", add_at_click),
    "add_marker_move": ("Add Marker and Move", add_and_move),
    "add_marker_slide": ("Add Marker and Slide", add_and_slide),
}


def select_knots(hand: Hand) -> None:
    """Select the knots of the frames 3 to 5 of all curves, by a box."""
    _, top, _, height = hand.where("box")
    x = hand.where("x")
    start, end = ((x[1] + x[2]) / 2, top + 40), ((x[4] + x[5]) / 2, top + height - 40)
    hand.point(*start)
    hand.press("b")
    hand.button("mousedown")
    hand.point(end[0] - 10, end[1] - 10)
    hand.point(*end)
    hand.button("mouseup")


def on_knots(*keys: str) -> Action:
    def action(hand: Hand) -> None:
        select_knots(hand)
        hand.press(*keys)

    return action


def transform_knots(key: str) -> Action:
    def action(hand: Hand) -> None:
        select_knots(hand)
        start = hand.where("x")[6], hand.free[1]
        hand.point(*start)
        hand.press(key)
        hand.lead(start, (30, -60))
        hand.press("Return")

    return action


IN_GRAPH: dict[str, tuple[str, Action]] = {
    "transform.translate": ("Move", transform_knots("g")),
    "transform.resize": ("Resize", transform_knots("s")),
    "transform.rotate": ("Rotate", transform_knots("r")),
    "graph_disable_markers": ("Disable Markers", on_knots("shift+d")),
    "graph_delete_knot": ("Delete Knot", on_knots("shift+x")),
    "graph_delete_curve": ("Delete Curve", on_knots("x", "Return")),
}


def window(machine: Machine) -> AbstractContextManager[Screen]:
    return recorded(machine, "shot.blend", "operators_window.py")


def spread(machine: Machine) -> None:
    """Leave the file only tracks that lie apart."""
    file = machine.folder / "tracks.json"
    kept: list[dict[str, Any]] = []
    for track in json.loads(file.read_text(encoding="utf-8"))["tracks"]:
        x, y = track["co"]
        if 0.2 < x < 0.6 and all(abs(x - other["co"][0]) + abs(y - other["co"][1]) > 0.2 for other in kept):
            kept.append(track)
    file.unlink()
    file.write_text(json.dumps({"tracks": kept}), encoding="utf-8")
    machine.make_blend("shot.blend")


def tracks(screen: Screen) -> dict[Any, Any]:
    """The settings and packed markers of each track."""
    screen.ask("tracks")
    return pickle.loads((screen.machine.folder / "tracks.bin").read_bytes())


def do_all(screen: Screen, actions: Mapping[str, tuple[str, Action]]) -> None:
    """Each action changes the clip, and is on the disk within a second, as one edit of the name of its operator."""
    hand = Hand(screen)
    late: dict[str, float] = {}
    for what, (name, action) in actions.items():
        before = screen.markers()
        count = len(newest_session(screen.root).history().states)
        action(hand)
        now = screen.markers()
        assert now != before, what
        late[what] = written(screen, now) - hand.last
        new = newest_session(screen.root).history().states[count:]
        assert [state.who for state in new] == [name], what
        assert screen.markers() == recorded_markers(screen.root), what
    print(screen.machine.name, {name: round(seconds, 2) for name, seconds in late.items()}, flush=True)
    assert max(late.values()) < 1


def restore(screen: Screen) -> None:
    screen.click(0 if seen(screen)["resume_frame"] is None else 1)
    screen.wait_until(lambda: not seen(screen)["missing"])


@pytest.mark.timeout(600)  # three windows, and drags that take their time
def test_what_the_mouse_changes_survives_a_kill(machine: Machine) -> None:
    spread(machine)
    with window(machine) as screen:
        for frame in range(2, LAST + 1):
            press(screen, "alt+Right")
            screen.wait_until(lambda frame=frame: last_frame(screen.markers()) == frame)
        screen.ask("search")
        do_all(screen, IN_CLIP)
        wanted = tracks(screen)
        kill(screen)
    with window(machine) as screen:
        restore(screen)
        assert tracks(screen) == wanted
        screen.ask("graph")
        screen.point_at_clip()
        do_all(screen, IN_GRAPH)
        wanted = tracks(screen)
        kill(screen)
    with window(machine) as screen:
        restore(screen)
        assert tracks(screen) == wanted
        screen.leave()
