# SPDX-License-Identifier: GPL-3.0-or-later
"""The markers of many steps, sorted by track: together, as one by one each marker costs ten times as much."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from .rows import (
    GUARDED,
    KEYED,
    MARKER_SIZE,
    MUTED,
    all_flags_of,
    count_rows,
    flags_of,
    frame_of,
    frames_of,
    head_of,
    join_rows,
    row_at,
    spread_rows,
    tracks_of,
    with_flags,
    with_head,
)

LEAST = 32  # steps of a run that are sorted together; fewer are spread marker by marker
MOST = 1 << 25  # bytes that wait to be sorted
_UNGUARDED = bytes(flags & ~GUARDED for flags in range(256))


class Steps:
    """Steps of passes, in the order of the journal, whose markers still have to be given to their tracks."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, bytes]] = []  # direction and packed markers
        self._size = 0

    def add(self, direction: int, rows: bytes) -> None:
        """Add the packed markers of a step of a pass in this direction (1 or -1)."""
        self._steps.append((direction, rows))
        self._size += len(rows)

    def __bool__(self) -> bool:
        return bool(self._steps)

    @property
    def is_full(self) -> bool:
        """Whether they hold so much memory that they should be taken."""
        return self._size >= MOST

    def take(self) -> Iterator[tuple[int, bytes]]:
        """Forget the steps, and give their markers: tracks, each with packed markers by frame, to be set in this order.

        A track may come several times. Guards have rows of their own, as in `spread_rows`.
        """
        steps, self._steps, self._size = self._steps, [], 0
        loose: dict[int, dict[int, bytes]] = {}
        at = 0
        while at < len(steps):
            end = _end_of_run(steps, at)
            if end - at >= LEAST:
                yield from _joined(loose)
                loose = {}
                yield from _run(steps[at:end])
            else:
                for direction, rows in steps[at:end]:
                    spread_rows(rows, direction, loose)
            at = end
        yield from _joined(loose)


def _joined(loose: dict[int, dict[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    return ((track, join_rows(mine)) for track, mine in loose.items())


def _end_of_run(steps: Sequence[tuple[int, bytes]], start: int) -> int:
    """The end of the steps from `start` on that go on from frame to frame with one marker of each of some tracks."""
    direction, rows = steps[start]
    tracks, count = tracks_of(rows), count_rows(rows)
    if not count or len(set(tracks)) < count:
        return start + 1
    frame = frame_of(rows)
    for at in range(start, len(steps)):
        way, rows = steps[at]
        same = way == direction and len(rows) == count * MARKER_SIZE and tracks_of(rows) == tracks
        if not same or frames_of(rows) != array("i", [frame]) * count:
            return max(at, start + 1)
        frame += direction
    return len(steps)


def _run(steps: Sequence[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The markers of a run. Each step overwrites the guards of the one before it, so those of the last one are left."""
    direction, last = steps[-1]
    in_order = [rows for _, rows in (steps if direction > 0 else reversed(steps))]
    for index in range(count_rows(last)):
        start, end = index * MARKER_SIZE, (index + 1) * MARKER_SIZE
        mine = b"".join([rows[start:end] for rows in in_order])
        flags = all_flags_of(mine)
        plain = flags.translate(_UNGUARDED)
        if plain != flags:
            mine = with_flags(mine, plain)
        row = row_at(last, index)
        track, frame, _ = head_of(row)
        if flags_of(row) & GUARDED:
            guard = with_head(row, track, frame + direction, MUTED | KEYED)
            mine = mine + guard if direction > 0 else guard + mine
        yield track, mine
