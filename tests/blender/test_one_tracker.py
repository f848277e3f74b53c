# SPDX-License-Identifier: GPL-3.0-or-later
"""Our pass and Blender's own tracker in a real window: only one of them tracks at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tracking_sessions.core.journal.history import Kind
from tracking_sessions.core.model.types import Outcome
from tracking_sessions.operators.editor import BLENDER_TRACKS
from tracking_sessions.tests.blender.machine import (
    Machine,
    Markers,
    markers_in,
    newest_session,
    recorded_markers,
    steps_recorded,
)
from tracking_sessions.tests.blender.screen import Screen, opened, pixels
from tracking_sessions.tests.footage import Shot

KEYS = ("ctrl+t", "ctrl+shift+t", "alt+Right", "alt+Left")
WARNING = (190, 142, 58)  # the icon of a report in the status bar: red, green, blue
FORWARDS, ONE_FRAME = 658, 678  # pixels: x of Blender's icons in the header of the Graph view
HEADER = 39  # pixels from the top


def live_frames(markers: Markers) -> dict[tuple[str, str], list[int]]:
    return {track: [frame for frame, row in rows.items() if not row[4] & 1] for track, rows in markers.items()}


def last_frame(markers: Markers) -> int:
    return max(max(frames) for frames in live_frames(markers).values())


def holes(markers: Markers) -> int:
    return sum(frames[-1] - frames[0] + 1 - len(frames) for frames in live_frames(markers).values())


def click_icon(screen: Screen, x: float) -> None:
    screen.window.point(x, HEADER)
    screen.settle()
    screen.window.click(x, HEADER)


def is_warned(screen: Screen, picture: Path) -> bool:
    """Whether the status bar shows a warning."""
    bar = pixels(screen.window.screenshot(picture))[-25:, 500:1200]
    return bool((np.abs(bar - WARNING).max(2) < 25).sum() > 50)


def test_the_keys_of_blenders_tracker_are_refused_in_a_pass(
    machine: Machine, shot: Shot, uninterrupted: Markers
) -> None:
    with opened(machine) as screen:
        screen.click(right=True)  # Forwards
        screen.point_at_clip()
        for key in KEYS:
            screen.wait_for_steps(steps_recorded(screen.root) + 4)
            screen.window.key(key)
        screen.wait_until(lambda: is_warned(screen, machine.folder / "warned.ppm"))
        screen.wait_until(lambda: screen.outcome == "complete")
        assert screen.markers() == recorded_markers(screen.root) == uninterrupted
        assert len(newest_session(screen.root).passes) == 1
        screen.leave()


@pytest.mark.parametrize("way", ["icon", "script"])  # a menu begins it like a script: the pass sees no click
def test_a_pass_pauses_for_blenders_tracker(machine: Machine, shot: Shot, way: str) -> None:
    with opened(machine) as screen:
        screen.ask("slow")
        screen.click(right=True)  # Forwards
        screen.ask("graph")
        screen.wait_for_steps(10)
        if way == "icon":
            click_icon(screen, FORWARDS)
        else:
            screen.ask("blender")
        reached = wait_for_our_pause(screen)
        screen.wait_until(lambda: last_frame(screen.markers()) > reached + 5)
        screen.window.key("Escape")  # once: only Blender's tracker is left
        screen.wait_until(lambda: is_still(screen))
        both = screen.markers()
        assert last_frame(both) < shot.frames
        assert holes(both) == 0
        screen.wait_until(lambda: recorded_markers(screen.root) == both)
        assert [(known.origin, known.outcome) for known in newest_session(screen.root).passes] == [
            ("", Outcome.PAUSED),
            ("blender", Outcome.PAUSED),
        ]
        screen.point_at_clip()
        screen.wait_until(lambda: is_warned(screen, machine.folder / "warned.ppm"))
        screen.window.key("ctrl+z")
        screen.wait_until(lambda: last_frame(screen.markers()) == reached)
        session = newest_session(screen.root)
        ours = next(state for state in session.history().states if state.kind == Kind.PASS)
        assert screen.markers() == markers_in(session.state_at(ours.position))
        screen.window.key("ctrl+shift+z")
        screen.wait_until(lambda: screen.markers() == both)
        screen.ask("clip")
        screen.click()  # Resume
        screen.wait_until(lambda: screen.outcome == "complete")
        assert holes(screen.markers()) == 0
        screen.leave()


def wait_for_our_pause(screen: Screen) -> int:
    """The frame on which the first pass has paused."""
    screen.wait_until(lambda: newest_session(screen.root).passes[0].outcome == Outcome.PAUSED)
    return newest_session(screen.root).passes[0].last_frame


def is_still(screen: Screen) -> bool:
    before = screen.markers()
    screen.window.wander()
    return screen.markers() == before


def test_a_pass_pauses_for_a_single_step_of_blenders_tracker(machine: Machine, shot: Shot) -> None:
    with opened(machine) as screen:
        before = screen.markers()
        screen.click(right=True)  # Forwards
        screen.ask("graph")
        screen.wait_for_steps(10)
        click_icon(screen, ONE_FRAME)
        reached = wait_for_our_pause(screen)
        markers = screen.markers()
        assert last_frame(markers) == reached + 1
        assert holes(markers) == 0
        screen.point_at_clip()
        screen.window.key("ctrl+z")
        screen.wait_until(lambda: screen.markers() == before)
        screen.window.key("ctrl+shift+z")
        screen.wait_until(lambda: screen.markers() != before)
        assert holes(screen.markers()) == 0
        screen.leave()


def test_our_buttons_wait_for_blenders_tracker(machine: Machine, shot: Shot) -> None:
    with opened(machine) as screen:
        screen.click(right=True)  # Forwards
        screen.wait_for_steps(10)
        screen.window.key("Escape")
        screen.wait_until(lambda: screen.outcome == "paused")
        resume = screen.buttons()
        reached = last_frame(screen.markers())
        screen.ask("slow")
        screen.window.key("ctrl+t")
        screen.wait_until(lambda: last_frame(screen.markers()) > reached + 5)
        assert screen._rows() == []  # no active button
        screen.ask("track")
        assert BLENDER_TRACKS in screen.printed
        assert last_frame(screen.markers()) < shot.frames
        screen.click(buttons=resume)
        screen.wait_until(lambda: last_frame(screen.markers()) == shot.frames)
        screen.wait_until(lambda: screen.outcome == "complete")
        assert [known.origin for known in newest_session(screen.root).passes] == ["", "blender"]
        assert screen.markers() == recorded_markers(screen.root)
        steps = steps_recorded(screen.root)
        screen.click()  # Backwards, which is active again
        screen.wait_until(lambda: steps_recorded(screen.root) > steps)
        screen.leave()


def test_the_keys_of_blenders_tracker_track_in_the_session_if_wanted(
    machine: Machine, shot: Shot, uninterrupted: Markers
) -> None:
    with opened(machine) as screen:
        screen.point_at_clip()
        screen.window.key("alt+Right")
        screen.wait_until(lambda: last_frame(screen.markers()) == 2)
        screen.wait_until(lambda: steps_recorded(screen.root) == 1)
        assert newest_session(screen.root).passes[0].origin == "blender"  # by default they stay Blender's
        screen.window.key("ctrl+z")
        screen.wait_until(lambda: last_frame(screen.markers()) == 1)
        screen.ask("keys")
        screen.window.key(*("alt+Right",) * 3)
        screen.wait_until(lambda: steps_recorded(screen.root) == 1 + 3)
        screen.wait_until(lambda: screen.outcome == "complete")
        screen.window.key("ctrl+t")
        screen.wait_until(lambda: steps_recorded(screen.root) >= 10)
        steps = shot.frames  # with the one that is undone
        screen.wait_until(lambda: steps_recorded(screen.root) == steps and screen.outcome == "complete")
        assert screen.markers() == recorded_markers(screen.root) == uninterrupted
        screen.window.key("alt+Left")
        screen.wait_until(lambda: steps_recorded(screen.root) == steps + 1)
        screen.leave()
