# SPDX-License-Identifier: GPL-3.0-or-later
"""DRIFT and STRAY: tracks that leave their features slowly, or never moved with the scene, by E over many frames."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from ..model.flags import Flag, FlagKind, Severity
from .epipolar import residuals
from .jumps import LONG
from .measures import runs
from .motion import Motion
from .regression import Bools, Floats, Indices
from .settings import Settings

GAPS = (20, 30, 40)
"""Frames between the two of a pair: drift shows once it has grown, and the longest has the fewest common tracks."""
EVERY = 3
"""The clip frames whose number it divides are tested."""
MEDIAN_OF = 3
"""Tests in a row whose median counts, against single bad markers."""
WIDTH = 32
LEAST_TESTS = 4
"""Tests of a track without which no share of them makes it a stray."""


class _Tests(NamedTuple):
    """[tests] each: the track, by index, the column, and what the pair that ends there says."""

    track: Indices
    column: Indices
    ratio: Floats
    value: Floats
    limit: Floats


def drift(motion: Motion, settings: Settings, is_jump: Bools) -> Generator[float, None, list[Flag]]:
    """The flags; positions are undistorted. A pair with a jump of the track between its frames tells nothing about it:
    `is_jump` [markers]. Yields the share done so far."""
    columns = np.flatnonzero(motion.frames % EVERY == 0)
    jumps = np.sort((motion.track * len(motion.frames) + motion.column)[is_jump])
    parts: list[_Tests] = []
    for done, gap in enumerate(GAPS):
        for first in range(0, len(columns), WIDTH):
            some = columns[max(first - MEDIAN_OF + 1, 0) : first + WIDTH]
            parts.append(_tested(motion, settings, some, int(columns[first]), gap, jumps))
            yield (done + min(first + WIDTH, len(columns)) / len(columns)) / len(GAPS)
    if not parts:
        return []
    tests = _joined(parts)
    # of the gaps the one with the largest ratio counts
    order = np.lexsort((-tests.ratio, tests.column, tests.track))
    track, column = tests.track[order], tests.column[order]
    is_worst = np.append(True, (np.diff(track) != 0) | (np.diff(column) != 0))[: len(order)]
    order, track, column = order[is_worst], track[is_worst], column[is_worst]
    chosen = _Tests(track, column, tests.ratio[order], tests.value[order], tests.limit[order])
    return _flags(motion, settings, chosen)


def _joined(parts: list[_Tests]) -> _Tests:
    track, column = (np.concatenate([part[i] for part in parts]).astype(np.intp) for i in range(2))
    ratio, value, limit = (np.concatenate([part[i] for part in parts]).astype(np.float64) for i in range(2, 5))
    return _Tests(track, column, ratio, value, limit)


def _tested(motion: Motion, settings: Settings, later: Indices, first: int, gap: int, jumps: Indices) -> _Tests:
    """The tests of the columns `later` from `first` on, against `gap` frames before."""
    earlier = np.searchsorted(motion.frames, motion.frames[later] - gap)
    is_there = motion.frames[earlier] == motion.frames[later] - gap
    low = int(earlier[0])
    table = motion.table(low, int(later[-1]) + 1)
    x, y = (np.where(is_there, values[:, earlier - low], np.nan) for values in (table.x, table.y))
    pair = residuals((x, table.x[:, later - low]), (y, table.y[:, later - low]))
    threshold = np.maximum(settings.drift, settings.drift_noise * pair.scale)
    ratio = pair.distance / threshold
    start = table.track[:, None] * len(motion.frames)
    between = np.searchsorted(jumps, start + later, side="right") - np.searchsorted(jumps, start + earlier)
    ratio[(between > 0) & (between <= LONG)] = np.nan  # more are no single jump
    windows = np.full((MEDIAN_OF, *ratio.shape), np.nan)
    for back in range(MEDIAN_OF):  # on frames without a gap
        is_near = np.zeros(len(later), bool)
        is_near[back:] = motion.frames[later[back:]] - motion.frames[later[: len(later) - back]] == back * EVERY
        windows[back][:, back:] = ratio[:, : len(later) - back]
        windows[back][:, ~is_near] = np.nan
    middle = np.sort(windows, axis=0)[MEDIAN_OF // 2]
    row, column = np.nonzero(np.isfinite(windows).all(0) & (later >= first))
    ratio, limit = middle[row, column], threshold[row, column]
    return _Tests(table.track[row], later[column], ratio, ratio * limit, limit)


def _flags(motion: Motion, settings: Settings, tests: _Tests) -> list[Flag]:
    """The flags of tests by track and column."""
    is_off = tests.ratio > 1
    count, off = (np.bincount(tests.track[mine], minlength=len(motion.tracks)) for mine in (is_off | True, is_off))
    share = off / np.maximum(count, 1)
    is_stray = (share > settings.stray_share) & (count >= LEAST_TESTS)
    frames = motion.frames[tests.column]
    places = np.flatnonzero(is_off)
    track = tests.track[places]
    same = np.zeros(len(places), bool)  # tests in a row, and all those of a stray, are one flag
    same[1:] = (np.diff(track) == 0) & ((np.diff(places) == 1) | is_stray[track[1:]])
    found: list[Flag] = []
    for first, last in runs(same):
        run = places[first : last + 1]
        track = int(tests.track[run[0]])
        worst = run[int(np.argmax(tests.ratio[run]))]
        kind, value, limit, unit = FlagKind.DRIFT, float(tests.value[worst]), float(tests.limit[worst]), "px"
        if is_stray[track]:
            kind, value, limit, unit = FlagKind.STRAY, float(share[track]) * 100, settings.stray_share * 100, "%"
        number, a, b = motion.tracks[track].number, int(frames[run[0]]), int(frames[run[-1]])
        found.append(Flag(kind, Severity.WARNING, number, a, b, value, limit, unit))
    return found
