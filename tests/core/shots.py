# SPDX-License-Identifier: GPL-3.0-or-later
"""A small shot without Blender: footage, tracks, and a real tracker whose every marker depends on the one before."""

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
from tracking_sessions.core.journal.rows import GUARDED, KEYED, MARKER, MUTED, is_muted, spread_rows
from tracking_sessions.core.model.types import Outcome, Pass, SessionStatus, TrackData
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.folder import numbered
from tracking_sessions.core.tracking.run import Run, Step
from tracking_sessions.tests.core.grey import grey_png

TESTS = Path(__file__).resolve().parent.parent
Markers = dict[int, dict[int, bytes]]


def start_child(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """Another Python that has the checkout as `tracking_sessions`, and runs `code`."""
    head = f"import sys; sys.path.insert(0, {str(TESTS)!r}); import conftest\n"
    command = [sys.executable, "-c", head + code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]


def run_child(code: str, *arguments: object) -> str:
    """What `code` prints in another Python."""
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
    """Append a record of anybody's making, as a faulty or hostile program would."""
    reader = JournalReader(session.folder, session.session.id)
    base = [record.end for record in reader.records()][-1:] or [Position(0, 0)]
    generation = 1 + max([*numbered(session.folder, "lease"), *numbered(session.folder, "journal")], default=0)
    writer = JournalWriter(session.folder, Header(session.session.id, generation, 1, *base[0], reader.checksum))
    writer.append((kind, payload))
    writer.close()


class FakeTracker:
    """Follows tracks in `markers`, the clip of these tests. Track n is lost in the step that reaches `lost[n]`."""

    is_turn = False

    def __init__(self, markers: Markers, lost: Mapping[int, int] | None = None) -> None:
        self.markers = markers
        self.lost = lost or {}
        self.calls: list[str] = []
        self.delivered: list[int] = []
        self.held: list[Step] = []
        self.position: Position | None = None

    def begin(self, plan: Pass, frame: int, alive: frozenset[int]) -> None:
        self.calls.append("begin")
        self.plan, self.frame = plan, frame
        self.rows = {number: self.markers[number][frame] for number in sorted(alive)}

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

    def show(self, steps: Sequence[Step], seconds: float, each: int) -> bool:
        """A turn takes two of these calls: the first one gives nothing."""
        self.calls.append(f"show {len(steps)}")
        self.is_turn = not self.is_turn
        self.held += steps
        if self.is_turn:
            return False
        for _ in range(min(each, len(self.held))):
            self._give(self.held.pop())
        return True

    @property
    def holds(self) -> bool:
        return bool(self.held)

    def deliver(self, steps: Sequence[Step], position: Position) -> None:
        self.calls.append(f"deliver {len(steps)}")
        for step in (*self.held, *steps):
            self._give(step)
        self.held.clear()
        self.position = position

    def _give(self, step: Step) -> None:
        self.delivered.append(step.frame)
        spread_rows(step.rows, self.plan.direction, self.markers)

    def renamed(self) -> Sequence[TrackData]:
        return ()

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
    deliver_every: int = 2,
) -> SessionRun:
    """Passes for the tracks 1 to 3, as the bridge begins them."""
    tracks = (1, 2, 3)
    frame = ranges[0][0]
    tracker = tracker or FakeTracker(start_markers(tracks, frame), lost={2: 3})
    settings = {"pattern_match": "KEYFRAME"}
    records: list[JournalRecord] = [TracksRecord(tuple(TrackData(n, "Camera", f"Track.{n}", settings) for n in tracks))]
    records += [MarkersRecord(n, tracker.markers[n][frame]) for n in tracks]
    passes = [Pass(number, a, b, tracks) for number, (a, b) in enumerate(ranges, 1)]
    session.acquire()
    session.acquire().open_pass(passes[0], passes[1:], records)
    return _run(session, tracker, passes, frame, frozenset(tracks), deliver_every)


def _run(
    session: TrackingSessionManager,
    tracker: FakeTracker,
    passes: Sequence[Pass],
    frame: int,
    alive: frozenset[int],
    deliver_every: int = 2,
) -> SessionRun:
    footage = find_footage(session.path.parent / session.session.footage.path)
    check = FootageCheck(footage, describe(footage))
    run = SessionRun(
        session.acquire(),
        tracker,
        check,
        passes,
        frame=frame,
        alive=alive,
        deliver_every=lambda steps: steps >= deliver_every,
    )
    run.session = session
    return run


def finish(run: SessionRun) -> None:
    """Track all that is left, and close the session."""
    with run:
        while run.step():
            pass
    run.session.mark_tracking_complete()
    run.session.close()


def go_on(path: Path, ranges: Sequence[tuple[int, int]]) -> Markers:
    """Resume the session until its end, as the bridge does, or begin `ranges` if nothing was begun."""
    session = TrackingSessionManager(path)
    known = session.acquire_replay()
    last = known.last_pass
    if last is None:
        finish(start_run(session, ranges))
    elif last.is_open or last.then:
        then = last.then
        tracker = FakeTracker(known.markers, lost={2: 3})
        if last.is_open:
            finish(_run(session, tracker, [last.plan, *then], last.frame, last.alive))
        else:
            session.acquire().open_pass(then[0], then[1:], ())
            finish(_run(session, tracker, then, then[0].start, frozenset(then[0].tracks)))
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
