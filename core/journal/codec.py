# SPDX-License-Identifier: GPL-3.0-or-later
"""Encodes records, and decodes and checks untrusted bytes. docs/format.md describes them."""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Any, cast

from ..model.ranges import FRAME_LIMIT, FrameRanges
from ..model.types import Outcome, Pass, SessionState, SessionStatus, TrackData
from ..model.wording import timestamp
from .chain import Position, Record
from .records import (
    BestEvent,
    CheckpointEvent,
    EditedEvent,
    EditRecord,
    EndRecord,
    Event,
    EventRecord,
    FoundRecord,
    FrameRecord,
    JournalRecord,
    KeptEvent,
    LetGoEvent,
    MarkersRecord,
    MovedEvent,
    MovedRange,
    NamedEvent,
    PassRecord,
    PictureDamagedEvent,
    Reason,
    RecordInvalid,
    RecordType,
    RestoredEvent,
    ReviewEvent,
    SetAsideEvent,
    SolveEvent,
    StateEvent,
    StatusEvent,
    TrackedEvent,
    TracksRecord,
    TracksRemovedEvent,
    UndoneEvent,
)
from .rows import MARKER_SIZE, MUTED, count_rows, frames_of, has_impossible_frame, heads_of, tracks_of

_FRAME_HEAD = struct.Struct("<IiII")  # pass, frame reached, tracks alive, markers that follow
_MARKERS_HEAD = struct.Struct("<II")  # track, markers that follow
_EDIT_HEAD = struct.Struct("<III")  # track, frames of removed markers that follow, markers that follow


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
        case EditRecord(track, removed, rows):
            head = _EDIT_HEAD.pack(track, len(removed), count_rows(rows))
            return RecordType.EDIT, head + array("i", removed).tobytes() + rows
        case PassRecord(plan, then, operation, time, origin):
            span, *planned = map(_span, (plan, *then))
            fields = {"number": plan.number, "operation": operation, **span, "object": plan.object}
            fields |= {"origin": origin} if origin else {}
            return RecordType.PASS, _encode_json({**fields, "blender": plan.blender, "time": time, "then": planned})
        case EndRecord(number, outcome, detail, time):
            fields = {"pass": number, "outcome": outcome.value, "detail": detail, "time": time}
            return RecordType.END, _encode_json(fields)
        case EventRecord(fields):
            return RecordType.EVENT, _encode_json(fields)


def _span(plan: Pass) -> dict[str, Any]:
    fields: dict[str, Any] = {"start": plan.start, "end": plan.end, "tracks": plan.tracks}
    return fields | ({"followed": plan.followed} if plan.followed else {})


def _encode_json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def event_record(event: str, **fields: Any) -> EventRecord:
    """The record: the event happens now. Raises RecordInvalid for fields that a reader would refuse."""
    _, payload = encode(EventRecord({"event": event, "time": timestamp(), **fields}))
    return _event(payload)  # decoded, as every reader sees it


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


def step_of(payload: bytes) -> tuple[int, int]:
    """The pass and the frame of a FRAME, without its markers. Raises RecordInvalid."""
    try:
        number, frame, _, _ = _FRAME_HEAD.unpack_from(payload)
    except struct.error as error:
        raise RecordInvalid(f"a step cannot be understood: {error!r}") from error
    return number, frame


def touched_by(kind: int, payload: bytes) -> tuple[int, tuple[int, int] | None]:
    """The track of a MARKERS or EDIT, and the first and last frame that it sets or clears; None for no frame.

    Of a MARKERS those with a live marker, if there are any. Raises RecordInvalid.
    """
    try:
        if kind == RecordType.MARKERS:
            track, _ = _MARKERS_HEAD.unpack_from(payload)
            rows = payload[_MARKERS_HEAD.size :]
            live = array("i", [at for _, at, flags in heads_of(rows) if not flags & MUTED])
            frames = live or frames_of(rows)  # without the borders of tracked segments
        else:
            track, gone, _ = _EDIT_HEAD.unpack_from(payload)
            rows_at = _EDIT_HEAD.size + 4 * gone
            touched = array("i", payload[_EDIT_HEAD.size : rows_at]) + frames_of(payload[rows_at:])
            frames = array("i", [at for at in touched if at > 0])  # without the border before the clip
    except (struct.error, ValueError) as error:
        raise RecordInvalid(f"a record of markers cannot be understood: {error!r}") from error
    return track, (min(frames), max(frames)) if frames else None


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


