# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings back what stands behind the damage of a journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..journal.chain import JournalReader, Position
from ..journal.codec import decoded
from ..journal.records import JournalRecord, NamedEvent, RecordInvalid, RestoredEvent
from ..journal.replay import Replay
from .manager import TrackingSessionManager


class Salvaged(NamedTuple):
    """The numbers of records behind the damage that were brought back, and that are lost."""

    kept: int
    lost: int


def salvage(manager: TrackingSessionManager, *, wait: bool = False) -> Salvaged:
    """Go on from the records before the damage, and record again those behind it that can be read and make sense.

    What the lost records held is missing from the newest state. Without damage nothing is recorded. Raises the errors
    of owning and writing a session.
    """
    reader = JournalReader(manager.folder, manager.id, salvage=True)
    for _ in reader.records():
        pass
    if reader.damage is None:
        return Salvaged(0, 0)
    beyond = JournalReader(manager.folder, manager.id, skip=True)
    behind = [(record, end) for record, end in decoded(beyond.records()) if end > reader.end]
    known = Replay()
    recorder = manager.acquire(salvage=True, wait=wait, replay=known)
    places: dict[Position, Position] = {}
    lost = beyond.skipped
    for record, end in behind:
        moved = _moved(record, places)
        try:
            known.apply(moved, end)
        except RecordInvalid:
            lost += 1
        else:
            places[end] = recorder.append(moved)
    recorder.write_file()
    return Salvaged(len(places), lost)


def _moved(record: JournalRecord, places: Mapping[Position, Position]) -> JournalRecord:
    """The record with the new place of the state that it names."""
    match record:
        case NamedEvent(fields, position, name) if position in places:
            return NamedEvent({**fields, **places[position]._asdict()}, places[position], name)
        case RestoredEvent(fields, position) if position in places:
            return RestoredEvent({**fields, **places[position]._asdict()}, places[position])
        case _:
            return record
