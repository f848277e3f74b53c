# SPDX-License-Identifier: GPL-3.0-or-later
"""Children that die of a picture: a supervisor names the picture and skips the shot."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tracking_sessions.core.batch import shot_runs as module
from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.shot_runs import ShotEvent
from tracking_sessions.core.batch.shots import BatchStatus, ShotRow, ShotStatus
from tracking_sessions.core.batch.supervisor import Supervisor
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.batch.supervised import (
    Watcher,
    check,
    command,
    make_shots,
    supervise,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "tracking_sessions"


pytestmark = pytest.mark.slow  # each starts a supervisor with several processes

READER = """
import os, signal, sys
with open(sys.argv[1], "rb") as file:
    data = file.read()
with open(sys.argv[2], "a") as log:
    print(os.path.basename(sys.argv[1]), file=log)
if b"deadly" in data:
    os.kill(os.getpid(), signal.SIGSEGV)
sys.exit(3 if b"unreadable" in data else 0)
"""


def died(
    root: Path, shots: Sequence[ShotSpec], watcher: Watcher, *, read: Path, reader: str = READER, jobs: int = 1
) -> list[ShotRow]:
    """The shots of a batch whose suspect pictures are read by a process of its own, each named in the file `read`."""
    with Ledger(root) as ledger:
        batch = ledger.create("night", shots, {})

        def reading(path: Path) -> Sequence[str]:
            return [sys.executable, "-c", reader, str(path), str(read)]

        supervisor = Supervisor(ledger, batch, command(root), watcher.updates.append, jobs=jobs, reading=reading)
        supervisor.run(lambda: "", lambda: None)
        check(ledger, batch)
        return ledger.shots(batch.id)


def numbered_anew(shot: ShotSpec) -> None:
    """Give the plate the numbers from 1001 on."""
    for path in sorted(Path(shot.footage).glob("*.png"), reverse=True):
        path.rename(path.with_name(f"plate_{1000 + int(path.stem[-4:])}.png"))


@pytest.mark.parametrize("word", [b"deadly", b"unreadable"])
@pytest.mark.parametrize("bad, crash", [(1004, 3), (1004, 4), (1001, 4)])  # the next one, the one it began, a reference
def test_a_picture_that_a_child_died_of_is_named_at_once(
    root: Path, tmp_path: Path, word: bytes, bad: int, crash: int
) -> None:
    shots = make_shots(tmp_path, {"crash": crash, "times": 99}, {})
    numbered_anew(shots[0])
    path = Path(shots[0].footage, f"plate_{bad}.png")
    path.write_bytes(path.read_bytes() + word)  # whole pictures have bytes behind their end
    watcher = Watcher()
    skipped, good = died(root, shots, watcher, read=tmp_path / "read")
    words = f"Frame {bad} (plate_{bad}.png) cannot be read by Blender: copy or render it again"
    assert (skipped.status, skipped.error, skipped.attempts) == (ShotStatus.SKIPPED, words, 1)
    assert watcher.events(1) == [ShotEvent.STARTED, ShotEvent.SKIPPED] and good.status is ShotStatus.COMPLETED
    read = (tmp_path / "read").read_text("utf-8").split()
    assert read[0] == f"plate_{1000 + crash}.png" and read[-1] == path.name and len(set(read)) == len(read)


def test_a_picture_with_visible_damage_needs_no_reading(root: Path, tmp_path: Path) -> None:
    shots = make_shots(tmp_path, {"crash": 3, "times": 99, "cut": "plate_0004.png"})
    (skipped,) = died(root, shots, Watcher(), read=tmp_path / "read")
    assert (skipped.status, skipped.attempts) == (ShotStatus.SKIPPED, 1)
    assert skipped.error.startswith("Frame 4 (plate_0004.png) ") and "copy or render it again" in skipped.error
    assert not (tmp_path / "read").exists()


def test_a_mended_picture_lets_the_shot_go_on(root: Path, tmp_path: Path) -> None:
    shots = make_shots(tmp_path, {"crash": 3})
    path = Path(shots[0].footage, "plate_0004.png")
    good = path.read_bytes()
    path.write_bytes(good + b"unreadable")
    (skipped,) = died(root, shots, Watcher(), read=tmp_path / "read")
    path.write_bytes(good)
    (done,) = died(root, shots, Watcher(), read=tmp_path / "read")
    assert (done.status, done.session) == (ShotStatus.COMPLETED, skipped.session)


@pytest.mark.slow
def test_a_crash_with_good_pictures_counts_as_ever(root: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    shots = make_shots(tmp_path, {"crash": 4, "times": 99}, {"crash": 3})
    failed, done = died(root, shots, watcher, read=tmp_path / "read", jobs=2)
    assert (failed.status, failed.attempts, failed.crashes) == (ShotStatus.FAILED, 4, 3)
    assert "crashed 3 times on the way from frame 4 (SIGSEGV)" in failed.error
    assert done.status is ShotStatus.COMPLETED and watcher.events(2) == [
        ShotEvent.STARTED,
        ShotEvent.RESTARTED,
        ShotEvent.COMPLETED,
    ]
    assert Path(failed.error.rpartition(" is in ")[2]).name == "1.log"


def test_a_child_that_dies_before_there_is_a_session_has_its_first_pictures_read(root: Path, tmp_path: Path) -> None:
    shots = make_shots(tmp_path, {"dies": True})
    numbered_anew(shots[0])
    path = Path(shots[0].footage, "plate_1003.png")
    path.write_bytes(path.read_bytes() + b"deadly")
    (skipped,) = died(root, [replace(shots[0], start=1003)], Watcher(), read=tmp_path / "read")
    assert skipped.error == "Frame 1003 (plate_1003.png) cannot be read by Blender: copy or render it again"
    (failed,) = died(root, [replace(shots[0], direction="backward")], Watcher(), read=tmp_path / "backward")
    assert (failed.status, failed.attempts) == (ShotStatus.FAILED, 3)
    read = (tmp_path / "backward").read_text("utf-8").split()
    assert read == ["plate_1006.png", "plate_1005.png", "plate_1001.png"] * 3


@pytest.mark.parametrize("end", ["import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "raise OSError"])
def test_a_reading_that_fails_for_other_reasons_blames_no_picture(root: Path, tmp_path: Path, end: str) -> None:
    (done,) = died(root, make_shots(tmp_path, {"crash": 3}), Watcher(), read=tmp_path / "read", reader=end)
    assert (done.status, done.attempts) == (ShotStatus.COMPLETED, 2)


@pytest.mark.slow
def test_a_reading_without_end_is_given_up(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READING_TIME", 0.3)
    shots = make_shots(tmp_path, {"crash": 3})
    (done,) = died(root, shots, Watcher(), read=tmp_path / "read", reader="import time; time.sleep(600)")
    assert (done.status, done.attempts) == (ShotStatus.COMPLETED, 2)


def test_a_batch_that_is_stopped_does_not_wait_for_a_reading(root: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    with Ledger(root) as ledger:
        batch = ledger.create("night", make_shots(tmp_path, {"crash": 3}), {})
        reader = [sys.executable, "-c", "import time; time.sleep(600)"]
        supervisor = Supervisor(ledger, batch, command(root), watcher.updates.append, jobs=1, reading=lambda _: reader)

        def stop() -> str:
            return "SIGINT" if any(running.check for running in supervisor.running) else ""

        assert supervisor.run(stop, lambda: None).status is BatchStatus.PAUSED
        assert watcher.events(1) == [ShotEvent.STARTED, ShotEvent.RELEASED]
        assert supervise(ledger, batch, watcher).status is BatchStatus.COMPLETED
