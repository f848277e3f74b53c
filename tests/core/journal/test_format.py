# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader written from docs/format.md and the reader of the extension agree."""

import json
import random
import re
import struct
from pathlib import Path

import pytest

from tracking_sessions.core.errors import JournalDamaged, SessionUnreadable
from tracking_sessions.core.journal.chain import JournalReader, journal_path
from tracking_sessions.core.journal.records import FoundRecord, MarkersRecord, TracksRecord, tracks_removed
from tracking_sessions.core.model.types import SessionState, SessionStatus, TrackData
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.recording.merge import merge_sessions
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.files import read_document
from tracking_sessions.tests.core import format_reader
from tracking_sessions.tests.core.journal.random_records import random_records
from tracking_sessions.tests.core.shots import TESTS, finish, go_on, make_session, marker, start_run, write_raw

PAGE = (TESTS.parent / "docs" / "format.md").read_text(encoding="utf-8")
RANGES = [(3, 6), (3, 1)]


@pytest.fixture
def busy(tmp_path: Path) -> TrackingSessionManager:
    """A session with all kinds of records, in several generations."""
    session = make_session(tmp_path)
    run = start_run(session, RANGES)
    with run:
        run.step()
        run.pause()
    session.close()
    session.acquire().append(MarkersRecord(3, marker(3, 3) + marker(3, 4, (0.75,))))
    session.close()
    (session.folder / "journal.3").write_bytes(b"TSJ")  # whose maker died
    go_on(session.path, RANGES)
    session = load_session(session.path)
    with session:
        session.acquire().append(TracksRecord((TrackData(7, "Ball", "Ünï", {"motion_model": "Loc", "weight": 0.5}),)))
        session.acquire().append(tracks_removed([2, 99]))
        session.acquire().append_event("a thing of the future", tracks=[[1]])
        session.acquire().append_event("found_in_clip", tracks=[3])
        session.acquire().append(FoundRecord(3, marker(3, 7) + marker(3, 8)))
    write_raw(session, 99, b"rubbish")
    with session:
        session.acquire().append_event("checkpoint", frame=12, operation="script")
        session.acquire().append_event("tracked", frames="20-22,24")
        session.set_state(SessionState.COMMITTED)
        session.mark_solve_complete("s", average_error=0.5)
    return session


def compare(path: Path) -> None:
    """Check that both readers agree on a session."""
    ours = load_session(path)
    replay = ours.replay()
    theirs = format_reader.read(ours.folder, path.stem)
    assert {n: (t.object, t.name, t.settings) for n, t in replay.tracks.items()} == {
        n: (t["object"], t["name"], t["settings"]) for n, t in theirs.tracks.items()
    }
    assert replay.markers == {
        track: {frame: struct.pack("<IiI", track, frame, flags) + values for frame, (flags, values) in found.items()}
        for track, found in theirs.markers.items()
    }
    assert {frame for a, b in replay.tracked.ranges() for frame in range(a, b + 1)} == theirs.tracked
    assert replay.tracked == ours.session.tracked_frames and ours.session.status.value == theirs.status
    assert {
        n: (
            p.plan.start,
            p.plan.end,
            p.frame,
            set(p.alive),
            p.outcome and p.outcome.value,
            set(p.followed),
            len(p.then),
        )
        for n, p in replay.passes.items()
    } == {
        n: (p["start"], p["end"], p["frame"], p["alive"], p["outcome"], p["followed"], len(p["then"]))
        for n, p in theirs.passes.items()
    }
    for summary in (ours, TrackingSessionManager(path)):
        assert {p.number: set(p.followed) for p in summary.passes} == {
            n: p["followed"] for n, p in theirs.passes.items()
        }
        assert [p.number for p in summary.unfinished] == [p.plan.number for p in replay.unfinished] or (
            summary.session.status is SessionStatus.TRACKING_COMPLETE
        )
        live = {
            n: [frame for frame, (flags, _) in found.items() if not flags & 1] for n, found in theirs.markers.items()
        }
        assert {n: list(frames) for n, frames in summary.coverage.frames.items() if len(frames)} == {
            n: sorted(frames) for n, frames in live.items() if frames
        }
    assert ours.session.state.value == (theirs.state or read_document(path)["session"]["state"])
    assert ours.lost.frames == losses(ours.folder, path.stem)
    assert ours.session.best_solve == (theirs.solves[-1]["id"] if theirs.solves else "")


