# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own tracker, edits and undo in a real window: all of it is recorded, and comes back after a crash.

TRACKING_SESSIONS_KILLS says how often `test_a_crash_in_blenders_tracker_costs_half_a_second` kills Blender, and
TRACKING_SESSIONS_SEED when.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time

import pytest

from tracking_sessions.core.journal.history import Kind
from tracking_sessions.tests.blender.machine import Machine, newest_session, put_clip, recorded_markers
from tracking_sessions.tests.blender.recorded import (
    delay,
    kill,
    last_frame,
    press,
    recorded,
    seen,
    states,
    track_by_key,
    written,
)
from tracking_sessions.tests.blender.screen import Screen
from tracking_sessions.tests.footage import Shot, make_shot

KILLS = int(os.environ.get("TRACKING_SESSIONS_KILLS", "3"))
AGE = 0.5  # seconds: what stood so long before a kill comes back


@pytest.fixture(scope="session")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """A clip with 60 tracks, for which Blender's tracker takes some seconds."""
    folder = tmp_path_factory.mktemp("sixty")
    shot = make_shot(folder / "plate", frames=100, width=800, height=450, tracks=60)
    tracks = [{"name": track.name, "co": track.co, "pattern_size": 21, "search_size": 71} for track in shot.tracks]
    (folder / "tracks.json").write_text(json.dumps({"tracks": tracks}), encoding="utf-8")
    return shot


@pytest.mark.timeout(300 + 120 * KILLS)
def test_a_crash_in_blenders_tracker_costs_half_a_second(machine: Machine, sixty: Shot) -> None:
    shutil.rmtree(machine.folder / "plate")
    (machine.folder / "tracks.json").unlink()
    put_clip(sixty, machine.folder)
    machine.make_blend("shot.blend")
    with recorded(machine) as screen:
        track_by_key(screen)
        screen.wait_until(lambda: screen.outcome == "complete")
        begun, *_, ended = [stood.since for stood in states(machine.folder) if last_frame(stood.markers) > 1]
        kill(screen)
    print(f"{machine.name}: {sixty.frames} frames take {ended - begun:.1f} s")
    worst: list[float] = []
    chance = random.Random(os.environ.get("TRACKING_SESSIONS_SEED", machine.name))
    for number in range(KILLS):
        blend = "" if number % 3 == 2 else "shot.blend"  # "": the footage is opened again, in a new file
        shutil.rmtree(screen.root, ignore_errors=True)
        with recorded(machine, blend) as screen:
            track_by_key(screen)
            time.sleep(chance.uniform(0.2, 1 + ended - begun))
            killed = kill(screen)
        log = states(machine.folder)
        with recorded(machine, blend) as screen:
            known = seen(screen)
            if known["missing"]:
                screen.click(0 if known["resume_frame"] is None else 1)  # Restore
                screen.wait_until(lambda: not seen(screen)["missing"])
            restored = screen.markers()
            kill(screen)
        ends = [*(stood.since for stood in log[1:]), killed]
        ages = [killed - end for stood, end in zip(log, ends, strict=True) if stood.markers == restored]
        age = min(ages, default=float("inf"))
        print(f"{number}: killed at frame {last_frame(log[-1].markers)}, {age:.2f} s old, {known}", flush=True)
        assert last_frame(restored) == 1 or known["missing"] == last_frame(restored) - 1
        worst.append(age)
    assert max(worst) <= AGE


def move(screen: Screen) -> None:
    """Move the markers of the selected tracks on this frame, by G and the mouse."""
    press(screen, "g")
    screen.window.point(screen.left / 2 + 40, screen.top + 320)
    press_only(screen, "Return")


def press_only(screen: Screen, key: str) -> None:
    screen.settle()
    screen.window.key(key)
    screen.settle()


def test_single_steps_edits_undo_and_redo_are_on_the_disk_within_a_second(machine: Machine) -> None:
    late: dict[str, float] = {}
    (machine.folder / "open-history").touch()
    with recorded(machine) as screen:
        for frame in (2, 3, 4):
            press(screen, "alt+Right")
            screen.wait_until(lambda frame=frame: last_frame(screen.markers()) == frame)
            late[f"step to {frame}"] = delay(screen)
        (steps,) = newest_session(screen.root).passes
        assert (steps.origin, steps.start, steps.last_frame, steps.outcome) == ("blender", 1, 4, "complete")
        assert seen(screen)["is_done"] and seen(screen)["resume_frame"] is None
        for name, keys in (
            ("move", ()),
            ("mute", ("shift+d",)),
            ("delete", ("shift+x", "Return")),
            ("undo", ("ctrl+z",)),
            ("redo", ("ctrl+shift+z",)),
        ):
            before = screen.markers()
            if keys:
                press(screen, *keys)
            else:
                move(screen)
            assert screen.markers() != before, name
            late[name] = delay(screen)
        print(machine.name, {name: round(seconds, 2) for name, seconds in late.items()}, flush=True)
        assert max(late.values()) < 1
        last = screen.markers()
        screen.pictures("history", 760, editor=0)
        kill(screen)
    session = newest_session(machine.folder / "tracking_sessions")
    actions = [(state.kind, state.who) for state in session.history().states]
    edits = ["Move", "Disable Markers", "Delete Marker"]
    assert actions[1:] == [
        *((Kind.PASS, "blender"),) * 3,
        *((Kind.EDIT, edit) for edit in edits),
        (Kind.SET_ASIDE, "undo"),
        (Kind.EDIT, "Redo"),
    ]
    assert recorded_markers(machine.folder / "tracking_sessions") == last


