# SPDX-License-Identifier: GPL-3.0-or-later
"""What the records of a journal add up to."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ..model.ranges import FrameRanges
from ..model.types import Outcome, Pass, TrackData
from ..model.wording import timestamp
from .chain import FRAME_HEAD, MARKERS_HEAD, Position, Record, RecordType
from .rows import MARKER_SIZE, MUTED, each_row, head_of, spread_rows

FRAME_LIMIT = 1 << 24  # clip frames beyond this are no frames
PICTURE_DAMAGED = "picture_damaged"
"""The event that tells of a picture that was found to be damaged when it was tracked; `frame` is its clip frame."""


class RecordInvalid(ValueError):
    """A record whose checksum is right says something impossible: it was written by a faulty or hostile program."""


@dataclass
class PassProgress:
    """A pass and how far it came. `alive` are the tracks that the last step followed; all before the first step."""

    plan: Pass
    then: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])  # the passes that follow it by plan
    frame: int = 0
    steps: int = 0
    alive: frozenset[int] = frozenset()
    outcome: Outcome | None = None

    @property
    def is_open(self) -> bool:
        return self.outcome is None or not self.outcome.is_final


class Replay:
    """The state after a number of records: tracks, markers, passes, tracked frames.

    `markers[track][frame]` is a marker in the form of `rows.MARKER`, its flags without GUARDED. Without
    `with_markers` they are not kept, and reading a long journal costs little memory.
    """

    def __init__(self, *, with_markers: bool = True, since: Position | None = None) -> None:
        """`since`: `changed` collects the markers that the records behind this position bring.

        For the tracks in `replaced` it holds all markers.
        """
        self.with_markers = with_markers
        self.since = since
        self.changed: dict[int, dict[int, bytes]] = {}
        self.replaced: set[int] = set()
        self.renamed: dict[int, str] = {}  # the names that tracks had at `since`, or at first, if they have others now
        self.renamed_objects: dict[str, str] = {}  # the same of tracking objects, by the names they have now
        self._collecting = False
        self.tracks: dict[int, TrackData] = {}
        self.last_track = 0  # the highest track number ever used
        self.markers: dict[int, dict[int, bytes]] = {}
        self.passes: dict[int, PassProgress] = {}
        self.tracked = FrameRanges()
        self.events: list[dict[str, Any]] = []
        self.damaged: set[int] = set()  # clip frames whose pictures were damaged when they were tracked
        self.edited: dict[int, dict[int, bytes]] = {}
        """Tracks whose markers were replaced after the last step, with those that they had then."""
        self.begun: str | None = None
        """When the first pass behind `since` was opened; empty if that is not the first thing recorded there."""

    @property
    def last_pass(self) -> PassProgress | None:
        return next(reversed(self.passes.values()), None)

    def rows(self, track: int) -> bytes:
        """The packed markers of a track, by frame."""
        return b"".join(row for _, row in sorted(self.markers.get(track, {}).items()))

    def read(self, records: Iterable[Record]) -> None:
        """Apply all records. Raises RecordInvalid, and what the iterable raises."""
        for record in records:
            self.apply(record)

    def apply(self, record: Record) -> None:
        """Apply one record; types that this version does not know are passed over. Raises RecordInvalid."""
        kind, payload = record.type, record.payload
        self._collecting = self.since is not None and record.end > self.since
        try:
            if kind == RecordType.FRAME:
                self._frame(payload)
            elif kind == RecordType.MARKERS:
                self._markers(payload)
            elif kind == RecordType.FOUND:
                self._rows_of_track(payload)
            elif kind == RecordType.TRACKS:
                self._tracks(decode_json(payload))
            elif kind == RecordType.PASS:
                self._pass(decode_json(payload))
            elif kind == RecordType.END:
                self._end(decode_json(payload))
            elif kind == RecordType.EVENT:
                self._event(decode_json(payload))
        except (KeyError, TypeError, ValueError, RecursionError, OverflowError, struct.error) as error:
            if isinstance(error, RecordInvalid):
                raise
            raise RecordInvalid(f"a record of type {kind} cannot be understood: {error!r}") from error

    def _tracks(self, said: dict[str, Any]) -> None:
        for track in cast("list[dict[str, Any]]", said["tracks"]):
            number = int(track["id"])
            self.last_track = max(self.last_track, number)
            known = self.tracks.get(number)
            if known is not None and (self.since is None or self._collecting):
                if known.name != track["name"]:
                    self.renamed.setdefault(number, known.name)
                if known.object != track["object"]:
                    first = self.renamed_objects.get(known.object, known.object)
                    self.renamed_objects.setdefault(str(track["object"]), first)
            self.tracks[number] = TrackData(number, str(track["object"]), str(track["name"]), dict(track["settings"]))
            self.markers.setdefault(number, {})

    def _markers(self, payload: bytes) -> None:
        track, rows = self._rows_of_track(payload)
        self.edited.setdefault(track, self.markers.get(track, {}))
        if self.with_markers:
            self.markers[track] = {frame: row for _, frame, _, row in rows}
            if self._collecting:
                self.changed[track] = dict(self.markers[track])
                self.replaced.add(track)

    def _pass(self, said: dict[str, Any]) -> None:
        tracks = tuple(int(n) for n in said["tracks"])
        unknown = [n for n in tracks if n not in self.tracks]
        if unknown:
            raise RecordInvalid(f"pass {said['number']} names track {unknown[0]}, which the journal does not have")
        plan = Pass(
            number=int(said["number"]),
            start=frame_number(said["start"]),
            end=frame_number(said["end"]),
            tracks=tracks,
            object=str(said["object"]),
            blender=str(said.get("blender", "")),
        )
        if self.passes and plan.number <= max(self.passes):
            raise RecordInvalid(f"pass {plan.number} is opened after pass {max(self.passes)}")
        if self.begun is None and (self.since is None or self._collecting):
            self.begun = str(said.get("time", ""))
        self.passes[plan.number] = PassProgress(plan, self._then(said), frame=plan.start, alive=frozenset(tracks))
        self.tracked.add(plan.start)
        self.edited.clear()

    def _then(self, said: dict[str, Any]) -> list[dict[str, Any]]:
        planned: list[dict[str, Any]] = []
        for one in said.get("then", []):
            tracks = [int(n) for n in one["tracks"]]
            if not self.tracks.keys() >= set(tracks):
                raise RecordInvalid(f"the plan of pass {said['number']} names a track that the journal does not have")
            planned.append({"start": frame_number(one["start"]), "end": frame_number(one["end"]), "tracks": tracks})
        return planned

    def _frame(self, payload: bytes) -> None:
        number, frame, _, count = FRAME_HEAD.unpack_from(payload)
        progress = self.last_pass
        if progress is None or progress.plan.number != number or abs(frame) > FRAME_LIMIT:
            raise RecordInvalid(f"a step of pass {number}, which is not the last one opened")
        if self.begun is None and self._collecting:
            self.begun = ""
        alive: set[int] = set()
        for track, at, flags, _ in self._rows(payload, FRAME_HEAD.size, count):
            if at == frame and not flags & MUTED:
                alive.add(track)
        if self.with_markers:
            spread_rows(payload[FRAME_HEAD.size :], progress.plan.direction, self.markers)
            if self._collecting:
                spread_rows(payload[FRAME_HEAD.size :], progress.plan.direction, self.changed)
        progress.frame = frame
        progress.steps += 1
        progress.outcome = None
        progress.alive = frozenset(alive)
        self.tracked.add(frame)
        self.edited.clear()

    def _rows(self, payload: bytes, offset: int, count: int) -> list[tuple[int, int, int, bytes]]:
        if len(payload) != offset + count * MARKER_SIZE:
            raise RecordInvalid("a record of markers has the wrong length")
        rows: list[tuple[int, int, int, bytes]] = []
        for row in each_row(payload[offset:]):
            track, frame, flags = head_of(row)
            if track not in self.tracks or abs(frame) > FRAME_LIMIT:
                raise RecordInvalid(f"a marker of track {track}, which the journal does not have")
            rows.append((track, frame, flags, row))
        return rows

    def _rows_of_track(self, payload: bytes) -> tuple[int, list[tuple[int, int, int, bytes]]]:
        track, count = MARKERS_HEAD.unpack_from(payload)
        rows = self._rows(payload, MARKERS_HEAD.size, count)
        if track not in self.tracks or any(number != track for number, _, _, _ in rows):
            raise RecordInvalid(f"markers of track {track}, which the journal does not have, or of several tracks")
        return track, rows

    def _end(self, said: dict[str, Any]) -> None:
        progress = self.last_pass
        if progress is None or progress.plan.number != said["pass"]:
            raise RecordInvalid(f"the end of pass {said['pass']}, which is not the last one opened")
        progress.outcome = Outcome(said["outcome"])

    def _event(self, said: dict[str, Any]) -> None:
        if said.get("event") == "checkpoint":
            self.tracked.add(frame_number(said["frame"]))
            return
        if said.get("event") == "tracks_removed":
            for number in said["tracks"]:
                self.tracks.pop(number, None)
                self.markers.pop(number, None)
                self.changed.pop(number, None)
                self.renamed.pop(number, None)
        if said.get("event") == PICTURE_DAMAGED:
            self.damaged.add(frame_number(said["frame"]))
        if said.get("event") == "tracked":
            self.tracked.update(frame_set(said["frames"]))
        self.events.append(said)


def decode_json(payload: bytes) -> dict[str, Any]:
    """The mapping in a JSON record. Raises ValueError."""
    content = json.loads(payload)
    if not isinstance(content, dict):
        raise RecordInvalid("a record does not hold a mapping")
    return cast("dict[str, Any]", content)


def frame_number(value: object) -> int:
    """`value` if it can be a clip frame. Raises RecordInvalid."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > FRAME_LIMIT:
        raise RecordInvalid(f"{value!r} is not a frame")
    return value


