# SPDX-License-Identifier: GPL-3.0-or-later
"""The newest state of a journal, packed, and the records that lead from one state to another."""

from __future__ import annotations

import random

import pytest

from tracking_sessions.core.journal import head as head_module
from tracking_sessions.core.journal.chain import NOTHING
from tracking_sessions.core.journal.changes import Found, changes, renamed
from tracking_sessions.core.journal.coverage import Coverage
from tracking_sessions.core.journal.head import Head, difference, edited, row_on
from tracking_sessions.core.journal.records import EditRecord, FrameRecord, MarkersRecord, TracksRecord, tracks_removed
from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.journal.rows import count_rows, join_rows, renumbered, split_rows
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.model.types import TrackData
from tracking_sessions.tests.core.journal.random_records import random_records
from tracking_sessions.tests.core.shots import marker


@pytest.mark.parametrize("seed", range(20))
def test_the_head_follows_the_replay(seed: int) -> None:
    replay, head = Replay(), Head()
    for records in random_records(random.Random(seed), 80):
        for record in records:
            replay.apply(record, NOTHING)
            head.apply(record)
    assert head.tracks == replay.tracks and head.last_track == replay.last_track
    for number in replay.tracks:
        assert head.rows(number) == replay.rows(number)
    again = Head.of(replay)
    assert all(again.rows(number) == head.rows(number) for number in head.tracks)


def rows_of(track: int, frames: dict[int, float]) -> bytes:
    return join_rows({frame: marker(track, frame, (value,)) for frame, value in frames.items()})


@pytest.mark.parametrize("seed", range(200))
def test_a_difference_leads_from_one_state_to_the_other(seed: int) -> None:
    rng = random.Random(seed)
    before = {frame: rng.random() for frame in range(rng.randint(-5, 1), rng.choice((1, 3, 90, 400)))}
    after = dict(before)
    for _ in range(rng.choice((0, 1, 2, 16, 200))):
        frame = rng.randint(-5, 420)
        if rng.random() < 0.4:
            after.pop(frame, None)
        else:
            after[frame] = rng.random()
    one, other = rows_of(1, before), rows_of(1, after)
    record = difference(1, one, other)
    if isinstance(record, MarkersRecord):
        assert record.rows == other
    elif record is not None:
        assert edited(one, record.removed, record.rows) == other
        changed = {frame for frame in after if before.get(frame) != after[frame]}
        assert set(split_rows(record.rows)) == changed and set(record.removed) == before.keys() - after.keys()
    else:
        assert one == other
    for frame in range(-6, 422, 7):
        assert row_on(other, frame) == split_rows(other).get(frame, b"")


def test_a_small_edit_of_a_long_track_is_small() -> None:
    before = rows_of(1, dict.fromkeys(range(1, 4001), 0.5))
    record = difference(1, before, edited(before, (7,), marker(1, 2000, (0.25,))))
    assert isinstance(record, EditRecord) and record.removed == (7,) and len(record.rows) == 68


def test_a_step_takes_no_long_track_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    head = head_with("long")
    head.apply(MarkersRecord(1, rows_of(1, dict.fromkeys(range(1, 4001), 0.5))))
    taken: list[int] = []
    monkeypatch.setattr(head_module, "split_rows", lambda rows: taken.append(count_rows(rows)) or split_rows(rows))
    for frame in (4001, 4002):
        head.apply(FrameRecord(1, frame, 1, marker(1, frame)))
        assert row_on(head.rows(1), frame) == marker(1, frame)
    head.apply(EditRecord(1, (50,), marker(1, 60)))
    assert count_rows(head.rows(1)) == 4001 and max(taken) == 11


def head_with(*names: str) -> Head:
    head = Head()
    for number, name in enumerate(names, 1):
        head.apply(TracksRecord((TrackData(number, "Camera", name, {"weight": 1.0, "select": True}),)))
        head.apply(MarkersRecord(number, rows_of(number, {1: number / 9, 2: 0.5})))
    return head


