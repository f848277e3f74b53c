# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks on hosts that share a slow folder: nothing is lost, nothing is done twice, and no clock of a host matters."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracking_sessions.core.farm.manifest import Manifest
from tracking_sessions.core.farm.states import States
from tracking_sessions.core.farm.status import Stand, standings
from tracking_sessions.core.farm.submitting import create
from tracking_sessions.core.journal.chain import JournalReader
from tracking_sessions.core.journal.codec import decoded
from tracking_sessions.core.journal.records import FrameRecord
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.farm.hosts import Hosts, Task
from tracking_sessions.tests.footage import make_shot
from tracking_sessions.tests.waiting import wait_until
from tracking_sessions.tools.comparison import compare_replays
from tracking_sessions.tools.kill import write_tracks
from tracking_sessions.tools.processes import run

pytestmark = pytest.mark.slow

FRAMES, LONG = 12, 80  # of a shot
PLATES = 2
WORKERS = 16


class Show:
    """Shots, and the sessions that a run on a local disk makes of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._plates = [self._plate(number, FRAMES) for number in range(1, PLATES + 1)]
        self.long = self._plate(PLATES + 1, LONG)
        self._local: dict[Path, Path] = {}

    def _plate(self, number: int, frames: int) -> Path:
        folder = self.folder / f"plate{number}"
        shot = make_shot(folder, frames, 320, 180, seed=number, tracks=6)
        write_tracks(folder.with_suffix(".json"), shot, 1)
        return folder

    def copies(self, count: int) -> list[Path]:
        """Shots of files of their own, made of a few plates in turns."""
        found: list[Path] = []
        for number in range(count):
            plate = self._plates[number % PLATES]
            copy = self.folder / f"copy{number}" / plate.name
            if not copy.exists():
                shutil.copytree(plate, copy)
                shutil.copy(plate.with_suffix(".json"), copy.with_suffix(".json"))
            found.append(copy)
        return found

    def check(self, root: Path, shots: list[Path]) -> None:
        """Each shot has one session, with each frame once, and the bits of a run on a local disk."""
        sessions = [load_session(path) for path in session_files(root)]
        footage = {(one.path.parent / one.session.footage.path).resolve().parent: one for one in sessions}
        assert len(sessions) == len(shots) and footage.keys() == set(shots)
        for shot, session in footage.items():
            frames = Counter(
                record.frame
                for record, _ in decoded(JournalReader(session.folder, session.id).records())
                if isinstance(record, FrameRecord)
            )
            assert set(frames.values()) == {1}, (shot, frames)
            compare_replays(load_session(self._tracked(shot)).replay(), session.replay())

    def _tracked(self, shot: Path) -> Path:
        """The session of a run on a local disk."""
        plate = self.folder / shot.name
        if plate not in self._local:
            root = self.folder / f"{plate.name}.local"
            done = run("track", plate, f"--tracks={plate.with_suffix('.json')}", f"--root={root}")
            assert done.returncode == 0, done.stderr
            (self._local[plate],) = session_files(root)
        return self._local[plate]


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Show:
    return Show(tmp_path_factory.mktemp("show"))


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    with Hosts(tmp_path) as made:
        yield made


def submitted(hosts: Hosts, shots: list[Path]) -> Manifest:
    specs = [ShotSpec(str(shot), tracks=str(shot.with_suffix(".json"))) for shot in shots]
    return create(hosts.shared / "sessions", specs)


def all_done(manifest: Manifest) -> bool:
    return all(one.stand is Stand.COMPLETED and one.tracked == one.total for one in standings(manifest))


def check_ended(*tasks: Task) -> None:
    for task in tasks:
        code, output = task.end()
        assert code == 0, output


def test_sixteen_workers_at_once_on_one_session_folder(hosts: Hosts, show: Show) -> None:
    shots = show.copies(WORKERS)
    manifest = submitted(hosts, shots)
    two = hosts.make("node-1"), hosts.make("node-2")
    numbers = range(1, WORKERS + 1)
    tasks = [two[number % 2].start("task", f"--manifest={manifest.path}", f"--index={number}") for number in numbers]
    check_ended(*tasks)
    assert all_done(manifest)
    assert {States(manifest.folder).read(number)[0].host for number in numbers} == {"node-1", "node-2"}
    assert not (manifest.head.root / "beginning").exists()
    show.check(manifest.head.root, shots)


def test_two_submissions_of_one_list_track_each_shot_once(hosts: Hosts, show: Show) -> None:
    shots = show.copies(3)
    both = submitted(hosts, shots), submitted(hosts, shots)
    two = hosts.make("node-1", "+1h"), hosts.make("node-2", "-1h")
    tasks = [
        host.start("task", f"--manifest={manifest.path}", f"--index={number}")
        for number in range(1, len(shots) + 1)
        for host, manifest in zip(two, both, strict=True)
    ]
    check_ended(*tasks)
    assert all(map(all_done, both))
    show.check(both[0].head.root, shots)


@pytest.mark.parametrize(("clocks", "returns_late"), [(("+1h", "-1h"), False), (("-1h", "+1h"), True)])
def test_a_node_that_comes_back_finds_itself_replaced(
    hosts: Hosts, show: Show, clocks: tuple[str, str], returns_late: bool
) -> None:
    """It was cut off in the middle of a shot, which another one has taken over, or has even done."""
    manifest = submitted(hosts, [show.long])
    first, second = (hosts.make(f"node-{number}", clock) for number, clock in enumerate(clocks, 1))
    arguments = "task", f"--manifest={manifest.path}", "--index=1"

    def frames() -> int:
        return next(standings(manifest)).tracked

    lost = first.start(*arguments)
    wait_until(lambda: frames() > 10, "some frames")
    lost.signal(signal.SIGSTOP)
    reached = frames()
    assert reached < LONG / 2

    other = second.start(*arguments)
    wait_until(lambda: frames() > reached + 5, "frames of the other node")
    assert States(manifest.folder).read(1)[0].host == "node-2"
    if returns_late:
        check_ended(other)
        states = States(manifest.folder).path(1).read_bytes()
        lost.signal(signal.SIGCONT)
        check_ended(lost)  # its child has lost the lease, and it finds the shot done
        assert States(manifest.folder).path(1).read_bytes() == states
    else:
        lost.signal(signal.SIGCONT)
        check_ended(lost, other)
    log = (manifest.folder / "logs" / "1.log").read_text("utf-8", "replace")
    assert "Another process has taken over" in log
    assert all_done(manifest)
    show.check(manifest.head.root, [show.long])
