# SPDX-License-Identifier: GPL-3.0-or-later
"""`camera` and `solve` as processes: from rendered shots with known cameras to a camera, or to the reason of none."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tracking_sessions.core.errors import ExitCode
from tracking_sessions.core.journal.records import MarkersRecord
from tracking_sessions.core.journal.rows import KEYED
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.model.types import SessionStatus
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.recording.parts import part_sessions
from tracking_sessions.core.solve.current import current_solve
from tracking_sessions.core.solve.digest import digest, is_stale
from tracking_sessions.core.solve.solve import Solve
from tracking_sessions.core.solve.store import read_solve, solve_file
from tracking_sessions.core.solve.taking_part import camera_motion
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.bpy.command_line import end, printed, run, start
from tracking_sessions.tests.core.shots import marker
from tracking_sessions.tests.pictures import write_png
from tracking_sessions.tests.waiting import wait_until
from tracking_sessions.tools.accuracy.kinds import KINDS
from tracking_sessions.tools.accuracy.scoring import score
from tracking_sessions.tools.accuracy.shot import Truth, shot
from tracking_sessions.tools.kill_batch import children_of, lives

KEYS = {
    *("session", "verdict", "reason", "solve", "average_error", "cameras", "frames", "focal_length"),
    *("tracks_kept", "tracks_made"),
}
KILLS = int(os.environ.get("TRACKING_SESSIONS_KILLS", "3"))
LENS = ("--focal", "35", "--sensor", "36")


def rendered(name: str, folder: Path, frames: int = 24) -> Truth:
    return shot(name, 1, folder, kind=replace(KINDS[name], size=(480, 270), frames=frames))


@pytest.fixture(scope="module")
def orbit(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return rendered("orbit", tmp_path_factory.mktemp("orbit") / "shot")


@pytest.fixture(scope="module")
def undisturbed(orbit: Truth, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The session folder of an undisturbed run, and what it printed."""
    root = tmp_path_factory.mktemp("undisturbed")
    done = run("camera", orbit.folder, "--root", root, "--json", *LENS)
    return root, json.loads(done.stdout)


def solve_in(root: Path) -> Solve:
    """The best solve of the only session."""
    (path,) = session_files(root)
    with load_session(path) as manager:
        return read_solve(solve_file(SessionFolder(root), manager.id, manager.session.best_solve))


def test_footage_becomes_a_camera(orbit: Truth, undisturbed: tuple[Path, dict[str, Any]]) -> None:
    root, printed_object = undisturbed
    assert set(printed_object) >= KEYS and printed_object["verdict"] == "solved"
    assert printed_object["average_error"] < 0.5 and printed_object["cameras"] == printed_object["frames"] == 24
    assert printed_object["focal_length"] == pytest.approx(35.0)
    solve = solve_in(root)
    assert printed_object["solve"] == solve.id and len(solve.cameras) == 24
    matrices = np.array([np.reshape(camera.matrix, (3, 4)) for camera in solve.cameras])
    frames = np.array([camera.frame for camera in solve.cameras])
    focal = solve.lens.focal / solve.lens.sensor * orbit.size[0]
    made = score(frames, matrices, focal, orbit.matrices, orbit.focal)
    assert made.path < 0.005 and made.turn < 0.1
    with load_session(printed_object["session"]) as manager:
        assert manager.session.status is SessionStatus.COMPLETE
        motion = camera_motion(manager.replay(), orbit.size, solve.object)
        assert not is_stale(motion, solve)
        left_out = {drop.track for drop in solve.dropped}
        assert left_out and all(drop.reason for drop in solve.dropped)
        assert len(left_out) + len({bundle.track for bundle in solve.bundles}) <= solve.tracks_made
        assert solve.digest != digest(motion, np.ones(len(motion), bool))
    assert not (SessionFolder(root).solves(manager.id) / "tracking").exists()


@pytest.mark.parametrize("jobs", [2, 3])
def test_processes_side_by_side_give_the_same_camera(
    orbit: Truth, undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path, jobs: int
) -> None:
    run("camera", orbit.folder, "--root", tmp_path, "--jobs", str(jobs), "--json", *LENS)
    same(solve_in(tmp_path), solve_in(undisturbed[0]))


def same(solve: Solve, other: Solve) -> None:
    """The same camera, bit for bit; the time of its making is another one."""
    assert replace(solve, id="", created="") == replace(other, id="", created="")


