# SPDX-License-Identifier: GPL-3.0-or-later
"""The promise of a run: a frame is tracked, recorded, on disk, and only then counted and flushed."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tracking_sessions.core.errors import ClipChanged, FootageUnusable, Interrupted, StorageFailed
from tracking_sessions.core.journal.chain import Position
from tracking_sessions.core.journal.records import JournalRecord
from tracking_sessions.core.journal.rows import each_row, track_of
from tracking_sessions.core.model.types import Outcome, Pass, SessionStatus
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.tracking.run import Step
from tracking_sessions.tests.core.shots import (
    FakeTracker,
    FakeTracks,
    Markers,
    SessionRun,
    final_markers,
    finish,
    go_on,
    live_frames,
    make_session,
    start_markers,
    start_run,
)


def outcomes(run: SessionRun) -> list[str]:
    return [one.outcome_word for one in load_session(run.session.path).passes]


def test_a_frame_is_recorded_and_flushed_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session(tmp_path)
    tracker = FakeTracker(start_markers((1, 2, 3), 1))
    run = start_run(session, [(1, 6)], tracker, flush_every=1)
    order: list[str] = []
    real_write, real_fsync = os.write, os.fsync
    journal = session.folder / "journal.1"
    number = journal.stat().st_ino

    def write(descriptor: int, data: bytes) -> int:
        if os.fstat(descriptor).st_ino == number:
            order.append(f"write, at frame {run.frame}, {run.steps} counted")
        return real_write(descriptor, data)

    def fsync(descriptor: int) -> None:
        if os.fstat(descriptor).st_ino == number:
            order.append(f"fsync, at frame {run.frame}, {run.steps} counted")
        real_fsync(descriptor)

    with run:
        monkeypatch.setattr(os, "write", write)
        monkeypatch.setattr(os, "fsync", fsync)
        tracker.calls = tracker.tracks.calls = order
        run.step()
        monkeypatch.undo()
    assert order[:4] == ["step", "write, at frame 1, 0 counted", "fsync, at frame 1, 0 counted", "flush 1"]
    assert (run.frame, run.steps) == (2, 1)


def test_all_steps_reach_the_clip_in_bulk_and_in_order(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    tracker = FakeTracker(start_markers((1, 2, 3), 1), lost={2: 3})
    run = start_run(session, [(1, 6)], tracker)
    with run:
        assert (run.total, run.remaining) == (5, 5)
        while run.step():
            assert run.remaining == 6 - run.frame
    assert tracker.tracks.written == [2, 3, 4, 5, 6]
    assert tracker.calls == "begin step step|flush 2|step step|flush 2|step|flush 1|end".replace(" s", "|s").split("|")
    assert run.outcome is Outcome.COMPLETE and run.alive == {1, 3} and run.steps == 5
    assert session.replay().markers == tracker.tracks.markers
    assert live_frames(tracker.tracks.markers, 2) == [1, 2] and live_frames(tracker.tracks.markers, 1) == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    assert not run.step() and outcomes(run) == ["complete"]


def test_both_directions_are_one_run(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    tracker = FakeTracker(start_markers((1, 2, 3), 3))
    run = start_run(session, [(3, 6), (3, 1)], tracker)
    assert run.total == 5
    finish(run)
    assert live_frames(tracker.tracks.markers, 1) == [1, 2, 3, 4, 5, 6]
    assert tracker.calls.count("begin") == tracker.calls.count("end") == 2
    assert outcomes(run) == ["complete", "complete"]
    assert final_markers(session.path) == tracker.tracks.markers


def test_a_run_ends_when_the_last_track_is_lost(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    run = start_run(session, [(1, 6)], FakeTracker(start_markers((1, 2, 3), 1), lost={1: 2, 2: 3, 3: 3}))
    finish(run)
    assert run.outcome is Outcome.LOST and run.frame == 3 and outcomes(run) == ["lost"]
    assert str(session.session.tracked_frames) == "1-3"


def test_a_pause_can_be_resumed_with_the_same_bits(tmp_path: Path) -> None:
    ranges = [(1, 4), (1, 1)]
    whole = make_session(tmp_path / "whole")
    finish(start_run(whole, ranges))
    for steps in range(4):
        session = make_session(tmp_path / str(steps))
        run = start_run(session, ranges)
        with run:
            for _ in range(steps):
                run.step()
            run.pause()
            assert not run.step()
        session.close()
        assert go_on(session.path, ranges) == final_markers(whole.path)


def test_an_interruption_is_no_failure_and_an_error_is_recorded(tmp_path: Path) -> None:
    for folder, error, outcome in (
        ("a", Interrupted("stop"), "running"),
        ("b", ClipChanged("Track “A” is gone"), "failed"),
    ):
        session = make_session(tmp_path / folder)
        tracker = FakeTracker(start_markers((1, 2, 3), 1))
        run = start_run(session, [(1, 6)], tracker, flush_every=100)
        with pytest.raises(type(error)), run:
            run.step()
            raise error
        session.close()
        (entry,) = load_session(session.path).passes
        assert entry.outcome_word == outcome and entry.detail == ("" if outcome == "running" else str(error))
        assert tracker.tracks.written == [2] and tracker.calls[-1] == "end"
        assert load_session(session.path).resume_frame == 2 and load_session(session.path).is_interrupted


class FailsToBegin(FakeTracker):
    def begin(self, plan: Pass, frame: int, alive: frozenset[int]) -> None:
        super().begin(plan, frame, alive)
        raise ClipChanged("a track is gone")


def test_a_tracker_that_fails_to_begin_is_ended(tmp_path: Path) -> None:
    tracker = FailsToBegin(start_markers((1, 2, 3), 1))
    run = start_run(make_session(tmp_path), [(1, 6)], tracker)
    with pytest.raises(ClipChanged), run:
        raise AssertionError
    assert tracker.calls[0] == "begin" and tracker.calls[-1] == "end" and outcomes(run) == ["failed"]


class NeedsReference(FakeTracker):
    def references(self) -> frozenset[int]:
        return frozenset({1})


@pytest.mark.parametrize(("missing", "steps"), [(1, 0), (4, 2)])
def test_no_step_reads_an_image_that_is_gone(tmp_path: Path, missing: int, steps: int) -> None:
    session = make_session(tmp_path)
    run = start_run(session, [(1, 6)], NeedsReference(start_markers((1, 2, 3), 1)))
    (tmp_path / "plates" / f"plate_{missing:04d}.png").unlink()
    with pytest.raises(FootageUnusable) as raised, run:
        while run.step():
            pass
    assert raised.value.frame == missing and run.steps == steps
    assert outcomes(run) == ["failed"]


def test_the_tracker_rests_while_a_file_is_saved(tmp_path: Path) -> None:
    tracker = FakeTracker(start_markers((1, 2, 3), 1))
    run = start_run(make_session(tmp_path), [(1, 4)], tracker, flush_every=100)
    with run:
        run.step()
        run.suspend()
        assert tracker.calls == ["begin", "step", "flush 1", "end"]
        while run.step():
            pass
    assert tracker.tracks.written == [2, 3, 4] and tracker.calls.count("begin") == tracker.calls.count("end") == 2


def test_the_clip_contains_a_frame_that_is_recorded_though_the_session_file_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark of the clip covers the frame, and only records that the clip contains."""
    session = make_session(tmp_path)
    tracker = FakeTracker(start_markers((1, 2, 3), 1))
    run = start_run(session, [(1, 6)], tracker, flush_every=1)
    with pytest.raises(StorageFailed), run:
        run.step()
        assert tracker.tracks.position == session.position

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", fail)
        run.recorder._next_file = 0.0
        run.step()
    assert tracker.tracks.written == [2, 3] and run.frame == 3
    held = tracker.tracks.position
    session.close()
    monkeypatch.undo()
    assert load_session(session.path).resume_frame == 3
    assert not len(load_session(session.path).missing_frames(held).lost)


