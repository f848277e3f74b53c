# SPDX-License-Identifier: GPL-3.0-or-later
"""A small shot without Blender: footage, tracks, and a tracker whose markers each depend on the one before."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tracking_sessions.core.footage.check import FootageCheck
from tracking_sessions.core.footage.details import describe
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.journal.chain import Header, JournalReader, JournalWriter, Position
from tracking_sessions.core.journal.records import JournalRecord, MarkersRecord, TracksRecord
from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.journal.rows import GUARDED, KEYED, MARKER, MUTED, is_muted, spread_rows
from tracking_sessions.core.model.counting import Counting
from tracking_sessions.core.model.types import Outcome, Pass, SessionStatus, TrackData
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.folder import numbered
from tracking_sessions.core.tracking import passes
from tracking_sessions.core.tracking.run import InBulk, Run, Step
from tracking_sessions.tests.core.grey import grey_png

TESTS = Path(__file__).resolve().parent.parent
Markers = dict[int, dict[int, bytes]]


def start_child(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """Another Python that has the checkout as `tracking_sessions`, and runs `code`."""
    head = f"import sys; sys.path.insert(0, {str(TESTS)!r}); import conftest\n"
    command = [sys.executable, "-c", head + code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]


def run_child(code: str, *arguments: object) -> str:
    """The output of `code` in another Python."""
    child = start_child(code, *arguments)
    out, _ = child.communicate(timeout=120)
    assert child.returncode == 0
    return out


def make_footage(folder: Path, frames: int = 6) -> Path:
    """An image sequence."""
    folder.mkdir(parents=True)
    for frame in range(1, frames + 1):
        (folder / f"plate_{frame:04d}.png").write_bytes(grey_png(b"picture %d" % frame))
    return folder


def make_session(folder: Path, frames: int = 6, name: str = "shot") -> TrackingSessionManager:
    footage = make_footage(folder / "plates", frames)
    return create_session(footage, name, folder / "tracking_sessions")


def marker(track: int, frame: int, values: Sequence[float] = (0.5,), flags: int = 0) -> bytes:
    return MARKER.pack(track, frame, flags, *values, *[0.25] * (14 - len(values)))


def write_raw(session: TrackingSessionManager, kind: int, payload: bytes) -> None:
    """Append any record, as a faulty or hostile program would."""
    reader = JournalReader(session.folder, session.session.id)
    base = [record.end for record in reader.records()][-1:] or [Position(0, 0)]
    generation = 1 + max([*numbered(session.folder, "lease"), *numbered(session.folder, "journal")], default=0)
    writer = JournalWriter(session.folder, Header(session.session.id, generation, 1, *base[0], reader.checksum))
    writer.append((kind, payload))
    writer.close()


class FakeTracks:
    """The artist's tracks, in `markers`. A turn takes two calls of `flush_some`: the first one writes nothing."""

    def __init__(self, markers: Markers, calls: list[str]) -> None:
        self.markers = markers
        self.calls = calls
        self.written: list[int] = []  # frames
        self.pending: list[Step] = []
        self.position: Position | None = None
        self.is_turn = False

    def flush_some(self, plan: Pass, steps: Sequence[Step], seconds: float) -> bool:
        self.calls.append(f"flush {len(steps)} in {seconds}")
        self.is_turn = not self.is_turn
        self.pending += steps
        if self.is_turn:
            return False
        if self.pending:
            self._write(plan, self.pending.pop())
        return True

    @property
    def has_pending(self) -> bool:
        return bool(self.pending)

    def flush(self, plan: Pass, steps: Sequence[Step], position: Position) -> None:
        self.calls.append(f"flush {len(steps)}")
        for step in (*self.pending, *steps):
            self._write(plan, step)
        self.pending.clear()
        self.position = position

    def _write(self, plan: Pass, step: Step) -> None:
        self.written.append(step.frame)
        spread_rows(step.rows, plan.direction, self.markers)

    def renamed(self) -> Sequence[TrackData]:
        return ()


