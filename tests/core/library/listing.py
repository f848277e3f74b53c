# SPDX-License-Identifier: GPL-3.0-or-later
"""Six sessions in all stages, and a count of the sessions read for a list."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tracking_sessions.core.library.catalogue import Entry, Unreadable, catalogue, session_files
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.folder import SessionFolder, resolve
from tracking_sessions.tests.core.shots import finish, make_footage, start_run


class CountedManager(TrackingSessionManager):
    """Counts the sessions that are read."""

    reads = 0

    def __init__(self, *args: object, **kwargs: object) -> None:
        CountedManager.reads += 1
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]


def make_sessions(folder: Path) -> Path:
    root = folder / "tracking_sessions"
    footage = make_footage(folder / "plates")
    for number in range(6):
        manager = create_session(footage, f"Käfer {number}", root, blend=str(folder / "a.blend"), clip=f"clip {number}")
        with manager:
            if number == 1:
                finish(start_run(manager, [(1, 6)]))
            elif number:
                manager.save_checkpoint(number, "track")
            if number == 3:
                manager.set_state(SessionState.DISCARDED)
            if number == 4:
                manager.mark_tracking_complete()
    return root


def reads(root: Path) -> int:
    """The number of sessions read for a list, after a check of its entries."""
    before = CountedManager.reads
    entries = catalogue(root)
    count = CountedManager.reads - before
    assert_true(root, entries)
    return count


def assert_true(root: Path, entries: list[Entry | Unreadable]) -> None:
    assert [one.path for one in entries] == session_files(root)[::-1]
    for one in entries:
        if isinstance(one, Unreadable):
            with pytest.raises(type(one.error)):
                load_session(one.path)
            continue
        manager = load_session(one.path)
        session = manager.session
        assert (one.id, one.name, one.state, one.status) == (session.id, session.name, session.state, session.status)
        assert (one.created, one.modified, one.blend, one.clip) == (
            session.created,
            session.modified,
            session.blend,
            session.clip,
        )
        assert one.progress == manager.progress and one.owner == manager.owner
        assert (one.footage_path, one.fingerprint) == (
            resolve(one.path, session.footage.path),
            session.footage.fingerprint,
        )
        assert (one.is_working and not one.owner) == manager.is_interrupted
        assert one.size == sum(path.stat().st_size for path in (one.path, *manager.folder.glob("*")))


def index(root: Path) -> sqlite3.Connection:
    return sqlite3.connect(SessionFolder(root).index)


def grow_journal_alone(path: Path) -> None:
    """Leave the session as a process killed between a record and the session file does."""
    with load_session(path) as manager:
        manager.acquire()
        manager.acquire().write_file = lambda: None  # type: ignore[method-assign]
        manager.save_checkpoint(5, "track")
        manager.set_state(SessionState.COMMITTED)
