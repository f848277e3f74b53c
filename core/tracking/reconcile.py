# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist's clip and the journal each have of a track, and how the two become one.

Rows are packed markers by clip frame, as in `Replay.markers`. What the artist did is never written over: a marker of
the clip that no record ever had is the artist's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..journal.chain import Record
from ..journal.records import FrameRecord, MarkersRecord, decoded
from ..journal.rows import (
    GUARDED,
    KEYED,
    MUTED,
    each_row,
    head_of,
    is_muted,
    values_of,
    with_head,
)

Rows = Mapping[int, bytes]


def is_border(rows: Rows, frame: int) -> bool:
    """Whether the marker on the frame is one of the muted ones with which Blender ends a segment.

    It has the values of the live marker next to it, or of a border marker in between, and no live one on its other
    side. One that the artist muted has values of its own, or live markers around it.
    """
    if not is_muted(rows[frame]):
        return False
    values = values_of(rows[frame])
    for inwards in (-1, 1):
        at = frame + inwards
        while at in rows and is_muted(rows[at]) and values_of(rows[at]) == values:
            at += inwards
        outer = rows.get(frame - inwards)
        if at in rows and values_of(rows[at]) == values and (outer is None or is_muted(outer)):
            return True
    return False


def new_in_clip(mine: Rows, recorded: Rows) -> dict[int, bytes]:
    """The markers of the clip that the journal does not have now, without those that only end a segment."""
    return {frame: row for frame, row in mine.items() if recorded.get(frame) != row and not is_border(mine, frame)}


def never_recorded(records: Iterable[Record], rows: Mapping[int, Rows]) -> dict[int, dict[int, bytes]]:
    """Those of the rows, by track, that none of the records ever had. Tracks that have none are left out."""
    left = {track: dict(mine) for track, mine in rows.items() if mine}
    for record, _ in decoded(records):
        if not left:
            break
        if isinstance(record, MarkersRecord | FrameRecord):
            _strike(record.rows, left)
    return left


def _strike(rows: bytes, left: dict[int, dict[int, bytes]]) -> None:
    """Take out of `left` the markers that a record has."""
    for row in each_row(rows):
        track, frame, flags = head_of(row)
        mine = left.get(track)
        if mine is None:
            continue
        had = {frame: flags & ~GUARDED}
        if flags & GUARDED:  # the guard is on the next frame of the pass, whichever way that goes
            had[frame - 1] = had[frame + 1] = MUTED | KEYED
        for near, marked in had.items():
            if near in mine and mine[near] == with_head(row, track, near, marked):
                del mine[near]
        if not mine:
            del left[track]


def joined(mine: Rows, own: Rows, coming: Rows) -> dict[int, bytes]:
    """The rows of a track that was changed in the clip: its own, and of the coming ones those on frames that it lacks.

    `own` are the artist's. Another muted marker, which ends a segment or was recorded, gives way to a live one.
    """
    rows = dict(mine)
    for frame, row in coming.items():
        is_free = frame not in mine or (is_muted(mine[frame]) and frame not in own and not is_muted(row))
        if is_free:
            rows[frame] = row
    return dict(sorted(rows.items()))


def tracked_on(mine: Rows, recorded: Rows, frame: int, end: int) -> int | None:
    """The farthest frame behind `frame` and up to `end`, in that direction, with a live marker that is not recorded.

    None if there is none: the track was not tracked on.
    """
    low, high = sorted((frame, end))
    ahead = [
        at
        for at, row in mine.items()
        if low <= at <= high and at != frame and not is_muted(row) and recorded.get(at) != row
    ]
    return (max(ahead) if end > frame else min(ahead)) if ahead else None
