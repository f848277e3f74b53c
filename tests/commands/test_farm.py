# SPDX-License-Identifier: GPL-3.0-or-later
"""`submit`, `status` and `task` where nothing is tracked: what is written, what is refused, and in what words."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.batch.shots import SHOT_LIMIT, ShotStatus
from tracking_sessions.core.farm.manifest import FILE, Manifest
from tracking_sessions.core.farm.states import OwnState, States
from tracking_sessions.core.farm.submitting import sent
from tracking_sessions.tests.commands.processes import CHECKOUT, Commands

ENGINES = ("slurm", "openjd", "flamenco")
DRY = ("--dry-run", "--json")
STRANGE = "it's “a” plate\nwith $(odd) `name` & 'more' %04d {{Param.X}}"


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """A folder with three shots."""
    for name in ("010", "020", "030"):
        (tmp_path / "plates" / name).mkdir(parents=True)
        for frame in (1, 2):
            (tmp_path / "plates" / name / f"plate_{frame:04}.png").write_bytes(b"")
    return tmp_path / "plates"


def submitted(commands: Commands, *given: object) -> tuple[dict[str, Any], Manifest]:
    document: Any = json.loads(commands.run("submit", *given, *DRY))
    return document, Manifest(Path(document["manifest"]))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_dry_run_writes_the_job_and_sends_nothing(commands: Commands, plates: Path, engine: str) -> None:
    document, manifest = submitted(commands, "--engine", engine, plates, "--camera", "--name", STRANGE)
    assert document["jobs"] == [] and document["shots"] == "1-3" and sent(manifest) == []
    assert all(Path(path).stat().st_size for path in document["files"])
    shots = list(manifest.shots())
    assert [shot.spec.name for shot in shots] == ["010", "020", "030"] and all(shot.spec.camera for shot in shots)
    assert manifest.head.name == STRANGE
    words = commands.run("submit", "--engine", engine, plates, "--dry-run")
    assert "3 shots, not sent" in words and "Send it with: " in words


def test_status_of_shots_that_wait_run_and_have_ended(commands: Commands, plates: Path) -> None:
    _, manifest = submitted(commands, "--engine", "slurm", plates)
    states = States(manifest.folder)
    OwnState(states, 1, host="node1", job="12_1", tracked=0)
    OwnState(states, 2, host="node2", job="12_2", tracked=0).change(
        status=ShotStatus.SKIPPED, error="There is no footage", ended="2026-01-01T00:00:00Z"
    )
    document: Any = commands.json("status")
    assert document["id"] == manifest.head.id and document["sent"] == []
    assert [shot["status"] for shot in document["shots"]] == ["running", "skipped", "waiting"]
    assert document["counts"]["running"] == document["counts"]["skipped"] == document["counts"]["waiting"] == 1
    for name in ((), (manifest.head.id,), (manifest.head.id[:12],), (manifest.folder,), (manifest.path,)):
        lines = commands.run("status", *name).splitlines()
        assert lines[0] == "1  010  running      on node1" and lines[1] == "2  020  skipped"
        assert lines[2].strip() == "There is no footage" and lines[3] == "3  030  waiting"
        assert lines[4].endswith("3 shots: 1 waiting, 1 running, 1 skipped.")
        assert f"submit --retry {manifest.head.id}" in lines[5]
    assert len(commands.run("status", "--short").splitlines()) == 4
    retried: Any = json.loads(commands.run("submit", "--retry", "--engine", "slurm", *DRY))
    assert retried["shots"] == "2-3" and retried["id"] == manifest.head.id


def test_nothing_is_left_to_send(commands: Commands, plates: Path) -> None:
    _, manifest = submitted(commands, "--engine", "slurm", plates)
    for index, status in enumerate((ShotStatus.COMPLETED, ShotStatus.LOST, ShotStatus.NO_CAMERA), 1):
        OwnState(States(manifest.folder), index, host="n", job="", tracked=0).change(status=status, ended="x")
    assert not commands.run("submit", "--retry", "--engine", "slurm", says=("nothing is left to send",))
    assert "submit --retry" not in commands.run("status")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("submit",), "Name the engine and the shots"),
        (("submit", "--engine", "slurm"), "Name the engine and the shots"),
        (("submit", "--engine", "deadline10", "x"), "invalid choice"),
        (("submit", "--engine", "flamenco", "--max-running", "3", "x.mov"), "Flamenco has no max running"),
        (("submit", "--engine", "openjd", "--segments", "3", "--mail", "a@b", "x.mov"), "no mail and no segments"),
        (("submit", "--engine", "slurm", "--time-limit", "0", "x.mov"), "is no whole number from 1 on"),
        (("submit", "--retry"), "Nothing was submitted"),
        (("submit", "--retry", "2026", "--engine", "slurm"), "There is no submission '2026'"),
        (("submit", "--retry", "2026", "x.mov"), "--retry"),
        (("status",), "Nothing was submitted"),
        (("status", "../../etc"), "There is no submission"),
    ],
)
def test_wrong_use_names_the_right_one(commands: Commands, given: tuple[str, ...], says: str) -> None:
    commands.run(*given, code=2, says=(says,))
    assert not commands.root.exists()


def test_an_engine_that_is_not_here_says_what_is_missing(
    commands: Commands, plates: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for engine, says in (("slurm", "sbatch"), ("openjd", "deadline")):
        commands.run("submit", "--engine", engine, plates, code=1, says=(says, "With --dry-run"))
    commands.run("submit", "--engine", "flamenco", "--url", "http://127.0.0.1:1", plates, code=1, says=("Flamenco",))
    commands.run("submit", "--engine", "flamenco", "--url", "nonsense", plates, code=1, says=("nonsense",))
    assert not commands.root.exists()


def test_what_is_sent_is_noted_and_what_is_refused_leaves_a_job_to_send(
    commands: Commands, plates: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stand-in for the programs of SLURM, as no cluster is here; tests/farm has one."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, script in (("scontrol", "exit 0"), ("sbatch", 'echo "sbatch: error: no such partition" >&2; exit 1')):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    commands.run("submit", "--engine", "slurm", plates, code=1, says=("no such partition",))
    (programs / "sbatch").write_text("#!/bin/sh\necho 4711\n")
    document: Any = commands.json("submit", "--retry", "--engine", "slurm")
    assert document["jobs"] == ["4711"] and document["shots"] == "1-3"
    assert "as 4711" in commands.run("submit", "--retry")  # as the last time
    (folder,) = (commands.root / "farm").iterdir()
    assert [one.jobs for one in sent(Manifest(folder / FILE))] == [("4711",), ("4711",)]


def test_a_full_disk(plates: Path, mounted: Callable[[str], Path], environment: dict[str, str]) -> None:
    disk = mounted("64k")
    commands = Commands(disk / "sessions", environment)
    (disk / "fill").write_bytes(b"x" * 60_000)
    commands.run("submit", "--engine", "slurm", plates, "--dry-run", code=75, says=("The disk is full",))
    (disk / "fill").unlink()
    assert "3 shots: 3 waiting." in commands.run("status")
    assert "3 shots, not sent" in commands.run("submit", "--retry", "--engine", "slurm", "--dry-run")


def test_as_many_shots_as_a_submission_has(commands: Commands, tmp_path: Path) -> None:
    many = tmp_path / "many.csv"
    lines = (f"/show/{number % 1000:03}/{number}.mov\n" for number in range(SHOT_LIMIT))
    many.write_text("footage\n" + "".join(lines))
    document, manifest = submitted(commands, "--engine", "slurm", many)
    assert document["shots"] == f"1-{SHOT_LIMIT}" and manifest.shot(SHOT_LIMIT).spec.footage == "/show/999/99999.mov"


def test_a_task_without_a_tracker_says_so(commands: Commands, plates: Path) -> None:
    _, manifest = submitted(commands, "--engine", "slurm", plates)
    command = [sys.executable, str(CHECKOUT), "task", "--manifest", str(manifest.path), "--check"]
    done = subprocess.run(command, env=commands.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Tracking needs Blender" in done.stderr and not done.stdout
