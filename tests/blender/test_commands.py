# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender -b -c tracking_sessions …` with the built package installed, as a farm uses it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from tracking_sessions.tests.blender.machine import (
    Machine,
    Markers,
    json_in,
    newest_session,
    put_clip,
    recorded_markers,
    start_outside,
    steps_recorded,
)
from tracking_sessions.tests.blender.real import BLENDERS
from tracking_sessions.tests.footage import Shot

COMMAND = ("-q", "-b", "-c", "tracking_sessions")


def inside(machine: Machine, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command in Blender."""
    return machine.call(machine.executable, *COMMAND, *arguments, timeout=300)


def track() -> list[str | Path]:
    """The arguments that track the clip from its start positions."""
    return ["track", "plate", "--tracks=tracks.json"]


def test_exit_codes_tell_what_to_do_next(machine: Machine) -> None:
    empty = machine.folder / "empty"
    empty.mkdir()
    (machine.folder / "broken.mov").write_bytes(b"no movie")
    expected = {
        ("--help",): 0,
        ("list",): 0,
        ("resume",): 0,
        (): 2,
        ("track",): 2,
        ("track", "plate", "--direction=sideways"): 2,
        ("info", "nonsense"): 2,
        ("track", "missing_0001.png"): 3,
        ("track", "empty"): 3,
        ("track", "broken.mov", "--detect"): 3,
        ("track", "plate"): 3,
    }
    for arguments, code in expected.items():
        done = inside(machine, *arguments)
        assert done.returncode == code, (arguments, done)
        assert "Traceback" not in done.stderr
        if code:
            assert not done.stdout and done.stderr.strip(), arguments
    assert not steps_recorded(machine.folder / "tracking_sessions")


def test_results_can_be_read_by_a_program(machine: Machine) -> None:
    done = inside(machine, "track", "plate", "--detect", "--json", "--end=20", "--save=out.blend")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["status"], result["frames"], result["last_frame"]) == ("tracking_complete", 19, 20)
    assert Path(result["saved"]).name == "out.blend" and (machine.folder / "out.blend").exists()
    listed = json.loads(inside(machine, "list", "--json").stdout)
    assert [entry["id"] for entry in listed] == [result["id"]]
    info = json.loads(inside(machine, "info", result["id"], "--json", "--frames").stdout)
    assert info["ranges"] == "1-20" and info["frames"]["1"] == info["passes"][0]["tracks"]
    assert inside(machine, "resume", "--json").stdout == "null\n"
    # without -q Blender prints its version as well
    done = machine.run("-c", "tracking_sessions", "list", "--json")
    assert json_in(done.stdout) == listed


def test_sessions_are_reported_committed_and_deleted_inside_blender(machine: Machine) -> None:
    for _ in range(2):
        done = inside(machine, "track", "plate", "--detect", "--json", "--end=5", "--fresh")
        assert done.returncode == 0, done.stderr
    newest = json.loads(done.stdout)["id"]
    sessions = machine.folder / "tracking_sessions" / "sessions"
    (other,) = {path.stem for path in sessions.glob("*.*")} - {newest}
    expected: list[tuple[tuple[str, ...], int, str]] = [
        (("report", newest), 0, f"reports/{newest}.html\n"),
        (("merge", newest, other, "-o", "merged.yaml"), 0, "Merged 2 sessions; 5 of 5 are recorded."),
        (("commit", newest), 0, "Committed “shot”"),
        (("discard", other), 0, "Discarded “shot”"),
        (("list", "--status=committed"), 0, f"{newest}  "),
        (("clean", "--older-than=0d", "--dry-run"), 0, "2 sessions would be deleted, which frees "),
        (("clean", "--older-than=0d"), 2, ""),
        (("delete", other, "--force"), 0, f"Deleted {other}, which freed "),
        (("clean", "--older-than=0d", "--force"), 0, "1 session deleted, which freed "),
    ]
    for arguments, code, words in expected:
        done = inside(machine, *arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), (arguments, done)
        assert words in done.stdout, (arguments, done)
    assert list(sessions.iterdir()) == [] and (machine.folder / "merged.yaml").exists()


def test_sigterm_stops_it_after_the_frame_in_flight(machine: Machine, shot: Shot, uninterrupted: Markers) -> None:
    root = machine.folder / "tracking_sessions"
    started = machine.start(*COMMAND, *track())
    started.wait_for(lambda: steps_recorded(root) >= 10)
    started.signal(signal.SIGTERM)
    done = started.wait()
    assert done.returncode == 75, done
    assert "SIGTERM" in done.stderr and "resume" in done.stderr
    assert 10 <= steps_recorded(root) < shot.frames - 1
    assert newest_session(root).is_interrupted and not newest_session(root).owner
    done = inside(machine, "resume")
    assert done.returncode == 0, done.stderr
    assert recorded_markers(root) == uninterrupted


def test_nothing_is_lost_to_sigkill(machine: Machine, shot: Shot, uninterrupted: Markers) -> None:
    root = machine.folder / "tracking_sessions"
    for frames, arguments in ((10, track()), (50, ["resume"])):
        started = machine.start(*COMMAND, *arguments)
        started.wait_for(lambda frames=frames: steps_recorded(root) >= frames)
        started.signal(signal.SIGKILL)
        assert started.wait().returncode != 0
        recorded = recorded_markers(root)
        assert steps_recorded(root) >= frames
        assert "interrupted" in inside(machine, "list", "--status=interrupted").stdout
    done = inside(machine, *track(), "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tracked_frames"] == shot.frames
    finished = recorded_markers(root)
    assert finished == uninterrupted
    for name, markers in recorded.items():  # all but the last frame and its guard
        assert {frame: finished[name][frame] for frame in list(markers)[:-2]} == dict(list(markers.items())[:-2])


def test_a_session_has_one_owner(machine: Machine, shot: Shot) -> None:
    root = machine.folder / "tracking_sessions"
    started = machine.start(*COMMAND, *track())
    started.wait_for(lambda: steps_recorded(root) >= 3)
    started.signal(signal.SIGSTOP)
    try:
        for arguments in (["resume", newest_session(root).session.id], [*track(), "--resume"]):
            done = inside(machine, *arguments)
            assert done.returncode == 75, done
            assert "process" in done.stderr
    finally:
        started.signal(signal.SIGCONT)
    done = started.wait()
    assert done.returncode == 0, done
    assert newest_session(root).get_progress()["tracked_frames"] == shot.frames


def test_sessions_of_a_blend_are_beside_it(machine: Machine, shot: Shot, uninterrupted: Markers) -> None:
    shots = machine.folder / "shots"
    shots.mkdir()
    machine.make_blend("shots/010.blend")
    before = (shots / "010.blend").read_bytes()
    done = inside(machine, "track", "shots/010.blend", "--save=shots/020.blend")
    assert done.returncode == 0, done
    assert (shots / "010.blend").read_bytes() == before
    assert recorded_markers(shots / "tracking_sessions") == uninterrupted
    identifier = newest_session(shots / "tracking_sessions").session.id
    command = ("-c", "tracking_sessions")
    done = machine.call(machine.executable, "-q", "-b", "shots/020.blend", *command, "list", "--json")
    assert [entry["id"] for entry in json.loads(done.stdout)] == [identifier], done
    done = machine.call(machine.executable, "-q", "-b", "shots/020.blend", *command, "info", identifier)
    assert done.returncode == 0 and "100 of 100 tracked" in done.stdout, done


def test_a_script_tracks_in_a_background_clip_editor(machine: Machine, uninterrupted: Markers) -> None:
    (machine.folder / "script.py").write_text(TRACK_IN_EDITOR)
    done = machine.run("shot.blend", "--python-exit-code", "7", "--python", "script.py")
    assert done.returncode == 0, done
    assert "tracked: {'FINISHED'}" in done.stdout, done
    assert recorded_markers(machine.folder / "tracking_sessions") == uninterrupted


@pytest.mark.parametrize("order", [[*BLENDERS, "wheel"], ["wheel", *reversed(BLENDERS)]], ids=" ".join)
def test_another_version_of_blender_resumes(
    order: list[str], tmp_path: Path, prepared: Callable[[str], Path], shot: Shot, uninterrupted: Markers
) -> None:
    root = tmp_path / "tracking_sessions"
    put_clip(shot, tmp_path)
    for number, name in enumerate(order, 1):
        with Machine.started(name, tmp_path) if name != "wheel" else nullcontext() as machine:
            if machine is not None:
                shutil.copytree(prepared(name) / "home", tmp_path / "home", dirs_exist_ok=True)
            start = partial(machine.start, *COMMAND) if machine is not None else partial(start_outside, tmp_path)
            started = start(*(track() if number == 1 else ["resume"]))
            if number < len(order):
                started.wait_for(lambda number=number: steps_recorded(root) >= 25 * number)
                started.signal(signal.SIGTERM)
            done = started.wait()
        assert done.returncode == (75 if number < len(order) else 0), done
    assert recorded_markers(root) == uninterrupted
    assert len(newest_session(root).passes) == 1


TRACK_IN_EDITOR = """
import bpy
window = bpy.context.window_manager.windows[0]
area = window.screen.areas[0]
area.type = "CLIP_EDITOR"
space = area.spaces.active
space.clip = bpy.data.movieclips[0]
space.mode = "TRACKING"
region = next(region for region in area.regions if region.type == "WINDOW")
with bpy.context.temp_override(window=window, area=area, region=region):
    print("tracked:", bpy.ops.tracking_sessions.track())
assert [tracking_object.name for tracking_object in bpy.data.movieclips[0].tracking.objects] == ["Camera"]
"""
