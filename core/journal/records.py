# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of a journal as types; `codec.py` has their bytes.

A new kind of record needs a number, a type, and a line each in `codec.encode` and its `_DECODERS`; a new event needs a
name, a type and a line in `_EVENTS`. docs/format.md describes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from ..model.ranges import FrameRanges
from ..model.types import Outcome, Pass, SessionState, SessionStatus, TrackData
from .chain import Position


class RecordType(IntEnum):
    TRACKS = 1  # JSON: tracks with their settings
    MARKERS = 2  # all markers of one track, in place of its earlier ones
    PASS = 3  # JSON: a pass opened
    FRAME = 4  # a step of the tracker
    END = 5  # JSON: a pass closed or paused
    EVENT = 6  # JSON: any other event: a checkpoint from a script, a status, a review
    FOUND = 7  # all markers of one track in a clip before recorded ones were written into it
    EDIT = 8  # some markers of one track set, others removed


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
    EDITED = "edited"
    SET_ASIDE = "set_aside"
    RESTORED = "restored"
    NAMED = "named"
    LET_GO = "let_go"
    KEPT = "kept"
    MOVED = "moved"
    REVIEW = "review"
    BEST = "best"


class MovedRange(NamedTuple):
    """The offsets `first` to `last` of `generation` are at offset `at` and behind it now."""

    generation: int
    first: int
    last: int
    at: int


class Reason(StrEnum):
    """Why a state was set aside."""

    UNDO = "undo"  # undo removed it from the clip
    OLDER_FILE = "older_file"  # the artist went on in a file that was saved before it


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
class EditRecord:
    """Markers of a track set (`rows`) and removed (clip frames); its other markers stay."""

    track: int
    removed: tuple[int, ...]
    rows: bytes


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """All markers of a track in a clip before recorded ones were written into it. Changes nothing."""

    track: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class PassRecord:
    """A pass begins; the passes `then` follow it by plan. `origin` as in `PassSummary`."""

    plan: Pass
    then: tuple[Pass, ...]
    operation: str
    time: str
    origin: str = ""


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
class BestEvent(EventRecord):
    """`who` takes the solve with the id `solve` for the best; without an id nobody takes any."""

    solve: str
    who: str


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


@dataclass(frozen=True, slots=True)
class EditedEvent(EventRecord):
    """The records up to the next event or pass are an edit of the artist, by this operator."""

    operator: str


@dataclass(frozen=True, slots=True)
class SetAsideEvent(EventRecord):
    """The clip went back to an earlier state; the records up to the next event or pass bring the session there.

    The state before this event is set aside: it can be restored. `reason`: see `Reason`.
    """

    reason: Reason


@dataclass(frozen=True, slots=True)
class RestoredEvent(EventRecord):
    """The records up to the next event or pass bring back the state at `position`, or parts of it."""

    position: Position


@dataclass(frozen=True, slots=True)
class NamedEvent(EventRecord):
    """The artist named the state at `position`; an empty name takes the name away."""

    position: Position
    name: str


@dataclass(frozen=True, slots=True)
class LetGoEvent(EventRecord):
    """The records up to the next `KeptEvent` are what is left of states that were let go."""


@dataclass(frozen=True, slots=True)
class KeptEvent(EventRecord):
    """The state here is one that the session has had; `fields` describe it, as `history.State` does."""


@dataclass(frozen=True, slots=True)
class MovedEvent(EventRecord):
    """The positions of this journal in the one before old states were let go."""

    ranges: tuple[MovedRange, ...]


@dataclass(frozen=True, slots=True)
class ReviewEvent(EventRecord):
    """An action of the review; `journal.review.Review` reads its `fields`, which may be anything."""


JournalRecord = (
    TracksRecord | MarkersRecord | EditRecord | FoundRecord | PassRecord | FrameRecord | EndRecord | EventRecord
)


def tracks_removed(tracks: Sequence[int]) -> TracksRemovedEvent:
    """The record: these tracks are removed."""
    return TracksRemovedEvent({"event": Event.TRACKS_REMOVED.value, "tracks": list(tracks)}, tuple(tracks))
