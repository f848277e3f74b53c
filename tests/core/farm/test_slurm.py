# SPDX-License-Identifier: GPL-3.0-or-later
"""The job for SLURM as it is written, and as a program in place of sbatch gets it; tests/farm has a real cluster."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tracking_sessions.core.errors import SubmitFailed, UsageError
from tracking_sessions.core.farm.arrays import arrays
from tracking_sessions.core.farm.engines.slurm import Slurm
from tracking_sessions.core.farm.submission import Resources, Submission
from tracking_sessions.core.farm.submitting import create, kept_worker, submission_of
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.farm import submissions

ENGINE = Slurm()
HOSTILE = 'it\'s "$HOME" `id`; $(id) \\ % *\n--x ü'
SBATCH = """\
#!{python} -ISE
import json, sys
calls = open({calls!r}, "a+")
calls.write(json.dumps(sys.argv[1:]) + "\\n")
calls.seek(0)
print(f"{{len(calls.readlines())}};cluster")
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the arguments of each call of `sbatch`; there is no other program of SLURM."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "dirname"):
        (programs / name).symlink_to(Path("/bin", name) if Path("/bin", name).exists() else Path("/usr/bin", name))
    calls = tmp_path / "calls"
    (programs / "sbatch").write_text(SBATCH.format(python=sys.executable, calls=str(calls)), "utf-8")
    (programs / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    return calls


def submission(folder: Path, indices: Sequence[int], name: str = "", **resources: int | str) -> Submission:
    return submissions.submission(folder, indices, name, ["blender", HOSTILE], **resources)


def test_arrays_hold_each_shot_once() -> None:
    chance = random.Random(14)
    for _ in range(200):
        size = chance.choice([1, 2, 7, 1000])
        indices = sorted(chance.sample(range(1, 3000), chance.randrange(0, 400)))
        found = list(arrays(indices, size))
        assert [offset + id for offset, ids in found for id in ids] == indices
        assert all(1 <= id <= size for _, ids in found for id in ids)
    assert [len(str(ids)) < 20_000 for _, ids in arrays(range(1, 100_001, 2), 10**6)] == [True] * 50


@pytest.mark.slow
def test_a_hundred_thousand_shots_are_a_hundred_arrays(calls: Path, tmp_path: Path) -> None:
    whole = submission(tmp_path / "farm", range(1, 100_001), max_running=40)
    assert [path.name for path in ENGINE.write(whole)] == ["submit.sh", "slurm.sh"]
    jobs = ENGINE.send(whole)
    assert jobs == [str(number) for number in range(1, 101)]
    sent = [json.loads(line) for line in calls.read_text("utf-8").splitlines()]
    assert sent[0][0] == "--parsable" and sent[1][0] == "--dependency=afterany:1"
    assert sent[99][0] == "--dependency=afterany:" + ":".join(map(str, range(1, 100)))
    assert all("--array=1-1000%40" in words for words in sent)
    assert [int(words[words.index("./slurm.sh") + 1]) for words in sent] == list(range(0, 100_000, 1000))


def test_sbatch_gets_every_word_as_it_is(calls: Path, tmp_path: Path) -> None:
    folder = tmp_path / HOSTILE.replace("\\", "")
    given = submission(
        folder, [3, 4, 9], HOSTILE, comment=HOSTILE, mail="a@b", queue="q", cpus=2, memory=900, priority=7
    )
    ENGINE.write(given)
    assert ENGINE.send(given) == ["1"]
    (words,) = (json.loads(line) for line in calls.read_text("utf-8").splitlines())
    at = words.index("./slurm.sh")
    command = ["blender", HOSTILE, "task", f"--manifest={folder}/shots.jsonl", "--index=TASK", "--progress=slurm"]
    assert words[at + 1 :] == ["2", *command]
    options = dict(word[2:].partition("=")[::2] for word in words[:at])
    assert options["array"] == "1-2,7" and options["comment"] == HOSTILE and options["chdir"] == str(folder)
    assert options["job-name"] == HOSTILE.replace("\n", " ") and options["signal"] == "B:USR1@90"
    assert options["output"] == f"{folder}/logs/slurm-%A_%a.log".replace("% *", "%% *")
    assert (options["mem"], options["cpus-per-task"], options["partition"]) == ("900M", "2", "q")
    assert (options["mail-user"], options["priority"], options["mail-type"]) == ("a@b", "7", "END,FAIL")
    assert "time" not in options and not re.search(r"^ *exit", (folder / "submit.sh").read_text("utf-8"), re.MULTILINE)


def test_segments_go_before_their_shot_with_the_worker_that_was_kept(calls: Path, tmp_path: Path) -> None:
    shots, parts = (create(tmp_path / "root", [ShotSpec(str(n)) for n in range(count)]) for count in (2, 4))
    ENGINE.write(submission_of(shots, [1, 2], ["blender"], Resources(segments=4, cpus=2)))
    assert kept_worker(shots) == (["blender"], Resources(segments=4, cpus=2))
    assert ENGINE.hand_on(shots.path, 2, parts.path) == ["1", "2"]
    first, then = (json.loads(line) for line in calls.read_text("utf-8").splitlines())
    assert "--array=1-4" in first and f"--manifest={parts.path}" in first and "--segments=4" not in first
    assert then[0] == "--dependency=afterany:1" and "--array=1" in then and "--cpus-per-task=2" in then
    assert f"--manifest={shots.path}" in then and then[then.index("./slurm.sh") + 1] == "1" and "--segments=4" in then
    (shots.folder / "worker.json").write_text('{"worker": 3}')
    with pytest.raises(UsageError, match=r"worker\.json does not say how the shots are done"):
        ENGINE.hand_on(shots.path, 2, parts.path)


def test_sbatch_that_says_nothing_is_no_success(calls: Path, tmp_path: Path) -> None:
    (calls.parent / "bin" / "sbatch").write_text("#!/bin/sh\nexit 3\n", "utf-8")
    given = submission(tmp_path / "farm", [1])
    ENGINE.write(given)
    with pytest.raises(SubmitFailed, match="SLURM has not taken the job: sbatch says nothing"):
        ENGINE.send(given)


def test_the_scripts_are_those_of_any_shell(tmp_path: Path) -> None:
    for path in ENGINE.write(submission(tmp_path / "farm", [1, 5], HOSTILE, max_running=1)):
        subprocess.run(["sh", "-n", str(path)], check=True, timeout=30)
