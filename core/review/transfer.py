# SPDX-License-Identifier: GPL-3.0-or-later
"""T, the three-frame affine transfer: where the other tracks say that a marker must be.

Over three neighbouring frames the pictures of all points that one camera sees satisfy a linear relation, up to terms of
second order in the motion of the camera, whatever their depths. With a, b, c the positions of a track on the frames
before, on and after one,

    b - (a + c)/2 = M [1, (a + c)/2, (c - a)/2]

with one M, 2 x 5, for all tracks. Rotation, shake, zoom and parallax cancel to first order; a jump does not, in
whatever direction. docs/review.md has the measurements behind each constant.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .motion import Motion
from .regression import (
    BISQUARE,
    RAYLEIGH_MEDIAN,
    Bools,
    Floats,
    Indices,
    factored,
    quantile,
    residual,
    solved,
    sums,
    uniform,
)
from .settings import Settings

ENOUGH_TRACKS, FEW_TRACKS, LEAST_TRACKS = 20, 10, 4
"""From so many tracks T is as good as with a hundred, needs a higher threshold, is replaced by a median."""
SECOND_TRACKS = 28
"""T2 fits twelve columns: fewer tracks cannot contradict it, and get eight."""
UNIT = 1000.0
"""Pixels: it keeps the columns of the regression near 1."""
STARTS, SUBSET, SHARE = 16, 8, 0.6
"""Each fit starts from the best of so many subsets, of so many tracks, by this quantile of the residuals."""
ROUNDS = 6
LENIENT_ROUNDS, LENIENT = 2, 100.0
"""The last rounds allow each track for its leverage, up to this: else a near track that the first ones left out stays
out, and the others predict it badly."""
FLOOR = 0.03
"""Pixels: no scale of residuals is smaller, so that locked and generated shots do not flag rounding."""
CAP = 1.0
"""The largest leverage that widens a threshold: on a locked-off shot a step would else buy itself any."""
FEW_CAP = 9.0
"""The same with fewer than ENOUGH_TRACKS, where sound tracks have as much."""
PLAIN = 1.5
"""Tracks hardly move against each other if that is within so many times the scale of the residuals of the fit."""
ALONE = 20.0
"""A track moves alone from so many scales of the residuals on."""
WIDTH = 128
"""Frames in one block: its arrays stay in the processor's cache."""


@dataclass(slots=True)
class Transfer:
    """[markers]: `x`, `y`, pixels, how far a marker is from where the other tracks say, NaN where T cannot tell;
    `threshold`, pixels; `parallax`, pixels, the part of the displacement per frame that is its own; `second`, how often
    the threshold T2 finds, NaN where it was not asked.

    [columns]: `tested`, the tracks that T could compare; `scale` of their residuals, pixels; `model` [10, columns], M
    for positions and displacements in units of 1000 pixels.
    """

    x: Floats
    y: Floats
    threshold: Floats
    parallax: Floats
    second: Floats
    tested: Indices
    scale: Floats
    model: Floats

    @property
    def residual(self) -> Floats:
        """[markers]: pixels."""
        return np.sqrt(self.x * self.x + self.y * self.y)

    def residual_at(self, marker: int) -> float:
        """Pixels."""
        return float(np.sqrt(self.x[marker] * self.x[marker] + self.y[marker] * self.y[marker]))

    @property
    def ratio(self) -> Floats:
        """[markers]: how many times the threshold."""
        return self.residual / self.threshold

    @classmethod
    def empty(cls, motion: Motion) -> Transfer:
        count, columns = len(motion), len(motion.frames)
        x, y, threshold, parallax, second = (np.full(count, np.nan) for _ in range(5))
        tested, scale = np.zeros(columns, np.intp), np.full(columns, np.nan)
        return cls(x, y, threshold, parallax, second, tested, scale, np.zeros((10, columns)))


def transfer(motion: Motion, settings: Settings, columns: Indices | None = None) -> Generator[float, None, Transfer]:
    """T of the motion of one camera, on these columns or on all; yields the share done so far."""
    found = Transfer.empty(motion)
    wanted = np.arange(len(motion.frames)) if columns is None else np.unique(columns)
    at = 0
    while at < len(wanted):
        first = int(wanted[at])
        following = int(np.searchsorted(wanted, first + WIDTH))
        _block(motion, settings, first, int(wanted[following - 1]) + 1, found)
        at = following
        yield at / len(wanted)
    return found


class Problem(NamedTuple):
    """`columns` of the regression but 1, and `sides`, x and y; [tracks, frames]. Dead markers are 0."""

    columns: list[Floats]
    sides: list[Floats]
    live: Bools
    counts: Indices


class Fit(NamedTuple):
    """[tracks, frames]: the residuals without the track itself, pixels; its leverage on the others' prediction.
    [frames]: their scale; the coefficients for x and y."""

    x: Floats
    y: Floats
    leverage: Floats
    scale: Floats
    models: list[list[Floats]]


