# SPDX-License-Identifier: GPL-3.0-or-later
"""A task of a farm with a real child: its exit codes, its state, and what a second task of the shot may rely on."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.batch.shot_runs import ShotEvent, ShotUpdate
from tracking_sessions.core.batch.shots import ShotStatus
from tracking_sessions.core.errors import ExitCode
from tracking_sessions.core.farm.manifest import Manifest
from tracking_sessions.core.farm.states import SILENCE, OwnState, State, States
from tracking_sessions.core.farm.status import Stand, Standing, standings
from tracking_sessions.core.farm.submitting import create
from tracking_sessions.core.farm.task import TRIES, Task
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.core.batch.supervised import CHILD, make_shots

pytestmark = pytest.mark.slow  # each starts processes


class Told:
    """A reporter that keeps what it is told."""

    interval, job = 0.0, "farm 12_1"

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.percents: list[float] = []

    def report(self, percent: float, words: str) -> None:
        self.percents.append(percent)

    def fail(self, words: str) -> None:
        self.failed.append(words)


class Farm:
    def __init__(self, folder: Path, *behaviours: dict[str, Any]) -> None:
        self.root = folder / "sessions"
        self.manifest = create(self.root, make_shots(folder, *behaviours), "farm")
        self.states = States(self.manifest.folder)
        self.events: list[ShotEvent] = []
        self.told = Told()

    def run(self, index: int = 1, stop: Callable[[], str] = lambda: "", **options: Any) -> ExitCode:
        def tell(update: ShotUpdate) -> None:
            self.events.append(update.event)

        self.told = Told()
        command = [sys.executable, str(CHILD)]
        task = Task(
            Manifest(self.manifest.path),
            index,
            lambda shot, session: [*command, str(shot.root), shot.spec.footage],
            self.told,
            tell,
            **options,
        )
        return task.run(stop)

    def state(self, index: int = 1) -> State:
        return self.states.read(index)[0]

    def standing(self, index: int = 1) -> Standing:
        return list(standings(self.manifest))[index - 1]

    def frames(self, index: int = 1) -> int:
        session = SessionFolder(self.root).session_file(self.state(index).session)
        return len(load_session(session).session.tracked_frames)


def test_a_shot_is_done_and_a_second_task_does_nothing(tmp_path: Path) -> None:
    farm = Farm(tmp_path, {}, {})
    assert [one.stand for one in standings(farm.manifest)] == [Stand.WAITING] * 2
    assert farm.run() is ExitCode.DONE and farm.events == [ShotEvent.STARTED, ShotEvent.COMPLETED]
    first = farm.state()
    assert first.frames == (6, 6) and first.status is ShotStatus.COMPLETED and first.job == "farm 12_1" and first.ended
    farm.events.clear()
    assert farm.run() is ExitCode.DONE and farm.events == [ShotEvent.DONE_BEFORE]
    assert farm.state().session == first.session and farm.state().started == first.started
    assert [one.stand for one in standings(farm.manifest)] == [Stand.COMPLETED, Stand.WAITING]
    assert farm.told.percents == [100.0] and not farm.told.failed


@pytest.mark.parametrize(
    ("behave", "code", "status"),
    [
        ({"stopped": {"reason": "unusable", "error": "No footage"}, "code": 3}, ExitCode.UNUSABLE, ShotStatus.SKIPPED),
        ({"lose": 4}, ExitCode.UNUSABLE, ShotStatus.LOST),
        ({"crash": 3, "times": 9}, ExitCode.FAILED, ShotStatus.FAILED),
        ({"stopped": {"reason": "failed", "error": "No"}, "code": 1}, ExitCode.FAILED, ShotStatus.FAILED),
        (
            {"stopped": {"reason": "storage", "error": "The disk is full"}, "code": 75},
            ExitCode.STOPPED,
            ShotStatus.PENDING,
        ),
    ],
)
def test_what_hinders_a_shot_is_its_exit_code_and_stands_in_its_state(
    tmp_path: Path, behave: dict[str, Any], code: ExitCode, status: ShotStatus
) -> None:
    farm = Farm(tmp_path, behave)
    assert farm.run() is code
    state = farm.state()
    assert state.status is status and (state.error or status is ShotStatus.COMPLETED)
    assert farm.told.failed == ([state.error] if code is not ExitCode.STOPPED else [])
    is_final = {ShotStatus.PENDING: Stand.INTERRUPTED}
    assert farm.standing().stand == is_final.get(status, status.value)


def test_a_child_that_crashes_goes_on(tmp_path: Path) -> None:
    farm = Farm(tmp_path, {"crash": 3, "times": 2})
    assert farm.run() is ExitCode.DONE
    assert farm.events.count(ShotEvent.RESTARTED) == 2 and farm.frames() == 6


def test_a_stopped_task_says_so_and_the_next_goes_on(tmp_path: Path) -> None:
    farm = Farm(tmp_path, {"delay": 0.1, "frames": 30})

    def stop() -> str:
        return "SIGTERM" if farm.state().session and farm.frames() > 3 else ""

    assert farm.run(stop=stop) is ExitCode.STOPPED
    state = farm.state()
    assert state.status is ShotStatus.PENDING and 3 < state.frames[0] < 30
    standing = farm.standing()
    assert standing.stand is Stand.INTERRUPTED and (standing.tracked, standing.total) == state.frames
    assert farm.run() is ExitCode.DONE and farm.frames() == 30 and farm.state().session == state.session


@pytest.mark.parametrize("code", [75, -15])  # -15: a second signal has ended it
def test_a_signal_to_all_processes_of_a_task_stops_it(tmp_path: Path, code: int) -> None:
    farm = Farm(tmp_path, {"stopped": {"reason": "interrupted", "error": "SIGTERM: stopped"}, "code": code})

    def told() -> str:
        """The signal, which this process sees no sooner than the end of its child."""
        return "SIGTERM" if (tmp_path / "shot1" / "said").exists() else ""

    assert farm.run(stop=told) is ExitCode.STOPPED
    assert (farm.state().status, farm.state().error, farm.state().crashes) == (ShotStatus.PENDING, "", 0)
    assert farm.events == [ShotEvent.STARTED, ShotEvent.RELEASED] and farm.standing().stand is Stand.INTERRUPTED


def test_a_child_that_someone_else_has_stopped_goes_on(tmp_path: Path) -> None:
    farm = Farm(tmp_path, {"stopped": {"reason": "interrupted", "error": "SIGTERM: stopped"}, "code": -15})
    assert farm.run() is ExitCode.FAILED
    assert farm.events == [ShotEvent.STARTED, *[ShotEvent.RESTARTED] * 2, ShotEvent.FAILED]
    assert farm.state().error == "It crashed 3 times: SIGTERM: stopped"


def test_tasks_without_a_new_frame_come_to_an_end(tmp_path: Path) -> None:
    farm = Farm(tmp_path, {"delay": 5.0})
    for _ in range(TRIES):
        assert farm.run(stop=lambda: "SIGTERM") is ExitCode.STOPPED
    assert farm.run() is ExitCode.FAILED and "without a new frame" in farm.state().error
    (tmp_path / "shot1" / "behave.json").write_text("{}")
    assert farm.run() is ExitCode.DONE  # whoever tries again after that begins to count anew


def test_a_task_waits_for_a_session_in_use_and_counts_as_none(tmp_path: Path) -> None:
    farm = Farm(tmp_path, {"delay": 0.05, "frames": 30})
    assert farm.run(stop=lambda: "enough" if farm.state().session else "") is ExitCode.STOPPED
    held = load_session(SessionFolder(farm.root).session_file(farm.state().session))
    held.acquire()
    for _ in range(TRIES + 1):
        assert farm.run(patience=0.5, retry=0.2) is ExitCode.STOPPED
        assert ShotEvent.WAITING in farm.events and "in use" in farm.state().error
    assert farm.standing().stand is Stand.INTERRUPTED
    farm.events.clear()

    def let_go() -> str:
        if ShotEvent.WAITING in farm.events:
            held.close()
        return ""

    assert farm.run(stop=let_go, retry=0.2) is ExitCode.DONE and farm.frames() == 30


def test_silence_is_an_interruption(tmp_path: Path) -> None:
    farm = Farm(tmp_path, {}, {})
    OwnState(farm.states, 1, host="node1", job="", tracked=0)
    assert farm.standing().stand is Stand.RUNNING
    silent = time.time() - SILENCE - 10
    os.utime(farm.states.path(1), (silent, silent))
    assert farm.standing().stand is Stand.INTERRUPTED


def test_a_zombie_does_not_write_over_its_successor(tmp_path: Path) -> None:
    farm = Farm(tmp_path, {})
    zombie = OwnState(farm.states, 1, host="node1", job="", tracked=0)
    successor = OwnState(farm.states, 1, host="node2", job="", tracked=0)
    zombie.change(status=ShotStatus.FAILED, error="the node came back")
    assert farm.state() == successor.current and farm.state().begun == 2
    zombie.change(status=ShotStatus.COMPLETED, error="")
    assert farm.state() == successor.current  # which will find it done
    successor.change(status=ShotStatus.FAILED, error="its node has no disk")
    zombie.change(ended="now")
    assert farm.state().status is ShotStatus.COMPLETED  # whoever has done it
    last = OwnState(farm.states, 1, host="node3", job="", tracked=0)
    last.change(status=ShotStatus.COMPLETED)
    zombie.change(ended="later")
    assert farm.state() == last.current


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b'{"status": "mad"}', b'{"status": "completed", "frames": "ab"}', b"\xff" * 9]
)
def test_a_damaged_state_is_that_of_a_shot_without_a_task(tmp_path: Path, data: bytes) -> None:
    farm = Farm(tmp_path, {})
    farm.states.path(1).parent.mkdir(exist_ok=True)
    farm.states.path(1).write_bytes(data)
    assert farm.state() == State(1) and farm.standing().stand is Stand.WAITING
    assert farm.run() is ExitCode.DONE


def test_a_submission_that_is_gone_halfway(tmp_path: Path) -> None:
    farm = Farm(tmp_path, {"delay": 0.1, "frames": 20})

    def stop() -> str:
        if farm.manifest.folder.exists() and farm.state().session:
            shutil.rmtree(farm.manifest.folder)
        return ""

    assert farm.run(stop=stop) in (ExitCode.DONE, ExitCode.STOPPED)
