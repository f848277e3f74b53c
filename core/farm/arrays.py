# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots as job arrays, where the farm limits the numbers of the tasks of an array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model.ranges import FrameRanges

_RANGES = 1000  # of an array at most: they are one argument of a command


def arrays(indices: Sequence[int], size: int) -> Iterator[tuple[int, FrameRanges]]:
    """The arrays for shots with these numbers, ascending.

    Each is its offset, to be added to the id of a task to get the number of its shot, and its ids, from 1 to `size`.
    """
    ids: list[int] = []
    offset = runs = last = 0
    for index in indices:
        runs += index != last + 1
        if ids and (index - offset > size or runs > _RANGES):
            yield offset, FrameRanges.of(ids)
            ids = []
        if not ids:
            offset, runs = index - 1, 1
        ids.append(index - offset)
        last = index
    if ids:
        yield offset, FrameRanges.of(ids)
