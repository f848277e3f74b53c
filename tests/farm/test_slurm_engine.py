# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of SLURM on a real cluster, with a worker that obeys the contract of a task and tracks nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.errors import SubmitFailed, UsageError
from tracking_sessions.core.farm.engines.slurm import Slurm
from tracking_sessions.core.farm.submission import Resources, Submission
from tracking_sessions.core.farm.submitting import create, submission_of
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.farm.cluster import Cluster
from tracking_sessions.tests.waiting import wait_until

STAND_IN = Path(__file__).with_name("stand_in.py")
ENGINE = Slurm()


@dataclass
class Sent:
    """A submission that was sent: the ids of its jobs, and what its tasks did."""

    submission: Submission
    jobs: list[str]

    def events(self, index: int) -> list[tuple[float, str]]:
        """The time and the word of each event of a shot."""
        path = self.submission.folder / "runs" / str(index)
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [(float(line.split()[0]), line.split()[1]) for line in lines]

    def words(self, index: int) -> list[str]:
        return [word for _, word in self.events(index)]

    def at_once(self, indices: Iterable[int]) -> int:
        """How many tasks ran at the same time, at most."""
        changes = sorted((time, 1 if word == "begun" else -1) for index in indices for time, word in self.events(index))
        return max(sum(change for _, change in changes[: number + 1]) for number in range(len(changes)))


def written(folder: Path, actions: dict[int, list[Any]], indices: Iterable[int], **options: Any) -> Submission:
    name = options.pop("name", "night")
    worker = options.pop("worker", [sys.executable, str(STAND_IN)])
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "actions.json").write_text(json.dumps(actions), "utf-8")
    submission = Submission("id", name, folder, str(folder), "", list(indices), worker, Resources(**options))
    ENGINE.write(submission)
    return submission


def send(folder: Path, actions: dict[int, list[Any]], indices: Iterable[int], **options: Any) -> Sent:
    submission = written(folder, actions, indices, **options)
    return Sent(submission, ENGINE.send(submission))


def test_an_array_runs_as_many_shots_at_once_as_asked(cluster: Cluster, tmp_path: Path) -> None:
    sent = send(tmp_path, {}, range(1, 9), max_running=2)
    cluster.wait_for_end(*sent.jobs)
    assert [sent.words(index) for index in range(1, 9)] == [["begun", "ended"]] * 8
    assert len(sent.jobs) == 1 and sent.at_once(range(1, 9)) == 2


