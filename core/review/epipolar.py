# SPDX-License-Identifier: GPL-3.0-or-later
"""E, the epipolar residual: how far a marker is from the line on which another frame says that it must lie.

Exact for perspective, so near points are no error to it, and blind to errors along the line. The fundamental matrix of
a pair of frames comes from random samples of eight tracks, of which the one with the smallest median residual counts,
and from rounds of the eight-point algorithm with robust weights (Hartley and Zisserman, Multiple View Geometry,
chapter 11). Where most tracks lie on a plane, such as a wall, those agree with a whole family of matrices; the tracks
beside the plane choose from it, as in DEGENSAC (Chum, Werner and Matas 2005). The residual is Sampson's distance.
docs/review.md has the measurements behind each constant.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple

import numpy as np

from .motion import Motion
from .regression import NORMAL_MAD, Bools, Floats, Indices, bisquare, factored, quantile, solved, uniform
from .settings import Settings

SAMPLES, SAMPLE = 60, 8
ROUNDS = 6
FLOOR = 0.01
"""Pixels below which no scale of residuals falls: exact positions must not divide by nothing."""
PLANE_ROUND = 2
"""Before this round the tracks beside a plane choose."""
FARTHEST, CHOICES = 10, 30
"""Pairs of the tracks that are farthest from their lines choose: so many of the pairs of so many tracks."""
WRONG, GAIN = 1.0, 2.5
"""Pixels from which on one is as wrong as any, and how many fewer have to be wrong: more than the two that choose."""
ALIKE = 1e-6
"""The sine of the angle between two equations below which they are one, as those of two tracks on one feature."""
WIDE, WIDE_ROUNDS = 0.15, 2
"""The scale, in pixels, of so many rounds after the choice, which is not exact yet."""
LENIENT_ROUNDS = 2
"""The last rounds allow each track for its leverage, as those of T do."""
CAP = 10.0
"""The largest leverage that widens a threshold."""
PAIRS = ((-1, 0), (0, 1), (-3, 0), (0, 3), (-1, 1), (-2, 0), (0, 2))
"""The pairs of frames that judge a marker, as offsets from its frame."""
VOTES = 2
"""Of these pairs so many must call it wrong. A jump is wrong in three pairs at least."""
WIDTH = 32
"""Pairs in one block: its arrays stay in the processor's cache."""
LEAST_TRACKS = 20
"""Tracks in common: eight determine a fundamental matrix, and some that agree with it by chance do not confirm it."""


class Residuals(NamedTuple):
    """[tracks, pairs]: `distance`, pixels, NaN where a track lacks a marker or nothing was fitted; `scale`, pixels,
    what the noise of the pair makes of it: times the leverage of a track that lies apart from the others, such as a
    near point, whose line the others know less well."""

    distance: Floats
    scale: Floats


class Opinion(NamedTuple):
    """[markers]: `distance` in pixels and `threshold` of the pair with the VOTES-largest ratio of both, NaN where too
    few pairs could judge."""

    distance: Floats
    threshold: Floats

    @property
    def ratio(self) -> Floats:
        return self.distance / self.threshold


