# SPDX-License-Identifier: GPL-3.0-or-later
"""Polling the owner of a session until it is dead."""

from pathlib import Path

import pytest

from tracking_sessions.core.errors import LeaseHeld, StorageFailed
from tracking_sessions.core.storage.lease import Lease, Watch, live_owner
from tracking_sessions.tests.core.shots import start_child
from tracking_sessions.tests.core.storage.leases import ELSEWHERE, OWNER, SINCE, write_lease


def test_a_watch_counts_an_owner_elsewhere_as_dead_when_its_counter_stands_still(tmp_path: Path) -> None:
    now = [0.0]
    watch = Watch(tmp_path, clock=lambda: now[0])
    write_lease(tmp_path, counter=1, **ELSEWHERE)
    for now[0], counter in ((0, 1), (59, 1), (59.5, 2), (100, 2), (119, 2)):
        write_lease(tmp_path, counter=counter, **ELSEWHERE)
        assert not watch.poll()
        assert watch.has_moved == (counter == 2)
        with pytest.raises(LeaseHeld, match="farm-17"):
            Lease.take(tmp_path, SINCE)
    now[0] = 119.5
    assert watch.poll()
    assert live_owner(tmp_path) is None
    write_lease(tmp_path, counter=3, **ELSEWHERE)  # it was only slow
    assert not watch.poll()
    with pytest.raises(LeaseHeld, match="farm-17"):
        Lease.take(tmp_path, SINCE)
    now[0] = 180
    assert watch.poll()
    lease = Lease.take(tmp_path, SINCE)  # at once
    assert lease.generation == 2
    lease.release()


def test_a_watch_never_counts_a_living_process_of_this_host_as_dead(tmp_path: Path) -> None:
    now = [0.0]
    watch = Watch(tmp_path, clock=lambda: now[0])
    assert watch.poll()
    owner = start_child(OWNER, tmp_path)
    assert owner.stdout is not None and owner.stdout.readline() == "1\n"
    for now[0] in (0, 100, 1000):
        assert not watch.poll()
    assert watch.owner is not None and watch.owner.pid == owner.pid
    assert not watch.has_moved
    owner.communicate(timeout=10)
    assert watch.poll()
    assert watch.owner is None


def test_a_watch_follows_a_new_owner_and_sees_a_release(tmp_path: Path) -> None:
    now = [0.0]
    watch = Watch(tmp_path, clock=lambda: now[0])
    write_lease(tmp_path, 1, **ELSEWHERE)
    assert not watch.poll()
    write_lease(tmp_path, 2, **ELSEWHERE)  # the same content in another file
    now[0] = 61
    assert not watch.poll()
    now[0] = 121
    assert watch.poll()
    write_lease(tmp_path, 3, **ELSEWHERE)
    assert not watch.poll()
    write_lease(tmp_path, 3, end="R", **ELSEWHERE)
    assert watch.poll()


def test_a_watch_reports_an_unreadable_folder(tmp_path: Path) -> None:
    (tmp_path / "lease.1").mkdir()
    with pytest.raises(StorageFailed):
        Watch(tmp_path).poll()
