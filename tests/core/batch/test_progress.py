# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a batch: its sessions while they are written, its rate, and the time left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.progress import BatchProgress, Frames, SessionProgress, described_shot
from tracking_sessions.core.batch.shots import ShotRow, ShotStatus
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.core.tracking.run import Run
from tracking_sessions.tests.core.shots import finish, go_on, make_footage, make_session, start_run

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
LATER = datetime.now(UTC) + timedelta(days=1)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def view_of(session: TrackingSessionManager, since: datetime = LONG_AGO, clock: Clock | None = None) -> SessionProgress:
    return SessionProgress(session.path, since, clock or Clock())


def step(run: Run, count: int) -> None:
    for _ in range(count):
        assert run.step()


def test_each_refresh_reads_the_new_records(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    view = view_of(session)
    view.refresh()
    assert view.frames == Frames(total=6, remaining=6)
    with start_run(session, [(1, 6)]) as run:
        for frame, alive in ((2, 3), (3, 2), (4, 2)):
            step(run, 1)
            view.refresh()
            assert view.frames == Frames(frame, 6, 6 - frame, frame, 3, alive)
            progress = load_session(session.path).progress
            assert (progress["tracked_frames"], progress["remaining_frames"]) == (frame, 6 - frame)
    assert view.lost() == {3: ["Track.2"]}


def test_a_refresh_reads_only_new_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session(tmp_path)
    view = view_of(session)
    run = start_run(session, [(1, 6)])
    view.refresh()
    made: list[Path] = []
    init = TrackingSessionManager.__init__
    monkeypatch.setattr(TrackingSessionManager, "__init__", lambda self, path: (made.append(path), init(self, path))[1])
    step(run, 2)
    view.refresh()
    assert view.frames.tracked == 3 and not made
    finish(run)


def test_earlier_frames_are_not_new(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    run = start_run(session, [(1, 6)])
    step(run, 2)
    begun, own = view_of(session, LATER), view_of(session)
    for view in (begun, own):
        view.refresh()
    assert (begun.new, own.new) == (0, 3)
    step(run, 2)
    for view in (begun, own):
        view.refresh()
    assert (begun.new, own.new) == (2, 5)
    finish(run)


def test_frames_of_a_found_session_are_not_new_however_late_it_is_read(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    run = start_run(session, [(1, 6)])
    step(run, 4)
    view = view_of(session, LATER)
    view.set_baseline(2)
    view.refresh()
    assert view.new == 3
    view.set_baseline(4)  # after a crash
    step(run, 1)
    view.refresh()
    assert view.new == 4
    finish(run)


def test_the_rate_counts_from_the_first_new_frame(tmp_path: Path) -> None:
    session = make_session(tmp_path, frames=30)
    clock = Clock()
    view = view_of(session, clock=clock)
    run = start_run(session, [(1, 30)])
    view.refresh()
    clock.now = 100  # Blender starts
    assert not view.rate
    step(run, 1)
    view.refresh()
    assert not view.rate
    for _ in range(4):
        clock.now += 0.5
        step(run, 3)
        view.refresh()
    assert view.rate == 6
    finish(run)


def test_another_owner_and_its_journal_are_followed(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    view = view_of(session)
    with start_run(session, [(1, 6)]) as run:
        step(run, 2)
        view.refresh()
    session.close()
    go_on(session.path, [])
    view.refresh()
    assert view.frames == Frames(6, 6, 0, 6, 3, 2)


def test_an_unreadable_session_keeps_its_last_values(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    go_on(session.path, [(1, 6)])
    view = view_of(session)
    view.refresh()
    before = view.frames
    content = session.path.read_bytes()
    session.path.write_bytes(b"{")
    journal = session.folder / "journal.1"
    data = journal.read_bytes()
    journal.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    again = view_of(session)
    for progress in (view, again):
        progress.refresh()
        progress.refresh()
    assert view.frames == before and again.frames == Frames() and again.lost() == {}
    journal.write_bytes(data)
    session.path.write_bytes(content)
    again.refresh()
    assert again.frames == before


def claimed(ledger: Ledger, folder: Path, count: int) -> list[ShotRow]:
    """`count` shots of a batch, all begun."""
    specs = [ShotSpec(str(make_footage(folder / f"shot{number}"))) for number in range(count)]
    batch = ledger.create("", specs, {})
    for _ in specs:
        assert ledger.claim(batch.id, lambda _: True)
    return ledger.shots(batch.id)


def test_a_batch_counts_its_shots_and_the_time_left(tmp_path: Path) -> None:
    root = tmp_path / "sessions"
    clock = Clock()
    with Ledger(root) as ledger:
        first, second, third = claimed(ledger, tmp_path, 3)
        view = BatchProgress(root, [first, second, third], clock=clock)
        assert view.seconds_left is None and view.rate == 0
        session = create_session(first.spec.footage, "", root)
        go_on(session.path, [(1, 6)])
        view.update(ledger.finish(ledger.note_session(first, session.path.stem), ShotStatus.COMPLETED))
        view.refresh(view.shots[1])
        clock.now = 3
        assert (view.new_frames, view.rate, view.seconds_left) == (6, 2, 6)  # two shots as long as the first
        session = create_session(second.spec.footage, "", root)
        run = start_run(session, [(1, 6)])
        step(run, 3)
        view.update(ledger.note_session(second, session.path.stem))
        view.refresh(view.shots[2])
        clock.now = 5
        assert (view.new_frames, view.rate, view.seconds_left) == (10, 2, 4)
        assert [shot.number for shot in view.running] == [2, 3]
        assert view.counts == {ShotStatus.COMPLETED: 1, ShotStatus.PROCESSING: 2}
        finish(run)


def test_a_shot_is_described_with_its_session(tmp_path: Path) -> None:
    root = tmp_path / "sessions"
    with Ledger(root) as ledger:
        first, second = claimed(ledger, tmp_path, 2)
        session = create_session(first.spec.footage, "", root)
        go_on(session.path, [(1, 6)])
        ledger.finish(ledger.note_session(first, session.path.stem), ShotStatus.COMPLETED)
        ledger.finish(second, ShotStatus.SKIPPED, "no footage")
        shots = ledger.shots(first.batch)
    view = BatchProgress(root, shots)
    row = described_shot(view, shots[0])
    assert (row["tracked_frames"], row["total_frames"], row["tracks"], row["tracks_alive"]) == (6, 6, 3, 2)
    assert row["lost"] == {3: ["Track.2"]} and row["status"] == "completed" and row["seconds"] is not None
    row = described_shot(view, shots[1])
    assert (row["status"], row["error"], row["tracked_frames"], row["lost"]) == ("skipped", "no footage", 0, {})