def opinions(motion: Motion, settings: Settings, columns: Indices) -> Generator[float, None, Opinion]:
    """E for the markers of these columns, whose positions are undistorted; yields the share done so far."""
    found = Opinion(np.full(len(motion), np.nan), np.full(len(motion), np.nan))
    wanted = np.unique(columns)
    reach = max(max(-first, second) for first, second in PAIRS)
    gaps = sorted({second - first for first, second in PAIRS})
    at = 0
    while at < len(wanted):
        first = int(wanted[at])
        following = int(np.searchsorted(wanted, first + WIDTH))
        inside = wanted[at:following]
        low = first - reach
        table = motion.table(low, int(inside[-1]) + reach + 1)
        frames = _frames(motion, low, table.x.shape[1])
        ratios = np.full((len(PAIRS), len(table.track), len(inside)), -1.0)
        distances, thresholds = np.zeros_like(ratios), np.ones_like(ratios)
        for turn, gap in enumerate(gaps):
            mine = [(index, pair[0]) for index, pair in enumerate(PAIRS) if pair[1] - pair[0] == gap]
            starts = np.unique(np.concatenate([inside - low + offset for _, offset in mine]))
            starts = starts[frames[starts + gap] - frames[starts] == gap]
            for part in range(0, len(starts), WIDTH):
                some = starts[part : part + WIDTH]
                pair = residuals((table.x[:, some], table.x[:, some + gap]), (table.y[:, some], table.y[:, some + gap]))
                limit = np.maximum(settings.epipolar, settings.epipolar_noise * pair.scale)
                for index, offset in mine:
                    place = np.searchsorted(inside, some - offset + low)
                    is_asked = place < len(inside)
                    is_asked[is_asked] = inside[place[is_asked]] == (some - offset + low)[is_asked]
                    place = place[is_asked]
                    distances[index][:, place] = pair.distance[:, is_asked]
                    thresholds[index][:, place] = limit[:, is_asked]
                    ratios[index][:, place] = np.nan_to_num((pair.distance / limit)[:, is_asked], nan=-1.0)
            yield (at + turn / len(gaps) * len(inside)) / len(wanted)
        order = np.argsort(-ratios, axis=0, kind="stable")[VOTES - 1][None]
        ratio, distance, threshold = (
            np.take_along_axis(values, order, axis=0)[0] for values in (ratios, distances, thresholds)
        )
        marker = table.marker[:, inside - low]
        judged = (ratio >= 0) & (marker >= 0)
        found.distance[marker[judged]] = distance[judged]
        found.threshold[marker[judged]] = threshold[judged]
        at = following
        yield at / len(wanted)
    return found


def _frames(motion: Motion, first: int, count: int) -> Indices:
    """The clip frames of `count` columns from `first` on; those that do not exist are far from each other."""
    frames = (np.arange(count) + 1) * -(1 << 32)
    low, high = max(first, 0), min(first + count, len(motion.frames))
    frames[low - first : high - first] = motion.frames[low:high]
    return frames


def residuals(x: Sequence[Floats], y: Sequence[Floats]) -> Residuals:
    """Sampson's distances for pairs of frames: `x` and `y` of the earlier and of the later one, [tracks, pairs]."""
    live = np.isfinite(x[0]) & np.isfinite(x[1])
    counts = live.sum(0)
    share = 1.0 / np.maximum(counts, 1)
    flat: list[Floats] = []
    for raw in (x[0], y[0], x[1], y[1]):
        values = np.where(live, raw, 0.0)
        values -= values.sum(0) * share
        values[~live] = 0.0
        flat.append(values)
    size = np.sqrt(sum((values * values).sum(0) for values in flat) * share / 4)
    size = np.maximum(size, 1.0)
    flat = [values / size for values in flat]
    best = _sampled(flat, live, counts)
    floor = FLOOR / size
    weights = flat[0]
    for turn in range(ROUNDS):
        if turn == PLANE_ROUND:
            best = beside_plane(best, weights, flat, live, WRONG / size)
        distance, gradient = distances(best, flat)
        if turn >= ROUNDS - LENIENT_ROUNDS:
            distance /= _spread(weights, flat, gradient, best)
        distance[~live] = np.inf
        least = WIDE / size if 0 <= turn - PLANE_ROUND < WIDE_ROUNDS else floor
        scale = np.maximum(quantile(distance, counts) * NORMAL_MAD, least)
        distance[~live] = 1e30
        weights = bisquare(distance, scale) / np.maximum(gradient, 1e-12)
        best = of_rank_two(smallest(moments(weights, flat), 3, best))
    distance, gradient = distances(best, flat)
    distance[~live] = np.inf
    free = NORMAL_MAD * np.sqrt(np.maximum(counts, 1) / np.maximum(counts - SAMPLE, 1))
    scale = np.maximum(quantile(distance, counts) * free, floor) * size
    spread = _spread(weights, flat, gradient, best)
    enough = live & (counts >= LEAST_TRACKS)
    return Residuals(np.where(enough, distance * size, np.nan), np.where(enough, scale * spread, np.nan))


