# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that one version of Blender begins, others resume, and one ends, is the same to the bit; a solve that one has
stored comes back in the others.

TRACKING_SESSIONS_PYTHONS names the Pythons with bpy, separated by colons; `make test-versions` sets it. Each may be a
command of several words.
"""

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.tests.footage import make_shot

PYTHONS = [shlex.split(command) for command in os.environ.get("TRACKING_SESSIONS_PYTHONS", "").split(":") if command]
CHILD = Path(__file__).with_name("exchange.py")
SOLVING = Path(__file__).parent / "solve" / "versions.py"

pytestmark = pytest.mark.skipif(len(PYTHONS) < 2, reason="TRACKING_SESSIONS_PYTHONS does not name several versions")


class Runner:
    """Runs parts of a tracking run in child processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shot = make_shot(folder / "footage", 30, 320, 180, tracks=12)
        self.footage = shot.files[0]
        self.tracks = folder / "tracks.json"
        starts = {track.name: shot.truth(track.name, 10) for track in shot.tracks if shot.visible(track.name, 10)}
        self.tracks.write_text(json.dumps(starts), encoding="utf-8")

    def run(self, python: list[str], action: str, root: str, steps: int = 0) -> dict[str, Any]:
        command = [*python, CHILD, action, self.footage, self.tracks, self.folder / root, str(steps)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def chain(self, pythons: list[list[str]], root: str) -> dict[str, Any]:
        """Begin with the first, track five steps with each, and end with the last."""
        found = self.run(pythons[0], "begin", root, 5)
        for python in pythons[1:-1]:
            found = self.run(python, "resume", root, 5)
        assert found["version"]
        return self.run(pythons[-1], "resume", root)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(tmp_path_factory.mktemp("exchange"))


def test_all_versions_track_the_same_and_go_on_with_each_other(runner: Runner) -> None:
    whole = [runner.run(python, "begin", f"whole{number}") for number, python in enumerate(PYTHONS)]
    assert len({result["version"] for result in whole}) == len(PYTHONS)
    upwards = runner.chain(PYTHONS, "upwards")
    downwards = runner.chain(PYTHONS[::-1], "downwards")
    back = runner.chain([PYTHONS[0], PYTHONS[-1], PYTHONS[0]], "back")
    assert {result["markers"] for result in (*whole, upwards, downwards, back)} == {whole[0]["markers"]}


def test_a_solve_comes_back_in_every_version_without_solving(tmp_path: Path) -> None:
    """Also into a file that another version has saved with it: versions before 4.4 have no layers of animation."""
    footage = make_shot(tmp_path / "footage", 60, 320, 180, tracks=12).files[0]

    def run(python: list[str], action: str, last: object) -> dict[str, Any]:
        command = [*python, SOLVING, action, footage, tmp_path / "root", str(last)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    versions = [run(python, "store", f"solve-{n}")["version"] for n, python in enumerate(PYTHONS, 1)]
    assert len(set(versions)) == len(PYTHONS)
    results = [run(python, "place", tmp_path / "all.blend")["solves"] for python in PYTHONS]  # the oldest is first
    results += [run(python, "place", tmp_path / f"own-{n}.blend")["solves"] for n, python in enumerate(PYTHONS)]
    for found in results:
        assert [found[f"solve-{n}"][0] for n in range(1, len(versions) + 1)] == versions
        for id, (_, worst, count, names, keys) in found.items():
            assert worst < 0.001 and count > 500, (id, worst)
            assert names == results[0][id][3] and keys == [60] * 6