class FakeTracker:
    """Follows `tracks`. Track n is lost in the step that reaches `lost[n]`."""

    def __init__(self, markers: Markers, lost: Mapping[int, int] | None = None) -> None:
        self.lost = lost or {}
        self.calls: list[str] = []
        self.tracks = self.make_tracks(markers)

    def make_tracks(self, markers: Markers) -> FakeTracks:
        return FakeTracks(markers, self.calls)

    def begin(self, plan: Pass, frame: int, alive: frozenset[int]) -> None:
        self.calls.append("begin")
        self.plan, self.frame = plan, frame
        self.rows = {number: self.tracks.markers[number][frame] for number in sorted(alive)}

    def step(self) -> Step:
        self.calls.append("step")
        self.frame += self.plan.direction
        rows: list[bytes] = []
        for number, row in list(self.rows.items()):
            values = [zlib.crc32(row, i) / 2**32 for i in range(14)]
            if self.lost.get(number) == self.frame:
                rows.append(marker(number, self.frame, values, MUTED))
                del self.rows[number]
            else:
                self.rows[number] = marker(number, self.frame, values)
                rows.append(marker(number, self.frame, values, GUARDED))
        return Step(self.frame, frozenset(self.rows), b"".join(rows))

    def references(self) -> frozenset[int]:
        return frozenset()

    def end(self) -> None:
        self.calls.append("end")


def start_markers(tracks: Sequence[int], frame: int) -> Markers:
    return {number: {frame: marker(number, frame, (0.1 * number,), KEYED)} for number in tracks}


class SessionRun(Run):
    """A run that knows the session it records."""

    session: TrackingSessionManager


def start_run(
    session: TrackingSessionManager,
    ranges: Sequence[tuple[int, int]],
    tracker: FakeTracker | None = None,
    *,
    flush_every: int = 2,
) -> SessionRun:
    """Passes for the tracks 1 to 3."""
    tracks = (1, 2, 3)
    frame = ranges[0][0]
    tracker = tracker or FakeTracker(start_markers(tracks, frame), lost={2: 3})
    settings = {"pattern_match": "KEYFRAME"}
    records: list[JournalRecord] = [TracksRecord(tuple(TrackData(n, "Camera", f"Track.{n}", settings) for n in tracks))]
    records += [MarkersRecord(n, tracker.tracks.markers[n][frame]) for n in tracks]
    plan = passes.begin(ranges, tracks, Replay(), object="Camera", blender="")
    session.acquire().open_pass(plan.passes[0], plan.passes[1:], records)
    return _run(session, tracker, plan, flush_every)


def _run(session: TrackingSessionManager, tracker: FakeTracker, plan: passes.Plan, flush_every: int = 2) -> SessionRun:
    footage = find_footage(session.path.parent / session.session.footage.path)
    check = FootageCheck(footage, describe(footage))
    run = SessionRun(session.acquire(), tracker, tracker.tracks, check, plan, after_step=InBulk(flush_every))
    run.session = session
    return run


def finish(run: SessionRun) -> None:
    """Track all remaining frames and close the session."""
    with run:
        while run.step():
            pass
    run.session.mark_tracking_complete()
    run.session.close()


def go_on(path: Path, ranges: Sequence[tuple[int, int]]) -> Markers:
    """Resume the session to its end in a clip with all recorded markers, or begin `ranges` in a new session."""
    session = TrackingSessionManager(path)
    known = session.acquire_replay()
    if not known.passes:
        finish(start_run(session, ranges))
        return final_markers(path)
    rows = {number: known.rows(number) for number in known.tracks}
    plan = passes.resume(known, passes.Edits(known.tracks, rows, set(), []), Counting(1), object="Camera", blender="")
    if plan is not None:
        if not plan.is_open:
            session.acquire().open_pass(plan.passes[0], plan.passes[1:], ())
        finish(_run(session, FakeTracker(known.markers, lost={2: 3}), plan))
    else:
        session.mark_tracking_complete()
        session.close()
    return final_markers(path)


def final_markers(path: Path) -> Markers:
    """The markers of a finished session."""
    session = TrackingSessionManager(path)
    replay = session.replay()
    assert session.session.status is SessionStatus.TRACKING_COMPLETE
    assert session.get_resume_point() is None
    assert all(one.outcome in (Outcome.COMPLETE, Outcome.LOST) for one in replay.passes.values())
    return replay.markers


def live_frames(markers: Markers, track: int) -> list[int]:
    return sorted(frame for frame, row in markers[track].items() if not is_muted(row))
