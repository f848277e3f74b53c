# SPDX-License-Identifier: GPL-3.0-or-later
"""An owner may go on from what the session file covers, and check the rest of the journal later."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tracking_sessions.core.errors import JournalDamaged
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.core.shots import finish, make_session, start_run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    session = make_session(tmp_path)
    finish(start_run(session, [(1, 6)]))
    return session.path


def test_the_journal_is_not_read_but_checked(path: Path) -> None:
    before = load_session(path).state["tracking"]
    with load_session(path) as session:
        session.acquire(whole=False).append_event("edited", operator="Move")
        assert session.state["tracking"] == before
        assert len(list(session.checking())) > 10
    assert load_session(path).replay().tracks
    journal = load_session(path).folder / "journal.1"
    content = bytearray(journal.read_bytes())
    content[100] ^= 1
    journal.write_bytes(content)
    with load_session(path) as session:
        session.acquire(whole=False)
        with pytest.raises(JournalDamaged):
            list(session.checking())
    with load_session(path) as session, pytest.raises(JournalDamaged):
        session.acquire()


@pytest.mark.parametrize(("key", "value"), [("checksum", "12345"), ("offset", "99"), ("generation", "7")])
def test_a_session_file_with_a_wrong_place_is_not_believed(path: Path, key: str, value: str) -> None:
    tracking = load_session(path).state["tracking"]
    text = path.read_text(encoding="utf-8")
    head, journal = text.split("journal:", 1)
    path.write_text(head + "journal:" + re.sub(rf"\b{key}: \d+", f"{key}: {value}", journal, count=1), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != text
    try:
        session = load_session(path)
    except JournalDamaged:
        assert key == "offset"  # a place inside a record
        return
    with session:
        recorder = session.acquire(whole=False)
        recorder.append_event("edited", operator="Move")
        recorder.write_file()
        assert session.state["tracking"] == tracking
    assert load_session(path).replay().tracks
