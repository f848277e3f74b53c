# SPDX-License-Identifier: GPL-3.0-or-later
"""The ten names of `core.session` that scripts rely on."""

import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core import session as public
from tracking_sessions.core.errors import Action, JournalDamaged, LeaseHeld, SessionUnreadable, UsageError
from tracking_sessions.core.footage.details import load_details
from tracking_sessions.core.journal.records import FrameRecord
from tracking_sessions.core.library.catalogue import list_sessions, session_files
from tracking_sessions.core.library.deletion import delete_session
from tracking_sessions.core.model.types import Outcome, SessionState
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import get_session_status, load_session, resume_tracking
from tracking_sessions.core.report.html import export_session_report
from tracking_sessions.core.session import SessionStatus, TrackingSessionManager, cleanup_old_sessions
from tracking_sessions.core.storage.files import encode_document, read_document
from tracking_sessions.core.storage.folder import SessionFolder, resolve
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.core.shots import (
    FakeTracker,
    make_footage,
    make_session,
    run_child,
    start_child,
    start_markers,
    start_run,
    write_raw,
)


def test_the_public_names_are_there() -> None:
    assert len(public.__all__) == 10
    assert all(hasattr(public, name) for name in public.__all__)


def test_a_new_session_begins_at_its_first_frame(tmp_path: Path) -> None:
    manager = make_session(tmp_path, frames=6, name="Shot 010")
    assert get_session_status(manager) is SessionStatus.NOT_STARTED
    assert manager.get_resume_point() == 1
    assert manager.get_progress() == {
        "total_frames": 6,
        "tracked_frames": 0,
        "remaining_frames": [1, 2, 3, 4, 5, 6],
        "percent_complete": 0.0,
        "status": "not_started",
    }
    assert manager.path.parent == tmp_path / "tracking_sessions" / "sessions"
    state = read_document(manager.path)
    assert state["schema"] == 1 and state["session"]["name"] == "Shot 010"
    assert state["footage"]["path"] == "../../plates/plate_0001.png"
    assert manager.state.keys() >= {
        "session",
        "footage",
        "tracking",
        "checkpoint",
        "steps",
        "solve",
        "frames",
        "history",
    }
    assert (
        load_details(SessionFolder(tmp_path / "tracking_sessions"), manager.session.footage.fingerprint)
        == manager.details()
    )
    assert not manager.owner and not manager.is_interrupted


def test_a_script_tracks_and_solves_with_the_public_names(tmp_path: Path) -> None:
    with make_session(tmp_path) as manager:
        for frame in (1, 2, 3):
            manager.save_checkpoint(frame, "track_forwards")
            assert manager.get_resume_point() == frame + 1
            assert load_session(manager.path).get_resume_point() == frame + 1  # in the file and in the journal
            assert read_document(manager.path)["checkpoint"]["frame"] == frame
        progress = manager.get_progress()
        assert (progress["tracked_frames"], progress["percent_complete"]) == (3, 50.0)
        assert progress["remaining_frames"] == [4, 5, 6]
        assert progress["status"] == "tracking"
        manager.mark_tracking_complete()
        assert get_session_status(manager) is SessionStatus.TRACKING_COMPLETE and manager.get_resume_point() is None
        manager.set_status(SessionStatus.SOLVING)
        manager.mark_solve_complete("solve-1", average_error=0.41)
        assert get_session_status(manager) is SessionStatus.COMPLETE
    again = load_session(manager.path)
    assert again.session == manager.session and again.session.best_solve == "solve-1"
    assert again.state["solve"]["list"][0]["average_error"] == 0.41
    assert str(again.session.tracked_frames) == "1-3" and again.session.checkpoint_operation == "track_forwards"