def test_killed_at_random_instants_it_comes_to_the_same_camera(
    orbit: Truth, undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """TRACKING_SESSIONS_KILLS kills, at most four of one session. A run lasts some ten seconds."""
    chance, kills, rounds = random.Random(5), 0, 0
    while kills < KILLS:
        rounds += 1
        root = tmp_path / f"{rounds}"
        command = ("camera", orbit.folder, "--root", root, "--jobs", str(1 + rounds % 2), "--json", *LENS)
        for _ in range(min(4, KILLS - kills)):
            process = start(*command)
            until = time.monotonic() + chance.uniform(0.5, 14.0)
            while process.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
            if process.poll() is not None:
                break
            process.kill()
            kills += 1
            printed(process)
            for path in session_files(root):
                for document in SessionFolder(root).solves(path.stem).glob("solve-*.yaml"):
                    read_solve(document)  # whole
        printed(process)
        if process.returncode != 0:
            run(*command)
        same(solve_in(root), solve_in(undisturbed[0]))
    print(f"{kills} kills, {rounds} sessions")


def test_a_disk_that_gets_full_stops_the_solve_and_spoils_nothing(
    undisturbed: tuple[Path, dict[str, Any]], mounted: Callable[[str], Path]
) -> None:
    disk = mounted("8m")
    root = disk / "sessions"
    shutil.copytree(undisturbed[0], root)
    (path,) = session_files(root)
    solves = SessionFolder(root).solves(path.stem)
    before = {file.name: file.read_bytes() for file in solves.iterdir()}
    filler = disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - (max(map(len, before.values())) // 2)))
    run("solve", path, *LENS, code=ExitCode.STOPPED, says=("The disk is full",))
    assert {file.name: file.read_bytes() for file in solves.iterdir() if file.name in before} == before
    assert not [file for file in solves.iterdir() if file.name.startswith("solve-2")]
    filler.unlink()
    run("solve", path, *LENS)
    with load_session(path) as manager:
        assert manager.session.status is SessionStatus.COMPLETE and len(manager.solves) == 2


def test_the_parts_of_a_shot_with_a_cut_are_solved_by_themselves(tmp_path: Path) -> None:
    cut = rendered("cut", tmp_path / "shot", 28)
    root = tmp_path / "root"
    done = run("camera", cut.folder, "--root", root, "--parts", "--json", *LENS)
    found = json.loads(done.stdout)
    assert found["verdict"] == "cut" and [part["verdict"] for part in found["parts"]] == ["solved", "solved"]
    assert [part["range"] for part in found["parts"]] == [[1, 14], [15, 28]]
    (path,) = session_files(root)
    with load_session(path) as manager:
        assert [entry["id"] for entry in manager.solves] == [
            found["solve"],
            *(part["solve"] for part in found["parts"]),
        ]
        assert manager.session.best_solve == min(found["parts"], key=lambda part: part["average_error"])["solve"]


def test_the_second_run_tracks_nothing_and_solves_again(
    undisturbed: tuple[Path, dict[str, Any]], orbit: Truth, tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(undisturbed[0], root)
    done = run("camera", orbit.folder, "--root", root, *LENS)
    assert "Tracking" not in done.stderr
    (path,) = session_files(root)
    with load_session(path) as manager:
        assert len(manager.solves) == 2
    assert "Solved: " in done.stdout and f"session {path.stem}" in done.stdout


@pytest.mark.parametrize("name", ["nodal", "static"])
def test_a_camera_without_positions_is_told_and_exits_with_4(name: str, tmp_path: Path) -> None:
    truth = rendered(name, tmp_path / "shot")
    process = start("camera", truth.folder, "--root", tmp_path / "root", "--json", *LENS)
    stdout, stderr = printed(process)
    found = json.loads(stdout)
    assert process.returncode == 4 and found["verdict"] == {"nodal": "tripod"}.get(name, name)
    assert found["reason"] in stderr
    (path,) = session_files(tmp_path / "root")
    with load_session(path) as manager:
        assert manager.session.status is SessionStatus.COMPLETE and manager.session.best_solve


def test_a_single_picture_is_no_shot(tmp_path: Path, orbit: Truth) -> None:
    folder = tmp_path / "shot"
    folder.mkdir()
    shutil.copy(sorted(orbit.folder.glob("*.png"))[0], folder)
    run("camera", folder, "--root", tmp_path / "root", *LENS, code=3, says=("nothing to follow",))


def test_two_frames_are_no_camera_or_one_that_is_right(tmp_path: Path, orbit: Truth) -> None:
    folder = tmp_path / "shot"
    folder.mkdir()
    for picture in sorted(orbit.folder.glob("*.png"))[:2]:
        shutil.copy(picture, folder)
    process = start("camera", folder, "--root", tmp_path / "root", "--json", *LENS)
    stdout, stderr = printed(process)
    assert process.returncode == 4, stderr
    assert json.loads(stdout)["verdict"] != "solved"


def grey(folder: Path) -> Path:
    """Pictures without texture."""
    folder.mkdir()
    for frame in range(1, 13):
        write_png(folder / f"grey_{frame:04}.png", np.full((270, 480), 90, np.uint8))
    return folder


def test_pictures_without_texture_are_refused_with_the_reason(tmp_path: Path) -> None:
    folder = grey(tmp_path / "shot")
    process = start("camera", folder, "--root", tmp_path / "root", "--json", *LENS)
    stdout, stderr = printed(process)
    assert process.returncode == 4, stderr
    assert json.loads(stdout)["verdict"] == "too_few_tracks"
    (path,) = session_files(tmp_path / "root")
    with load_session(path) as manager:
        assert manager.session.status is SessionStatus.FAILED


def test_a_stopped_solve_leaves_nothing_and_can_be_repeated(
    undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(undisturbed[0], root)
    (path,) = session_files(root)
    process = start("solve", path, *LENS)
    assert process.stderr is not None
    process.stderr.readline()  # the first round
    process.send_signal(signal.SIGINT)
    end(process, 75, "the solve was stopped")
    with load_session(path) as manager:
        assert len(manager.solves) == 1 and manager.session.status is SessionStatus.COMPLETE
    run("solve", path, *LENS)
    with load_session(path) as manager:
        assert len(manager.solves) == 2


def test_a_part_of_a_shot_is_solved_by_itself(undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(undisturbed[0], root)
    (path,) = session_files(root)
    done = run("solve", path, "--frames", "5-16", "--json", *LENS)
    found = json.loads(done.stdout)
    assert found["frames"] == found["cameras"] == 12
    with load_session(path) as manager:
        solve = read_solve(solve_file(SessionFolder(root), manager.id, found["solve"]))
        assert solve.frames == (5, 16) and [camera.frame for camera in solve.cameras] == list(range(5, 17))
        assert not is_stale(camera_motion(manager.replay(), (480, 270), solve.object), solve)
        assert manager.session.best_solve == undisturbed[1]["solve"], "a part is no better than the whole"
    for wrong in ("16-5", "x", "0-9"):
        run("solve", path, "--frames", wrong, code=2)


def test_a_solve_that_takes_too_long_fails_with_the_reason(
    undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(undisturbed[0], root)
    (path,) = session_files(root)
    run("solve", path, "--time-limit", "0.01", code=1, says=("longer than 0.01 seconds",))
    with load_session(path) as manager:
        assert manager.session.status is SessionStatus.FAILED and len(manager.solves) == 1


def test_wrong_lenses_are_refused(undisturbed: tuple[Path, dict[str, Any]]) -> None:
    (path,) = session_files(undisturbed[0])
    for options in (
        ("--focal", "-1"),
        ("--focal", "nan"),
        ("--sensor", "0"),
        ("--distortion", "{}"),
        ("--distortion", '{"model": "BROWN", "coefficients": [1]}'),
    ):
        run("solve", path, *options, code=2)


def test_a_second_run_that_resumes_keeps_the_camera_until_a_track_changes_or_the_lens_is_another(
    undisturbed: tuple[Path, dict[str, Any]], orbit: Truth, tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(undisturbed[0], root)
    command = ("camera", orbit.folder, "--root", root, "--resume")
    found = json.loads(run(*command, *LENS, "--json").stdout)
    assert (found["solve"], found["kept"], undisturbed[1]["kept"]) == (undisturbed[1]["solve"], True, False)
    (path,) = session_files(root)
    with load_session(path) as manager:
        assert len(manager.solves) == 1 and manager.session.status is SessionStatus.COMPLETE
        sought = {"focal": 35.0, "sensor": 36.0, "aspect": 1.0}
        for other in ({"focal": None}, {"focal": None, "sensor": None}):
            assert current_solve(manager, **{**sought, **other}) is not None
        for other in ({"focal": 36.0}, {"sensor": 24.0}, {"aspect": 2.0}):
            assert current_solve(manager, **{**sought, **other}) is None
        rows = manager.replay().markers
        track = next(number for number in rows if number not in {drop.track for drop in solve_in(root).dropped})
        frame = next(frame for frame in rows[track] if 3 < frame < 20)
        manager.acquire().append(MarkersRecord(track, marker(track, frame, (0.5, 0.5), KEYED)))
    with load_session(path) as manager:
        assert current_solve(manager, **sought) is None


# Batches


def child_of(batch: subprocess.Popen[str], footage: Path) -> int | None:
    """The process of the shot in the running batch."""
    for pid in children_of(batch.pid):
        with suppress(OSError):
            if str(footage) in Path(f"/proc/{pid}/cmdline").read_text("utf-8").split("\0"):
                return pid
    return None


def frames_of(root: Path, footage: Path) -> int:
    """The frames that the shot and the processes of its child have recorded."""
    found = 0
    for path in session_files(root):
        manager = load_session(path)
        if footage.name in manager.session.footage.path:
            parts = [len(part.session.tracked_frames) for part in part_sessions(manager)]
            found += len(manager.session.tracked_frames) + sum(parts)
    return found


def is_solving(root: Path) -> bool:
    return any(load_session(path).session.status is SessionStatus.SOLVING for path in session_files(root))


def test_a_batch_goes_on_to_the_same_camera_whatever_is_killed(
    orbit: Truth, undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    root, blank = tmp_path / "root", grey(tmp_path / "blank")
    defaults = {"camera": True, "focal": 35, "sensor": 36}
    listed = tmp_path / "night.json"
    shots = [{"footage": str(orbit.folder), "name": "orbit"}, {"footage": str(blank)}]
    listed.write_text(json.dumps({"defaults": defaults, "shots": shots}), "utf-8")
    batch = start("batch", "run", listed, "--root", root, "--jobs", "2", stderr=subprocess.DEVNULL)
    wait_until(lambda: frames_of(root, orbit.folder) > 3, "frames of the first passes", process=batch)
    child = child_of(batch, orbit.folder)
    assert child is not None
    os.kill(child, signal.SIGKILL)
    before = frames_of(root, orbit.folder)
    wait_until(lambda: frames_of(root, orbit.folder) > before + 3, "more frames", process=batch)
    children = children_of(batch.pid)
    batch.kill()
    batch.wait()
    wait_until(lambda: not any(map(lives, children)), "the end of the children")

    batch = start("batch", "resume", "--root", root)
    wait_until(lambda: is_solving(root), "the solve", process=batch)
    batch.send_signal(signal.SIGTERM)
    stdout, stderr = printed(batch)
    assert batch.returncode == 75 and "SIGTERM: stopped" in stderr, stdout + stderr
    assert not is_solving(root)

    batch = start("batch", "resume", "--root", root, "--json")
    stdout, stderr = printed(batch)
    assert batch.returncode == 1 and "1 shot without a camera (blank)" in stderr
    document = json.loads(stdout)
    solved, refused = document["shots"]
    assert (solved["status"], solved["verdict"], solved["error"]) == ("completed", "solved", "")
    assert (refused["status"], refused["verdict"]) == ("no_camera", "too_few_tracks") and refused["error"]
    assert (document["counts"]["no_camera"], document["run"]["exit_code"]) == (1, 1)
    (path,) = (path for path in session_files(root) if path.stem == solved["session"])
    with load_session(path) as manager:
        assert len(manager.solves) == 1
        stored = read_solve(solve_file(SessionFolder(root), manager.id, manager.session.best_solve))
    same(stored, solve_in(undisturbed[0]))
    shown = run("batch", "info", "--root", root).stdout
    assert "camera: solved" in shown and "no camera" in shown and refused["error"] in shown
    run("batch", "resume", document["id"], "--root", root, code=2, says=("1 shot without a camera (blank). Mend",))

    again = start("batch", "run", listed, "--root", root, "--resume")
    stdout, stderr = printed(again)
    assert again.returncode == 1 and "orbit: was done before: 24 of 24 frames" in stderr
    with load_session(path) as manager:
        assert len(manager.solves) == 1