def _edit(payload: bytes) -> EditRecord:
    track, gone, count = _EDIT_HEAD.unpack_from(payload)
    rows_at = _EDIT_HEAD.size + 4 * gone
    if rows_at > len(payload):
        raise RecordInvalid("an edit has the wrong length")
    rows = _checked_rows(payload[rows_at:], count)
    if any(number != track for number in tracks_of(rows)):
        raise RecordInvalid(f"the markers of an edit of track {track} are of several tracks")
    return EditRecord(track, tuple(map(frame_number, array("i", payload[_EDIT_HEAD.size : rows_at]))), rows)


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
        Pass(
            number,
            frame_number(span["start"]),
            frame_number(span["end"]),
            _numbers(span["tracks"]),
            *shared,
            int(span.get("followed", 0)),
        )
        for number, span in enumerate((fields, *fields.get("then", ())), int(fields["number"]))
    )
    texts = (str(fields.get(key, "")) for key in ("time", "origin"))
    return PassRecord(plan, tuple(then), str(fields["operation"]), *texts)


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
    RecordType.EDIT: _edit,
}
_EVENTS: dict[str, Callable[[dict[str, Any]], EventRecord]] = {
    Event.CHECKPOINT: lambda fields: CheckpointEvent(fields, frame_number(fields["frame"]), str(fields["operation"])),
    Event.TRACKED: lambda fields: TrackedEvent(fields, frame_set(fields["frames"]), frame_set(fields.get("asked", ""))),
    Event.STATUS: lambda fields: StatusEvent(fields, SessionStatus(fields["status"])),
    Event.STATE: lambda fields: StateEvent(fields, SessionState(fields["state"])),
    Event.SOLVE: lambda fields: SolveEvent(fields, {**fields["solve"], "id": str(fields["solve"]["id"])}),
    Event.BEST: lambda fields: BestEvent(fields, str(fields["solve"]), str(fields.get("who", ""))),
    Event.TRACKS_REMOVED: lambda fields: TracksRemovedEvent(fields, _numbers(fields["tracks"])),
    Event.PICTURE_DAMAGED: lambda fields: PictureDamagedEvent(fields, frame_number(fields["frame"])),
    Event.UNDONE: lambda fields: UndoneEvent(fields, _position(fields)),
    Event.EDITED: lambda fields: EditedEvent(fields, str(fields["operator"])),
    Event.SET_ASIDE: lambda fields: SetAsideEvent(fields, Reason(fields["reason"])),
    Event.RESTORED: lambda fields: RestoredEvent(fields, _position(fields)),
    Event.NAMED: lambda fields: NamedEvent(fields, _position(fields), str(fields["name"])),
    Event.REVIEW: ReviewEvent,
    Event.LET_GO: LetGoEvent,
    Event.KEPT: KeptEvent,
    Event.MOVED: lambda fields: MovedEvent(
        fields, tuple(MovedRange(*_numbers(numbers)) for numbers in fields["ranges"])
    ),
}


def _decode_json(payload: bytes) -> dict[str, Any]:
    content = json.loads(payload)
    if not isinstance(content, dict):
        raise RecordInvalid("a record is not a mapping")
    return cast("dict[str, Any]", content)


def _position(fields: dict[str, Any]) -> Position:
    return Position(int(fields["generation"]), int(fields["offset"]))


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