@pytest.mark.parametrize("frame", [-1, 1 << 25, 10**30])
def test_a_checkpoint_on_no_frame_is_refused_and_spoils_nothing(tmp_path: Path, frame: int) -> None:
    with make_session(tmp_path) as manager:
        with pytest.raises(UsageError):
            manager.save_checkpoint(frame, "track")
        manager.save_checkpoint(2, "track")
    assert load_session(manager.path).get_resume_point() == 3


def test_resuming_owns_the_session_until_it_is_closed(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    manager.save_checkpoint(4, "track")
    with pytest.raises(LeaseHeld):
        resume_tracking(manager.path)
    manager.close()
    assert load_session(manager.path).is_interrupted
    with resume_tracking(manager.path) as again:
        assert again.owner and again.get_resume_point() == 5 and not load_session(manager.path).is_interrupted
        again.mark_tracking_complete()
    with pytest.raises(UsageError, match="nothing to resume"):
        resume_tracking(manager.path)


def test_a_run_is_recorded_and_resumed_where_it_paused(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    run = start_run(manager, [(1, 6)])
    with run:
        run.step()
        run.step()
        run.pause()
    manager.close()
    again = load_session(manager.path)
    assert (again.resume_frame, again.get_resume_point()) == (3, 4) and again.passes[0].outcome is Outcome.PAUSED
    assert again.get_progress()["remaining_frames"] == [4, 5, 6] and again.progress["remaining_frames"] == 3
    assert again.passes[0].alive == 2 and again.passes[0].end == 6


KILLED = """
import os, signal
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.model.types import SessionState
session = TrackingSessionManager(sys.argv[1], clock=lambda: 0.0)
session.acquire().write_file = lambda: None
session.save_checkpoint(5, "track")
session.set_state(SessionState.DISCARDED)
session.mark_solve_complete("late")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_every_reader_reads_the_records_behind_the_file_after_a_kill(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    manager.save_checkpoint(2, "track")
    manager.close()
    before = manager.path.read_bytes()
    child = start_child(KILLED, manager.path)
    child.communicate(timeout=30)
    assert child.returncode == -signal.SIGKILL and manager.path.read_bytes() == before
    reader = load_session(manager.path)
    assert reader.session.state is SessionState.DISCARDED and reader.session.best_solve == "late"
    assert str(reader.session.tracked_frames) == "2,5" and reader.session.checkpoint_frame == 5
    with TrackingSessionManager(manager.path) as owner:
        owner.acquire()
        assert owner.session == reader.session
        owner.acquire().write_file()
    assert read_document(manager.path)["session"]["state"] == "discarded"
    assert list_sessions(tmp_path / "tracking_sessions") == [manager.path]


def test_the_session_file_is_written_when_asked_and_then_says_all(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    manager.save_checkpoint(1, "track")
    before = manager.path.read_bytes()
    recorder = manager.acquire()
    recorder.append_event("checkpoint", frame=2, operation="track")
    assert manager.path.read_bytes() == before and manager.session.checkpoint_frame == 2
    recorder.write_file()
    assert read_document(manager.path)["checkpoint"]["frame"] == 2
    recorder.set_blend(str(tmp_path / "shot.blend"), "plate")
    assert read_document(manager.path)["footage"]["clip"] == "plate" == manager.session.clip
    manager.close()


def test_a_new_owner_gets_the_whole_replay(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    with start_run(manager, [(1, 6)]) as run:
        run.step()
        middle = manager.position
        run.step()
    manager.close()
    known = manager.acquire_replay(since=middle)
    assert manager.owner and known.markers == manager.replay().markers
    assert {frame for rows in known.changed.values() for frame in rows} == {3, 4}
    manager.save_checkpoint(9, "script")
    assert 9 in manager.acquire_replay().tracked, "an owner gets what it has recorded since"
    manager.close()


def test_a_file_ahead_of_the_journal_is_not_trusted(tmp_path: Path) -> None:
    """A folder put back from a backup, or a file from an owner that had lost the lease."""
    manager = make_session(tmp_path)
    manager.save_checkpoint(1, "track")
    journal = manager.folder / "journal.1"
    backup = journal.read_bytes()
    manager.save_checkpoint(2, "track")
    manager.close()
    journal.write_bytes(backup)
    assert str(load_session(manager.path).session.tracked_frames) == "1"
    journal.unlink()
    assert str(load_session(manager.path).session.tracked_frames) == ""


@pytest.mark.parametrize("generation", [1, 2])
def test_a_damaged_journal_is_read_and_resumed_up_to_the_damage(tmp_path: Path, generation: int) -> None:
    ranges = [(1, 6)]
    manager = make_session(tmp_path)
    with start_run(manager, ranges) as run:
        run.step()
        run.pause()
    manager.close()
    manager.acquire()
    manager.acquire().append(FrameRecord(1, 3, 0, b""))
    manager.close()
    journal = manager.folder / f"journal.{generation}"
    damaged = flip(journal, -30, 4)
    manager.path.write_bytes(encode_document({**read_document(manager.path), "checkpoint": {}}, ".yaml"))
    with pytest.raises(JournalDamaged, match=r"Restore a good copy$") as caught:
        load_session(manager.path)
    assert caught.value.actions == (Action.SALVAGE,)
    assert list_sessions(tmp_path / "tracking_sessions") == []
    with TrackingSessionManager(manager.path, salvage=True) as saved:
        assert saved.get_resume_point() == 3 and saved.contained(saved.position) and saved.replay().tracked
        saved.acquire()
        saved.save_checkpoint(5, "track")
    assert str(load_session(manager.path).session.tracked_frames) == "1-2,5"
    assert "salvaged" in [entry["event"] for entry in load_session(manager.path).state["history"]]
    assert journal.read_bytes() == damaged


def test_a_new_owner_reads_decisions_made_meanwhile(tmp_path: Path) -> None:
    early = make_session(tmp_path)
    with load_session(early.path) as other:
        other.save_checkpoint(3, "track")
        other.set_state(SessionState.COMMITTED)
    with early:
        early.save_checkpoint(4, "track")
    assert early.session.state is SessionState.COMMITTED and str(early.session.tracked_frames) == "3-4"
    assert load_session(early.path).session == early.session


def test_a_session_notes_the_file_of_its_clip(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    with manager:
        manager.save_checkpoint(3, "track")
        manager.acquire().set_blend(str(tmp_path / "shots" / "sh010.blend"), "plate.png")
    for known in (manager, load_session(manager.path)):
        assert known.session.clip == "plate.png"
        assert resolve(manager.path, known.session.blend) == tmp_path / "shots" / "sh010.blend"
        assert known.get_resume_point() == 4
    assert manager.owner == ""


def test_a_deleted_session_does_not_come_back(tmp_path: Path) -> None:
    manager, other = make_session(tmp_path), list_sessions(tmp_path / "tracking_sessions")
    assert len(other) == 1
    manager.acquire()
    delete_session(manager)
    late = manager
    with pytest.raises(SessionUnreadable, match="it is gone"):
        late.save_checkpoint(1, "track")
    assert list((tmp_path / "tracking_sessions" / "sessions").iterdir()) == []


def test_sessions_are_listed_newest_first_and_unreadable_ones_left_out(tmp_path: Path) -> None:
    footage, base = make_footage(tmp_path / "plates"), tmp_path / "base"
    assert list_sessions(base) == []
    made = [create_session(footage, f"take {n}", base).path for n in range(5)]
    assert list_sessions(base) == made[::-1]
    broken = made[2]
    broken.write_text("schema: 1\nsession: {")
    assert list_sessions(base) == [made[n] for n in (4, 3, 1, 0)]
    assert broken.read_text() == "schema: 1\nsession: {"


def test_a_report_escapes_text_from_files(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>&\"\x00\ud800"
    manager = make_session(tmp_path, name=evil)
    tracker = FakeTracker(start_markers((1, 2, 3), 1), lost={1: 2, 2: 3})
    with start_run(manager, [(1, 6)], tracker) as run:
        run.step()
        manager.acquire().append_event("checkpoint", frame=3, operation=evil)
        manager.acquire().close_pass(1, Outcome.FAILED, evil)
        run.outcome = Outcome.FAILED
    with manager:
        manager.mark_solve_complete(evil)
    output = export_session_report(manager.path, tmp_path / "new" / "report.html")
    html = output.read_text(encoding="utf-8")
    assert "<script" not in html and "&lt;script&gt;" in html
    assert html.startswith("<!doctype html>") and "http" not in html


def _age(manager: TrackingSessionManager, modified: str) -> None:
    state = read_document(manager.path)
    state["session"]["modified"] = modified
    manager.path.write_bytes(encode_document(state, ".yaml"))


def test_cleaning_up_deletes_old_sessions_that_nobody_owns(tmp_path: Path) -> None:
    footage, base = make_footage(tmp_path / "plates"), tmp_path / "base"
    old, owned, fresh, timeless, broken = (create_session(footage, str(n), base) for n in range(5))
    long_ago = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    for manager in (old, owned):
        manager.save_checkpoint(1, "track")
        manager.close()
        _age(manager, long_ago)
    _age(timeless, "yesterday")
    owned.acquire()
    broken.path.write_text("[")
    for days in (10**12, 3650):
        assert cleanup_old_sessions(base, days) == 0
    assert cleanup_old_sessions(base) == 1
    assert not old.path.exists() and not old.folder.exists()
    assert {path.stem for path in session_files(base)} == {m.path.stem for m in (owned, fresh, timeless, broken)}
    owned.close()
    assert cleanup_old_sessions(base) == 1
    assert cleanup_old_sessions(tmp_path / "nowhere") == 0


def test_a_clock_jump_changes_no_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = make_session(tmp_path)
    for frame, now in ((1, 4e9), (2, 1e9), (3, 0.0)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        manager.save_checkpoint(frame, "track")
    manager.close()
    assert str(load_session(manager.path).session.tracked_frames) == "1-3"


WITHOUT_YAML = """
sys.modules["yaml"] = None
from tracking_sessions.core.session import *
from tracking_sessions.core.storage.files import yaml
assert yaml is None
with create_session(sys.argv[1], "Täglich 日本", sys.argv[2]) as session:
    session.save_checkpoint(2, "track")
print(ascii(load_session(list_sessions(sys.argv[2])[0]).session.name), session.path)
"""


def test_without_yaml_the_same_content_is_json_and_either_reader_finds_either(tmp_path: Path) -> None:
    base = tmp_path / "base"
    name, path = run_child(WITHOUT_YAML, make_footage(tmp_path / "plates"), base).strip().rsplit(" ", 1)
    assert name == ascii("Täglich 日本") and path.endswith(".json")
    assert json.loads(Path(path).read_bytes())["schema"] == 1
    manager = load_session(Path(path).with_suffix(".yaml"))
    assert manager.path == Path(path) and manager.get_resume_point() == 3 and manager.session.name == "Täglich 日本"
    assert len(manager.details().entries) == 6
    with manager:
        manager.save_checkpoint(3, "track")
    assert json.loads(Path(path).read_bytes())["checkpoint"]["frame"] == 3
    assert list_sessions(base) == [manager.path]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [(4, b"\1"), (4, bytes(16)), (2, b""), (3, b"{}"), (5, b"[]"), (6, b'{"event":"solve","solve":{}}'), (6, b"\xff")],
)
def test_an_invalid_record_is_an_error_and_stays(tmp_path: Path, kind: Any, payload: bytes) -> None:
    manager = make_session(tmp_path)
    write_raw(manager, kind, payload)
    with pytest.raises(SessionUnreadable):
        load_session(manager.path).replay()
