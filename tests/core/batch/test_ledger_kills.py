# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of batches after its processes were killed."""

import os
import random
import resource
import signal
import time
from pathlib import Path

import pytest

from tracking_sessions.core.batch.ledger import (
    Ledger,
)
from tracking_sessions.tests.core.claims import (
    COMPLETED,
    PENDING,
    PROCESSING,
    everything_dead,
    journal_mode,
    make,
    posix,
    statuses,
)
from tracking_sessions.tests.core.shots import run_child, start_child
from tracking_sessions.tests.waiting import wait_until

pytestmark = pytest.mark.slow

WORK = """
from pathlib import Path
from tracking_sessions.tests.core import claims
claims.work_and_log(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
"""

DIE = """
from pathlib import Path
from tracking_sessions.tests.core import claims
claims.die_at_each_statement(Path(sys.argv[1]))
"""


def told(log: Path, word: str) -> list[int]:
    """The numbers of the shots in the log of a process, claimed or finished."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [int(line.split()[1]) for line in lines if line.startswith(word)]


@posix
def test_sigkill_before_any_statement_loses_nothing(tmp_path: Path) -> None:
    count = int(run_child(DIE, tmp_path))
    assert count > 25
    for number in range(1, count + 1):
        log = tmp_path / f"{number}.log"
        with Ledger(tmp_path / str(number)) as ledger:
            assert ledger.check() == []
            for batch in ledger.batches():
                shots = ledger.shots(batch.id)
                done = {shot.number for shot in shots if shot.status is COMPLETED}
                claimed = {shot.number for shot in shots if shot.attempts}
                assert len(shots) == 2 and set(told(log, "finished")) <= done and set(told(log, "claimed")) <= claimed
                ledger.requeue(batch.id)
                rest = [shot.number for shot in iter(lambda b=batch: ledger.claim(b.id, everything_dead), None)]
                assert sorted([*done, *rest]) == [1, 2]


@posix
def test_processes_killed_at_random_claim_no_shot_twice_and_lose_none(ledger: Ledger, root: Path) -> None:
    count = 3000  # more than the processes finish
    batch = make(ledger, count)
    chance = random.Random(1)
    finished: list[int] = []
    kills = 0
    for turn in range(12):
        logs = [root / f"{turn}-{worker}.log" for worker in range(3)]
        workers = [start_child(WORK, root, batch, log) for log in logs]
        wait_until(lambda: all(log.exists() for log in logs), "the first claim of each worker")  # noqa: B023
        for worker in workers:
            time.sleep(chance.random() * 0.005)
            if worker.poll() is None:
                os.kill(worker.pid, signal.SIGKILL)
        codes = [worker.wait(60) for worker in workers]
        kills += codes.count(-signal.SIGKILL)
        assert set(codes) <= {0, -signal.SIGKILL}
        claimed = [number for log in logs for number in told(log, "claimed")]
        assert len(claimed) == len(set(claimed)) and not set(claimed) & set(finished)
        finished += [number for log in logs for number in told(log, "finished")]
        shots = ledger.shots(batch)
        assert ledger.check() == [] and len(shots) == count
        assert set(finished) <= {shot.number for shot in shots if shot.status is COMPLETED}
        assert sum(shot.status is PROCESSING for shot in shots) <= len(workers)
        finished = [shot.number for shot in shots if shot.status is COMPLETED]
        ledger.requeue(batch)
    assert kills == 36 and len(finished) > 12
    assert ledger.counts(batch) == {COMPLETED: len(finished), PENDING: count - len(finished)}


@posix
def test_two_processes_that_claim_at_once_share_the_shots(ledger: Ledger, root: Path) -> None:
    batch = make(ledger, 150)
    logs = [root / f"{worker}.log" for worker in range(2)]
    codes = [worker.wait(60) for worker in [start_child(WORK, root, batch, log) for log in logs]]
    claimed = [told(log, "claimed") for log in logs]
    assert codes == [0, 0] and sorted(claimed[0] + claimed[1]) == list(range(1, 151))
    assert statuses(ledger, batch) == [COMPLETED] * 150


AT_ONCE = """
import time
from pathlib import Path
from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.tests.core import claims
for number in range(30):
    time.sleep(max(0.0, float(sys.argv[2]) + number * 0.05 - time.time()))
    root = Path(sys.argv[1]) / str(number)
    with Ledger(root) as ledger:
        ledger.create("one", claims.specs(root, 5), {})
"""


@posix
def test_many_processes_may_make_the_ledger_at_once(tmp_path: Path) -> None:
    start = time.time() + 0.7
    codes = [child.wait(60) for child in [start_child(AT_ONCE, tmp_path, start) for _ in range(4)]]
    assert codes == [0] * 4
    for number in range(30):
        with Ledger(tmp_path / str(number), readonly=True) as ledger:
            assert len(ledger.batches()) == 4 and ledger.check() == [] and journal_mode(ledger.root) == "wal"


def test_limits_of_this_process_are_as_they_were() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