def test_a_step_that_is_not_counted_is_not_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record was written, but its call raised an error."""
    session = make_session(tmp_path)
    tracker = FakeTracker(start_markers((1, 2, 3), 1))
    run = start_run(session, [(1, 6)], tracker, flush_every=1)
    with pytest.raises(Interrupted), run:
        run.step()
        held = session.position
        append = run.recorder.append

        def interrupted(*records: JournalRecord) -> Position:
            append(*records)
            raise Interrupted("stop")

        monkeypatch.setattr(run.recorder, "append", interrupted)
        run.step()
    assert tracker.tracks.written == [2] and tracker.tracks.position == held < session.position
    session.close()
    assert load_session(session.path).resume_frame == 3
    assert len(load_session(session.path).missing_frames(held).lost)


def test_pending_markers_reach_the_tracks_in_the_end(tmp_path: Path) -> None:
    """The mark of the clip covers only records that the clip contains."""
    session = make_session(tmp_path)
    tracker = FakeTracker(start_markers((1, 2, 3), 1))
    run = start_run(session, [(1, 6)], tracker, flush_every=100)
    with run:
        run.step()
        run.step()
        assert run.has_pending and not run.flush_some(0, newest=True)
        run.step()
        assert (
            run.flush_some(0, newest=True) and run.displayed_frame == 3
        )  # that all tracks had reached when their turn began
        assert tracker.tracks.written == [4] and tracker.tracks.position is None and run.has_pending
        assert not run.flush_some(0, newest=True) and run.displayed_frame == 3
        run.suspend()
        assert (
            tracker.tracks.written == [4, 2, 3]
            and tracker.tracks.position == session.position
            and run.displayed_frame == 4
        )
        assert not run.has_pending
        run.step()
    assert tracker.tracks.written == [4, 2, 3, 5] and run.displayed_frame == 5


class LosesATrack(FakeTracks):
    """Raises ClipChanged at the end of each turn, as for a deleted track."""

    def flush_some(self, plan: Pass, steps: Sequence[Step], seconds: float) -> bool:
        if super().flush_some(plan, steps, seconds):
            raise ClipChanged("Track “A” is gone")
        return False


class WithALostTrack(FakeTracker):
    def make_tracks(self, markers: Markers) -> FakeTracks:
        return LosesATrack(markers, self.calls)


def test_an_error_while_flushing_keeps_the_rest_and_closes_the_pass(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    tracker = WithALostTrack(start_markers((1, 2, 3), 1))
    run = start_run(session, [(1, 6)], tracker, flush_every=100)
    with pytest.raises(ClipChanged), run:
        run.step()
        run.flush_some(0, newest=True)
        run.step()
        run.flush_some(0, newest=True)
    assert tracker.tracks.written == [3, 2] and tracker.calls[-1] == "end" and outcomes(run) == ["failed"]


class Leaving(FakeTracker):
    """Track 1 leaves the picture in the step that reaches frame 3: the step has no marker of it."""

    def step(self) -> Step:
        step = super().step()
        if step.frame < 3:
            return step
        self.rows.pop(1, None)
        rows = b"".join(row for row in each_row(step.rows) if track_of(row) != 1)
        return Step(step.frame, step.alive - {1}, rows)


def test_a_track_that_leaves_the_picture_is_not_lost(tmp_path: Path) -> None:
    run = start_run(make_session(tmp_path), [(1, 6)], Leaving(start_markers((1, 2, 3), 1), lost={2: 3, 3: 5}))
    seen: list[tuple[int, int]] = []
    with run:
        while run.step():
            seen.append((run.lost, run.left))
    assert seen == [(0, 0), (1, 1), (1, 1), (2, 1)]
    assert sorted(run.session.lost.frames.items()) == [(3, [2]), (5, [3])]


def test_a_track_without_a_marker_to_follow_counts_as_neither(tmp_path: Path) -> None:
    run = start_run(make_session(tmp_path), [(2, 6)], Leaving(start_markers((1, 2, 3), 2)))
    with run:
        run.step()
    assert (run.followed, run.lost, run.left) == (2, 0, 0)


def test_a_run_pauses_when_too_few_tracks_are_left_and_says_why(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    run = start_run(session, [(1, 6)], FakeTracker(start_markers((1, 2, 3), 1), lost={2: 3, 3: 5}))
    run.pause_below = 3
    with run:
        while run.step():
            pass
    assert (run.outcome, run.frame, run.alive) == (Outcome.PAUSED, 3, {1, 3})
    last = load_session(session.path).passes[-1]
    assert (last.outcome_word, last.last_frame, last.detail) == ("paused", 3, "fewer than 3 tracks")
    session.close()
    assert go_on(session.path, []) == final_markers(session.path), "a resumed pass goes on to its end"
    last = load_session(session.path).passes[-1]
    assert (last.last_frame, last.detail) == (6, ""), "the reason of the pause has gone"


@pytest.mark.parametrize(
    ("least", "lost", "frame", "outcome"),
    [
        (0, {1: 2, 2: 3}, 6, Outcome.COMPLETE),
        (4, {1: 2, 2: 3}, 6, Outcome.COMPLETE),  # it never had so many
        (3, {1: 6}, 6, Outcome.COMPLETE),  # at its end
        (3, {1: 4, 2: 4, 3: 4}, 4, Outcome.LOST),  # nothing is left to resume
        (2, {1: 2, 2: 4}, 4, Outcome.PAUSED),
    ],
)
def test_a_run_pauses_only_where_the_tracks_become_too_few_and_some_are_left(
    tmp_path: Path, least: int, lost: dict[int, int], frame: int, outcome: Outcome
) -> None:
    run = start_run(make_session(tmp_path), [(1, 6)], FakeTracker(start_markers((1, 2, 3), 1), lost=lost))
    run.pause_below = least
    with run:
        while run.step():
            pass
    assert (run.frame, run.outcome) == (frame, outcome)


def test_a_pass_that_pauses_by_itself_keeps_the_planned_one(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    run = start_run(session, [(3, 6), (3, 1)], FakeTracker(start_markers((1, 2, 3), 3), lost={2: 4}))
    run.pause_below = 3
    with run:
        while run.step():
            pass
    session.close()
    assert load_session(session.path).session.status is SessionStatus.TRACKING
    assert str(load_session(session.path).remaining) == "1-2,5-6"
