# SPDX-License-Identifier: GPL-3.0-or-later
"""Lost tracks, from the records and in the session file."""

import struct
import time
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.errors import SessionUnreadable
from tracking_sessions.core.journal.chain import NOTHING
from tracking_sessions.core.journal.losses import LOSSES_KEPT, Losses
from tracking_sessions.core.journal.records import FrameRecord, MarkersRecord, PassRecord, TracksRecord, tracks_removed
from tracking_sessions.core.journal.rows import GUARDED, MARKER_SIZE, MUTED
from tracking_sessions.core.journal.summary import Summary
from tracking_sessions.core.model.types import Pass, TrackData
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.files import encode_document, read_document
from tracking_sessions.tests.core.shots import FakeTracker, finish, make_session, marker, start_markers, start_run


def step(frame: int, alive: list[int], lost: list[int], *, around: bytes = b"") -> FrameRecord:
    """A step of pass 1 that reaches `frame`."""
    rows = [marker(track, frame, flags=GUARDED) for track in alive]
    rows += [marker(track, frame, flags=MUTED | GUARDED) for track in lost]
    return FrameRecord(1, frame, len(alive), around + b"".join(rows))


def summary(tracks: int = 4) -> Summary:
    """A summary with an open pass over the frames 1 to 99."""
    known = Summary()
    numbers = tuple(range(1, tracks + 1))
    known.apply(TracksRecord(tuple(TrackData(n, "Camera", f"Track.{n}") for n in numbers)), NOTHING)
    known.apply(PassRecord(Pass(1, 1, 99, numbers), (), "track_forwards", ""), NOTHING)
    return known


def fed(*steps: FrameRecord, tracks: int = 4) -> Losses:
    known = summary(tracks)
    for record in steps:
        known.apply(record, NOTHING)
    return known.losses


def test_a_muted_marker_on_the_frame_that_a_step_reached_is_a_loss() -> None:
    losses = fed(step(2, [1, 2, 3, 4], []), step(3, [2, 4], [3, 1]), step(4, [2], [4]))
    assert losses.frames == {3: [3, 1], 4: [4]}
    assert losses.tracks(3) == [("Camera", "Track.3"), ("Camera", "Track.1")] and losses.tracks(9) == []


def test_a_track_that_left_the_picture_was_not_lost() -> None:
    assert fed(step(2, [1, 2, 3], []), step(3, [1, 2], [])).frames == {}


def test_muted_markers_around_the_start_are_no_losses() -> None:
    around = marker(3, 0, flags=MUTED) + marker(3, 1, flags=MUTED)
    assert fed(step(2, [1, 2], [4], around=around)).frames == {2: [4]}


def test_a_track_that_takes_part_again_and_is_lost_at_once_counts() -> None:
    """No fewer tracks are alive after such a step than before it."""
    assert fed(step(2, [1, 2, 3], [4]), step(3, [1, 2, 3], [4])).frames == {2: [4], 3: [4]}


def test_tracking_the_frame_again_repairs_the_losses_of_its_tracks() -> None:
    losses = fed(step(2, [1, 2], [3, 4]), step(3, [1], [2]), step(2, [3, 1], []))
    assert losses.frames == {2: [4], 3: [2]}
    losses = fed(step(2, [1, 2], [3, 4]), step(3, [1], [2]), step(2, [], [3]))
    assert list(losses.frames.items()) == [(3, [2]), (2, [4, 3])], "what was lost again is the newest"


def test_a_marker_set_by_hand_repairs_a_loss_and_another_edit_does_not() -> None:
    known = summary()
    known.apply(step(2, [1, 2], [3, 4]), NOTHING)
    for rows in (marker(3, 1), marker(3, 1) + marker(3, 2, flags=MUTED) + marker(3, 3), b""):
        known.apply(MarkersRecord(3, rows), NOTHING)
        assert known.losses.frames == {2: [3, 4]}
    known.apply(MarkersRecord(3, marker(3, 1) + marker(3, 2)), NOTHING)
    assert known.losses.frames == {2: [4]}


def test_a_reused_track_number_has_no_old_losses() -> None:
    known = summary()
    known.apply(step(2, [1], [2, 3, 4]), NOTHING)
    known.apply(tracks_removed([3, 2, 99]), NOTHING)
    known.apply(TracksRecord((TrackData(3, "Ball", "New"),)), NOTHING)
    assert known.losses.frames == {2: [4]} and known.losses.names[3] == ("Ball", "New")