def _block(motion: Motion, settings: Settings, first: int, end: int, found: Transfer) -> None:
    """T on the columns `first` to `end` - 1."""
    table = motion.table(first - 1, end + 1)
    frames = np.full(end - first + 2, -(1 << 40))
    low, high = max(first - 1, 0), min(end + 1, len(motion.frames))
    frames[low - first + 1 : high - first + 1] = motion.frames[low:high]
    is_next = np.diff(frames) == 1
    problem, parallax = _problem(table.x, table.y, is_next[:-1] & is_next[1:])
    counts = problem.counts
    fitted = _fitted(problem, _started(problem))
    threshold = _thresholds(fitted, parallax, settings, counts)
    is_plain = _by_median(problem, parallax, settings, fitted, threshold)
    live = problem.live & (counts >= LEAST_TRACKS)
    marker = table.marker[:, 1:-1][live]
    found.x[marker], found.y[marker] = fitted.x[live], fitted.y[live]
    found.threshold[marker], found.parallax[marker] = threshold[live], parallax[live]
    found.tested[first:end] = np.where(counts >= LEAST_TRACKS, counts, 0)
    found.scale[first:end] = np.where(counts >= FEW_TRACKS, fitted.scale, np.nan)
    found.model[:, first:end] = [*fitted.models[0], *fitted.models[1]]
    length = np.sqrt(fitted.x * fitted.x + fitted.y * fitted.y)
    is_flagged = live & (length > threshold)
    plain = table.marker[:, 1:-1][is_flagged & is_plain]
    is_flagged = (is_flagged & ~is_plain).any(0)
    for low, high, terms in ((ENOUGH_TRACKS, SECOND_TRACKS, 3), (SECOND_TRACKS, len(length) + 1, 7)):
        asked = np.flatnonzero(is_flagged & (counts >= low) & (counts < high))
        if len(asked):
            _ask_again(problem, length, asked, terms, parallax, settings, table.marker[:, 1:-1], found)
    found.second[plain] = found.residual[plain] / found.threshold[plain]  # no terms of a higher order are needed


def _problem(x: Floats, y: Floats, is_whole: Bools) -> tuple[Problem, Floats]:
    """The regression of each frame but the first and the last column, and each track's own parallax in pixels."""
    before, here, after = slice(None, -2), slice(1, -1), slice(2, None)
    live = np.isfinite(x[:, before]) & np.isfinite(x[:, here]) & np.isfinite(x[:, after]) & is_whole
    counts = live.sum(0)
    columns: list[Floats] = []
    half: list[Floats] = []
    sides: list[Floats] = []
    for values in (x, y):
        a, b, c = (np.where(live, values[:, place], 0.0) for place in (before, here, after))
        mean = (a + c) * 0.5
        columns.append(mean * (1 / UNIT))
        half.append((c - a) * 0.5)
        sides.append(b - mean)
    own = [values - quantile(np.where(live, values, np.inf), counts) for values in half]
    parallax = np.sqrt(own[0] * own[0] + own[1] * own[1])
    return Problem([*columns, *(values * (1 / UNIT) for values in half)], sides, live, counts), parallax


def _started(problem: Problem) -> Floats:
    """The squared residuals of the best start. (From all tracks one jump would have the leverage to fit itself.)"""
    live, counts = problem.live, problem.counts
    frames = np.arange(live.shape[1])
    order = np.argsort(~live, axis=0, kind="stable")
    places = (np.arange(SUBSET)[:, None] + uniform(STARTS, SUBSET).T)[:, :, None] * (counts / SUBSET)
    chosen = order[np.minimum(places.astype(np.intp), len(live) - 1), frames]
    few, right = ([values[chosen, frames] for values in part] for part in (problem.columns, problem.sides))
    matrix, right = sums(np.ones_like(few[0]), few, right)
    lower = factored(matrix)
    models = [solved(lower, side) for side in right]
    best = np.full(live.shape, np.inf)
    lowest = np.full(len(counts), np.inf)
    for start in range(STARTS):
        x, y = (
            residual([value[start] for value in model], problem.columns, side)
            for model, side in zip(models, problem.sides, strict=True)
        )
        x *= x
        y *= y
        x += y
        x[~live] = np.inf
        score = quantile(x, counts, SHARE)
        is_better = score < lowest
        np.copyto(lowest, score, where=is_better)
        np.copyto(best, x, where=is_better)
    return best


def _fitted(problem: Problem, squares: Floats) -> Fit:
    """The robust fit, by rounds of Tukey's bisquare from these squared residuals."""
    columns, sides, live, counts = problem
    size = len(columns) + 1
    widen = np.sqrt(np.maximum(counts, 1) / np.maximum(counts - size, 1)) / RAYLEIGH_MEDIAN
    leverage, loose = np.zeros(live.shape), np.ones(live.shape)
    models: list[list[Floats]] = []
    x = y = squares
    for turn in range(ROUNDS):
        weights = squares * (1 / (BISQUARE * _scale(squares, live, counts, widen)) ** 2)
        if turn >= ROUNDS - LENIENT_ROUNDS:
            weights /= 1.0 + np.minimum(leverage, LENIENT)
        np.minimum(weights, 1.0, out=weights)
        np.subtract(1.0, weights, out=weights)
        weights *= weights
        matrix, right = sums(weights, columns, sides)
        lower = factored(matrix)
        models = [solved(lower, side) for side in right]
        x, y = (residual(model, columns, side) for model, side in zip(models, sides, strict=True))
        squares = x * x
        squares += y * y
        if turn >= ROUNDS - LENIENT_ROUNDS - 1:
            leverage = _leverage(lower, columns)
            loose = 1.0 / np.maximum(1.0 - weights * leverage, 1e-9)
            leverage *= loose
    return Fit(x * loose, y * loose, leverage, _scale(squares, live, counts, widen), models)