def found(head: Head, number: int, **settings: object) -> Found:
    return Found({**head.tracks[number].settings, **settings}, renumbered(head.rows(number), 0))


def test_an_equal_clip_has_no_changes_and_a_selection_is_none() -> None:
    head = head_with("A", "B")
    there = {("Camera", "A"): found(head, 1, select=False), ("Camera", "B"): found(head, 2)}
    assert changes(head, there) == []


def test_new_gone_renamed_and_changed_tracks_are_recorded() -> None:
    head = head_with("A", "B", "C")
    there = {
        ("Camera", "A"): found(head, 1, weight=0.5),
        ("Camera", "Bee"): found(head, 2),
        ("Door", "D"): Found({"weight": 1.0}, rows_of(0, {4: 0.5})),
    }
    new = {key: track.rows for key, track in there.items() if key != ("Camera", "A")}
    names = renamed(head, there, new)
    assert names == {("Camera", "Bee"): 2}
    for record in changes(head, there, [3], names):
        head.apply(record)
    assert {n: (d.object, d.name) for n, d in head.tracks.items()} == {
        1: ("Camera", "A"),
        2: ("Camera", "Bee"),
        4: ("Door", "D"),
    }
    assert head.tracks[1].settings["weight"] == 0.5
    assert changes(head, there) == []


def test_spans_with_too_few_tracks_are_thin() -> None:
    coverage = Coverage.of({number: FrameRanges([(1, 10 + number)]) for number in range(1, 11)})
    assert str(coverage.thin(FrameRanges([(1, 30)]))) == "14-30"
    assert str(coverage.thin(FrameRanges([(5, 12), (25, 26)]))) == "25-26"
    assert str(coverage.thin(FrameRanges([(1, 30)]), least=1)) == "21-30"


def test_a_coverage_is_what_its_text_says() -> None:
    coverage = Coverage.of({1: FrameRanges([(1, 9)]), 2: FrameRanges([(1, 9)]), 7: FrameRanges([(2, 3), (5, 5)])})
    assert str(coverage) == "1-9: 1-2; 2-3,5: 7"
    assert dict(Coverage.parse(str(coverage)).frames) == dict(coverage.frames)
    for text in ("1-9", "x: 1", "1-9: -3", "1-9: 1-99999999"):
        with pytest.raises(ValueError):
            Coverage.parse(text)
    tracks, frames = coverage.beyond({1: FrameRanges([(1, 4)]), 2: FrameRanges([(1, 9)])})
    assert (tracks, str(frames)) == (2, "2-3,5-9")


def test_a_step_with_as_many_other_tracks_follows_those() -> None:
    coverage = Coverage()
    for frame, tracks in ((2, (1, 2)), (3, (1, 2)), (4, (1, 3))):
        rows = b"".join(marker(track, frame, (0.5,)) for track in tracks)
        coverage.step(FrameRecord(1, frame, 2, rows), 1)
    assert {track: str(frames) for track, frames in coverage.frames.items()} == {1: "2-4", 2: "2-3", 3: "4"}


def test_a_removed_track_that_comes_back_as_it_was_has_its_number_again() -> None:
    head = head_with("A", "B")
    again, moved = found(head, 1), Found({}, rows_of(1, {1: 0.75}))
    head.apply(tracks_removed((1,)))
    other, _ = changes(head, {("Camera", "A"): moved})
    assert isinstance(other, TracksRecord) and other.tracks[0].id == 3
    known, markers = changes(head, {("Camera", "A"): again})
    assert isinstance(known, TracksRecord) and known.tracks[0].id == 1
    assert markers == MarkersRecord(1, renumbered(again.rows, 1))
    for record in (TracksRecord((TrackData(1, "Camera", "A"),)), MarkersRecord(1, moved.rows), tracks_removed((1,))):
        head.apply(record)
    for markers in (again, moved):  # as undo of both removals brings back one after the other
        known, _ = changes(head, {("Camera", "A"): markers})
        assert isinstance(known, TracksRecord) and known.tracks[0].id == 1