def test_a_change_just_before_blender_quits_is_recorded(machine: Machine) -> None:
    with recorded(machine) as screen:
        press(screen, "alt+Right")
        before = screen.markers()
        written(screen, before)
        (machine.folder / "ask-mute-and-quit").touch()
        assert screen.window.wait_until_closed() == 0
        assert "Traceback" not in screen.printed, screen.printed
    session = newest_session(machine.folder / "tracking_sessions")
    after = recorded_markers(machine.folder / "tracking_sessions")
    changed = [
        (track, frame) for track in before for frame in before[track] if after[track][frame] != before[track][frame]
    ]
    assert [frame for _, frame in changed] == [1] and not session.owner


def test_a_repair_leaves_the_paused_pass_to_be_resumed(machine: Machine, shot: Shot) -> None:
    (machine.folder / "open-passes").touch()
    with recorded(machine) as screen:
        screen.click(right=True)  # Forwards
        screen.wait_for_steps(15)
        screen.window.key("Escape")
        screen.wait_until(lambda: screen.outcome == "paused")
        paused = seen(screen)
        assert paused["resume_frame"] and len(paused["followed"]) == 1
        screen.ask("one")
        screen.ask("slow")  # so that Escape comes before the end of the clip
        press(screen, "Left", "Left")
        track_by_key(screen)
        screen.wait_until(lambda: last_frame(screen.markers()) > paused["resume_frame"] + 4)
        screen.window.key("Escape")
        screen.wait_until(lambda: newest_session(screen.root).passes[-1].origin and screen.outcome)
        after = seen(screen)
        assert after["resume_frame"] == paused["resume_frame"]
        assert after["followed"][0] >= paused["followed"][0] - 1 and not after["is_done"]
        screen.pictures("repaired", 600)
        screen.click()  # Resume
        screen.wait_until(lambda: screen.outcome == "complete")
        markers = screen.markers()
        assert markers == recorded_markers(screen.root)
        assert sum(shot.frames in rows for rows in markers.values()) > len(shot.tracks) // 2
        screen.picture("resumed", 600)
        screen.leave()


def test_tracks_that_changed_on_both_sides_are_asked_about(machine: Machine) -> None:
    with recorded(machine) as screen:
        screen.click(right=True)  # Forwards
        screen.wait_for_steps(40)
        kill(screen)
    before = recorded_markers(machine.folder / "tracking_sessions")
    with recorded(machine) as screen:
        for frame in range(2, 8):
            press(screen, "alt+Right")
            screen.wait_until(lambda frame=frame: last_frame(screen.markers()) == frame)
        move(screen)
        mine = screen.markers()
        screen.wait_until(lambda: recorded_markers(screen.root) == mine)
        known = seen(screen)
        assert (known["missing"], known["in_question"]) == (last_frame(before) - 7, len(mine))
        ask(screen, "Escape")
        assert screen.markers() == mine
        ask(screen, "Return")  # Keep Mine and Add What Is Missing
        screen.wait_until(lambda: screen.markers() != mine)
        both = screen.markers()
        for track, rows in both.items():
            assert {frame: rows[frame] for frame in range(1, 8)} == {frame: mine[track][frame] for frame in range(1, 8)}
            assert {frame: row for frame, row in rows.items() if frame > 8} == {
                frame: row for frame, row in before[track].items() if frame > 8
            }
        screen.wait_until(lambda: recorded_markers(screen.root) == both)
        press(screen, "ctrl+z")
        screen.wait_until(lambda: screen.markers() == mine)
        ask(screen, "Escape")  # brings back what undo took, without a question
        screen.wait_until(lambda: screen.markers() == both)
        screen.leave()


def ask(screen: Screen, *keys: str) -> None:
    """Click the first button, and answer its dialog by keys."""
    x, y = screen.left + 60, screen.first_button()
    screen.window.point(x, y)
    screen.settle()
    screen.window.click(x, y)
    screen.settle()
    screen.window.key(*keys)
    screen.settle()
