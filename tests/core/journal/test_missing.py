# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames that a saved file lacks, after a crash and after undo."""

from pathlib import Path

import pytest

from tracking_sessions.core.errors import JournalDamaged, SessionUnreadable
from tracking_sessions.core.journal.chain import HEADER_SIZE, Position
from tracking_sessions.core.journal.codec import event_record
from tracking_sessions.core.journal.records import EditRecord, MarkersRecord, RecordType, TracksRecord
from tracking_sessions.core.journal.rows import join_rows
from tracking_sessions.core.model.types import TrackData
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.core.shots import make_session, marker, start_run, write_raw


def test_a_file_lacks_the_frames_recorded_behind_its_mark(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    assert not len(manager.missing_frames(None).lost)
    marks = []
    with start_run(manager, [(2, 6)]) as run:
        assert str(manager.missing_frames(None).lost) == "2"  # the markers that the artist had set before
        while run.step():
            marks.append(manager.position)
    for known in (manager, load_session(manager.path)):
        assert str(known.missing_frames(None).lost) == "3-6"
        assert [str(known.missing_frames(mark).lost) for mark in marks] == ["4-6", "5-6", "6", ""]
        assert not len(known.missing_frames(manager.position).lost)
    assert not any(len(known.missing_frames(mark).undone) for mark in (None, *marks))


def test_frames_undone_before_a_save_are_not_lost(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    marks: list[Position | None] = [None]
    with start_run(manager, [(1, 6)]) as run:
        while run.step() and run.frame < 5:
            marks.append(manager.position)
        for mark in (marks[0], marks[2]):
            manager.acquire().record_undone(mark)
        missing = [tuple(map(str, load_session(manager.path).missing_frames(mark))) for mark in marks]
        assert missing == [("", "2-5"), ("3-5", ""), ("", "4-5"), ("5", "")]
        run.step()
    manager.close()
    missing = [tuple(map(str, load_session(manager.path).missing_frames(mark))) for mark in marks]
    assert missing == [("6", "2-5"), ("3-6", ""), ("6", "4-5"), ("5-6", "")]
    with manager:
        manager.acquire().record_undone(marks[0])
    assert tuple(map(str, manager.missing_frames(None))) == ("", "2-6")


def test_frames_of_the_open_file_are_undone_and_later_frames_are_lost(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    marks: list[Position] = []
    with start_run(manager, [(1, 6)]) as run:
        while run.step():
            marks.append(manager.position)
    missing = [tuple(map(str, manager.missing_frames(None, held))) for held in (None, *marks)]
    assert missing == [("2-6", ""), ("3-6", "2"), ("4-6", "2-3"), ("5-6", "2-4"), ("6", "2-5"), ("", "2-6")]
    assert tuple(map(str, manager.missing_frames(marks[1], marks[2]))) == ("5-6", "4")
    assert tuple(map(str, manager.missing_frames(marks[1], marks[1]))) == ("4-6", "")


def test_nothing_before_the_mark_is_read(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    marks: list[Position] = []
    with start_run(manager, [(1, 6)]) as run:
        while run.step():
            marks.append(manager.position)
    manager.close()
    beginning, middle = Position(1, HEADER_SIZE), marks[1]._replace(offset=marks[1].offset - 5)
    assert str(manager.missing_frames(beginning).lost) == "2-6"
    assert str(manager.missing_frames(middle).lost) == "3-6"  # the extension never writes such a mark
    flip(manager.folder / "journal.1", marks[0].offset - 50)
    assert str(manager.missing_frames(marks[1]).lost) == "4-6"
    for mark in (None, beginning, middle):
        with pytest.raises(JournalDamaged):
            manager.missing_frames(mark)


def test_a_file_saved_before_an_undo_lacks_the_state_that_undo_brought_back(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    rows = {frame: marker(1, frame) for frame in (1, 2)}
    moved = EditRecord(1, (), marker(1, 2, (0.75,)))
    with manager:
        recorder = manager.acquire()
        start = recorder.append(TracksRecord((TrackData(1, "Camera", "Track", {}),)), MarkersRecord(1, join_rows(rows)))
        saved = recorder.append(moved)
        recorder.append(event_record("set_aside", reason="undo"), EditRecord(1, (), rows[2]))
    assert str(manager.missing_frames(saved).lost) == "2"  # the file has the move
    assert str(manager.missing_frames(start).lost) == "2"  # the move, to which the way back adds nothing


@pytest.mark.parametrize("payload", [b'{"event":"undone"}', b'{"event":"undone","generation":[],"offset":0}', b"["])
def test_an_invalid_undone_event_is_an_error(tmp_path: Path, payload: bytes) -> None:
    manager = make_session(tmp_path)
    with manager:
        manager.save_checkpoint(1, "track")
    write_raw(manager, RecordType.EVENT, payload)
    with pytest.raises(SessionUnreadable):
        manager.missing_frames(None)
