# SPDX-License-Identifier: GPL-3.0-or-later
"""The job bundle, checked and run by OpenJD's own programs, with the real tracker."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.batch.shots import ShotStatus
from tracking_sessions.core.farm.engines.openjd import OpenJD
from tracking_sessions.core.farm.manifest import Manifest
from tracking_sessions.core.farm.submission import Submission
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.bpy.command_line import ROOT, replay_of
from tracking_sessions.tests.farm.small import (
    LONG,
    SHORT,
    kill_task,
    made,
    make_plates,
    program,
    spec,
    state,
    tracked_here,
    wait_for,
)
from tracking_sessions.tools.comparison import recorded_frames

LIMIT = 120.0  # seconds for a run
OPENJD = program("openjd", ROOT / ".venvs" / "farm" / "bin")


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_plates(tmp_path_factory.mktemp("plates"))


@pytest.fixture(scope="module")
def markers(plates: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tracked_here(plates, "long", tmp_path_factory.mktemp("here"))


def start(submission: Submission, *arguments: str, manifest: str = "") -> subprocess.Popen[str]:
    """Run the bundle; `manifest`: its path as another machine sees it."""
    template = OpenJD(is_online=True).write(submission)[0]
    values = json.dumps({"Manifest": manifest or submission.manifest})
    command = [OPENJD, "run", str(template), "-p", values, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def end(process: subprocess.Popen[str], code: int) -> str:
    try:
        output, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == code, output
    assert "Traceback" not in output, output
    return output


def root_of(manifest: Manifest, index: int = 1) -> Path:
    return manifest.shot(index).root


def test_the_template_is_valid(plates: Path, tmp_path: Path) -> None:
    for number, indices in enumerate(([1], range(1, 25), range(1, 9999, 3))):
        _, submission = made(tmp_path / f"{number}", spec(plates, "short"), cpus=2, memory=4000, time_limit=60)
        template = OpenJD(is_online=True).write(replace(submission, indices=indices, name='a "b"\n{{c}} é😀'))[0]
        subprocess.run([OPENJD, "check", str(template)], check=True, capture_output=True, timeout=LIMIT)
        command = [OPENJD, "summary", str(template), "-p", "Manifest=/show/shots.jsonl"]
        summary = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT).stdout
        assert f"Total tasks: {len(indices)}" in summary


def test_shots_are_done_and_done_only_once(plates: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s "a" show\n'
    shutil.copytree(plates, folder, symlinks=True, ignore=shutil.ignore_patterns("long", "long.json"))
    manifest, submission = made(folder / "sessions", spec(folder, "short"), spec(folder, "short"))
    output = end(start(submission), 0)
    assert output.count("openjd_progress: 100.0") == 2
    assert "This machine can do the 2 shots" in output
    states = [state(manifest, index) for index in (1, 2)]
    assert [one.status for one in states] == [ShotStatus.COMPLETED] * 2
    assert all(len(recorded_frames(root_of(manifest, index))) == SHORT - 1 for index in (1, 2))
    assert "was done before" in end(start(submission, "-p", "Shots=2"), 0)
    assert state(manifest, 1) == states[0]


def test_a_worker_that_is_killed_goes_on_in_the_next_run(plates: Path, markers: Any, tmp_path: Path) -> None:
    manifest, submission = made(tmp_path / "sessions", spec(plates, "long"))
    process = start(submission)
    wait_for(root_of(manifest), 20)
    kill_task(process.pid)
    end(process, 1)
    before = recorded_frames(root_of(manifest))
    assert 20 <= len(before) < LONG - 1
    end(start(submission), 0)
    assert recorded_frames(root_of(manifest))[: len(before)] == before
    assert replay_of(root_of(manifest)).markers == markers


def test_a_cancelled_run_goes_on_in_the_next_one(plates: Path, markers: Any, tmp_path: Path) -> None:
    manifest, submission = made(tmp_path / "sessions", spec(plates, "long"))
    process = start(submission)
    wait_for(root_of(manifest), 20)
    process.send_signal(signal.SIGTERM)
    output = end(process, 1)
    assert "exited with code: 75" in output
    before = recorded_frames(root_of(manifest))
    assert 20 <= len(before) < LONG - 1
    assert state(manifest).status is ShotStatus.PENDING
    end(start(submission), 0)
    assert recorded_frames(root_of(manifest))[: len(before)] == before
    assert replay_of(root_of(manifest)).markers == markers


def test_paths_are_mapped(plates: Path, tmp_path: Path) -> None:
    """The shots were submitted from a machine that sees the storage elsewhere."""
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    shutil.copytree(plates, elsewhere, symlinks=True, ignore=shutil.ignore_patterns("long", "long.json"))
    manifest, submission = made(elsewhere / "sessions", spec(elsewhere, "short"))
    root = here / root_of(manifest).relative_to(elsewhere)
    elsewhere.rename(here)
    submission = replace(submission, folder=tmp_path / "job")
    rule = {"source_path_format": "POSIX", "source_path": str(elsewhere), "destination_path": str(here)}
    rules = json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]})
    end(start(submission, "--path-mapping-rules", rules), 0)
    assert not elsewhere.exists()
    assert len(recorded_frames(root)) == SHORT - 1


def test_a_shot_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    manifest, submission = made(tmp_path / "sessions", ShotSpec(footage=str(tmp_path / "no" / "plate.mov")))
    output = end(start(submission), 1)
    assert "openjd_fail: " in output and "exited with code: 3" in output
    assert state(manifest).status is ShotStatus.SKIPPED


def test_a_machine_that_cannot_work_fails_before_the_first_shot(plates: Path, tmp_path: Path) -> None:
    manifest, submission = made(tmp_path / "sessions", spec(plates, "short"))
    no_blender = replace(submission, worker=["/no/blender", "--background"])
    assert "/no/blender" in end(start(no_blender), 1)
    plain_python = replace(submission, worker=["/usr/bin/python3", str(ROOT)])
    assert "has the package bpy" in end(start(plain_python), 1)
    assert "name rules for paths" in end(start(submission, manifest="/no/show/shots.jsonl"), 1)
    assert not list((manifest.folder / "states").glob("*")), "a task was begun"
