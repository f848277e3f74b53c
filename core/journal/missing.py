# SPDX-License-Identifier: GPL-3.0-or-later
"""What a saved file lacks of a session: what is recorded behind the mark in its clip."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..errors import JournalDamaged
from ..model.ranges import FrameRanges
from .chain import JournalReader, Position, Record
from .records import FrameRecord, MarkersRecord, UndoneEvent, decoded

NOTHING = Position(0, 0)  # an empty journal


class MissingFrames(NamedTuple):
    """Clip frames that a file does not have."""

    lost: FrameRanges  # recorded after it was saved
    undone: FrameRanges  # it had them, and undo took them back


def missing_after(
    reader: JournalReader, after: Position | None, mark: Position | None, held: Position | None, reached: int
) -> MissingFrames:
    """As `lacking`, of the records behind `after`, which is the mark if that counts.

    Raises JournalDamaged, RecordInvalid and OSError.
    """
    if after is not None:
        try:  # nothing before the mark need be read
            return missing_frames(reader.records(after, reader.checksum_at(after)), mark, held, reached)
        except JournalDamaged:
            pass  # a mark that stands in the middle of a record looks the same
    return missing_frames(reader.records(after), mark, held, reached)


def missing_frames(
    records: Iterable[Record], mark: Position | None, held: Position | None, reached: int
) -> MissingFrames:
    """What a file with the mark `mark` lacks; `records` are those behind it, or all if it is None or does not count.

    `held`: what is recorded up to there was in the open file, so undo has taken it back. Edits without a tracked frame
    count as the frame `reached`, the last one of the session. Raises RecordInvalid, and what the iterable raises.
    """
    lost, undone = FrameRanges(), FrameRanges()
    edited = False
    for record, end in decoded(records):
        is_held = held is not None and end <= held
        match record:
            case FrameRecord(frame=frame):
                (undone if is_held else lost).add(frame)
            case MarkersRecord() if not is_held:
                edited = True
            case UndoneEvent(mark=undone_to) if undone_to == (mark or NOTHING):
                undone.update(lost)
                lost, edited = FrameRanges(), False
            case _:
                pass
    if edited and not len(lost):
        lost.add(reached)
    return MissingFrames(lost, undone)
