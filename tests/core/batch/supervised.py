# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches of small shots, and a supervisor that tracks them in the processes of `shot_child`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.shot_runs import ShotEvent, ShotUpdate
from tracking_sessions.core.batch.shots import BatchRow, ShotRow, ShotStatus
from tracking_sessions.core.batch.supervisor import Supervisor
from tracking_sessions.core.journal.chain import JournalReader
from tracking_sessions.core.journal.codec import decoded
from tracking_sessions.core.journal.records import FrameRecord
from tracking_sessions.core.model.types import SessionStatus
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.shots import make_footage

CHILD = Path(__file__).with_name("shot_child.py")
FRAMES = 6


def make_shots(folder: Path, *behaviours: dict[str, Any]) -> list[ShotSpec]:
    specs: list[ShotSpec] = []
    for number, behave in enumerate(behaviours, 1):
        footage = make_footage(folder / f"shot{number}", behave.get("frames", FRAMES))
        (footage / "behave.json").write_text(json.dumps(behave), "utf-8")
        specs.append(ShotSpec(str(footage)))
    return specs


def command(root: Path) -> Callable[[ShotRow, Path | None], Sequence[str]]:
    return lambda shot, session: [sys.executable, str(CHILD), str(root), shot.spec.footage]


def begun(ledger: Ledger, batch: BatchRow) -> bool:
    """Whether all shots have a session."""
    return all(shot.session for shot in ledger.shots(batch.id))


class Watcher:
    """The updates of a supervisor."""

    def __init__(self) -> None:
        self.updates: list[ShotUpdate] = []

    def events(self, number: int) -> list[ShotEvent]:
        return [update.event for update in self.updates if update.shot.number == number]


def supervise(
    ledger: Ledger, batch: BatchRow, watcher: Watcher, *, stop: Callable[[], str] = lambda: "", jobs: int = 2
) -> BatchRow:
    supervisor = Supervisor(ledger, batch, command(ledger.root), watcher.updates.append, jobs=jobs)
    try:
        return supervisor.run(stop, lambda: None)
    finally:
        assert not [running for running in supervisor.running if lives(running.child.pid)]


def lives(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def bytes_recorded(root: Path) -> int:
    return sum(path.stat().st_size for path in SessionFolder(root).sessions.glob("*/journal.*"))


def recorded(root: Path, session: str) -> Counter[int]:
    """The number of records of each frame."""
    reader = JournalReader(SessionFolder(root).sessions / session, session)
    frames = [record.frame for record, _ in decoded(reader.records()) if isinstance(record, FrameRecord)]
    return Counter(frames)


def check(ledger: Ledger, batch: BatchRow) -> None:
    """The ledger is sound, each completed shot is tracked, and no frame was tracked twice."""
    assert ledger.check() == []
    for shot in ledger.shots(batch.id):
        assert (shot.status is ShotStatus.PENDING) or shot.status.is_final
        if shot.status is ShotStatus.COMPLETED:
            session = load_session(SessionFolder(ledger.root).sessions / f"{shot.session}.yaml").session
            assert session.status is SessionStatus.TRACKING_COMPLETE
            frames = json.loads(Path(shot.spec.footage, "behave.json").read_text("utf-8")).get("frames", FRAMES)
            assert recorded(ledger.root, shot.session) == Counter(range(2, frames + 1))
