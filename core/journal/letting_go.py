# SPDX-License-Identifier: GPL-3.0-or-later
"""A journal without its old states: those with a name, those that can be restored and the newest one are kept.

Of the others, what a summary knows stays: passes, losses, solves, tracked frames. Records of states young enough are
copied as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from ..errors import UsageError
from ..model.ranges import FrameRanges
from .chain import HEADER_SIZE, NOTHING, JournalReader, Position, Record
from .codec import decode, encode, event_record
from .history import History, State
from .records import (
    EditedEvent,
    EditRecord,
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
    RecordType,
    RestoredEvent,
    ReviewEvent,
    SetAsideEvent,
    TracksRecord,
    TracksRemovedEvent,
)
from .replay import Replay
from .review import Action, review_event
from .rows import MUTED, each_row, head_of, heads_of, tracks_of
from .states import difference
from .summary import Summary

_CHANGES = (FrameRecord, TracksRecord, MarkersRecord, EditRecord, TracksRemovedEvent)
"""The records that change tracks or markers."""


class Journal(Protocol):
    """The journal that gets the records."""

    @property
    def position(self) -> Position: ...

    def append(self, *records: tuple[int, bytes]) -> Position: ...


class Choice(NamedTuple):
    """What stays of a journal, from one reading of it."""

    cut: Position
    """The state up to which states are let go; it stays itself, and so does everything behind it."""
    kept: dict[Position, State]
    """The states up to `cut` that stay."""
    let_go: int
    """The number of states that go."""


def choose(states: Sequence[State], asides: Iterable[Position], before: str = "") -> Choice:
    """Choose which of the `states` of a session stay: those with a name or at `asides`, and the last one.

    With `before`, a time as in records, also those reached at that time or later.
    """
    old = list(states)
    if before:
        young = next((place for place, state in enumerate(states) if state.time >= before), len(old))
        old = old[:young]
    if not old:
        return Choice(NOTHING, {}, 0)
    places = set(asides)
    kept: dict[Position, State] = {}
    let_go = count = 0
    was_aside = False
    for place, state in enumerate(old):
        behind = old[place + 1].position if place + 1 < len(old) else None
        is_aside = any(state.position <= at and (behind is None or at < behind) for at in places)
        if state.name or is_aside or was_aside or behind is None:
            kept[state.position] = replace(state, let_go=state.let_go + count)
            count = 0
        else:
            let_go += 1
            count += 1 + state.let_go
        was_aside = is_aside  # then this state is the one that was led back to
    return Choice(old[-1].position, kept, let_go)


class _Facts:
    """What must stay of the records up to the cut, apart from the states."""

    def __init__(self, records: Iterable[Record], cut: Position) -> None:
        self.summary = Summary()
        self.stepped = FrameRanges()  # the frames of all steps
        self.states: set[Position] = set()
        last: dict[int, Position] = {}
        for kind, payload, end in records:
            record = decode(kind, payload)
            if record is None:
                raise UsageError("A newer version has written the session: let its old states go there")
            if end > cut:
                continue
            self.summary.apply(record, end)
            if isinstance(record, FrameRecord):
                self.stepped.add(record.frame)
                last[record.number] = end
        self.last_steps = {last[one.number] for one in self.summary.passes if one.is_open and one.number in last}
        """The last step of each unfinished pass: resuming it needs the state there."""
        self.lost = {(frame, track) for frame, tracks in self.summary.losses.frames.items() for track in tracks}
        self.asides = {aside.position for aside in self.summary.asides.entries}


def let_go(history: History, reader: JournalReader, before: str, journal: Journal) -> int:
    """Write the records of a journal, whose history this is, to the empty `journal`, without old states.

    `before` as in `choose`. Returns the number of states that are gone; with 0 nothing was written. Raises UsageError
    for records of a newer version, and the errors of reading and writing.
    """
    choice = choose(history.states, (), before)
    facts = _Facts(reader.records(), choice.cut)
    choice = choose(history.states, facts.asides, before) if facts.asides else choice
    if choice.let_go:
        _Rest(choice, facts, journal, reader.generations).write(reader.records())
    return choice.let_go


class _Rest:
    """Writes what stays of a journal."""

    def __init__(self, choice: Choice, facts: _Facts, journal: Journal, generations: Sequence[int]) -> None:
        self._choice, self._facts, self._journal = choice, facts, journal
        self._files = list(generations)  # those read that no record came from yet
        self._now = Replay()  # the state of the records read
        self._written = Replay()  # the state of the records written
        self._step: FrameRecord | None = None  # read and not written, as the next one may stand for it
        self._is_between = False  # whether the records written last stand between states
        self._leads_back = False  # whether those read lead back from a state that was set aside
        self._end = NOTHING  # of the records read
        self._at: Position | None = None  # where the state of the records read is now
        self._same: list[Position] = []  # the ends of records with that state
        self._moved: list[MovedRange] = []
        self._before: list[MovedRange] = []  # as the journal read says of its file
        self._before_in = 0  # the generation of that file

    def write(self, records: Iterable[Record]) -> None:
        if len(self._facts.stepped):
            self._put(event_record(Event.TRACKED, frames=str(self._facts.stepped)))
        for kind, payload, end in records:
            self._begin_files(end.generation)
            if end <= self._choice.cut:
                self._condense(decode(kind, payload), end)
            else:
                self._copy(kind, payload, end)
            self._end = end
        self._begin_files(self._files[-1] if self._files else 0)
        self._put(event_record(Event.MOVED, ranges=[list(one) for one in self._moved + self._moved_before()]))

    def _begin_files(self, generation: int) -> None:
        """Note where the beginnings of the files up to that of `generation` are: a mark may name one."""
        at = self._at if self._end <= self._choice.cut else self._journal.position
        while self._files and self._files[0] <= generation:
            number = self._files.pop(0)
            if at is not None:
                self._moved.append(MovedRange(number, HEADER_SIZE, HEADER_SIZE, at.offset))

    # Up to the cut

    def _condense(self, record: JournalRecord | None, end: Position) -> None:
        if isinstance(record, _CHANGES):
            self._at = None
            self._same = []
        self._same.append(end)
        if isinstance(record, FrameRecord):
            self._condense_step(record, end)
        elif record is not None:
            self._put_step()
            if not isinstance(record, (TracksRecord, MarkersRecord, EditRecord, TracksRemovedEvent)):
                self._end_way_back()
            self._condense_other(record, end)
        if end in self._choice.kept:
            self._put_step()
            self._keep(self._choice.kept[end])
            if end == self._choice.cut and self._facts.summary.review.id:
                self._put(review_event(Action.STATE, **self._facts.summary.review.to_state()))
        elif self._at is not None:
            self._moved.append(MovedRange(*end, end.offset, self._at.offset))

    def _condense_step(self, record: FrameRecord, end: Position) -> None:
        """Of a run of steps that follow the same tracks, the last one stays."""
        self._end_way_back()
        before = self._step
        if before is not None and (before.number != record.number or self._is_lasting(before)):
            self._put_step()
            before = None
        alive = self._now.passes[record.number].alive if before is not None else None
        is_needed = end in self._facts.last_steps
        if is_needed:
            self._put_step()
            self._lead()
        self._apply(record, end)
        if alive is not None and self._step is not None and self._now.passes[record.number].alive != alive:
            self._put_step()
        self._step = record
        if is_needed:
            self._put_step()

    def _end_way_back(self) -> None:
        """Before other records than those that lead back from a state that was set aside."""
        if self._leads_back:
            self._lead()
            self._leads_back = False

    def _is_lasting(self, step: FrameRecord) -> bool:
        """Whether the step has lost tracks that are still lost at the cut."""
        return any((at, track) in self._facts.lost for track, at, flags in heads_of(step.rows) if flags & MUTED)

    def _condense_other(self, record: JournalRecord, end: Position) -> None:
        match record:
            case TracksRecord() | MarkersRecord() | EditRecord() | FoundRecord():
                self._apply(record, end)
            case SetAsideEvent():
                if self._end in self._facts.asides:
                    self._lead()
                    self._moved.append(MovedRange(*self._end, self._end.offset, self._journal.position.offset))
                    self._is_between = False
                    self._put(record)
                    self._leads_back = True
            case EditedEvent() | RestoredEvent() | NamedEvent() | LetGoEvent() | KeptEvent() | ReviewEvent():
                pass
            case EventRecord(fields) if fields.get("event") == Event.FOUND_IN_CLIP:
                pass
            case MovedEvent(ranges=ranges):
                self._note_moved(ranges, end)
            case _:
                self._apply(record, end)
                self._put_between(record)

    def _put_step(self) -> None:
        step, self._step = self._step, None
        if step is not None:
            rows = [row for row in each_row(step.rows) if not self._is_made_good(step.frame, row)]
            self._put_between(step._replace(rows=b"".join(rows)))

    def _is_made_good(self, frame: int, row: bytes) -> bool:
        """Whether the row is a loss in a step on `frame` that was made good before the cut."""
        track, at, flags = head_of(row)
        return bool(flags & MUTED) and at == frame and (frame, track) not in self._facts.lost

    def _put_between(self, record: JournalRecord) -> None:
        """Write a record that stands between states."""
        if not (self._is_between or self._leads_back):
            self._put(event_record(Event.LET_GO))
            self._is_between = True
        needed: set[int] = set()
        if isinstance(record, PassRecord):
            needed.update(*(plan.tracks for plan in (record.plan, *record.then)))
        elif isinstance(record, FrameRecord):
            needed.update(tracks_of(record.rows))
        if not needed <= self._written.tracks.keys():
            unknown = [track for number, track in self._now.tracks.items() if number not in self._written.tracks]
            self._put(TracksRecord(tuple(unknown)))  # all of them, so that their order stays
        self._put(record)

    def _lead(self) -> None:
        """Write the records that lead to the state of the records read."""
        lost = {track for _, track in self._facts.lost}
        for record in difference(self._written, self._now, whole=lost):
            self._put_between(record)

    def _keep(self, state: State) -> None:
        is_end_of_way_back = self._leads_back
        self._lead()
        self._leads_back = False
        if not is_end_of_way_back:  # else that is the state
            self._put(event_record(Event.KEPT, **state.described()))
        self._is_between = False
        at = self._at = self._journal.position
        self._moved += [MovedRange(*one, one.offset, at.offset) for one in self._same]
        if state.name:
            self._put(event_record(Event.NAMED, **at._asdict(), name=state.name))

    def _apply(self, record: JournalRecord, end: Position) -> None:
        self._now.apply(record, end)

    def _put(self, record: JournalRecord) -> None:
        self._written.apply(record, self._journal.append(encode(record)))

    # Behind the cut

    def _copy(self, kind: int, payload: bytes, end: Position) -> None:
        record = decode(kind, payload)
        if isinstance(record, MovedEvent):
            self._note_moved(record.ranges, end)
            return
        if isinstance(record, (NamedEvent, RestoredEvent)):
            place = moved(self._moved, record.position, self._journal.position.generation)
            if isinstance(record, NamedEvent) and (place is None or record.position <= self._choice.cut):
                return  # the kept states have their names
            if place is not None:
                kind, payload = encode(EventRecord({**record.fields, **place._asdict()}))
        at = self._journal.append((kind, payload)).offset
        last = self._moved[-1] if self._moved else None
        shift = at - end.offset
        if last is not None and last.generation == end.generation and last.at - last.first == shift:
            self._moved[-1] = last._replace(last=end.offset)
        else:
            self._moved.append(MovedRange(*end, end.offset, at))

    def _note_moved(self, ranges: Iterable[MovedRange], end: Position) -> None:
        self._before, self._before_in = list(ranges), end.generation

    def _moved_before(self) -> list[MovedRange]:
        """The positions that were moved before, where their places are still known."""
        found: list[MovedRange] = []
        for old in self._before:
            for new in self._moved:
                if new.generation != self._before_in:
                    continue
                low = max(old.at, new.first)
                high = min(old.at + old.last - old.first, new.last)
                if low <= high:
                    first = old.first + low - old.at
                    found.append(MovedRange(old.generation, first, first + high - low, new.at + low - new.first))
        return found


def moved_in(records: Iterable[Record], position: Position) -> Position | None:
    """The place in these records of a position of the journal before old states were let go; None if it is gone."""
    for kind, payload, end in records:
        record = decode(kind, payload) if kind == RecordType.EVENT and b'"moved"' in payload else None
        if isinstance(record, MovedEvent):
            return moved(record.ranges, position, end.generation)
    return None


def moved(ranges: Iterable[MovedRange], position: Position, generation: int) -> Position | None:
    """The place of an earlier `position` in the journal of `generation`, which has these ranges; None if it is gone."""
    for one in ranges:
        if one.generation == position.generation and one.first <= position.offset <= one.last:
            return Position(generation, one.at + position.offset - one.first)
    return None
