# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of a journal as types: `encode` makes their bytes, `decode` checks untrusted bytes.

A new kind of record needs a number, a type, and a line each in `encode` and `_DECODERS`; a new event needs a name, a
type and a line in `_EVENTS`. docs/format.md describes them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, cast

from ..model.ranges import FRAME_LIMIT, FrameRanges
from ..model.types import Outcome, Pass, SessionState, SessionStatus, TrackData
from ..model.wording import timestamp
from .chain import Position, Record
from .rows import MARKER_SIZE, count_rows, has_impossible_frame, tracks_of

_FRAME_HEAD = struct.Struct("<IiII")  # pass, frame reached, tracks alive, markers that follow
_MARKERS_HEAD = struct.Struct("<II")  # track, markers that follow


class RecordType(IntEnum):
    TRACKS = 1  # JSON: tracks with their settings
    MARKERS = 2  # all markers of one track, in place of its earlier ones
    PASS = 3  # JSON: a pass opened
    FRAME = 4  # a step of the tracker
    END = 5  # JSON: a pass closed or paused
    EVENT = 6  # JSON: any other event: a checkpoint from a script, a status, a review
    FOUND = 7  # all markers of one track in a clip before recorded ones were written into it


class Event(StrEnum):
    """The events that this version writes."""

    CHECKPOINT = "checkpoint"
    TRACKED = "tracked"
    STATUS = "status"
    STATE = "state"
    SOLVE = "solve"
    TRACKS_REMOVED = "tracks_removed"
    FOUND_IN_CLIP = "found_in_clip"
    PICTURE_DAMAGED = "picture_damaged"
    UNDONE = "undone"
    SALVAGED = "salvaged"


class RecordInvalid(ValueError):
    """A record with a valid checksum has impossible content: a faulty or hostile program wrote it."""


@dataclass(frozen=True, slots=True)
class TracksRecord:
    """New tracks, or tracks with new settings."""

    tracks: tuple[TrackData, ...]


@dataclass(frozen=True, slots=True)
class MarkersRecord:
    """All markers of a track, in place of its earlier ones."""

    track: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """All markers of a track in a clip before recorded ones were written into it. Changes nothing."""

    track: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class PassRecord:
    """A pass begins; the passes `then` follow it by plan."""

    plan: Pass
    then: tuple[Pass, ...]
    operation: str
    time: str


class FrameRecord(NamedTuple):
    """A step of the pass `number` reached `frame` with so many tracks alive, and touched the markers in `rows`.

    A tuple: each step makes one, and a dataclass takes three times as long.
    """

    number: int
    frame: int
    alive: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class EndRecord:
    """The pass `number` closed or paused."""

    number: int
    outcome: Outcome
    detail: str
    time: str


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event without a type of its own; `fields` is its whole JSON, as in the history."""

    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CheckpointEvent(EventRecord):
    """A script reached a frame."""

    frame: int
    operation: str


@dataclass(frozen=True, slots=True)
class TrackedEvent(EventRecord):
    """`frames` count as tracked, and `requested` as requested."""

    frames: FrameRanges
    requested: FrameRanges


@dataclass(frozen=True, slots=True)
class StatusEvent(EventRecord):
    status: SessionStatus


@dataclass(frozen=True, slots=True)
class StateEvent(EventRecord):
    state: SessionState


@dataclass(frozen=True, slots=True)
class SolveEvent(EventRecord):
    """A new solve; `solve` has an `id` and figures."""

    solve: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TracksRemovedEvent(EventRecord):
    """Removed tracks, whose numbers may be reused."""

    tracks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PictureDamagedEvent(EventRecord):
    """The picture of the frame was unreadable when it was tracked."""

    frame: int


@dataclass(frozen=True, slots=True)
class UndoneEvent(EventRecord):
    """A .blend with this mark was saved after undo had removed the records behind it."""

    mark: Position


JournalRecord = TracksRecord | MarkersRecord | FoundRecord | PassRecord | FrameRecord | EndRecord | EventRecord


def event_record(event: str, **fields: Any) -> EventRecord:
    """The record: the event happens now. Raises RecordInvalid for fields that a reader would refuse."""
    _, payload = encode(EventRecord({"event": event, "time": timestamp(), **fields}))
    return _event(payload)  # decoded, as every reader sees it


def tracks_removed(tracks: Sequence[int]) -> TracksRemovedEvent:
    """The record: these tracks are removed."""
    return TracksRemovedEvent({"event": Event.TRACKS_REMOVED.value, "tracks": list(tracks)}, tuple(tracks))


# Encoding


def encode(record: JournalRecord) -> tuple[RecordType, bytes]:
    """Type and payload of the record."""
    match record:
        case FrameRecord(number, frame, alive, rows):
            return RecordType.FRAME, _FRAME_HEAD.pack(number, frame, alive, count_rows(rows)) + rows
        case MarkersRecord(track, rows) | FoundRecord(track, rows):
            kind = RecordType.MARKERS if isinstance(record, MarkersRecord) else RecordType.FOUND
            return kind, _MARKERS_HEAD.pack(track, count_rows(rows)) + rows
        case TracksRecord(tracks):
            return RecordType.TRACKS, _encode_json({"tracks": [asdict(track) for track in tracks]})
        case PassRecord(plan, then, operation, time):
            span, *planned = ({"start": p.start, "end": p.end, "tracks": p.tracks} for p in (plan, *then))
            fields = {"number": plan.number, "operation": operation, **span, "object": plan.object}
            return RecordType.PASS, _encode_json({**fields, "blender": plan.blender, "time": time, "then": planned})
        case EndRecord(number, outcome, detail, time):
            fields = {"pass": number, "outcome": outcome.value, "detail": detail, "time": time}
            return RecordType.END, _encode_json(fields)
        case EventRecord(fields):
            return RecordType.EVENT, _encode_json(fields)


def _encode_json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii")


# Decoding


def decoded(records: Iterable[Record]) -> Iterator[tuple[JournalRecord, Position]]:
    """The records of a journal, each with its end; unknown types are left out.

    Raises RecordInvalid and the errors of the iterable.
    """
    for kind, payload, end in records:
        record = decode(kind, payload)
        if record is not None:
            yield record, end


def decode(kind: int, payload: bytes) -> JournalRecord | None:
    """The record with this type and payload, which is untrusted; None for an unknown type.

    Raises RecordInvalid for every impossibility that a single record shows.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        return None
    try:
        return decoder(payload)
    except RecordInvalid:
        raise
    except (KeyError, TypeError, ValueError, RecursionError, OverflowError, IndexError, struct.error) as error:
        raise RecordInvalid(f"a record of type {kind} cannot be understood: {error!r}") from error


