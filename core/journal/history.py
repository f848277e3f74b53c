# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of a session: its states, each the end of a pass, an edit, a solve or a way back.

A fold over the records that reads of the markers no more than which track and frames they belong to.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..errors import JournalDamaged
from ..model.types import Outcome
from .chain import NOTHING, Position, Record
from .codec import decode, step_of, touched_by
from .records import (
    CheckpointEvent,
    EditedEvent,
    EndRecord,
    EventRecord,
    JournalRecord,
    KeptEvent,
    LetGoEvent,
    NamedEvent,
    PassRecord,
    RecordInvalid,
    RecordType,
    RestoredEvent,
    SetAsideEvent,
    SolveEvent,
    TracksRecord,
    TracksRemovedEvent,
)


class Kind(StrEnum):
    """The action that led to a state."""

    PASS = "pass"  # steps of a pass, or of the rest of one
    EDIT = "edit"  # an edit of the artist
    SOLVE = "solve"
    SCRIPT = "script"  # checkpoints of a script
    RESTORED = "restored"  # an earlier state was brought back
    SET_ASIDE = "set_aside"  # undo, or an older file, led back


@dataclass(slots=True)
class State:
    """A state of the session, at the end of the records of the action that led to it."""

    position: Position
    kind: Kind
    time: str = ""
    """When it was reached, as far as it is known."""
    who: str = ""
    """The operator of an edit, the reason of a set aside, the operation of a script, `blender` for its own tracker."""
    first: int | None = None
    """With `last`, the clip frames: of a pass in its direction, of an edit ascending; None without frames."""
    last: int | None = None
    tracks: int = 0
    outcome: Outcome | None = None
    """The end of a pass; None for others, and if it runs, was interrupted, or went on after an edit."""
    name: str = ""
    is_set_aside: bool = False
    let_go: int = 0
    """The number of states before it that were let go."""

    def described(self) -> dict[str, Any]:
        """The state as the fields of a `KeptEvent`."""
        fields = {"time": self.time, "kind": self.kind.value, "who": self.who, "tracks": self.tracks}
        fields |= {"first": self.first, "last": self.last} if self.first is not None else {}
        return fields | ({"outcome": self.outcome.value} if self.outcome else {}) | {"let_go": self.let_go}


