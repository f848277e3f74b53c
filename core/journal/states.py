# SPDX-License-Identifier: GPL-3.0-or-later
"""States of a session: read at a position, compared, and led from one to another by records."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from math import hypot
from typing import NamedTuple

from ..errors import UsageError
from ..model.ranges import FrameRanges
from ..model.types import Outcome, Pass, SessionStatus, TrackData
from ..model.wording import timestamp
from .chain import NOTHING, JournalReader, Position
from .codec import decoded, event_record
from .records import (
    EditRecord,
    EndRecord,
    Event,
    EventRecord,
    JournalRecord,
    MarkersRecord,
    PassRecord,
    TracksRecord,
    tracks_removed,
)
from .replay import PassProgress, Replay
from .rows import is_muted, join_rows, position_of

_SELECTION = "select"  # settings that begin so come and go with each click


def state_at(reader: JournalReader, position: Position) -> Replay:
    """The state at `position`, the end of a record.

    Raises UsageError if the journal has no such record, RecordInvalid, JournalDamaged and OSError.
    """
    replay = Replay()
    reached = NOTHING
    for record, end in decoded(reader.records()):
        if end > position:
            break
        replay.apply(record, end)
        reached = end
    if reached != position:
        raise UsageError("The session has no such state: it may have been let go")
    return replay


def first_state(reader: JournalReader) -> Replay:
    """The tracks as they were when the session began. Raises RecordInvalid, JournalDamaged and OSError."""
    replay = Replay()
    for record, end in decoded(reader.records()):
        if not isinstance(record, EventRecord | TracksRecord | MarkersRecord):  # a change of them, or a pass
            break
        replay.apply(record, end)
    return replay


# Comparison


class Largest(NamedTuple):
    """The marker that moved most between two states: so many pixels on the clip frame."""

    track: TrackData
    frame: int
    pixels: float


class Comparison(NamedTuple):
    """The differences of a later state from an earlier one."""

    added: list[TrackData]
    gone: list[TrackData]
    renamed: list[tuple[TrackData, TrackData]]
    """The track under its earlier and its later name or tracking object."""
    changed: list[TrackData]
    """The tracks with other markers."""
    adjusted: list[TrackData]
    """The tracks with other settings, apart from their selection."""
    frames: FrameRanges
    """The clip frames on which a marker differs, also those of added and gone tracks."""
    largest: Largest | None
    """None if no marker that both states have and neither mutes has moved."""

    @property
    def is_equal(self) -> bool:
        return not (self.added or self.gone or self.renamed or self.changed or self.adjusted)


def compare(before: Replay, after: Replay, size: tuple[int, int]) -> Comparison:
    """Compare two states of a clip of `size`, width and height in pixels.

    A track that was deleted and made again under its name is the same one.
    """
    pairs = {number: number for number in after.tracks if number in before.tracks}
    left = {(one.object, one.name): number for number, one in before.tracks.items() if number not in pairs}
    for number, one in after.tracks.items():
        if number not in pairs and (one.object, one.name) in left:
            pairs[number] = left.pop((one.object, one.name))
    earlier = set(pairs.values())
    found = Comparison(
        added=[one for number, one in after.tracks.items() if number not in pairs],
        gone=[one for number, one in before.tracks.items() if number not in earlier],
        renamed=[],
        changed=[],
        adjusted=[],
        frames=FrameRanges(),
        largest=None,
    )
    frames: set[int] = set()
    for one in found.added:
        frames.update(after.markers.get(one.id, ()))
    for one in found.gone:
        frames.update(before.markers.get(one.id, ()))
    largest: Largest | None = None
    for number, other in pairs.items():
        was, now = before.tracks[other], after.tracks[number]
        if (was.object, was.name) != (now.object, now.name):
            found.renamed.append((was, now))
        if _lasting(was) != _lasting(now):
            found.adjusted.append(now)
        old, new = before.markers.get(other, {}), after.markers.get(number, {})
        differing = _differing(old, new)
        if differing:
            found.changed.append(now)
            frames.update(differing)
            for frame in sorted(differing & old.keys() & new.keys()):
                pixels = _moved(old[frame], new[frame], size)
                if pixels > (largest.pixels if largest is not None else 0.0):
                    largest = Largest(now, frame, pixels)
    found.frames.update(FrameRanges.of(frames))
    return found._replace(largest=largest)


def _lasting(track: TrackData) -> dict[str, object]:
    return {name: value for name, value in track.settings.items() if not name.startswith(_SELECTION)}


def _differing(old: dict[int, bytes], new: dict[int, bytes]) -> set[int]:
    """The frames on which two sets of markers differ, whatever the number of the track."""
    if old == new:
        return set()
    return {frame for frame in old.keys() | new.keys() if old.get(frame, b"")[4:] != new.get(frame, b"")[4:]}


def _moved(old: bytes, new: bytes, size: tuple[int, int]) -> float:
    """The pixels between two markers; 0 if one is muted."""
    if is_muted(old) or is_muted(new):
        return 0.0
    (x, y), (other_x, other_y) = position_of(old), position_of(new)
    return hypot((x - other_x) * size[0], (y - other_y) * size[1])


# From one state to another


def records_to(now: Replay, then: Replay, position: Position) -> list[JournalRecord]:
    """The records that lead from the state `now`, the newest, back to the state `then`, which ends at `position`.

    Passes that were unfinished in that state can be resumed again, others no more. None for an equal state.
    """
    dropped, opened = _passes_to(now, then)
    records = [*dropped, *difference(now, then), *opened]
    if not records:
        return []
    if dropped and not opened and len(dropped) == len(now.unfinished):  # else a pass would seem to be left
        status = SessionStatus.TRACKING_COMPLETE if then.passes else SessionStatus.NOT_STARTED
        records.append(event_record(Event.STATUS, status=status.value))
    return [event_record(Event.RESTORED, **position._asdict()), *records]


def difference(now: Replay, then: Replay, whole: Container[int] = ()) -> list[JournalRecord]:
    """The records that make the tracks and markers of `now` those of `then`; those of tracks in `whole` as a whole."""
    records: list[JournalRecord] = []
    gone = [number for number in now.tracks if number not in then.tracks]
    if gone:
        records.append(tracks_removed(gone))
    described = tuple(track for number, track in then.tracks.items() if now.tracks.get(number) != track)
    if described:
        records.append(TracksRecord(described))
    for number in then.tracks:
        old = now.markers.get(number, {}) if number in now.tracks else {}
        new = then.markers.get(number, {})
        if old == new:
            continue
        removed = tuple(sorted(old.keys() - new.keys()))
        rows = {frame: row for frame, row in new.items() if old.get(frame) != row}
        if number in whole or len(rows) + len(removed) >= len(new):
            records.append(MarkersRecord(number, join_rows(new)))
        else:
            records.append(EditRecord(number, removed, join_rows(rows)))
    return records


def _passes_to(now: Replay, then: Replay) -> tuple[list[JournalRecord], list[JournalRecord]]:
    """The records that drop the passes which the earlier state does not have so, and that open its unfinished ones."""
    dropped: list[JournalRecord] = []
    opened: list[JournalRecord] = []
    kept: set[int] = set()
    for progress in now.unfinished:
        number = progress.plan.number
        before = then.passes.get(number)
        if before is not None and before.is_unfinished and _standing(before) == _standing(progress):
            kept.add(number)
        else:
            dropped.append(EndRecord(number, Outcome.DROPPED, "an earlier state was brought back", timestamp()))
    following = 1 + max(now.passes, default=0)
    for progress in reversed(then.unfinished):
        if progress.plan.number in kept:
            continue
        passes = _left(progress, then, following)
        if passes:
            opened.append(PassRecord(passes[0], tuple(passes[1:]), passes[0].operation, timestamp()))
            opened.append(EndRecord(following, Outcome.PAUSED, "", timestamp()))
            following += 1
    return dropped, opened


def _standing(progress: PassProgress) -> tuple[object, ...]:
    return progress.frame, progress.followed, progress.then


def _left(progress: PassProgress, then: Replay, number: int) -> list[Pass]:
    """What an unfinished pass and those planned behind it have left in the state, as passes from `number` on."""
    plan = progress.plan
    tracks = tuple(one for one in plan.tracks if one in progress.followed and one in then.tracks)
    following = replace(plan, start=progress.frame, tracks=tracks)
    spans = [following] if tracks and following.start != following.end else []
    for planned in progress.then:
        spans.append(replace(planned, tracks=tuple(one for one in planned.tracks if one in then.tracks)))
    return [replace(one, number=number + place) for place, one in enumerate(spans)]
