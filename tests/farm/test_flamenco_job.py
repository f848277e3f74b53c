# SPDX-License-Identifier: GPL-3.0-or-later
"""The job type for Flamenco, compiled in a JavaScript engine as a Manager does, and its tasks run as a Worker does."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.batch.shots import ShotStatus
from tracking_sessions.core.farm.engines.flamenco import Flamenco
from tracking_sessions.core.farm.reporting import STEPS
from tracking_sessions.core.farm.submission import Submission
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.bpy.command_line import replay_of
from tracking_sessions.tests.farm.small import (
    LONG,
    made,
    make_plates,
    program,
    spec,
    state,
    tracked_here,
    wait_for,
)
from tracking_sessions.tools.comparison import recorded_frames

LIMIT = 120.0  # seconds for a task
MANAGER = Path(__file__).with_name("manager.js")
NODE = program("node")


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_plates(tmp_path_factory.mktemp("plates"))


def compiled(submission: Submission, **settings: Any) -> subprocess.CompletedProcess[str]:
    """The job type and the tasks that a Manager makes of the job; `settings` replace those of the job."""
    job, script = Flamenco(is_online=False).write(submission)
    document = json.loads(job.read_text(encoding="utf-8"))
    document["settings"] = {key: value for key, value in {**document["settings"], **settings}.items() if value != ""}
    job.write_text(json.dumps(document))
    command = [NODE, str(MANAGER), str(script), str(job)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)


def tasks_of(submission: Submission) -> list[dict[str, Any]]:
    done = compiled(submission)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["tasks"]


def start(task: dict[str, Any]) -> subprocess.Popen[str]:
    """Start the only command of a task as a Worker does."""
    [command] = task["commands"]
    values = command["parameters"]
    assert values["exeArgs"] == values["blendfile"] == ""
    words = [values["exe"], *values["argsBefore"], *values["args"]]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def end(process: subprocess.Popen[str], code: int = 0) -> str:
    try:
        output, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == code, output
    return output


def steps_in(output: str) -> int:
    """The lines that a Worker counts as steps."""
    return len(re.findall(r"^Time: [0-9:.]+", output, re.MULTILINE))


def test_a_job_has_a_task_for_each_shot_and_a_report_after_them(plates: Path, tmp_path: Path) -> None:
    _, submission = made(tmp_path / 'a "b"\n', spec(plates, "short"))
    submission = replace(submission, indices=[1, 2, 3, 7])
    *shots, report = tasks_of(submission)
    assert [task["name"] for task in shots] == ["shot-1", "shot-2", "shot-3", "shot-7"]
    assert report["name"] == "report" and report["dependencies"] == [task["id"] for task in shots]
    assert {task["type"] for task in (*shots, report)} == {"blender"}
    for index, task in zip((1, 2, 3, 7), shots, strict=True):
        [command] = task["commands"]
        assert command["steps"] == STEPS and not task["dependencies"]
        assert command["parameters"]["args"] == [
            *("task", "--manifest", submission.manifest, "--index", str(index)),
            *("--progress", "flamenco", "--shot-exit", "0"),
        ]
        assert [command["parameters"]["exe"], *command["parameters"]["argsBefore"]] == list(submission.worker)


def test_many_shots(plates: Path, tmp_path: Path) -> None:
    _, submission = made(tmp_path, spec(plates, "short"))
    submission = replace(submission, indices=range(1, 40_001, 2))
    *shots, report = tasks_of(submission)
    assert len(shots) == len(report["dependencies"]) == 20_000 and shots[-1]["name"] == "shot-39999"


def test_a_manager_fills_in_no_defaults(plates: Path, tmp_path: Path) -> None:
    _, submission = made(tmp_path, spec(plates, "short"))
    done = compiled(submission)
    settings = json.loads(done.stdout)["type"]["settings"]
    assert not [one for one in settings if "default" in one or "eval" in one]
    types = {one["key"]: one["type"] for one in settings}
    assert types == {**dict.fromkeys(("program", "arguments", "manifest", "shots"), "string"), "steps": "int32"}
    for key in types:
        failed = compiled(submission, **{key: ""})
        assert failed.returncode == 1
        assert failed.stderr == f'The job has no setting "{key}": submit it with the extension Tracking Sessions\n'
    for wrong in ({"shots": "1-x"}, {"arguments": "{"}):
        assert compiled(submission, **wrong).returncode == 1


def test_a_bad_shot_fails_no_task(plates: Path, tmp_path: Path) -> None:
    nowhere = ShotSpec(footage=str(tmp_path / "no" / "plate.mov"), name="nowhere")
    manifest, submission = made(tmp_path / "sessions", spec(plates, "short"), nowhere)
    good, bad, report = tasks_of(submission)
    assert steps_in(end(start(good))) == STEPS
    end(start(bad))
    assert [state(manifest, index).status for index in (1, 2)] == [ShotStatus.COMPLETED, ShotStatus.SKIPPED]
    told = end(start(report))
    assert "nowhere" in told and "1 completed, 1 skipped" in told


def test_a_task_that_a_worker_kills_goes_on_when_it_is_requeued(plates: Path, tmp_path: Path) -> None:
    """A Worker kills what it is to cancel, and a Manager gives the tasks of a dead Worker to another one."""
    manifest, submission = made(tmp_path / "sessions", spec(plates, "long"))
    task, _ = tasks_of(submission)
    root = manifest.shot(1).root
    process = start(task)
    wait_for(root, 20)
    process.kill()
    end(process, -9)
    before = recorded_frames(root)
    assert 20 <= len(before) < LONG - 1
    assert steps_in(end(start(task))) == STEPS
    assert recorded_frames(root)[: len(before)] == before
    assert replay_of(root).markers == tracked_here(plates, "long", tmp_path / "here")