def beside_plane(
    model: list[Floats], weights: Floats, points: Sequence[Floats], live: Bools, wrong: Floats
) -> list[Floats]:
    """The matrix by which the fewest tracks are wrong, of the family of those that most tracks agree with.

    The family is spanned by the model and by the two other matrices with the smallest weighted residuals. Each track
    asks of it one linear equation, so that two tracks choose a member. `wrong` [pairs]: the distance from which on one
    is as wrong as any.
    """
    matrix = moments(weights, points)
    weight = 10 * sum(matrix[i][i] for i in range(9))
    family = [model]
    for _ in range(2):
        known = family[-1]
        share = weight / dot(known, known)
        matrix = [[matrix[i][j] + share * known[i] * known[j] for j in range(i + 1)] for i in range(9)]
        family.append(smallest(matrix, 3))
    columns = [*_products(points), np.ones_like(points[0])]
    values = [dot(member, columns) for member in family]
    distance, _ = distances(model, points)
    least = np.where(live, np.minimum(distance, wrong), 0.0).sum(0) - GAIN * wrong
    farthest = np.argsort(np.where(live, -distance, np.inf), axis=0, kind="stable")[:FARTHEST]
    values = [np.take_along_axis(each, farthest, axis=0) for each in values]
    is_live = np.take_along_axis(live, farthest, axis=0)
    best = model
    for one, other in _choices(len(farthest)):
        (a, b, c), (d, e, f) = ([each[place] for each in values] for place in (one, other))
        parts = b * f - c * e, c * d - a * f, a * e - b * d
        length = np.sqrt(dot(parts, parts))
        asks = np.sqrt((a * a + b * b + c * c) * (d * d + e * e + f * f))
        chooses = is_live[one] & is_live[other] & (length > ALIKE * asks)
        length = np.maximum(length, 1e-300)
        member = [dot(parts, each) / length for each in zip(*family, strict=True)]
        distance, _ = distances(member, points)
        cost = np.where(live, np.minimum(distance, wrong), 0.0).sum(0)
        is_better = chooses & (cost < least)
        least = np.where(is_better, cost, least)
        best = [np.where(is_better, new, old) for new, old in zip(member, best, strict=True)]
    return best


def _choices(count: int) -> list[tuple[int, int]]:
    """Pairs of `count` places, at most CHOICES of them."""
    drawn = np.sort((uniform(CHOICES, 2) * count).astype(np.intp), axis=1).tolist()
    return sorted({(one, other) for one, other in drawn if one < other})


def _spread(weights: Floats, points: Sequence[Floats], gradient: Floats, model: Sequence[Floats]) -> Floats:
    """How much farther than the markers themselves the noise of all reaches: sqrt(1 + leverage of the track)."""
    matrix = moments(weights, points)
    trace = sum(matrix[i][i] for i in range(9)) / sum(value * value for value in model)
    for i in range(9):  # the model itself is no direction of uncertainty
        for j in range(i + 1):
            matrix[i][j] = matrix[i][j] + trace * model[i] * model[j]
    lower = factored(matrix)
    values = [*_products(points), np.ones_like(gradient)]
    leverage = np.zeros_like(gradient)
    for i in range(9):
        for j in range(i):
            values[i] = values[i] - lower[i][j] * values[j]
        leverage += values[i] * values[i] * lower[i][i]
    others = 1.0 / np.maximum(1.0 - np.minimum(weights * leverage, 1.0), 1e-9)
    leverage *= others / np.maximum(gradient, 1e-24)
    return np.sqrt(1.0 + np.minimum(leverage, CAP))