def frame_set(text: object) -> FrameRanges:
    """The set of clip frames that `1-137,140` names. Raises ValueError, also for what can be no frames."""
    frames = FrameRanges.parse(str(text))
    for start, end in frames.ranges():
        frame_number(start)
        frame_number(end)
    return frames


def encode_json(content: dict[str, Any]) -> bytes:
    """The payload of a JSON record."""
    return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def encode_markers(track: int, rows: bytes) -> bytes:
    """The payload of a MARKERS record; `rows` are packed markers of `track`."""
    return MARKERS_HEAD.pack(track, len(rows) // MARKER_SIZE) + rows


def encode_frame(number: int, frame: int, alive: int, rows: bytes) -> bytes:
    """The payload of a FRAME record of pass `number`; `rows` are the packed markers that the step touched."""
    return FRAME_HEAD.pack(number, frame, alive, len(rows) // MARKER_SIZE) + rows


def encode_pass(plan: Pass, then: Sequence[Pass]) -> bytes:
    """The payload of a PASS record that begins now; the passes `then` are to follow."""
    said = {
        "number": plan.number,
        "operation": plan.operation,
        "start": plan.start,
        "end": plan.end,
        "tracks": plan.tracks,
        "object": plan.object,
        "blender": plan.blender,
        "time": timestamp(),
        "then": [{"start": p.start, "end": p.end, "tracks": p.tracks} for p in then],
    }
    return encode_json(said)


def shown_to(replay: Replay | None, records: Iterable[Record]) -> Iterator[Record]:
    """The records, each applied to `replay` on its way, so that one reading of the files serves both."""
    for record in records:
        if replay is not None:
            replay.apply(record)
        yield record
