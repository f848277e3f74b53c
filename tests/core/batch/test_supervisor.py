# SPDX-License-Identifier: GPL-3.0-or-later
"""A supervisor and its children, as processes: the state of each shot, whichever process dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.batch import supervisor as module
from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.shot_runs import ShotEvent, progress_of
from tracking_sessions.core.batch.shots import BatchRow, BatchStatus, ShotRow, ShotStatus
from tracking_sessions.core.batch.supervisor import Supervisor
from tracking_sessions.core.errors import Action, BatchRuns
from tracking_sessions.core.model.types import SessionStatus
from tracking_sessions.core.processes.process import PARENT
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.batch.supervised import (
    CHILD,
    FRAMES,
    Watcher,
    begun,
    bytes_recorded,
    check,
    command,
    lives,
    make_shots,
    recorded,
    supervise,
)
from tracking_sessions.tests.core.shots import make_footage, start_run
from tracking_sessions.tests.waiting import wait_until


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "tracking_sessions"


@pytest.mark.slow
def test_all_shots_are_tracked_two_at_a_time(root: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    most = 0
    with Ledger(root) as ledger:
        batch = ledger.create("night", make_shots(tmp_path, *[{"delay": 0.02}] * 5), {})
        supervisor = Supervisor(ledger, batch, command(root), watcher.updates.append, jobs=2)

        def watch() -> None:
            nonlocal most
            most = max(most, len(supervisor.running))

        assert supervisor.run(lambda: "", watch).status is BatchStatus.COMPLETED
        check(ledger, batch)
        assert most == 2
        assert all(watcher.events(number) == [ShotEvent.STARTED, ShotEvent.COMPLETED] for number in range(1, 6))
        assert {shot.attempts for shot in ledger.shots(batch.id)} == {1}


@pytest.mark.slow
def test_an_update_names_the_session_that_a_child_finds_and_its_frames(root: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    with Ledger(root) as ledger:
        shots = make_shots(tmp_path, {"delay": 2})
        batch = ledger.create("", shots, {})
        supervise(ledger, batch, Watcher(), stop=lambda: "enough" if begun(ledger, batch) else "")
        before = load_session(SessionFolder(root).sessions / f"{ledger.shots(batch.id)[0].session}.yaml").session
        assert 0 < len(before.tracked_frames) < FRAMES
        Path(shots[0].footage, "behave.json").write_text("{}", "utf-8")
        again = ledger.create("", shots, {})
        assert supervise(ledger, again, watcher).status is BatchStatus.COMPLETED
        assert watcher.events(1) == [ShotEvent.STARTED, ShotEvent.FOUND, ShotEvent.COMPLETED]
        assert (watcher.updates[1].shot.session, watcher.updates[1].frames) == (before.id, len(before.tracked_frames))
        check(ledger, again)


@pytest.mark.slow
def test_a_crashed_child_goes_on_and_only_crashes_without_progress_count(root: Path, tmp_path: Path) -> None:
    shots = make_shots(tmp_path, {"crash": 3}, {"crash": 4, "times": 99}, {}, {"crash": 1, "times": 2})
    watcher = Watcher()
    with Ledger(root) as ledger:
        batch = ledger.create("", shots, {})
        assert supervise(ledger, batch, watcher).status is BatchStatus.COMPLETED
        check(ledger, batch)
        once, always, never, first = ledger.shots(batch.id)
    assert watcher.events(1) == [ShotEvent.STARTED, ShotEvent.RESTARTED, ShotEvent.COMPLETED]
    assert (always.status, always.attempts, always.crashes) == (ShotStatus.FAILED, 4, 3)
    assert always.error.startswith("It crashed 3 times on the way from frame 4 (SIGSEGV); its output is in ")
    assert Path(always.error.rpartition(" is in ")[2]).exists()
    assert (once.status, never.status, first.status) == (ShotStatus.COMPLETED,) * 3
    assert (once.attempts, never.attempts) == (2, 1)


@pytest.mark.parametrize("code", [3, -signal.SIGTERM])
def test_an_unusable_shot_is_skipped_and_a_failed_shot_is_not_tried_again(
    root: Path, tmp_path: Path, code: int
) -> None:
    cut = {"stopped": {"reason": "unusable", "error": "Frame 3 is cut off"}, "code": code}
    wrong = {"stopped": {"reason": "usage", "error": "Frame 9 is outside"}, "code": 2}
    watcher = Watcher()
    with Ledger(root) as ledger:
        batch = ledger.create("", make_shots(tmp_path, cut, wrong, {}), {})
        assert supervise(ledger, batch, watcher).status is BatchStatus.COMPLETED
        said = [(shot.status, shot.error, shot.attempts) for shot in ledger.shots(batch.id)]
        assert said[:2] == [(ShotStatus.SKIPPED, "Frame 3 is cut off", 1), (ShotStatus.FAILED, "Frame 9 is outside", 1)]
        batch = ledger.create("", make_shots(tmp_path / "other", wrong, wrong), {})
        assert supervise(ledger, batch, watcher).status is BatchStatus.FAILED


@pytest.mark.slow
def test_a_stop_lets_each_child_record_its_frame_and_the_next_supervisor_goes_on(root: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    with Ledger(root) as ledger:
        batch = ledger.create("", make_shots(tmp_path, *[{"delay": 0.1, "frames": 20}] * 3), {})

        def stop() -> str:
            first, second, _ = ledger.shots(batch.id)
            recorded_some = first.session and second.session and sum(recorded(root, first.session).values()) > 2
            return "SIGINT" if recorded_some else ""

        row = supervise(ledger, batch, watcher, stop=stop)
        assert row.status is BatchStatus.PAUSED
        check(ledger, batch)
        shots = ledger.shots(batch.id)
        assert [shot.status for shot in shots] == [ShotStatus.PENDING] * 3
        assert watcher.events(1) == watcher.events(2) == [ShotEvent.STARTED, ShotEvent.RELEASED] and not watcher.events(
            3
        )
        assert sum(recorded(root, shots[0].session).values()) > 2
        assert supervise(ledger, batch, watcher).status is BatchStatus.COMPLETED
        check(ledger, batch)


def test_a_full_disk_pauses_the_batch(root: Path, tmp_path: Path) -> None:
    full = {"stopped": {"reason": "storage", "error": "The disk is full"}, "code": 75}
    watcher = Watcher()
    with Ledger(root) as ledger:
        batch = ledger.create("", make_shots(tmp_path, full, {}, {}), {})
        assert supervise(ledger, batch, watcher, jobs=1).status is BatchStatus.PAUSED
        first, *others = ledger.shots(batch.id)
        assert (first.status, first.error) == (ShotStatus.PENDING, "The disk is full")
        assert not watcher.events(2) and [shot.attempts for shot in others] == [0, 0]


@pytest.mark.slow
def test_a_shot_waits_while_its_session_is_in_use(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.3)
    watcher = Watcher()
    with Ledger(root) as ledger:
        batch = ledger.create("", make_shots(tmp_path, {"delay": 0.1, "frames": 20}), {})
        supervise(ledger, batch, watcher, stop=lambda: "enough" if begun(ledger, batch) else "")
        (shot,) = ledger.shots(batch.id)
        held = load_session(SessionFolder(root).sessions / f"{shot.session}.yaml")
        held.acquire()

        def stop() -> str:
            if ShotEvent.WAITING in watcher.events(1):
                held.close()
            return ""

        assert supervise(ledger, batch, watcher, stop=stop).status is BatchStatus.COMPLETED
        check(ledger, batch)
        assert watcher.events(1)[2:4] == [ShotEvent.STARTED, ShotEvent.WAITING]
        monkeypatch.setattr(module, "PATIENCE", 0.5)
        batch = ledger.create("", make_shots(tmp_path / "b", {"stopped": {"reason": "session_in_use"}, "code": 75}), {})
        assert supervise(ledger, batch, watcher).status is BatchStatus.PAUSED


SUPERVISE = """
import sys
sys.argv = [sys.argv[0], *sys.argv[1:]]
import runpy
child = runpy.run_path({child!r})
from pathlib import Path
from tracking_sessions.core.batch.supervisor import Supervisor
from tracking_sessions.core.batch.ledger import Ledger
root = Path({root!r})
with Ledger(root) as ledger:
    batch = ledger.batch({batch!r})
    command = lambda shot, session: [sys.executable, {child!r}, str(root), shot.spec.footage]
    def watch():
        print(*(running.child.pid for running in supervisor.running), flush=True)
    supervisor = Supervisor(ledger, batch, command, lambda update: None, jobs=3)
    print(supervisor.run(lambda: "", watch).status.value, flush=True)