def _tracks(payload: bytes) -> TracksRecord:
    tracks = cast("list[dict[str, Any]]", _decode_json(payload)["tracks"])
    return TracksRecord(
        tuple(
            TrackData(int(track["id"]), str(track["object"]), str(track["name"]), dict(track["settings"]))
            for track in tracks
        )
    )


def _rows_of_track(payload: bytes) -> tuple[int, bytes]:
    track, count = _MARKERS_HEAD.unpack_from(payload)
    rows = _checked_rows(payload[_MARKERS_HEAD.size :], count)
    if any(number != track for number in tracks_of(rows)):
        raise RecordInvalid(f"the markers of track {track} are of several tracks")
    return track, rows


def _checked_rows(rows: bytes, count: int) -> bytes:
    if len(rows) != count * MARKER_SIZE:
        raise RecordInvalid("a record of markers has the wrong length")
    if has_impossible_frame(rows):
        raise RecordInvalid("a marker lies on an impossible frame")
    return rows


def _pass(payload: bytes) -> PassRecord:
    fields = _decode_json(payload)
    shared = str(fields["object"]), str(fields.get("blender", ""))
    plan, *then = (
        Pass(number, frame_number(span["start"]), frame_number(span["end"]), _numbers(span["tracks"]), *shared)
        for number, span in enumerate((fields, *fields.get("then", ())), int(fields["number"]))
    )
    return PassRecord(plan, tuple(then), str(fields["operation"]), str(fields.get("time", "")))


def _frame(payload: bytes) -> FrameRecord:
    number, frame, alive, count = _FRAME_HEAD.unpack_from(payload)
    return FrameRecord(number, frame_number(frame), alive, _checked_rows(payload[_FRAME_HEAD.size :], count))


def _end(payload: bytes) -> EndRecord:
    fields = _decode_json(payload)
    detail = fields.get("detail") or ""
    return EndRecord(int(fields["pass"]), Outcome(fields["outcome"]), str(detail), str(fields.get("time", "")))


def _event(payload: bytes) -> EventRecord:
    fields = _decode_json(payload)
    name = fields.get("event")
    return _EVENTS.get(name if isinstance(name, str) else "", EventRecord)(fields)


_DECODERS: dict[int, Callable[[bytes], JournalRecord]] = {
    RecordType.TRACKS: _tracks,
    RecordType.MARKERS: lambda payload: MarkersRecord(*_rows_of_track(payload)),
    RecordType.PASS: _pass,
    RecordType.FRAME: _frame,
    RecordType.END: _end,
    RecordType.EVENT: _event,
    RecordType.FOUND: lambda payload: FoundRecord(*_rows_of_track(payload)),
}
_EVENTS: dict[str, Callable[[dict[str, Any]], EventRecord]] = {
    Event.CHECKPOINT: lambda fields: CheckpointEvent(fields, frame_number(fields["frame"]), str(fields["operation"])),
    Event.TRACKED: lambda fields: TrackedEvent(fields, frame_set(fields["frames"]), frame_set(fields.get("asked", ""))),
    Event.STATUS: lambda fields: StatusEvent(fields, SessionStatus(fields["status"])),
    Event.STATE: lambda fields: StateEvent(fields, SessionState(fields["state"])),
    Event.SOLVE: lambda fields: SolveEvent(fields, {**fields["solve"], "id": str(fields["solve"]["id"])}),
    Event.TRACKS_REMOVED: lambda fields: TracksRemovedEvent(fields, _numbers(fields["tracks"])),
    Event.PICTURE_DAMAGED: lambda fields: PictureDamagedEvent(fields, frame_number(fields["frame"])),
    Event.UNDONE: lambda fields: UndoneEvent(fields, Position(int(fields["generation"]), int(fields["offset"]))),
}


def _decode_json(payload: bytes) -> dict[str, Any]:
    content = json.loads(payload)
    if not isinstance(content, dict):
        raise RecordInvalid("a record is not a mapping")
    return cast("dict[str, Any]", content)


def _numbers(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def frame_number(value: object) -> int:
    """`value` if it can be a clip frame. Raises RecordInvalid."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > FRAME_LIMIT:
        raise RecordInvalid(f"{value!r} is not a frame")
    return value


def frame_set(text: object) -> FrameRanges:
    """The clip frames in a text such as `1-137,140`. Raises ValueError, also for impossible frames."""
    frames = FrameRanges.parse(str(text))
    for start, end in frames.ranges():
        frame_number(start)
        frame_number(end)
    return frames