def _products(points: Sequence[Floats]) -> list[Floats]:
    """The nine coefficients of the epipolar constraint, whose last one is 1."""
    ax, ay, bx, by = points
    return [bx * ax, bx * ay, bx, by * ax, by * ay, by, ax, ay]


def moments(weights: Floats, points: Sequence[Floats]) -> list[list[Floats]]:
    """The weighted sums of the products of the coefficients, the lower triangle, over the first axis."""
    columns = _products(points)
    rows: list[list[Floats]] = []
    for i, column in enumerate(columns):
        weighted = weights * column
        rows.append([(weighted * columns[j]).sum(0) for j in range(i + 1)])
    rows.append([*((weights * column).sum(0) for column in columns), weights.sum(0)])
    return rows


def smallest(matrix: Sequence[Sequence[Floats]], rounds: int, start: Sequence[Floats] | None = None) -> list[Floats]:
    """The eigenvectors of the smallest eigenvalues, by inverse iteration."""
    size = len(matrix)
    lower = factored(matrix)
    # numbers without a pattern that an eigenvector could be orthogonal to
    vector = list(start) if start else [np.full_like(matrix[0][0], 1.0 + 0.37 * i - 0.11 * i * i) for i in range(size)]
    for _ in range(rounds):
        vector = solved(lower, vector)
        largest = np.maximum.reduce([np.abs(value) for value in vector])
        vector = [value / np.maximum(largest, 1e-300) for value in vector]
    return vector


def of_rank_two(model: Sequence[Floats]) -> list[Floats]:
    """The matrices without the part that belongs to their smallest singular value."""
    rows = [model[0:3], model[3:6], model[6:9]]
    gram = [[dot([row[i] for row in rows], [row[j] for row in rows]) for j in range(i + 1)] for i in range(3)]
    vector = smallest(gram, 3)
    length = dot(vector, vector)
    found: list[Floats] = []
    for row in rows:
        along = dot(row, vector) / length
        found += [value - along * part for value, part in zip(row, vector, strict=True)]
    return found


def dot(one: Sequence[Floats], other: Sequence[Floats]) -> Floats:
    total = one[0] * other[0]
    for i in range(1, len(one)):
        total = total + one[i] * other[i]
    return total


def distances(model: Sequence[Floats], points: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Sampson's distances, and the squared gradients that they are divided by."""
    ax, ay, bx, by = points
    along = model[0] * ax + model[1] * ay + model[2]
    across = model[3] * ax + model[4] * ay + model[5]
    back = model[0] * bx + model[3] * by + model[6]
    over = model[1] * bx + model[4] * by + model[7]
    value = bx * along + by * across + (model[6] * ax + model[7] * ay + model[8])
    gradient = along * along + across * across + back * back + over * over
    return np.abs(value) / np.sqrt(np.maximum(gradient, 1e-24)), gradient


def _sampled(points: Sequence[Floats], live: Bools, counts: Indices) -> list[Floats]:
    """The matrix of the sample with the smallest median distance, for each pair."""
    order = np.argsort(~live, axis=0, kind="stable")
    places = (np.arange(SAMPLE)[:, None] + uniform(SAMPLES, SAMPLE).T)[:, :, None] * (counts / SAMPLE)
    places = np.minimum(places.astype(np.intp), len(live) - 1)
    chosen = order[places, np.arange(live.shape[1])]
    few = [values[chosen, np.arange(live.shape[1])] for values in points]
    models = smallest(moments(np.ones_like(few[0]), few), 2)
    best: list[Floats] = []
    lowest = np.full(live.shape[1], np.inf)
    for sample in range(SAMPLES):
        model = [values[sample] for values in models]
        distance, _ = distances(model, points)
        distance[~live] = np.inf
        score = quantile(distance, counts)
        is_better = score < lowest
        lowest = np.where(is_better, score, lowest)
        best = [np.where(is_better, new, old) for new, old in zip(model, best, strict=True)] if best else model
    return best