class History:
    """The states of a session, oldest first. `end` is the end of the records read."""

    def __init__(self) -> None:
        self.states: list[State] = []
        self.end = NOTHING
        self.damage: JournalDamaged | None = None
        """The damage of the journal behind the last state."""
        self._passes: dict[int, PassRecord] = {}
        self._begun: set[int] = set()  # the passes with a step
        self._time = ""  # the last one that a record had
        self._stepping = 0  # the pass whose steps lead to the last state; 0: they do not
        self._is_open = False  # whether the next changes belong to the last state
        self._is_let_go = False  # whether the records stand between states
        self._touched: set[int] = set()  # the tracks of the last state

    def read(self, records: Iterable[Record]) -> None:
        """Apply all records. Raises RecordInvalid and the errors of the iterable."""
        for record in records:
            self.apply(record)

    def apply(self, record: Record) -> None:
        """Apply a record as the journal has it. Raises RecordInvalid if it cannot be understood."""
        kind, payload, end = record
        self.end = end
        match kind:
            case RecordType.FRAME:
                if not self._is_let_go:
                    self._step(*step_of(payload), end)
            case RecordType.MARKERS | RecordType.EDIT:
                if not self._is_let_go:
                    track, frames = touched_by(kind, payload)
                    self._change((track,), frames, end)
            case RecordType.FOUND:
                pass
            case _:
                read = decode(kind, payload)
                if read is not None:
                    self._apply(read, end)

    def find(self, position: Position) -> State | None:
        """The state at `position`."""
        place = bisect_left(self.states, position, key=lambda state: state.position)
        return self.states[place] if place < len(self.states) and self.states[place].position == position else None

    def reached(self, position: Position) -> State | None:
        """The last state at or before `position`."""
        return next((state for state in reversed(self.states) if state.position <= position), None)

    def _apply(self, record: JournalRecord, end: Position) -> None:
        match record:
            case TracksRecord(tracks):
                if not self._is_let_go:
                    self._change([track.id for track in tracks], None, end)
            case PassRecord(plan, _, _, time):
                self._passes[plan.number] = record
                self._time = time or self._time
                if self._is_open and self.states[-1].kind is Kind.EDIT and not self.states[-1].who:
                    self.states[-1].time = self._time  # edits found when the pass began
                self._is_open, self._stepping = False, 0
            case EndRecord():
                self._end(record, end)
            case TracksRemovedEvent(tracks=tracks):
                if not self._is_let_go:
                    self._change(tracks, None, end)
            case EventRecord():
                self._event(record, end)
            case _:
                pass

    def _begin(self, state: State, *, is_open: bool) -> State:
        self.states.append(state)
        self._is_open, self._stepping = is_open, 0
        self._touched = set()
        return state

    def _step(self, number: int, frame: int, end: Position) -> None:
        if self._stepping != number:
            opened = self._passes.get(number)
            if opened is None:
                raise RecordInvalid(f"a step of pass {number}, which was not opened")
            first = frame if number in self._begun else opened.plan.start
            tracks = len(opened.plan.tracks)
            self._begin(State(end, Kind.PASS, self._time, opened.origin, first, tracks=tracks), is_open=False)
            self._begun.add(number)
            self._stepping = number
        state = self.states[-1]
        state.position, state.last = end, frame

    def _end(self, record: EndRecord, end: Position) -> None:
        self._time = record.time or self._time
        if self._is_let_go or not self.states:
            return
        state = self.states[-1]
        if state.kind is Kind.RESTORED and not (self._stepping or state.name):
            state.position = end  # the unfinished passes of the restored state are a part of it
            return
        if self._stepping == record.number:
            state.position, state.outcome, state.time = end, record.outcome, self._time
        self._is_open, self._stepping = False, 0

    def _change(self, tracks: Iterable[int], frames: tuple[int, int] | None, end: Position) -> None:
        if not self._is_open:
            self._begin(State(end, Kind.EDIT, self._time), is_open=True)
        state = self.states[-1]
        self._touched.update(tracks)
        state.position, state.tracks = end, len(self._touched)
        if frames is not None:
            low, high = frames
            state.first = low if state.first is None else min(low, state.first)
            state.last = high if state.last is None else max(high, state.last)

    def _event(self, record: EventRecord, end: Position) -> None:
        if isinstance(record, NamedEvent):
            self._name(record.position, record.name)
            return
        time = self._time = str(record.fields.get("time") or self._time)
        match record:
            case KeptEvent(fields=fields):
                self._is_let_go = False
                self._begin(_kept(fields, end), is_open=False)
                return
            case LetGoEvent():
                self._is_let_go = True
            case SetAsideEvent(reason=reason):
                if self.states:
                    self.states[-1].is_set_aside = True
                self._is_let_go = False
                self._begin(State(end, Kind.SET_ASIDE, time, reason.value), is_open=True)
                return
            case _ if self._is_let_go:
                return
            case EditedEvent(operator=operator):
                self._begin(State(end, Kind.EDIT, time, operator), is_open=True)
                return
            case RestoredEvent(position=position):
                restored = self.reached(position)
                if restored is not None:
                    restored.is_set_aside = False
                self._begin(State(end, Kind.RESTORED, time), is_open=True)
                return
            case SolveEvent():
                self._begin(State(end, Kind.SOLVE, time), is_open=False)
                return
            case CheckpointEvent(frame=frame, operation=operation):
                self._checkpoint(frame, operation, time, end)
                return
            case _:
                pass
        self._is_open = False

    def _checkpoint(self, frame: int, operation: str, time: str, end: Position) -> None:
        state = self.states[-1] if self.states else None
        if state is None or state.kind is not Kind.SCRIPT or state.name or state.who != operation:
            state = self._begin(State(end, Kind.SCRIPT, time, operation, frame), is_open=False)
        state.position, state.last, state.time = end, frame, time

    def _name(self, position: Position, name: str) -> None:
        state = self.find(position)
        if state is not None:
            state.name = name
            if state is self.states[-1]:
                self._is_open, self._stepping = False, 0  # what follows is another state


def _kept(fields: dict[str, Any], end: Position) -> State:
    """The state that a `KeptEvent` describes. Raises RecordInvalid."""
    try:
        outcome = Outcome(fields["outcome"]) if fields.get("outcome") else None
        first, last = (None if fields.get(key) is None else int(fields[key]) for key in ("first", "last"))
        counts = (int(fields.get(key, 0)) for key in ("tracks", "let_go"))
        tracks, let_go = counts
        texts = str(fields.get("time", "")), str(fields.get("who", ""))
        return State(end, Kind(fields["kind"]), *texts, first, last, tracks, outcome, let_go=let_go)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RecordInvalid(f"a kept state cannot be understood: {error!r}") from error