def losses(folder: Path, session: str) -> dict[int, list[int]]:
    """The lost tracks by frame, computed as docs/format.md describes."""
    lost: dict[int, list[int]] = {}
    for kind, payload in format_reader.records(folder, session):
        size = {2: 8, 4: 16}.get(kind, len(payload))
        if kind == 8:
            size = 12 + 4 * struct.unpack_from("<I", payload, 4)[0]
            track, gone = struct.unpack_from("<II", payload)
            for frame in struct.unpack_from(f"<{gone}i", payload, 12):
                lost[frame] = [other for other in lost.get(frame, []) if other != track]
        reached = struct.unpack_from("<i", payload, 4)[0] if kind == 4 else None
        for track, frame, flags in struct.iter_unpack("<IiI56x", payload[size:]):
            if flags & 1 and frame == reached:
                there = [other for other in lost.pop(frame, []) if other != track]
                lost[frame] = [*there, track]
            elif not flags & 1 and (kind in (2, 8) or frame == reached) and track in lost.get(frame, []):
                lost[frame].remove(track)
        if kind == 6 and (event := json.loads(payload))["event"] == "tracks_removed":
            lost = {frame: [track for track in there if track not in event["tracks"]] for frame, there in lost.items()}
    return {frame: tracks for frame, tracks in lost.items() if tracks}


def test_both_readers_agree_on_a_busy_session(busy: TrackingSessionManager) -> None:
    assert len(list(busy.folder.glob("journal.*"))) >= 5
    assert set(busy.replay().passes) == {1, 2}
    compare(busy.path)
    found = format_reader.read(busy.folder, busy.session.id).found
    assert {track: list(rows) for track, rows in found.items()} == {3: [7, 8]}


def test_both_readers_agree_on_sessions_at_every_stage(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    compare(session.path)
    run = start_run(session, RANGES)
    with run:
        compare(session.path)
        while run.step():
            compare(session.path)
    session.close()
    merged = merge_sessions([session.path], tmp_path / "merged.yaml")
    compare(merged.path)


@pytest.mark.parametrize("seed", range(30))
def test_both_readers_agree_on_any_order_of_passes_and_edits(tmp_path: Path, seed: int) -> None:
    session = make_session(tmp_path, 20)
    with session:
        recorder = session.acquire()
        for records in random_records(random.Random(seed), 60):
            recorder.append(*records)
            if recorder.position.offset % 3 == 0:
                recorder.write_file()
        recorder.write_file()
    compare(session.path)


@pytest.mark.slow
def test_both_readers_agree_on_cut_and_damaged_journals(busy: TrackingSessionManager) -> None:
    session = busy.session.id
    files = sorted(busy.folder.glob("journal.*"))
    for path in files:
        whole = path.read_bytes()
        copies = [whole[:size] for size in range(0, len(whole), 9)]
        copies += [whole[:at] + bytes((whole[at] ^ 0x10,)) + whole[at + 1 :] for at in range(0, len(whole), 13)]
        copies += [whole[:at] + bytes(len(whole) - at + 30) for at in range(0, len(whole), 17)]
        copies += [whole + b"behind", b""]
        for copy in copies:
            path.write_bytes(copy)
            ours: list[tuple[int, bytes]] = []
            theirs: list[tuple[int, bytes]] = []
            damages = [False, False]
            try:
                ours.extend((record.type, record.payload) for record in JournalReader(busy.folder, session).records())
            except JournalDamaged:
                damages[0] = True
            try:
                theirs.extend(format_reader.records(busy.folder, session))
            except format_reader.Damage:
                damages[1] = True
            assert (ours, damages[0]) == (theirs, damages[1]), (path.name, len(copy))
        path.write_bytes(whole)


def test_the_example_of_the_page_is_a_journal(tmp_path: Path) -> None:
    lines = re.findall(r"^([0-9a-f]{4})  ((?:[0-9a-f]{2} )*[0-9a-f]{2})  ", PAGE, re.MULTILINE)
    data = b"".join(bytes.fromhex(line) for _, line in lines)
    assert [int(at, 16) for at, _ in lines] == list(range(0, len(data), 16))
    journal_path(tmp_path, 1).write_bytes(data)
    reader = JournalReader(tmp_path, "demo")
    ours = [(record.type, record.payload) for record in reader.records()]
    assert ours == list(format_reader.records(tmp_path, "demo")) and reader.end == (1, 424) == (1, len(data))
    state = format_reader.read(tmp_path, "demo")
    assert state.tracked == {1, 2} and state.passes[1]["frame"] == 2 and state.passes[1]["alive"] == {1}
    flags, values = state.markers[1][2]
    assert flags == 0 and struct.unpack("<14f", values)[:3] == (0.5, 0.25, -0.125)
    assert state.markers[1][3] == (3, values)
    for checksum in re.findall(r"\| [A-Z]+ \| (\w{8}), (\w{8}), (\w{8}) \|", PAGE)[-1]:
        assert checksum in PAGE


def test_the_session_file_has_the_keys_of_the_page(busy: TrackingSessionManager) -> None:
    table = PAGE[PAGE.index("## Session file") : PAGE.index("## Solves")]
    rows = re.findall(r"^\| `(\w+)`( entry)?(?: \+)? \| (.*) \|$", table, re.MULTILINE)
    content = read_document(busy.path)
    assert {name for name, entry, _ in rows if not entry} == set(content)
    for name, entry, words in rows:
        part = content["tracking"]["passes"][0] if entry else content[name]
        if isinstance(part, dict):
            named = set(re.findall(r"`(\w+)`", words))
            assert set(part) <= named, (name, set(part) - named)


def test_a_lease_has_the_keys_of_the_page(busy: TrackingSessionManager) -> None:
    busy.acquire()
    path = max(busy.folder.glob("lease.*"), key=lambda path: int(path.suffix[1:]))
    line, counter = path.read_bytes().split(b"\n", 1)
    words = PAGE[PAGE.index("## Lease files") :]
    assert set(json.loads(line)) == set(re.findall(r"`(\w+)`", words[: words.index(")")]))
    assert counter == b"0" * 20 + b"\n"
    busy.close()
    assert path.read_bytes()[-1:] == b"R"


def test_finished_sessions_of_every_shape_agree(tmp_path: Path) -> None:
    for number, ranges in enumerate(([(1, 6)], [(6, 1)], [(2, 2)], RANGES)):
        session = make_session(tmp_path / str(number))
        finish(start_run(session, ranges))
        compare(session.path)


INVALID = {
    "a pass of no track": (3, b'{"number": 3, "operation": "x", "start": 1, "end": 2, "tracks": [77], "object": ""}'),
    "a pass whose number is taken": (
        3,
        b'{"number": 2, "operation": "x", "start": 1, "end": 2, "tracks": [1], "object": ""}',
    ),
    "a frame of a closed pass": (4, struct.pack("<IiII", 1, 4, 0, 0)),
    "a frame of no pass": (4, struct.pack("<IiII", 9, 4, 0, 0)),
    "a frame far away": (4, struct.pack("<IiII", 2, 1 << 25, 0, 0)),
    "a marker too many": (4, struct.pack("<IiII", 2, 1, 0, 2) + marker(1, 1)),
    "a marker of no track": (4, struct.pack("<IiII", 2, 1, 0, 1) + marker(77, 1)),
    "the end of a closed pass": (5, b'{"pass": 1, "outcome": "lost"}'),
    "an end without a pass": (5, b'{"outcome": "lost"}'),
    "markers of no track": (2, struct.pack("<II", 77, 0)),
    "markers of two tracks": (2, struct.pack("<II", 1, 2) + marker(1, 1) + marker(3, 2)),
    "an edit of no track": (8, struct.pack("<III", 77, 0, 0)),
    "an edit of two tracks": (8, struct.pack("<III", 1, 0, 2) + marker(1, 1) + marker(3, 2)),
    "an edit that is cut": (8, struct.pack("<III", 1, 2, 0) + bytes(4)),
    "an edit of a frame far away": (8, struct.pack("<IIIi", 1, 1, 0, 1 << 25)),
    "found markers of no track": (7, struct.pack("<II", 77, 0)),
    "found markers too few": (7, struct.pack("<II", 1, 2) + marker(1, 1)),
    "a list": (6, b"[]"),
    "not JSON": (1, b"{"),
}


@pytest.mark.parametrize("name", INVALID)
def test_both_readers_refuse_the_invalid_records_of_the_page(busy: TrackingSessionManager, name: str) -> None:
    write_raw(busy, *INVALID[name])
    with pytest.raises(SessionUnreadable):
        load_session(busy.path).replay()
    with pytest.raises(format_reader.Invalid):
        format_reader.read(busy.folder, busy.session.id)
