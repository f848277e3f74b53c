# SPDX-License-Identifier: GPL-3.0-or-later
"""Journals of passes that are paused, interrupted, resumed in any order and dropped, with edits in between."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tracking_sessions.core.journal.chain import NOTHING
from tracking_sessions.core.journal.codec import event_record
from tracking_sessions.core.journal.records import (
    EditRecord,
    EndRecord,
    FrameRecord,
    JournalRecord,
    MarkersRecord,
    PassRecord,
    TracksRecord,
    tracks_removed,
)
from tracking_sessions.core.journal.rows import GUARDED, KEYED, MUTED
from tracking_sessions.core.journal.summary import Summary
from tracking_sessions.core.model.types import Outcome, Pass, TrackData
from tracking_sessions.tests.core.shots import marker

FRAMES = 20


class _Open:
    """A pass that can go on."""

    def __init__(self, plan: Pass, then: tuple[Pass, ...]) -> None:
        self.plan, self.then, self.frame = plan, then, plan.start
        self.alive = set(plan.tracks)


def random_records(random: Random, count: int) -> Iterator[list[JournalRecord]]:
    """About `count` groups of records, each valid after those before it."""
    known = Summary()
    for records in _records(random, count, known):
        for record in records:
            known.apply(record, NOTHING)
        yield records


def _records(random: Random, count: int, known: Summary) -> Iterator[list[JournalRecord]]:
    tracks = set(range(1, 7))
    yield [TracksRecord(tuple(TrackData(number, "Camera", f"Track.{number}") for number in tracks))]
    yield [MarkersRecord(number, marker(number, random.randint(1, FRAMES), flags=KEYED)) for number in tracks]
    passes: list[_Open] = []
    opened = 0
    for _ in range(count):
        kind = random.choice(("pass", "steps", "steps", "end", "edit", "edit", "turn", "removed"))
        unfinished = {summary.number for summary in known.passes if summary.is_open}
        passes = [one for one in passes if one.plan.number in unfinished]
        if kind == "turn":
            random.shuffle(passes)
        elif kind == "pass" or (kind == "steps" and not passes):
            chosen = tuple(random.sample(sorted(tracks), random.randint(1, len(tracks))))
            start, *ends = (random.randint(1, FRAMES) for _ in range(random.randint(2, 3)))
            plan, *then = (Pass(opened + 1 + place, start, end, chosen) for place, end in enumerate(ends))
            opened += 1
            passes.append(_Open(plan, tuple(then)))
            yield [PassRecord(plan, tuple(then), plan.operation, "")]
        elif kind == "steps":
            yield from _steps(random, passes[-1])
        elif kind == "end" and passes:
            last = passes[-1]
            outcome = random.choice(list(Outcome))
            if outcome.is_final:
                passes.pop()
            yield [EndRecord(last.plan.number, outcome, "", "")]
        elif kind == "edit":
            number = random.choice(sorted(tracks))
            frames = random.sample(range(1, FRAMES + 1), random.randint(0, 6))
            rows = b"".join(marker(number, at, (random.random(),), random.choice((0, MUTED))) for at in sorted(frames))
            gone = tuple(random.sample(range(1, FRAMES + 1), random.randint(0, 3)))
            whole = random.random() < 0.3
            yield [MarkersRecord(number, rows) if whole else EditRecord(number, gone, rows)]
        elif kind == "removed" and random.random() < 0.2 and len(tracks) > 3:
            number = random.choice(sorted(tracks))
            tracks.discard(number)
            passes = []  # their next steps could name it
            removed = tracks_removed([number])
            yield [event_record("set_aside", reason="undo"), removed] if random.random() < 0.5 else [removed]


def _steps(random: Random, one: _Open) -> Iterator[list[JournalRecord]]:
    """Some steps of the pass, which may lose tracks, and follow others again at the first one."""
    direction = one.plan.direction
    if random.random() < 0.3:
        one.alive |= set(random.sample(one.plan.tracks, random.randint(0, len(one.plan.tracks))))
    for _ in range(random.randint(1, 5)):
        if one.frame == one.plan.end or not one.alive:
            return
        one.frame += direction
        lost = {number for number in one.alive if random.random() < 0.1}
        one.alive -= lost
        rows = [marker(number, one.frame, (random.random(),), GUARDED) for number in sorted(one.alive)]
        rows += [marker(number, one.frame, (random.random(),), MUTED) for number in sorted(lost)]
        yield [FrameRecord(one.plan.number, one.frame, len(one.alive), b"".join(rows))]