def _leverage(lower: Sequence[Sequence[Floats]], columns: Sequence[Floats]) -> Floats:
    """[tracks, frames]: the variance of each prediction by the factored normal equations, in that of a residual."""
    values = [np.ones(columns[0].shape), *columns]
    total = np.zeros(columns[0].shape)
    for i in range(len(values)):
        for j in range(i):
            values[i] = values[i] - lower[i][j] * values[j]
        total += values[i] * values[i] * lower[i][i]
    return total


def _scale(squares: Floats, live: Bools, counts: Indices, widen: Floats) -> Floats:
    """[frames]: the scale of the residuals, from their squares."""
    squares[~live] = np.inf
    return np.clip(np.sqrt(quantile(squares, counts)) * widen, FLOOR, 1e9)  # inf: a frame without tracks


def _thresholds(fitted: Fit, parallax: Floats, settings: Settings, counts: Indices) -> Floats:
    base = np.where(counts >= ENOUGH_TRACKS, settings.jump, settings.jump_few)
    cap = np.where(counts >= ENOUGH_TRACKS, CAP, FEW_CAP)
    noise = settings.jump_noise * fitted.scale * np.sqrt(1.0 + np.minimum(fitted.leverage, cap))
    return np.maximum(np.maximum(base, noise), settings.jump_parallax * parallax)


def _by_median(problem: Problem, parallax: Floats, settings: Settings, fitted: Fit, threshold: Floats) -> Bools:
    """[tracks, frames]: the markers of tracks that move alone on a frame, as on a locked-off shot, or of frames with
    too few for a fit. Their residuals and thresholds become those from the median of all, which no track can buy.
    """
    sides, live, counts = problem.sides, problem.live, problem.counts
    off = [side - quantile(np.where(live, side, np.inf), counts) for side in sides]
    squares = np.where(live, off[0] * off[0] + off[1] * off[1], np.inf)
    scale = np.sqrt(quantile(squares, counts)) / RAYLEIGH_MEDIAN
    is_weak = (counts < FEW_TRACKS) & (counts >= LEAST_TRACKS)
    apart = quantile(np.where(live, parallax, np.inf), counts) / RAYLEIGH_MEDIAN
    is_plain = is_weak | ((apart < PLAIN * fitted.scale) & (scale < PLAIN * fitted.scale) & (counts >= ENOUGH_TRACKS))
    base = np.where(is_weak, settings.jump_few, settings.jump)
    is_meant = is_weak | (is_plain & (parallax > ALONE * fitted.scale))
    for whole, values in ((fitted.x, off[0]), (fitted.y, off[1])):
        np.copyto(whole, values, where=is_meant)
    np.copyto(threshold, np.maximum(base, settings.jump_noise * np.maximum(scale, FLOOR)), where=is_meant)
    return is_meant


def _ask_again(
    problem: Problem,
    length: Floats,
    asked: Indices,
    terms: int,
    parallax: Floats,
    settings: Settings,
    marker: Indices,
    found: Transfer,
) -> None:
    """T2 on the columns `asked`: the fit with `terms` of second order in the position and, with many tracks, position
    times displacement, which a shaking camera makes."""
    live, counts = problem.live[:, asked], problem.counts[asked]
    u, v, a, b = (column[:, asked] for column in problem.columns)
    columns = [u, v, a, b, *[u * u, u * v, v * v, u * a, u * b, v * a, v * b][:terms]]
    squares = length[:, asked] ** 2
    fitted = _fitted(Problem(columns, [side[:, asked] for side in problem.sides], live, counts), squares)
    threshold = _thresholds(fitted, parallax[:, asked], settings, counts)
    ratio = np.sqrt(fitted.x * fitted.x + fitted.y * fitted.y) / threshold
    found.second[marker[:, asked][live]] = ratio[live]


def predicted(model: Floats, mean: Sequence[Floats], half: Sequence[Floats]) -> tuple[Floats, Floats]:
    """b - (a + c)/2 by the `model` [10, n] of `Transfer`, from (a + c)/2 and (c - a)/2, x and y in pixels."""
    columns = [value * (1 / UNIT) for value in (*mean, *half)]
    x, y = (
        part[0] + part[1] * columns[0] + part[2] * columns[1] + part[3] * columns[2] + part[4] * columns[3]
        for part in (model[:5], model[5:])
    )
    return x, y
