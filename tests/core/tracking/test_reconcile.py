# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers of clip and journal are joined, and markers of the artist are never overwritten."""

from pathlib import Path

import pytest

from tracking_sessions.core.journal.chain import JournalReader, Position, Record
from tracking_sessions.core.journal.codec import encode
from tracking_sessions.core.journal.records import FoundRecord, FrameRecord, MarkersRecord
from tracking_sessions.core.journal.rows import GUARDED, KEYED, MUTED, head_of, with_head
from tracking_sessions.core.tracking.reconcile import is_border, joined, never_recorded, new_in_clip, tracked_on
from tracking_sessions.tests.core.shots import Markers, make_session, marker, start_run

GUARD = MUTED | KEYED


def segment(first: int, last: int, *, seed: float = 0.0, track: int = 1) -> dict[int, bytes]:
    """Live markers with different values, and a border at either end, as Blender makes them."""
    rows = {frame: marker(track, frame, (seed + frame / 100,)) for frame in range(first, last + 1)}
    rows[first - 1] = marker(track, first - 1, (seed + first / 100,), GUARD)
    rows[last + 1] = marker(track, last + 1, (seed + last / 100,), GUARD)
    return dict(sorted(rows.items()))


def lost(last: int) -> dict[int, bytes]:
    """A track that was lost after `last`."""
    rows = segment(1, last)
    rows[last + 1] = marker(1, last + 1, (last / 100,), MUTED)
    rows[last + 2] = marker(1, last + 2, (last / 100,), GUARD)
    return rows


def muted(row: bytes) -> bytes:
    track, frame, flags = head_of(row)
    return with_head(row, track, frame, flags | MUTED)


def test_borders_differ_from_markers_muted_by_the_artist() -> None:
    rows = segment(3, 8)
    assert [frame for frame in rows if is_border(rows, frame)] == [2, 9]
    rows[5], rows[8] = muted(rows[5]), muted(rows[8])  # 8: the last one; its border stays
    assert [frame for frame in rows if is_border(rows, frame)] == [2]
    assert [frame for frame in lost(6) if is_border(lost(6), frame)] == [0, 7, 8]
    alone = {4: marker(1, 4, flags=MUTED)}
    assert not is_border(alone, 4)
    still = {frame: marker(1, frame) for frame in range(1, 6)}  # nothing moves: all have the same values
    still[3] = muted(still[3])
    assert not is_border(still, 3)


def test_new_markers_of_a_clip_are_unrecorded_and_no_borders() -> None:
    recorded = segment(1, 20)
    assert new_in_clip(recorded, recorded) == {}
    assert new_in_clip(segment(1, 8), recorded) == {}  # an earlier state: its border is not the artist's
    assert new_in_clip(lost(8), recorded) == {}
    moved = {**segment(1, 8), 4: marker(1, 4, (0.9,))}
    assert list(new_in_clip(moved, recorded)) == [4]
    assert list(new_in_clip(segment(1, 25), recorded)) == [21, 22, 23, 24, 25]


def test_markers_of_any_record_are_not_new() -> None:
    old, new = marker(1, 2, (0.1,)), marker(1, 2, (0.9,))
    records = [
        MarkersRecord(1, marker(1, 1) + old),
        FrameRecord(1, 3, 1, marker(1, 3, (0.3,), GUARDED)),
        FrameRecord(1, 2, 1, new),
        FoundRecord(1, marker(1, 9)),
    ]
    read = [Record(*encode(record), Position(1, 80)) for record in records]
    rows = {frame: marker(1, frame) for frame in (1, 9)}
    rows |= {2: old, 3: marker(1, 3, (0.3,)), 4: marker(1, 4, (0.3,), GUARD), 5: marker(1, 5)}
    assert never_recorded(read, {1: rows, 2: {1: marker(2, 1)}, 3: {}}) == {
        1: {9: rows[9], 5: rows[5]},
        2: {1: marker(2, 1)},
    }
    assert never_recorded(read, {1: {2: new, 3: marker(1, 3, (0.3,), MUTED)}}) == {
        1: {3: marker(1, 3, (0.3,), MUTED)}  # muted since
    }


@pytest.mark.parametrize("ranges", [[(3, 6)], [(4, 1)], [(3, 6), (3, 1)]])
def test_all_states_that_a_clip_had_in_a_pass_are_recorded(tmp_path: Path, ranges: list[tuple[int, int]]) -> None:
    session = make_session(tmp_path)
    run = start_run(session, ranges)
    states: list[Markers] = []
    with run:
        while run.step():
            replay = session.replay()
            states.append({track: dict(rows) for track, rows in replay.markers.items()})
    for state in states:
        reader = JournalReader(session.folder, session.session.id)
        assert never_recorded(reader.records(), state) == {}


def test_a_changed_track_keeps_its_markers_and_gets_missing_frames() -> None:
    recorded = segment(1, 20)
    mine = {**segment(1, 8, seed=0.5), 4: marker(1, 4, (0.9,))}
    rows = joined(mine, new_in_clip(mine, recorded), recorded)
    assert list(rows) == sorted(rows) == list(recorded)
    assert all(rows[frame] == mine[frame] for frame in range(9))
    assert all(rows[frame] == recorded[frame] for frame in range(9, 22))
    assert mine[9] != rows[9]  # it replaced a border


def test_a_marker_muted_by_the_artist_stays_and_other_muted_ones_are_replaced() -> None:
    recorded = segment(1, 20)
    mine = segment(1, 8)
    mine[5], mine[8] = muted(mine[5]), muted(mine[8])
    mine[12] = marker(1, 12, (0.12,), MUTED)
    own = {frame: mine[frame] for frame in (5, 8)}  # 12 was recorded once
    rows = joined(mine, own, recorded)
    assert (rows[5], rows[8]) == (mine[5], mine[8])
    assert rows[9] == recorded[9] and rows[12] == recorded[12]


def test_a_recorded_border_replaces_nothing() -> None:
    recorded, mine = segment(1, 8), segment(1, 20, seed=0.5)
    assert joined(mine, new_in_clip(mine, recorded), recorded) == mine


def test_a_track_was_tracked_on_to_its_last_newer_live_marker_ahead() -> None:
    recorded = segment(1, 8)
    assert tracked_on(recorded, recorded, 8, 20) is None
    assert tracked_on(segment(1, 9), recorded, 8, 20) == 9
    assert tracked_on(segment(1, 30), recorded, 8, 20) == 20
    assert tracked_on(segment(1, 9), recorded, 9, 20) is None
    assert tracked_on(segment(1, 9), recorded, 8, 1) is None
    assert tracked_on({**recorded, 12: marker(1, 12, flags=MUTED)}, recorded, 8, 20) is None
    assert tracked_on(segment(1, 30), segment(1, 30), 8, 20) is None  # they were there when the pass began
    assert tracked_on({**recorded, 2: marker(1, 2, (0.9,))}, recorded, 5, 1) == 2
