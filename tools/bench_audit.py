# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures audits: of a whole shot, of a shot twice as long, and after an edit of one track."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from statistics import median

from tracking_sessions.core.journal.head import Head
from tracking_sessions.core.journal.records import MarkersRecord, TracksRecord
from tracking_sessions.core.review.audit import Level, audit, audit_frames
from tracking_sessions.core.review.jumps import REACH
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.review.settings import Settings
from tracking_sessions.core.review.transfer import transfer
from tracking_sessions.tests.core.review.shots import SIZE, Floats, Journal, dolly
from tracking_sessions.tools.bench_figures import Report

TRACKS = 100
WHOLE = 3.0  # seconds of the processor for a million markers
EDIT = 50.0  # milliseconds
E_FRAMES = 300  # a full audit is measured on a shot of usual length


def measure_audit(frames: int, report: Report) -> None:
    """The quick audit of 100 tracks on `frames` frames, a full one, and the audit of an edit's neighbourhood."""
    seconds: list[float] = []
    head = Head()
    for length in (frames // 2, frames):
        head = _head(dolly(TRACKS, length, speed=6 / length))
        motion = Motion.of(head, SIZE)
        took = [_seconds(lambda motion=motion: deque(transfer(motion, Settings()), maxlen=0)) for _ in range(2)]
        seconds.append(min(took))
        whole = _seconds(lambda head=head: audit(Motion.of(head, SIZE)))
        print(f"{TRACKS * length:>9,} markers: T {seconds[-1]:.2f} s, the whole quick audit {whole:.2f} s")
    half, whole = seconds
    report.target(f"T of {frames * TRACKS:,} markers", whole, max(1, WHOLE * frames * TRACKS / 1e6), " s")
    report.target("growth of T from half of them", whole / half, 2.4, " times")
    middle = frames // 2
    around = range(middle - REACH, middle + REACH + 1)
    between = (around[0] - REACH, around[-1] + REACH)
    took = [_seconds(lambda: audit_frames(Motion.of(head, SIZE, between=between), around)) for _ in range(9)]
    report.target("audit after an edit of one track", median(took) * 1e3, EDIT, " ms")
    moments = [time.perf_counter()]
    audit(
        Motion.of(_head(dolly(TRACKS, E_FRAMES)), SIZE),
        level=Level.FULL,
        progress=lambda _: moments.append(time.perf_counter()),
    )
    longest = max(later - earlier for earlier, later in pairwise(moments))
    print(
        f"full audit, {TRACKS} tracks on {E_FRAMES} frames: {moments[-1] - moments[0]:.1f} s, "
        f"in steps of at most {longest * 1e3:.0f} ms"
    )


def _seconds(work: Callable[[], object]) -> float:
    """Seconds of the processor."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _head(shot: Floats) -> Head:
    """The newest state of a journal with these tracks."""
    journal, head = Journal(shot), Head()
    head.apply(TracksRecord(tuple(journal.tracks.values())))
    for number in journal.tracks:
        head.apply(MarkersRecord(number, journal.rows(number)))
    return head
