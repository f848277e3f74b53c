# SPDX-License-Identifier: GPL-3.0-or-later
"""Real processes compete for the lease of a session."""

import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracking_sessions.core.errors import LeaseHeld, LeaseLost, StorageFailed
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.lease import Lease, live_owner, read_owner
from tracking_sessions.tests.core.shots import make_session, run_child, start_child, start_run
from tracking_sessions.tests.core.storage.leases import ELSEWHERE, OWNER, SINCE, own, write_lease
from tracking_sessions.tests.waiting import wait_until

CONTENDERS = 8
ROUNDS = 300

CONTENDER = """
import sys, time
from pathlib import Path
from tracking_sessions.core.storage.lease import Lease
from tracking_sessions.core.errors import TrackingSessionError
held = None
for line in sys.stdin:
    at, folder = line.rstrip().split(" ", 1)
    if held is not None:
        held.release()
        held = None
    while time.monotonic() < float(at):
        pass
    try:
        held = Lease.take(Path(folder), "now")
        print(held.generation, flush=True)
    except TrackingSessionError as error:
        print(type(error).__name__, flush=True)
"""


@pytest.fixture(scope="module")
def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


@pytest.fixture
def contenders() -> Iterator[list[subprocess.Popen[str]]]:
    children = [start_child(CONTENDER) for _ in range(CONTENDERS)]
    yield children
    for child in children:
        child.communicate(timeout=30)


@pytest.mark.slow
def test_of_eight_processes_racing_for_a_stale_lease_one_becomes_the_owner(
    tmp_path: Path, dead_pid: int, contenders: list[subprocess.Popen[str]]
) -> None:
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        generation = 1 + number % 3
        if number % 4 == 0:
            write_lease(folder, generation, pid=dead_pid, started="1")
        elif number % 4 == 1:
            write_lease(folder, generation, end="R")
        elif number % 4 == 2:
            write_lease(folder, generation, started="17")  # this pid, another process
        else:
            write_lease(folder, generation, pid=dead_pid, started="")
        for child in contenders:
            assert child.stdin is not None
            child.stdin.write(f"{time.monotonic() + 0.004} {folder}\n")
            child.stdin.flush()
        answers = [child.stdout.readline().strip() for child in contenders if child.stdout is not None]
        assert sorted(answers) == [str(generation + 1), *["LeaseHeld"] * (CONTENDERS - 1)], number
        assert not list(folder.glob(".*")), "temporary files are left"


def test_a_killed_owner_of_this_host_is_taken_over_at_once_and_a_living_one_never(tmp_path: Path) -> None:
    owner = start_child(OWNER, tmp_path)
    assert owner.stdout is not None and owner.stdout.readline() == "1\n"
    for wait in (False, True):
        with pytest.raises(LeaseHeld, match=f"process {owner.pid} on") as held:
            Lease.take(tmp_path, SINCE, wait=wait, lease_time=0.05)
        assert not held.value.elsewhere  # a wait would not help
    assert live_owner(tmp_path) == read_owner(tmp_path, 1)
    owner.kill()
    # Dead as soon as the signal arrives, though nobody waits for it yet.
    wait_until(lambda: live_owner(tmp_path) is None, "the end of the owner")

    def sleep(seconds: float) -> None:
        raise AssertionError("there is nothing to wait for")

    lease = Lease.take(tmp_path, SINCE, wait=True, sleep=sleep)
    assert lease.generation == 2
    owner.communicate(timeout=10)
    lease.release()


def test_a_reused_pid_is_another_process(tmp_path: Path) -> None:
    write_lease(tmp_path, started="17")
    assert live_owner(tmp_path) is None
    assert Lease.take(tmp_path, SINCE).generation == 2


def test_a_reboot_ends_every_owner(tmp_path: Path) -> None:
    write_lease(tmp_path, boot="another boot", machine=own().machine or "m")
    assert (live_owner(tmp_path) is None) == bool(own().machine)


def test_a_released_lease_is_free_at_once(tmp_path: Path) -> None:
    for generation in (1, 2, 3):
        lease = Lease.take(tmp_path, SINCE)
        assert lease.generation == generation
        lease.release()
        assert live_owner(tmp_path) is None


def test_an_owner_elsewhere_is_only_taken_over_when_its_counter_stands_still(tmp_path: Path) -> None:
    write_lease(tmp_path, counter=41, **ELSEWHERE)
    with pytest.raises(LeaseHeld, match="farm-17") as held:
        Lease.take(tmp_path, SINCE, lease_time=0.1)
    assert held.value.elsewhere
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    lease = Lease.take(tmp_path, SINCE, wait=True, lease_time=60, clock=lambda: now[0], sleep=sleep)
    assert lease.generation == 2 and 60 <= now[0] < 62
    lease.release()


def test_an_owner_elsewhere_that_lives_is_never_taken_over(tmp_path: Path) -> None:
    path = write_lease(tmp_path, **ELSEWHERE)
    stop = threading.Event()

    def live() -> None:
        counter = 0
        while not stop.wait(0.02):
            counter += 1
            with path.open("r+b") as file:
                file.seek(-21, os.SEEK_END)
                file.write(b"%020d" % counter)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        with pytest.raises(LeaseHeld, match="farm-17"):
            Lease.take(tmp_path, SINCE, wait=True, lease_time=10)
    finally:
        stop.set()
        thread.join()
    assert not (tmp_path / "lease.2").exists()