def test_many_shots_are_several_arrays_and_the_limit_holds_for_all(
    new_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    cluster = new_cluster("MaxArraySize=6", "MaxJobCount=100")
    indices = [*range(1, 8), 9, 30, 31, 34, 1000]
    sent = send(tmp_path, {}, indices, max_running=2)
    assert len(sent.jobs) == 4
    cluster.wait_for_end(*sent.jobs)
    assert {int(path.name) for path in (tmp_path / "runs").iterdir()} == set(indices)
    assert Counter(word for index in indices for word in sent.words(index)) == {"begun": 12, "ended": 12}
    assert sent.at_once(indices) == 2

    written(tmp_path / "free", {}, range(1, 101))  # without a limit the arrays begin as they can
    assert "dependency" not in (tmp_path / "free" / "submit.sh").read_text("utf-8")
    with pytest.raises(UsageError, match=r"at most 100 jobs .*MaxJobCount.*: 101 shots are too many"):
        written(tmp_path / "large", {}, range(1, 102))


def test_a_task_that_was_killed_runs_again_and_one_that_answered_does_not(cluster: Cluster, tmp_path: Path) -> None:
    actions: dict[int, list[Any]] = {
        1: [-11, 0],
        2: [75, 0],
        3: [-9, 137, 3],
        4: ["dies"],
        5: [1],
        6: [2],
        7: [4],
        8: [9],
    }
    sent = send(tmp_path, actions, range(1, 9))
    cluster.wait_for_end(*sent.jobs)
    attempts = [sent.words(index).count("begun") for index in range(1, 9)]
    assert attempts == [2, 2, 3, 1, 1, 1, 1, 1]
    states = cluster.jobs()
    ends = [states[f"{sent.jobs[0]}_{index}"] for index in range(1, 9)]
    assert ends == ["COMPLETED", "COMPLETED"] + ["FAILED"] * 6
    log = (tmp_path / "logs" / f"slurm-{sent.jobs[0]}_3.log").read_text("utf-8")
    assert log.count("Segmentation fault") == 0 and log.count("Killed") == 1  # of all attempts


def test_a_cancelled_shot_stays_cancelled(cluster: Cluster, tmp_path: Path) -> None:
    sent = send(tmp_path, {1: ["wait"], 2: ["wait", 0]}, [1, 2])
    wait_until(lambda: sent.words(1) == sent.words(2) == ["begun"], "two tasks")
    cluster.run("scancel", f"{sent.jobs[0]}_1")
    cluster.run("scontrol", "requeue", f"{sent.jobs[0]}_2")
    cluster.wait_for_end(*sent.jobs)
    assert sent.words(1) == ["begun", "stopped"]
    assert sent.words(2) == ["begun", "stopped", "begun", "ended"]
    states = cluster.jobs()
    assert [states[f"{sent.jobs[0]}_{index}"] for index in (1, 2)] == ["CANCELLED", "COMPLETED"]


def test_a_shot_that_runs_out_of_time_goes_on(cluster: Cluster, tmp_path: Path) -> None:
    sent = send(tmp_path, {1: ["wait", 0], 2: ["wait", 0]}, [1, 2], time_limit=60)
    wait_until(lambda: sent.words(1) == sent.words(2) == ["begun"], "two tasks")
    cluster.run("scontrol", "update", f"jobid={sent.jobs[0]}_1", "timelimit=1")  # the signal comes 90 s before the end
    cluster.warn(f"{sent.jobs[0]}_2")
    wait_until(lambda: sent.words(1) == ["begun", "stopped"], "the signal before the time limit")
    cluster.run("scontrol", "update", f"jobid={sent.jobs[0]}_1", "timelimit=60")
    cluster.wait_for_end(*sent.jobs)
    assert [sent.words(index) for index in (1, 2)] == [["begun", "stopped", "begun", "ended"]] * 2
    with pytest.raises(UsageError, match="5 minutes or more"):
        written(tmp_path, {}, [1], time_limit=4)


def test_a_task_that_crashes_while_the_controller_is_away_runs_again(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    sent = send(tmp_path, {1: ["crashes later", 0], 2: ["go on"], 3: ["wait", 0]}, [1, 2, 3])
    log = tmp_path / "logs" / f"slurm-{sent.jobs[0]}_1.log"
    wait_until(lambda: sent.words(1) == sent.words(2) == sent.words(3) == ["begun"], "three tasks")
    cluster.stop_controller()
    (tmp_path / "hold").unlink()
    wait_until(lambda: sent.words(1)[1:] == sent.words(2)[1:] == ["ended"], "the end of two tasks")
    wait_until(lambda: log.exists() and len(log.read_text("utf-8").splitlines()) > 1, "a requeue that is not answered")
    cluster.start_controller()
    cluster.wait_for_end(f"{sent.jobs[0]}_1", f"{sent.jobs[0]}_2")
    assert sent.words(1) == ["begun", "ended"] * 2 and sent.words(2) == ["begun", "ended"]


def test_a_task_of_a_lost_node_runs_on_another(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    sent = send(tmp_path, {1: ["go on"]}, [1])
    wait_until(lambda: sent.words(1) == ["begun"], "the task")
    cluster.kill_node(cluster.job(sent.jobs[0])["NodeList"])
    (tmp_path / "hold").unlink()
    cluster.wait_for_end(*sent.jobs)
    assert sent.words(1) == ["begun", "begun", "ended"]


def test_names_may_be_any_text(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s 100%A "$HOME" `id`\n; exit 9 ü'
    name = "-n 'x' \"$(id)\"\n%j ü"
    copy = folder / "stand in.py"
    folder.mkdir()
    copy.write_bytes(STAND_IN.read_bytes())
    text = "a 'b'\n\"c\" $d"
    sent = send(folder, {}, [1], name=name, worker=[sys.executable, str(copy)], comment=text, max_running=1)
    job = cluster.run("squeue", "--noheader", "--states=all", f"--jobs={sent.jobs[0]}", "--format=%j")
    cluster.wait_for_end(*sent.jobs)
    assert job.strip() == "-n 'x' \"$(id)\" %j ü" and sent.words(1) == ["begun", "ended"]
    with pytest.raises(UsageError, match="without a backslash"):
        written(tmp_path / "a\\b", {}, [1])
    assert [path.name for path in (folder / "logs").iterdir()] == [f"slurm-{sent.jobs[0]}_1.log"]


def test_what_was_written_can_be_sent_from_another_machine(cluster: Cluster, tmp_path: Path) -> None:
    submission = written(tmp_path, {}, [1])
    done = subprocess.run(ENGINE.advice(submission), shell=True, capture_output=True, text=True, check=True)
    id, last = done.stdout.split()
    cluster.wait_for_end(id)
    assert last == "1" and Sent(submission, [id]).words(1) == ["begun", "ended"]


def test_a_job_that_is_refused_says_why_and_what_was_sent_before(
    new_cluster: Callable[..., Cluster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_cluster("MaxArraySize=4", nodes=1)
    with pytest.raises(SubmitFailed, match=r"SLURM has not taken the job: .*[Ii]nvalid partition") as refused:
        send(tmp_path, {}, [1], queue="nowhere")
    assert refused.value.jobs == []

    path = os.environ["PATH"]
    sbatch = tmp_path / "sbatch"  # the third one names a queue that the cluster lacks
    sbatch.write_text(
        f'#!/bin/sh\necho x >>{tmp_path}/calls\nPATH={path}\n[ "$(wc -l <{tmp_path}/calls)" -ne 3 ] ||'
        ' set -- --partition=nowhere "$@"\nexec sbatch "$@"\n'
    )
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{path}")
    with pytest.raises(SubmitFailed, match=r"nvalid partition[\s\S]*up to 7 were sent before, as ") as refused:
        send(tmp_path, {}, [1, 2, 3, 5, 6, 7, 8, 9])
    assert len(refused.value.jobs) == 2


def test_segments_run_before_the_task_that_goes_on_with_their_shot(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "tracking_sessions"
    shots, parts = (create(folder, [ShotSpec(str(n)) for n in range(8)], name) for name in ("shots", "parts"))
    worker = [sys.executable, str(STAND_IN)]
    shot = submission_of(shots, [7], worker, Resources(segments=8))
    ENGINE.write(shot)
    (parts.folder / "actions.json").write_text('{"2": [-11, 0]}')
    sent = Sent(submission_of(parts, [], worker, Resources()), ENGINE.hand_on(shots.path, 7, parts.path))
    cluster.wait_for_end(*sent.jobs)
    begun = Sent(shot, []).events(7)[0][0]
    assert len(sent.jobs) == 2 and Sent(shot, []).words(7) == ["begun", "ended"]
    assert [sent.words(index) for index in range(1, 9)] == [["begun", "ended"] * (1 + (n == 2)) for n in range(1, 9)]
    assert all(time < begun for index in range(1, 9) for time, _ in sent.events(index))


def test_the_engine_says_what_is_missing(
    new_cluster: Callable[..., Cluster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = new_cluster(nodes=1)
    assert ENGINE.missing(Resources()) == ""
    cluster.stop_controller()
    assert ENGINE.missing(Resources()).startswith("SLURM's controller does not answer: ")
    with pytest.raises(SubmitFailed, match="Unable to contact slurm controller"):
        send(tmp_path, {}, [1])
    monkeypatch.setenv("PATH", "/usr/games")
    assert ENGINE.missing(Resources()) == "SLURM's sbatch is not on the PATH of this machine"
    written(tmp_path / "dry", {}, range(1, 2003))
    assert (tmp_path / "dry" / "submit.sh").read_text("utf-8").count("sbatch") == 3 + 1
