# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures a day's work on one shot: tracked over again and again, with edits in between, then without old states."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from tracking_sessions.core.journal.records import (
    EditRecord,
    EndRecord,
    FrameRecord,
    JournalRecord,
    MarkersRecord,
    PassRecord,
    TracksRecord,
)
from tracking_sessions.core.journal.rows import GUARDED, KEYED
from tracking_sessions.core.model.types import Outcome, Pass, TrackData
from tracking_sessions.core.model.wording import size_words, timestamp
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.going_back import name_state
from tracking_sessions.core.recording.letting_go import journal_size
from tracking_sessions.core.recording.manager import TrackingSessionManager, load_session
from tracking_sessions.tests.core.shots import make_footage, marker
from tracking_sessions.tools.bench_figures import Report

FRAMES, TRACKS, NAMES = 1000, 60, 5
SETTINGS = {"pattern_match": "KEYFRAME", "motion_model": "Loc", "margin": 0, "correlation_min": 0.75}


def make_day(folder: Path, passes: int, edits: int) -> TrackingSessionManager:
    """A session of 60 tracks over 1,000 frames, tracked so often and edited so often, with five named states."""
    footage = make_footage(folder / "plates", 2)
    session = create_session(footage, "a day", folder / "tracking_sessions")
    session.durable = False
    chance = random.Random(0)
    tracks = range(1, TRACKS + 1)
    with session:
        recorder = session.acquire()
        described = tuple(TrackData(number, "Camera", f"Track.{number:03}", SETTINGS) for number in tracks)
        recorder.append(TracksRecord(described), *(MarkersRecord(n, marker(n, 1, flags=KEYED)) for n in tracks))
        for number in range(1, passes + 1):
            start, end = (1, FRAMES) if number % 2 else (FRAMES, 1)
            plan = Pass(number, start, end, tuple(tracks))
            recorder.append(PassRecord(plan, (), plan.operation, timestamp(), "blender" if number % 3 else ""))
            steps: list[JournalRecord] = []
            for frame in range(start + plan.direction, end + plan.direction, plan.direction):
                values = (number / passes, frame / FRAMES)
                steps.append(
                    FrameRecord(number, frame, TRACKS, b"".join(marker(n, frame, values, GUARDED) for n in tracks))
                )
            for at in range(0, len(steps), 100):
                recorder.append(*steps[at : at + 100])
            recorder.append(EndRecord(number, Outcome.COMPLETE, "", timestamp()))
            if number % max(1, passes // NAMES) == 0:
                name_state(session, recorder.position, f"after pass {number}")
            for _ in range(edits // passes):
                recorder.append_event("edited", operator=chance.choice(("Delete Marker", "Translate", "Clean Tracks")))
                chosen, frame = chance.choice(tracks), chance.randint(1, FRAMES)
                recorder.append(EditRecord(chosen, (), marker(chosen, frame, (chance.random(),), KEYED)))
        recorder.write_file()
    return load_session(session.path)


def measure_history(folder: Path, passes: int, edits: int, report: Report) -> None:
    """Measure the size of the journal, opening the session and listing its history, before and after letting go."""
    session = make_day(folder / "day", passes, edits)
    print(f"\n{passes} passes over {FRAMES:,} frames with {TRACKS} tracks, {edits:,} edits", flush=True)
    path = session.path
    for words in ("before", "after"):
        states = len(session.history().states)
        print(f"  {words}: {size_words(journal_size(session.folder))}, {states:,} states", flush=True)
        for what, act in (
            ("the session file read", lambda: load_session(path)),
            ("the newest state read", lambda: load_session(path).replay()),
            ("the history listed", lambda: load_session(path).history()),
            ("owned, as a clip with the newest state does", lambda: _own(path)),
            ("the journal checked, which goes on beside", lambda: list(load_session(path).checking())),
        ):
            print(f"    {what}: {_seconds(act):.2f} s", flush=True)
        if words == "before":
            begun = time.perf_counter()
            session.let_go()
            print(f"  let go in {time.perf_counter() - begun:.1f} s", flush=True)
            session = load_session(path)
    report.target("the history after letting go", _seconds(lambda: load_session(session.path).history()), 1, " s")


def _own(path: Path) -> None:
    with load_session(path) as session:
        session.acquire(whole=False)


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun
