# SPDX-License-Identifier: GPL-3.0-or-later
"""One shot in segments, each a task of a farm, and its camera: the same as that of one process, bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tracking_sessions.core.farm.manifest import Manifest
from tracking_sessions.core.farm.status import Stand, standings
from tracking_sessions.core.farm.submitting import create
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.solve.solve import Solve
from tracking_sessions.core.solve.store import read_solve, solve_file
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.bpy.command_line import printed, recorded_frames, run, start
from tracking_sessions.tests.waiting import wait_until
from tracking_sessions.tools.accuracy.kinds import KINDS
from tracking_sessions.tools.accuracy.shot import Truth, shot

pytestmark = pytest.mark.slow
LENS = ("--focal", "35", "--sensor", "36")


@pytest.fixture(scope="module")
def orbit(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    folder = tmp_path_factory.mktemp("orbit") / "shot"
    return shot("orbit", 1, folder, kind=replace(KINDS["orbit"], size=(480, 270), frames=24))


def camera_in(root: Path) -> Solve:
    (path,) = session_files(root)
    with load_session(path) as manager:
        solve = read_solve(solve_file(SessionFolder(root), manager.id, manager.session.best_solve))
    return replace(solve, id="", created="")


def going_on(shot: Path, root: Path) -> Manifest | None:
    """Go on with the camera of the shot: the segments that it waits for; None once it has its camera."""
    process = start(
        "camera", shot, "--root", root, "--resume", "--events", "--segments", "3", "--focal=35", "--sensor=36"
    )
    events = [json.loads(line) for line in printed(process)[0].splitlines()]
    if process.returncode == 0:
        assert [event["event"] for event in events] == ["begun", "done"]
        return None
    assert process.returncode == 75 and [event["event"] for event in events] == ["begun", "segments", "stopped"]
    assert events[2]["reason"] == "segments"
    return Manifest(Path(events[1]["manifest"]))


def test_segments_on_any_nodes_give_the_camera_of_one_process(orbit: Truth, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    run("camera", orbit.folder, "--root", alone, "--json", *LENS)

    root = tmp_path / "farm"
    rounds = 0
    while (segments := going_on(orbit.folder, root)) is not None:
        rounds += 1
        assert segments.head.count in (3, 4)  # one direction in three parts, or two in two
        for index in range(segments.head.count, 0, -1):  # in any order
            task = ("task", "--manifest", segments.path, "--index", str(index))
            if rounds == 1 and index == 2:
                killed, folder = start(*task), segments.shot(index).root
                wait_until(lambda folder=folder: len(recorded_frames(folder)) > 2, "some frames", process=killed)
                killed.kill()
                printed(killed)
                assert going_on(orbit.folder, root) is not None  # it is not merged before its end
            run(*task)
    assert rounds
    assert camera_in(root) == camera_in(alone)

    manifest = create(root, [ShotSpec(str(orbit.folder), camera=True, focal=35.0, sensor=36.0)])
    run("task", "--manifest", manifest.path, "--index", "1", says=("was done before",))
    assert [one.stand for one in standings(manifest)] == [Stand.COMPLETED]
    assert not (SessionFolder(root).solves(session_files(root)[0].stem) / "tracking").exists()
