# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames that a saved .blend lacks: recorded behind the mark in its clip."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from ..errors import JournalDamaged
from ..model.ranges import FrameRanges
from .chain import NOTHING, JournalReader, Position, Record
from .codec import decoded
from .records import (
    EditRecord,
    EventRecord,
    FrameRecord,
    MarkersRecord,
    PassRecord,
    SetAsideEvent,
    TracksRecord,
    TracksRemovedEvent,
    UndoneEvent,
)
from .rows import MUTED, heads_of, tracks_of


class MissingFrames(NamedTuple):
    """Recorded clip frames that a .blend does not have."""

    lost: FrameRanges  # recorded after the save
    undone: FrameRanges  # removed from the open file by undo


def missing_frames(
    reader: JournalReader, after: Position | None, mark: Position | None, contained: Position | None, reached: int
) -> MissingFrames:
    """The frames that a file with `mark` lacks, from the records behind `after`: the mark, or None if it is invalid.

    The open file contained the journal up to `contained`, so undo has removed the frames up to there. Edits without a
    tracked frame count as the frame `reached`. Raises JournalDamaged, RecordInvalid and OSError.
    """
    if after is not None:
        try:
            return _missing(reader.records(after, reader.checksum_at(after)), mark, contained, reached)
        except JournalDamaged:
            pass  # or the mark lies inside a record, which looks the same
    return _missing(reader.records(after), mark, contained, reached)


def _missing(
    records: Iterable[Record], mark: Position | None, contained: Position | None, reached: int
) -> MissingFrames:
    lost, undone = FrameRanges(), FrameRanges()
    changed: set[int] = set()  # the tracks that the file has in an older state
    edited = leads_back = False
    for record, end in decoded(records):
        is_undone = contained is not None and end <= contained
        match record:
            case FrameRecord(frame=frame, rows=rows):
                (undone if is_undone else lost).add(frame)
                changed.update(tracks_of(rows))
            case EditRecord() | MarkersRecord() | TracksRecord() | TracksRemovedEvent():
                tracks = _tracks_of(record)
                is_way_back = leads_back and changed.issuperset(tracks)  # else the file has the state set aside
                if not leads_back:
                    changed.update(tracks)
                if is_undone or is_way_back:
                    continue
                edited = True
                if isinstance(record, EditRecord):
                    lost.update(FrameRanges.of(at for _, at, flags in heads_of(record.rows) if not flags & MUTED))
            case SetAsideEvent():
                leads_back = True
            case UndoneEvent(mark=undone_to) if undone_to == (mark or NOTHING):
                undone.update(lost)
                lost, edited = FrameRanges(), False
            case _:
                pass
        if isinstance(record, PassRecord | EventRecord) and not isinstance(record, SetAsideEvent | TracksRemovedEvent):
            leads_back = False
    if edited and not len(lost):
        lost.add(reached)
    return MissingFrames(lost, undone)


def _tracks_of(record: EditRecord | MarkersRecord | TracksRecord | TracksRemovedEvent) -> Collection[int]:
    """The numbers of the tracks that the record changes."""
    match record:
        case TracksRecord(tracks):
            return [track.id for track in tracks]
        case TracksRemovedEvent(tracks=tracks):
            return tracks
        case EditRecord() | MarkersRecord():
            return (record.track,)