"""


def start(root: Path, batch: BatchRow) -> subprocess.Popen[str]:
    code = SUPERVISE.format(child=str(CHILD), root=str(root), batch=batch.id)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def started(root: Path, batch: BatchRow) -> tuple[subprocess.Popen[str], int]:
    """A supervisor and the process of its first child, which it has by now."""
    process = start(root, batch)
    assert process.stdout is not None
    pids = next(filter(None, map(str.split, process.stdout)))
    return process, int(pids[0])


@pytest.mark.slow
def test_children_die_with_their_supervisor_and_nothing_is_tracked_twice(root: Path, tmp_path: Path) -> None:
    behave = {"delay": 0.05, "frames": 15}
    with Ledger(root) as ledger:
        batch = ledger.create("", make_shots(tmp_path, *[behave] * 4, {"delay": 0.05, "crash": 3, "times": 2}), {})
        for kills in range(40):  # noqa: B007
            process = start(root, batch)
            assert process.stdout is not None
            pids: set[int] = set()
            before, said = bytes_recorded(root), ""
            for line in process.stdout:
                if (said := line.strip()) == "completed" or bytes_recorded(root) > before + 3000:
                    break
                pids |= set(map(int, said.split()))
            process.kill()
            process.wait()
            wait_until(lambda: not any(map(lives, pids)), "the end of all children")  # noqa: B023
            assert ledger.check() == []
            if said == "completed":
                break
        assert kills >= 2
        check(ledger, batch)
        assert {shot.status for shot in ledger.shots(batch.id)} == {ShotStatus.COMPLETED}


def test_a_child_dies_with_its_supervisor_in_the_middle_of_a_frame(root: Path, tmp_path: Path) -> None:
    with Ledger(root) as ledger:
        batch = ledger.create("", make_shots(tmp_path, {"delay": 600}), {})
        process, child = started(root, batch)
    wait_until((tmp_path / "shot1" / "stepping").exists, "the first step, which takes ten minutes")
    process.kill()
    process.wait()
    wait_until(lambda: not lives(child), "the end of the child")


def test_a_child_whose_supervisor_is_gone_stops_where_the_system_does_not_end_it(root: Path, tmp_path: Path) -> None:
    (shot,) = make_shots(tmp_path, {})
    environment = {**os.environ, PARENT: str(os.getppid())}  # a process that lives, but did not start it
    arguments = [sys.executable, str(CHILD), str(root), shot.footage]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=60)
    said = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, said["kind"]) == (75, "Interrupted")
    assert said["error"].startswith("The batch was ended: stopped after frame 1, which is recorded")


@pytest.mark.slow
def test_two_supervisors_do_not_run_one_batch(root: Path, tmp_path: Path) -> None:
    with Ledger(root) as ledger:
        batch = ledger.create("", make_shots(tmp_path, {"delay": 0.2}), {})
        process = start(root, batch)
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(BatchRuns, match=f"The batch {batch.id} is run by") as caught:
            supervise(ledger, batch, Watcher())
        assert caught.value.actions == (Action.WATCH_BATCH,)
        assert process.communicate(timeout=30)[0].splitlines()[-1] == "completed"
        check(ledger, batch)


@pytest.mark.slow
def test_two_batches_that_share_a_shot_track_it_once(root: Path, tmp_path: Path) -> None:
    shots = make_shots(tmp_path, *[{"delay": 0.05}] * 3)
    with Ledger(root) as ledger:
        one, two = (ledger.create("", order, {}) for order in (shots, shots[::-1]))
        processes = [start(root, one), start(root, two)]
        for process in processes:
            assert process.communicate(timeout=60)[0].splitlines()[-1] == "completed"
        check(ledger, one)
        check(ledger, two)
        sessions = [{shot.session for shot in ledger.shots(batch.id)} for batch in (one, two)]
    assert sessions[0] == sessions[1] and len(sessions[0]) == 3


@pytest.mark.parametrize("what", ["both", "sessions"])
@pytest.mark.slow
def test_a_batch_goes_on_where_its_folder_was_moved_to(tmp_path: Path, what: str) -> None:
    """The sessions alone, or with the footage beside them, as on another mount."""
    job = tmp_path / "job"
    watcher = Watcher()
    with Ledger(job / "tracking_sessions") as ledger:
        batch = ledger.create("", make_shots(job, *[{"delay": 0.1, "frames": 40}] * 2), {})
        supervise(ledger, batch, watcher, stop=lambda: "moving" if begun(ledger, batch) else "")
        shots = ledger.shots(batch.id)
        assert all(shot.session and shot.status is ShotStatus.PENDING for shot in shots)
    if what == "both":
        job.rename(tmp_path / "moved")
        root = tmp_path / "moved" / "tracking_sessions"
    else:
        root = tmp_path / "elsewhere" / "sessions"
        root.parent.mkdir()
        (job / "tracking_sessions").rename(root)
    known: list[bool] = []

    def line(shot: ShotRow, session: Path | None) -> Sequence[str]:
        known.append(session is not None)
        return command(root)(shot, session)

    with Ledger(root) as ledger:
        for shot in ledger.shots(batch.id):
            assert Path(shot.spec.footage).is_dir()
        supervisor = Supervisor(ledger, batch, line, watcher.updates.append, jobs=2)
        assert supervisor.run(lambda: "", lambda: None).status is BatchStatus.COMPLETED
        check(ledger, batch)
    assert known == [what == "both"] * 2, "a session that does not find its footage is not resumed by itself"


def test_signals_reach_the_children_from_the_supervisor_only(root: Path, tmp_path: Path) -> None:
    """Ctrl+C goes to all processes of a terminal's foreground group."""
    with Ledger(root) as ledger:
        batch = ledger.create("", make_shots(tmp_path, {"delay": 0.1}), {})
        process, child = started(root, batch)
        assert os.getpgid(child) != os.getpgid(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()


# Shots whose tracks are all lost on the way


def test_a_shot_that_lost_all_its_tracks_is_neither_done_nor_failed_nor_skipped(root: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    with Ledger(root) as ledger:
        batch = ledger.create("night", make_shots(tmp_path, {}, {"lose": 4}, {"lose": FRAMES}), {})
        batch = supervise(ledger, batch, watcher)
        assert batch.status is BatchStatus.COMPLETED
        whole, lost, end = ledger.shots(batch.id)
        assert [one.status for one in (whole, lost, end)] == [ShotStatus.COMPLETED, ShotStatus.LOST, ShotStatus.LOST]
        assert lost.error == "All tracks were lost at frame 4: no track was followed on 4 to 6" and lost.attempts == 1
        assert end.error == "All tracks were lost at frame 6: no track was followed on 6"
        assert watcher.events(2) == [ShotEvent.STARTED, ShotEvent.LOST] and lost.session and not whole.error


def test_a_shot_found_lost_after_its_supervisor_died_is_lost(root: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    with Ledger(root) as ledger:
        batch = ledger.create("night", make_shots(tmp_path, {"lose": 4}), {})
        shot = ledger.claim(batch.id, lambda _: False)
        assert shot is not None
        subprocess.run(command(root)(shot, None), check=False, timeout=60, stdout=subprocess.DEVNULL)
        ledger.note_session(shot, Path((tmp_path / "shot1" / "session").read_text("utf-8")).stem)
        supervise(ledger, batch, watcher)
        (shot,) = ledger.shots(batch.id)
        assert shot.status is ShotStatus.LOST and watcher.events(1) == [ShotEvent.LOST]


def test_a_child_that_says_done_and_leaves_no_session_has_failed(root: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    with Ledger(root) as ledger:
        batch = ledger.create("night", make_shots(tmp_path, {"stopped": {"reason": "failed"}, "code": 0}), {})
        supervise(ledger, batch, watcher)
        (shot,) = ledger.shots(batch.id)
        assert shot.status is ShotStatus.FAILED and "in which session" in shot.error


def test_a_loss_behind_the_requested_frames_does_not_count(root: Path, tmp_path: Path) -> None:
    with Ledger(root) as ledger:
        (shot,) = make_shots(tmp_path, {"lose": 4})
        for end, status in ((None, ShotStatus.LOST), (3, ShotStatus.COMPLETED), (4, ShotStatus.LOST)):
            batch = ledger.create("night", [replace(shot, end=end)], {})
            supervise(ledger, batch, Watcher())
            assert [one.status for one in ledger.shots(batch.id)] == [status]


# Shots that go on to a camera


TRIPOD = {"verdict": "tripod", "reason": "the camera turns on the spot", "advice": "Use the rotation"}


def cameras(folder: Path, *behaviours: dict[str, Any]) -> list[ShotSpec]:
    return [replace(shot, camera=True, focal=35) for shot in make_shots(folder, *behaviours)]


def test_the_verdict_on_the_camera_decides_the_status_and_is_kept(root: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    solved = {"verdict": "solved", "reason": "0.2 px"}
    shots = cameras(tmp_path, {"camera": solved}, {"camera": TRIPOD}, {"camera": {**solved, "kept": True}})
    with Ledger(root) as ledger:
        batch = ledger.create("night", [*shots, *make_shots(tmp_path / "plain", {})], {})
        assert supervise(ledger, batch, watcher).status is BatchStatus.COMPLETED
        good, turning, kept, plain = ledger.shots(batch.id)
        assert ledger.check() == [] and ledger.requeue(batch.id, ShotStatus.FAILED) == 0
    assert [(one.status, one.verdict, one.error) for one in (good, turning, kept, plain)] == [
        (ShotStatus.COMPLETED, "solved", ""),
        (ShotStatus.NO_CAMERA, "tripod", "The camera turns on the spot. Use the rotation"),
        (ShotStatus.COMPLETED, "solved", ""),
        (ShotStatus.COMPLETED, "", ""),
    ]
    assert [watcher.events(number)[-1] for number in (1, 2, 3)] == [
        ShotEvent.COMPLETED,
        ShotEvent.NO_CAMERA,
        ShotEvent.DONE_BEFORE,
    ]
    assert good.session and turning.session and turning.attempts == 1


def test_a_shot_that_is_tracked_but_not_solved_is_still_solved(root: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    with Ledger(root) as ledger:
        (shot,) = cameras(tmp_path, {"crash": 4})
        batch = ledger.create("night", [shot], {})
        supervise(ledger, batch, watcher)  # tracked to the end; its process says nothing of a camera
        (failed,) = ledger.shots(batch.id)
        assert failed.status is ShotStatus.FAILED and "without saying what its camera is worth" in failed.error
        session = load_session(SessionFolder(root).session_file(failed.session)).session
        assert session.status is SessionStatus.TRACKING_COMPLETE
        Path(shot.footage, "behave.json").write_text(json.dumps({"camera": TRIPOD}), "utf-8")
        assert ledger.requeue(batch.id, ShotStatus.FAILED) == 1
        claimed = ledger.claim(batch.id, lambda _: False)  # by a supervisor that died
        assert claimed is not None and claimed.session == failed.session
        supervise(ledger, batch, watcher)
        (shot_row,) = ledger.shots(batch.id)
        assert (shot_row.status, shot_row.verdict) == (ShotStatus.NO_CAMERA, "tripod")


def test_the_crash_of_a_process_of_the_child_counts_as_its_own(root: Path, tmp_path: Path) -> None:
    died = {"stopped": {"reason": "crashed", "error": "A process that tracks has ended (SIGSEGV)"}, "code": 1}
    full = {"stopped": {"reason": "storage", "error": "A process that tracks has ended: The disk is full"}, "code": 75}
    watcher = Watcher()
    with Ledger(root) as ledger:
        batch = ledger.create("night", cameras(tmp_path, died), {})
        assert supervise(ledger, batch, watcher).status is BatchStatus.FAILED
        (shot,) = ledger.shots(batch.id)
        assert (shot.status, shot.attempts, shot.crashes) == (ShotStatus.FAILED, 3, 3)
        assert shot.error == "It crashed 3 times: A process that tracks has ended (SIGSEGV)"
        assert watcher.events(1) == [ShotEvent.STARTED, *[ShotEvent.RESTARTED] * 2, ShotEvent.FAILED]
        batch = ledger.create("night", cameras(tmp_path / "full", full), {})
        assert supervise(ledger, batch, watcher).status is BatchStatus.PAUSED


def test_frames_that_processes_of_the_child_have_recorded_are_progress(root: Path, tmp_path: Path) -> None:
    footage = make_footage(tmp_path / "plates")
    session = create_session(footage, "", root)
    before = progress_of(session)
    part = create_session(footage, "", SessionFolder(root).parts(session.id) / "pass-1")
    with part, start_run(part, [(1, 6)]) as run:
        run.step()
        run.pause()
    assert progress_of(session) != before
