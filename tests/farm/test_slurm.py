# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots that are really tracked on a SLURM cluster, by `submit`, `task` and `status`, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.journal.chain import JournalReader
from tracking_sessions.core.journal.codec import decoded
from tracking_sessions.core.journal.records import FrameRecord
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.model.types import SessionStatus
from tracking_sessions.core.recording.manager import TrackingSessionManager, load_session
from tracking_sessions.core.solve.solve import Solve
from tracking_sessions.core.solve.store import read_solve, solve_file
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.farm.cluster import Cluster
from tracking_sessions.tests.footage import make_long
from tracking_sessions.tests.pictures import link
from tracking_sessions.tests.waiting import wait_until
from tracking_sessions.tools.accuracy.kinds import KINDS
from tracking_sessions.tools.accuracy.shot import shot
from tracking_sessions.tools.comparison import compare_replays

CHECKOUT = Path(__file__).resolve().parents[2]
GOOD = 24
FRAMES = 12
LONG = 400  # frames of the shots that are stopped on the way
LATE, REQUEUED, CANCELLED, BAD, CUT_OFF = 1, 2, 3, 4, 5  # numbers of shots
ON_THE_WAY = {"waiting", "running", "interrupted", "completed"}
SHOTS = GOOD + 2  # one is cancelled, one cannot be tracked


