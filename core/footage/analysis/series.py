# SPDX-License-Identifier: GPL-3.0-or-later
"""Defects that show in a series of neighbours: flashes, jumps of exposure, blurred and repeated frames, flicker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...model.ranges import FrameRanges
from .following import ODD, Pair
from .matching import Bools, Floats

_REACH = 4  # frames on both sides that a level is compared with
_BLUR_REACH = 6
_FLASH = 0.2  # log2 of brightness by which a flash differs from the frames around it: 15 %
_JUMP = 0.15  # and by which the frames behind a jump differ from those before it: 11 %
_FLICKERS = 4.0  # either in standard deviations of the flicker of the shot
_BLUR = 0.5  # log2 of the fine detail that a blurred frame lacks: 30 %
_BLUR_SPREADS = 4.0
_REPEATED = 0.2  # of the usual difference between neighbours
_SAME_NOISE = 0.5  # of its standard deviation; noise of two frames differs by 1.13 of it on average
_MOVES = 0.0006  # widths of the picture, 0.6 pixels of 960: below it frames need not differ
_IDENTICAL = 1e-6  # brightness
_SCALE = 1.4826  # of the median absolute deviation to the standard deviation of a normal distribution


@dataclass(frozen=True)
class Series:
    """The frames with each defect; `flicker`: standard deviation of log2 of the brightness from frame to frame."""

    flashes: FrameRanges = field(default_factory=FrameRanges)
    jumps: FrameRanges = field(default_factory=FrameRanges)
    blurred: FrameRanges = field(default_factory=FrameRanges)
    repeated: FrameRanges = field(default_factory=FrameRanges)
    flicker: float = 0.0


def defects(pairs: Sequence[Pair], breaks: FrameRanges) -> Series:
    """Judge the pairs. `breaks`: frames that cannot be compared with the one before, such as cuts."""
    found = Series()
    flicker = [0.0]
    for run in _runs(pairs, breaks):
        light, detail = (np.cumsum([0.0, *(getattr(pair, name) for pair in run)]) for name in ("light", "detail"))
        first = run[0].frame - 1
        flicker.append(_of_light(light, first, found))
        _of_detail(detail, first, found)
        _of_difference(run, found)
    return Series(found.flashes, found.jumps, found.blurred, found.repeated, max(flicker))


def _runs(pairs: Sequence[Pair], breaks: FrameRanges) -> list[list[Pair]]:
    runs: list[list[Pair]] = []
    for pair in pairs:
        if pair.frame in breaks:
            continue
        if runs and runs[-1][-1].frame == pair.frame - 1:
            runs[-1].append(pair)
        else:
            runs.append([pair])
    return runs


def _around(values: Floats, reach: int, share: float = 0.5) -> Floats:
    """The quantile of the values within `reach` of each one."""
    found = np.full(len(values), np.nan)
    for at in range(len(values)):
        window = values[max(0, at - reach) : at + reach + 1]
        window = window[~np.isnan(window)]
        if len(window):
            found[at] = np.quantile(window, share)
    return found


def _of_light(light: Floats, first: int, found: Series) -> float:
    """Flashes and jumps of a run; returns its flicker."""
    off = light - _around(light, _REACH)
    steps = np.diff(light)
    flicker = _SCALE * float(np.median(np.abs(steps))) if len(steps) >= 2 * _REACH else 0.0
    flash = np.abs(off) > max(_FLASH, _FLICKERS * flicker)
    for start, end in _spans(flash):
        # a level that stays is a jump; both ends of a run show one side only
        if end - start < ODD and start > 0 and end < len(light) - 1:
            found.flashes.add(first + start, first + end)
        else:
            flash[start : end + 1] = False
    kept = np.where(flash, np.nan, light)
    least = max(_JUMP, _FLICKERS * flicker)
    changes: list[tuple[float, int]] = []
    for at in range(1, len(light)):
        before, after = kept[max(0, at - _REACH) : at], kept[at : at + _REACH]
        if np.isnan(before).all() or np.isnan(after).all():
            continue
        change = abs(float(np.nanmedian(after) - np.nanmedian(before)))
        if change > least and abs(float(steps[at - 1])) > 0.6 * change and not flash[at] and not flash[at - 1]:
            changes.append((change, at))
    for _, at in sorted(changes, reverse=True):
        if not any(frame in found.jumps for frame in range(first + at - _REACH + 1, first + at + _REACH)):
            found.jumps.add(first + at)
    return flicker


def _of_detail(detail: Floats, first: int, found: Series) -> None:
    """Frames with less fine detail than the better ones around them, of the same blocks."""
    if len(detail) < 3:
        return
    off = detail - _around(detail, _BLUR_REACH, 0.6)
    steps = np.diff(detail)
    spread = _SCALE * float(np.median(np.abs(steps))) / 2**0.5
    for start, end in _spans(off < -max(_BLUR, _BLUR_SPREADS * spread)):
        found.blurred.add(first + start, first + end)


def _of_difference(run: Sequence[Pair], found: Series) -> None:
    """Frames that repeat the one before, among frames that move."""
    differences = np.array([pair.difference for pair in run])
    distances = np.array([pair.distance for pair in run])
    if len(run) < 3:
        return
    usual, way = _around(differences, _BLUR_REACH), _around(distances, _BLUR_REACH, 0.6)
    same = differences <= _IDENTICAL
    noise = np.array([pair.noise for pair in run])
    like = (differences < _REPEATED * usual) & (differences < _SAME_NOISE * noise) & (way > _MOVES)
    for start, end in _spans((same & (usual > _IDENTICAL)) | like):
        found.repeated.add(run[start].frame, run[end].frame)


def _spans(values: Bools) -> list[tuple[int, int]]:
    """The runs of true values, by the indices of their first and last."""
    edges = np.diff(np.concatenate([[0], np.asarray(values, np.int8), [0]]))
    return [(int(a), int(b) - 1) for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)]
