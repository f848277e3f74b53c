# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares and joins the markers of a track in the artist's clip and in the journal.

Rows are packed markers by clip frame, as in `Replay.markers`. A marker of the clip that no record ever had is the
artist's own, and is never overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..journal.chain import Record
from ..journal.codec import decoded
from ..journal.records import EditRecord, FrameRecord, MarkersRecord
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
    """Whether the marker on the frame is a border: a muted marker with which Blender ends a segment.

    A border has the values of the live marker next to it, perhaps with further borders in between, and no live marker
    on its other side. A marker muted by the artist has values of its own, or live markers on both sides.
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
    """The markers of the clip that the journal lacks, without borders."""
    return {frame: row for frame, row in mine.items() if recorded.get(frame) != row and not is_border(mine, frame)}


def never_recorded(records: Iterable[Record], rows: Mapping[int, Rows]) -> dict[int, dict[int, bytes]]:
    """The rows, by track, that no record ever had; only tracks with such rows."""
    left = {track: dict(mine) for track, mine in rows.items() if mine}
    for record, _ in decoded(records):
        if not left:
            break
        if isinstance(record, MarkersRecord | EditRecord | FrameRecord):
            _strike(record.rows, left)
    return left


def _strike(rows: bytes, left: dict[int, dict[int, bytes]]) -> None:
    """Remove the markers of a record from `left`."""
    for row in each_row(rows):
        track, frame, flags = head_of(row)
        mine = left.get(track)
        if mine is None:
            continue
        had = {frame: flags & ~GUARDED}
        if flags & GUARDED:  # the muted copy is on the next frame of the pass, before or after this one
            had[frame - 1] = had[frame + 1] = MUTED | KEYED
        for near, marked in had.items():
            if near in mine and mine[near] == with_head(row, track, near, marked):
                del mine[near]
        if not mine:
            del left[track]


def joined(mine: Rows, own: Rows, coming: Rows) -> dict[int, bytes]:
    """The rows of a track that was changed in the clip, with the `coming` rows on frames that it lacks.

    `own` are the artist's rows. A live coming row replaces any other muted row.
    """
    rows = dict(mine)
    for frame, row in coming.items():
        is_free = frame not in mine or (is_muted(mine[frame]) and frame not in own and not is_muted(row))
        if is_free:
            rows[frame] = row
    return dict(sorted(rows.items()))


def tracked_on(mine: Rows, recorded: Rows, frame: int, end: int) -> int | None:
    """The farthest frame after `frame`, in the direction of `end` and up to it, with a live unrecorded marker.

    None if the track was not tracked on.
    """
    low, high = sorted((frame, end))
    ahead = [
        at
        for at, row in mine.items()
        if low <= at <= high and at != frame and not is_muted(row) and recorded.get(at) != row
    ]
    return (max(ahead) if end > frame else min(ahead)) if ahead else None