def command(*words: str | Path, code: int = 0, **environment: str) -> str:
    """What a command of the extension prints on its standard output."""
    done = subprocess.run(
        [sys.executable, str(CHECKOUT), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**os.environ, **environment},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of shots. Each begins elsewhere on the circle of one camera, so each has pictures of its own."""
    folder = tmp_path_factory.mktemp("shots")
    circle = SHOTS + 2
    plate = make_long(folder / "circle", circle, 320, 180, tracks=4, loop=circle)
    entries: list[dict[str, Any]] = []
    for number in range(1, SHOTS + 1):
        name = f"shot{number:02}"
        (folder / name).mkdir()
        for frame in range(LONG if number in (LATE, REQUEUED, CANCELLED, CUT_OFF) else FRAMES):
            link(plate.files[(number + frame) % circle], folder / name / f"plate_{frame + 1:04}.png")
        starts = [
            {"name": track.name, "co": plate.truth(track.name, number + 1), "pattern_size": 21, "search_size": 61}
            for track in plate.tracks
        ]
        (folder / f"{name}.json").write_text(json.dumps({"tracks": starts}), "utf-8")
        entries.append({"footage": name, "name": name, "tracks": f"{name}.json"})
    for file in (folder / f"shot{BAD:02}").iterdir():
        file.unlink()
        file.write_bytes(b"no image")
    (folder / "night.json").write_text(json.dumps({"shots": entries}), "utf-8")
    return folder / "night.json"


@pytest.fixture(scope="module")
def local(shots: Path) -> dict[str, TrackingSessionManager]:
    """The sessions of a local run, by the names of their shots."""
    root = shots.parent / "local"
    command("batch", "run", shots, "--root", root, "--jobs", "2", code=1)
    return sessions(root)


def sessions(root: Path) -> dict[str, TrackingSessionManager]:
    """Those of a folder, which has one of each shot."""
    found = [load_session(path) for path in session_files(root)]
    assert max(Counter(manager.session.name for manager in found).values(), default=1) == 1
    return {manager.session.name: manager for manager in found}


def assert_recorded_once(manager: TrackingSessionManager) -> None:
    records = decoded(JournalReader(manager.folder, manager.session.id).records())
    steps = Counter((record.number, record.frame) for record, _ in records if isinstance(record, FrameRecord))
    assert set(steps.values()) == {1}, manager.session.name


class Night:
    """A submission on the farm."""

    def __init__(self, shots: Path, root: Path) -> None:
        self.root = root
        self.crashes = root.parent / "crashes"
        self.crashes.mkdir()
        crashing = {"PYTHONPATH": str(Path(__file__).with_name("crashing")), "CRASHES": str(self.crashes)}
        sent = json.loads(command("submit", "--engine=slurm", shots, "--root", root, "--json", **crashing))
        (self.job,) = sent["jobs"]

    def status(self) -> dict[int, dict[str, Any]]:
        """What `status` says of each shot. A shot that it calls completed is so, and stays so."""
        document = json.loads(command("status", "--root", self.root, "--json"))
        shots = {one["index"]: one for one in document["shots"]}
        assert sum(document["counts"].values()) == len(shots) == SHOTS
        found = sessions(self.root)
        for number, one in shots.items():
            assert one["status"] in (ON_THE_WAY if number != BAD else {"waiting", "running", "skipped"}), one
            if one["status"] == "completed":
                assert found[one["name"]].session.status is SessionStatus.TRACKING_COMPLETE
                assert one["tracked_frames"] == one["total_frames"]
        return shots

    def of(self, number: int) -> str:
        return f"{self.job}_{number}"

    def runs(self, numbers: Sequence[int]) -> bool:
        """Whether these shots are on the way."""
        shots = self.status()
        return all(shots[number]["status"] == "running" and shots[number]["tracked_frames"] > 30 for number in numbers)


@pytest.mark.timeout(600)  # beside others on two processors
def test_a_night_on_a_farm_on_which_everything_dies(
    cluster: Cluster, shots: Path, local: dict[str, TrackingSessionManager], tmp_path: Path
) -> None:
    night = Night(shots, tmp_path / "farm")
    wait_until(lambda: night.runs([LATE, REQUEUED, CANCELLED]), "three shots on the way")
    cluster.run("scancel", night.of(CANCELLED))
    cluster.run("scontrol", "requeue", night.of(REQUEUED))
    cluster.warn(night.of(LATE))
    wait_until(lambda: night.status()[CANCELLED]["status"] == "interrupted", "the end of the cancelled shot")

    def done() -> int:
        return sum(one["status"] == "completed" for one in night.status().values())

    cluster.restart_controller()
    wait_until(lambda: night.runs([CUT_OFF]), "a long shot on the way")
    node = cluster.job(night.of(CUT_OFF))["NodeList"]
    cluster.kill_node(node)
    before = done()
    wait_until(lambda: done() > before + 1, "shots on the other nodes")
    cluster.start_node(node)
    cluster.wait_for_end(night.job)

    told = night.status()
    assert {number for number in told if told[number]["status"] != "completed"} == {CANCELLED, BAD}
    assert told[CANCELLED]["status"] == "interrupted" and told[BAD]["status"] == "skipped"
    assert "plate_0001.png" in told[BAD]["error"]
    jobs = cluster.jobs()
    assert (jobs[night.of(CANCELLED)], jobs[night.of(BAD)]) == ("CANCELLED", "FAILED")
    assert cluster.job(night.of(CANCELLED))["Restarts"] == "0"
    assert all(cluster.job(night.of(number))["Restarts"] != "0" for number in (LATE, REQUEUED, CUT_OFF))
    comments = cluster.run("squeue", "--noheader", "--states=all", f"--jobs={night.of(LATE)}", "--format=%k")
    assert comments.strip() == "100%: done"
    assert len(list(night.crashes.iterdir())) == GOOD + 1  # in every shot that can be tracked

    again = json.loads(command("submit", "--retry", "--root", night.root, "--json"))
    assert again["shots"] == f"{CANCELLED}-{BAD}"
    cluster.wait_for_end(*again["jobs"])
    assert night.status()[CANCELLED]["status"] == "completed"
    for name, session in sessions(night.root).items():
        if name != f"shot{BAD:02}":
            assert_recorded_once(session)
            compare_replays(local[name].replay(), session.replay())


def camera_in(root: Path) -> Solve:
    (path,) = session_files(root)
    with load_session(path) as manager:
        solve = read_solve(solve_file(SessionFolder(root), manager.id, manager.session.best_solve))
    return replace(solve, id="", created="")


def test_one_long_shot_on_three_nodes_has_the_camera_of_one(cluster: Cluster, tmp_path: Path) -> None:
    lens = ("--focal=35", "--sensor=36")
    orbit = shot("orbit", 1, tmp_path / "orbit", kind=replace(KINDS["orbit"], size=(480, 270), frames=24))
    command("camera", orbit.folder, "--root", tmp_path / "alone", "--jobs=1", *lens)
    root = tmp_path / "farm"
    before = cluster.jobs()
    command("submit", "--engine=slurm", orbit.folder, "--camera", "--segments=3", "--root", root, *lens)
    cluster.wait_for_end()
    (told,) = json.loads(command("status", "--root", root, "--json"))["shots"]
    assert told["status"] == "completed", told
    assert camera_in(root) == camera_in(tmp_path / "alone")
    tasks = Counter(cluster.job(id)["NodeList"] for id in cluster.jobs() if id not in before)
    assert set(tasks) == set(cluster.nodes) and tasks.total() >= 1 + 3 + 1
