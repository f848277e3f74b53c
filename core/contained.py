# SPDX-License-Identifier: GPL-3.0-or-later
"""What a saved file lacks of a session: what is recorded behind the mark in its clip."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, NamedTuple

from .journal import FRAME_HEAD, Position, Record, RecordType
from .ranges import FrameRanges
from .replay import RecordInvalid, decode_json, frame_number

NOTHING = Position(0, 0)  # an empty journal


class Lacking(NamedTuple):
    """Clip frames that a file does not have."""

    lost: FrameRanges  # recorded after it was saved
    undone: FrameRanges  # recorded before it was saved, when undo had taken them back


def lacking(records: Iterable[Record], mark: Position | None, reached: int) -> Lacking:
    """What a file with the mark `mark` lacks; `records` are those behind it, or all if it is None or does not count.

    Edits without a tracked frame count as the frame `reached`, the last one of the session. Raises RecordInvalid, and
    what the iterable raises.
    """
    lost, undone = FrameRanges(), FrameRanges()
    edited = False
    for kind, payload, _ in records:
        try:
            if kind == RecordType.FRAME:
                lost.add(frame_number(FRAME_HEAD.unpack_from(payload)[1]))
            elif kind == RecordType.MARKERS:
                edited = True
            elif kind == RecordType.EVENT and _undone_to(decode_json(payload)) == (mark or NOTHING):
                undone.update(lost)
                lost, edited = FrameRanges(), False
        except (KeyError, TypeError, ValueError, RecursionError, OverflowError, struct.error) as error:
            raise RecordInvalid(f"a record of type {kind} cannot be understood: {error!r}") from error
    if edited and not len(lost):
        lost.add(reached)
    return Lacking(lost, undone)


def _undone_to(said: dict[str, Any]) -> Position | None:
    if said.get("event") != "undone":
        return None
    return Position(int(said["generation"]), int(said["offset"]))