def test_the_newest_losses_are_kept() -> None:
    everyone = [*range(1, 301)]
    losses = fed(*(step(frame, [], everyone) for frame in (2, 3, 4, 5)), tracks=300)
    assert sum(map(len, losses.frames.values())) == LOSSES_KEPT
    assert losses.frames == {2: everyone[200:], 3: everyone, 4: everyone, 5: everyone}


def test_the_markers_of_a_step_without_losses_are_not_read() -> None:
    losses = fed(step(2, [1, 2, 3], [4]))
    odd = b"no markers".ljust(3 * MARKER_SIZE + 1)
    losses.step(FrameRecord(1, 3, 3, odd))
    with pytest.raises(struct.error):
        losses.step(FrameRecord(1, 3, 2, odd))
    assert losses.frames == {2: [4]}


def test_the_session_file_carries_the_losses(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    tracker = FakeTracker(start_markers((1, 2, 3), 1), lost={2: 3, 3: 5})
    finish(start_run(manager, [(1, 6)], tracker))
    assert manager.lost.frames == {3: [2], 5: [3]}
    part = read_document(manager.path)["tracking"]
    assert part["lost"] == "3: 2, 5: 3"
    assert part["lost_tracks"] == {"Camera": {2: "Track.2", 3: "Track.3"}}
    for suffix in (".yaml", ".json"):
        content = read_document(manager.path)
        manager.path.unlink()
        path = manager.path.with_suffix(suffix)
        path.write_bytes(encode_document(content, suffix))
        manager = load_session(path)
        assert manager.lost.frames == {3: [2], 5: [3]} and manager.lost.tracks(5) == [("Camera", "Track.3")]
        assert manager.state["tracking"] == {**content["tracking"]}
    path.write_bytes(encode_document({**content, "checkpoint": {}}, suffix))  # forces a read of the whole journal
    assert load_session(path).lost.frames == {3: [2], 5: [3]}


def test_losses_behind_the_file_are_read_from_the_journal(tmp_path: Path) -> None:
    manager = TrackingSessionManager(make_session(tmp_path).path, clock=lambda: 0.0)
    with manager:
        manager.acquire().append(TracksRecord(tuple(TrackData(n, "Camera", f"Track.{n}") for n in (1, 2))))
        manager.acquire().open_pass(Pass(1, 1, 6, (1, 2)), (), ())
        manager.acquire().append(FrameRecord(1, 2, 2, b""))
        before = manager.path.read_bytes()
        manager.acquire().append(step(3, [1], [2]))
        assert manager.path.read_bytes() == before
        reader = load_session(manager.path)
        assert reader.lost.frames == {3: [2]}
        assert reader.lost.tracks(3) == [("", "")], "its name stands before what was read"
        reader.name_lost()
        assert reader.lost.tracks(3) == [("Camera", "Track.2")]


@pytest.mark.parametrize(
    "text", ["3", "3:", ":", "3 2", "x: 2", "3: x", "3: -2", "3: 2,", "3: 2,,4: 1", "1e9: 2", "3:\n", "99999999: 2",
             "3: 99999999999", "<b>: 2", "٣: 2"],
)  # fmt: skip
def test_a_file_with_impossible_losses_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="not a frame"):
        Losses.parse(text, {})
    manager = make_session(tmp_path)
    content = manager.state
    content["tracking"]["lost"] = text
    manager.path.write_bytes(encode_document(content, ".yaml"))
    with pytest.raises(SessionUnreadable, match=r"tracking\.lost"):
        load_session(manager.path)


@pytest.mark.parametrize("named", [{"Camera": []}, {"Camera": {"x": "y"}}, {"Camera": {-1: "y"}}, {"a": None}])
def test_impossible_names_of_tracks_are_refused(named: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Losses.parse("3: 2", named)


def test_excess_losses_and_long_names_are_cut() -> None:
    began = time.process_time()
    text = ", ".join(f"{frame}: 1 2 2" for frame in range(200_000))
    losses = Losses.parse(text, {"o" * 5000: {"1": "n" * 5000, 2: 5}})
    assert min(losses.frames) == 200_000 - LOSSES_KEPT // 2 and losses.frames[199_999] == [1, 2]
    assert losses.names == {1: ("o" * 255, "n" * 255), 2: ("o" * 255, "5")}
    assert time.process_time() - began < 5
