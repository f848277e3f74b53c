# SPDX-License-Identifier: GPL-3.0-or-later
"""A damaged session gets its newest state back, apart from what the damaged records held."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tracking_sessions.core.errors import JournalDamaged
from tracking_sessions.core.journal.codec import decoded
from tracking_sessions.core.journal.records import EditRecord, FrameRecord, RecordInvalid
from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.recording.going_back import name_state
from tracking_sessions.core.recording.salvage import salvage
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.core.shots import finish, make_session, marker, start_run


@pytest.fixture
def session(tmp_path: Path) -> TrackingSessionManager:
    """Two passes in one file, edits and a name in the next."""
    session = make_session(tmp_path / "shot")
    finish(start_run(session, [(3, 6), (3, 1)]))
    with session:
        recorder = session.acquire()
        recorder.append_event("edited", operator="Translate")
        end = recorder.append(EditRecord(1, (), marker(1, 3, (0.9,))))
        name_state(session, end, "moved")
    return TrackingSessionManager(session.path)


def copy_of(session: TrackingSessionManager, folder: Path) -> TrackingSessionManager:
    root = session.path.parent.parent.parent
    copy = shutil.copytree(root, folder)
    return TrackingSessionManager(copy / session.path.relative_to(root), salvage=True)


def test_all_but_the_damaged_record_comes_back(session: TrackingSessionManager, tmp_path: Path) -> None:
    records = list(session._content.reader().records())
    kinds = [type(record) for record, _ in decoded(records)]
    assert FrameRecord in kinds and EditRecord in kinds
    for place, damaged in enumerate(records[:-1]):
        copy = copy_of(session, tmp_path / f"{place}")
        path = copy.folder / f"journal.{damaged.end.generation}"
        flip(path, damaged.end.offset - 5)  # the last byte of the payload
        expected = Replay()
        lost = 0
        for record, end in decoded(one for one in records if one is not damaged):
            try:
                expected.apply(record, end)
            except RecordInvalid:
                lost += 1
        with pytest.raises(JournalDamaged):
            TrackingSessionManager(copy.path).replay()
        done = salvage(copy)
        copy.close()
        again = TrackingSessionManager(copy.path)
        is_last_of_file = damaged.end.generation != records[place + 1].end.generation
        if not is_last_of_file:
            assert again.replay().markers == expected.markers, kinds[place]
            assert done == (len(records) - place - 1 - lost, 1 + lost)
        if damaged.end.generation == 1 and 1 in again.replay().tracks:  # else the damaged record described them
            assert [state.name for state in again.history().states if state.name] == ["moved"]
            assert again.replay().markers[1][3] == marker(1, 3, (0.9,))


def test_a_damaged_checksum_costs_nothing_but_its_record(session: TrackingSessionManager, tmp_path: Path) -> None:
    records = list(session._content.reader().records())
    copy = copy_of(session, tmp_path / "copy")
    flip(copy.folder / "journal.1", records[3].end.offset - 2)
    assert salvage(copy).lost == 1
    copy.close()
    assert len(TrackingSessionManager(copy.path).replay().passes) == 2


def test_a_damaged_length_leaves_the_later_files(session: TrackingSessionManager, tmp_path: Path) -> None:
    records = list(session._content.reader().records())
    copy = copy_of(session, tmp_path / "copy")
    flip(
        copy.folder / "journal.1", records[-6].end.offset if records[-6].end.generation == 1 else records[5].end.offset
    )
    done = salvage(copy)
    copy.close()
    assert done.lost >= 1
    assert TrackingSessionManager(copy.path).replay().markers[1][3] == marker(1, 3, (0.9,))


def test_nothing_is_recorded_without_damage(session: TrackingSessionManager) -> None:
    end = session.position
    assert salvage(session) == (0, 0) and session.position == end