def test_a_release_elsewhere_ends_the_wait(tmp_path: Path) -> None:
    path = write_lease(tmp_path, **ELSEWHERE)
    looks = 0

    def sleep(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            path.write_bytes(path.read_bytes()[:-1] + b"R")

    assert Lease.take(tmp_path, SINCE, wait=True, lease_time=1000, sleep=sleep).generation == 2
    assert looks == 3


def test_the_wait_believes_no_wall_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A jump of the clock, a lease from the future: only this process's monotonic clock decides."""
    write_lease(tmp_path, **{**ELSEWHERE, "since": "2999-01-01T00:00:00Z"})
    monkeypatch.setattr(time, "time", lambda: 0.0)
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    lease = Lease.take(tmp_path, SINCE, wait=True, lease_time=60, clock=lambda: now[0], sleep=sleep)
    assert lease.generation == 2 and 60 <= now[0] < 62


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 300,
        b"{}\n",
        b"rubbish",
        b"\xff\xfe\n",
        b"[" * 4000,
        b'{"pid": 1}\nno counter',
        b'{"pid": -1, "host": [], "boot": {}}\n' + b"0" * 20 + b"\n",
        b'{"pid": 1e999}\n' + b"0" * 20 + b"\n",
        b"null\n" + b"0" * 20 + b"\n",
    ],
)
def test_a_lease_without_an_owner_counts_for_two_seconds(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lease.1").write_bytes(content)
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    assert str(live_owner(tmp_path)) == "a process that is just starting"
    lease = Lease.take(tmp_path, SINCE, clock=lambda: now[0], sleep=sleep)
    assert lease.generation == 2 and 2 <= now[0] < 4
    assert (tmp_path / "lease.1").read_bytes() == content
    lease.release()


def test_a_lease_whose_maker_writes_it_meanwhile_stays_with_it(tmp_path: Path) -> None:
    (tmp_path / "lease.1").write_bytes(b"")
    with pytest.raises(LeaseHeld, match=f"process {os.getpid()}"):
        Lease.take(tmp_path, SINCE, sleep=lambda _: write_lease(tmp_path) and None)


def test_other_file_names_do_not_count(tmp_path: Path) -> None:
    for name in (
        "lease.",
        "lease.0",
        "lease.007",
        "lease.-1",
        "lease.1.bak",
        "lease.99999999999",
        "lease.٣",
        ".lease.1.tmp",
    ):
        (tmp_path / name).write_bytes(b"")
    assert Lease.take(tmp_path, SINCE).generation == 1


def test_the_number_of_a_journal_without_a_lease_is_not_reused(tmp_path: Path) -> None:
    (tmp_path / "journal.4").write_bytes(b"")
    assert Lease.take(tmp_path, SINCE).generation == 5


def test_a_lease_that_cannot_be_read_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "lease.1").mkdir()
    with pytest.raises(StorageFailed):
        Lease.take(tmp_path, SINCE)


def test_the_owner_that_lost_its_lease_stops(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    run = start_run(session, [(1, 6)])
    with pytest.raises(LeaseLost, match="Another process"), run:
        run.step()
        recorded = session.session.tracked_frames
        write_lease(session.folder, 2, pid=1, **{k: v for k, v in ELSEWHERE.items() if k != "pid"})
        run.step()
    session.close()
    assert LeaseLost().exit_code == 75
    assert str(TrackingSessionManager(session.path).session.tracked_frames) == str(recorded) == "1-2"


def test_a_renewal_shows_other_hosts_that_the_owner_is_alive(tmp_path: Path) -> None:
    lease = Lease.take(tmp_path, SINCE)
    seen = []
    for _ in range(3):
        lease.check()
        lease.renew()
        seen.append(read_owner(tmp_path, 1))
    assert [owner.counter for owner in seen if owner] == [1, 2, 3]
    owner = seen[-1]
    assert owner and (owner.host, owner.pid, owner.since) == (platform.node(), os.getpid(), SINCE)
    lease.release()
    owner = read_owner(tmp_path, 1)
    assert owner and owner.released and owner.counter == 3


def test_a_dropped_manager_releases_its_session(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    path = manager.path
    manager.save_checkpoint(1, "track")
    other = TrackingSessionManager(path)
    with pytest.raises(LeaseHeld):
        other.acquire()
    del manager
    assert other.owner == "" and other.is_interrupted
    with other:
        other.save_checkpoint(2, "track")


FORKED = """
import os
from tracking_sessions.core.errors import LeaseHeld
from tracking_sessions.core.session import load_session, resume_tracking
session = resume_tracking(sys.argv[1])
child = os.fork()
if not child:
    del session
    os._exit(0)
os.waitpid(child, 0)
try:
    load_session(sys.argv[1]).acquire()
except LeaseHeld:
    print("held")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_fork_that_drops_its_copy_takes_nothing_from_the_owner(tmp_path: Path) -> None:
    assert run_child(FORKED, make_session(tmp_path).path) == "held\n"
