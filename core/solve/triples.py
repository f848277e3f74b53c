# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tracks of a body agree with three frames as well: what moves the same way as the camera agrees with any two.

A car beside a dolly leaves the epipolar lines of the set as they are. But how far it goes along them in the first half
of the time and in the second is not what the set does, unless both keep the same share of the camera's speed; then it
looks like a still thing at another distance, and does a camera no harm.

Two frames give each track a depth: with the fundamental matrix F and the epipole e of the later frame, a point x of the
earlier one is seen at [e]F x + t e (Hartley and Zisserman, Multiple View Geometry, 9.5 and 13.3). What stands still is
then seen in the frame between at P (x, y, 1, t), with one matrix P of 3 by 4 for all, which six tracks determine. That
frame lies between the two, so an error of t is no larger there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..review.epipolar import dot, smallest
from ..review.motion import Motion
from ..review.regression import Bools, Floats, Indices, factored, solved
from .consensus import BLOCK, LEAST, Block, block_of, fit

GAPS, STEP = (20, 40, 80), 6
"""Triples of frames so far apart, from the first to the last, beginning on every sixth frame: what speeds up slowly
shows after a while."""
SHARE = 0.8
"""The largest gap is this share of the shot at most."""
NEAR_EPIPOLE = 0.05
"""In the unit of the block: so near to the epipole a track has no depth."""
DEEPEST = 50.0
"""Deviations: no depth counts as more."""


@dataclass(frozen=True)
class Triples(Block):
    """Triples of frames. `points` [rows, triples]: x, y and depth in the first frame, x and y in the middle one; the
    depth is without its part that is linear in x and y, and has the deviation 1."""

    SAMPLE: ClassVar[int] = 6
    NEAR: ClassVar[float] = 0.7
    FAR: ClassVar[float] = 1.4

    def linear(self, weights: Floats, start: Sequence[Floats] | None = None) -> list[Floats]:
        """The twelve elements of P, row by row, of length 1: the direct linear transformation."""
        x, y, depth, to_x, to_y = self.points
        one = np.ones_like(x)
        place = [x, y, one, depth]
        matrix = [[np.zeros(weights.shape[1])] * (i + 1) for i in range(12)]
        weighted = {0: weights, 1: -weights * to_x, 2: -weights * to_y, 3: weights * (to_x * to_x + to_y * to_y)}
        for i in range(4):
            for j in range(4):
                sums = [(values * place[i] * place[j]).sum(0) for values in weighted.values()]
                if j <= i:
                    matrix[i][j] = matrix[4 + i][4 + j] = sums[0]
                    matrix[8 + i][8 + j] = sums[3]
                matrix[8 + i][j], matrix[8 + i][4 + j] = sums[1], sums[2]
        model = smallest(matrix, 3, start)
        length = np.sqrt(np.maximum(dot(model, model), 1e-300))
        return [value / length for value in model]

    def valid(self, model: list[Floats]) -> list[Floats]:
        return model

    def chosen(self, model: list[Floats], weights: Floats, live: Bools) -> list[Floats]:
        return model

    def distances(self, model: Sequence[Floats]) -> tuple[Floats, Floats]:
        x, y, depth, to_x, to_y = self.points
        a, b, c = (model[i] * x + model[i + 1] * y + model[i + 2] + model[i + 3] * depth for i in (0, 4, 8))
        scale: Floats = np.where(np.abs(c) < 1e-9, 1e-9, c)
        off_x, off_y = a / scale - to_x, b / scale - to_y
        return np.sqrt(off_x * off_x + off_y * off_y), scale * scale


def triples(motion: Motion, member: Bools) -> Iterator[Triples]:
    """The triples in the order of time, whose depths are those by the motion of the tracks `member` [tracks], of one
    body. `motion` is undistorted."""
    frames, (width, _) = motion.frames, motion.size
    if not len(frames):
        return
    part = min(1.0, SHARE * (int(frames[-1] - frames[0]) + 1) / GAPS[-1])
    gaps = sorted({max(1, round(gap * part / 2)) for gap in GAPS})  # of halves
    starts = np.arange(int(frames[0]), int(frames[-1]), STEP if part == 1.0 else 1 + int(part * STEP / 2))
    for at in range(0, len(starts), BLOCK):
        first = np.repeat(starts[at : at + BLOCK], len(gaps))
        half = np.tile(gaps, len(first) // len(gaps))
        seen = [first, first + half, first + 2 * half]
        low, high = motion.column_of(int(first[0])), motion.column_of(int(seen[2].max()) + 1)
        table = motion.table(low, high)
        places = [np.minimum(np.searchsorted(frames[low:high], each), high - low - 1) for each in seen]
        exist = np.logical_and.reduce(
            [frames[low:high][place] == each for place, each in zip(places, seen, strict=True)]
        )
        one, middle, other = (place[exist] for place in places)
        raw = [values[:, place] for place in (one, other, middle) for values in (table.x, table.y)]
        live = np.logical_and.reduce([np.isfinite(values) for values in raw])
        mine = live & member[table.track][:, None]
        keep = np.flatnonzero(mine.sum(0) >= LEAST)
        if len(keep):
            raw = [values[:, keep] for values in raw]
            ends = seen[0][exist][keep], seen[2][exist][keep]
            yield _triples(table.track, raw, live[:, keep], mine[:, keep], width, ends)


def _triples(
    track: Indices, raw: list[Floats], live: Bools, mine: Bools, width: int, ends: tuple[Indices, Indices]
) -> Triples:
    """`raw` [rows, triples]: x and y in the first, in the last and in the middle frame. `mine`: those of the body."""
    pairs = block_of(track, raw[:4], live, width, *ends)
    model, _ = fit(pairs, mine * 1.0, mine)
    depth, away = _depths(model, pairs)
    live = live & (away > NEAR_EPIPOLE)
    x, y = pairs.points[:2]
    depth = _free(x, y, np.where(live, depth, 0.0), live & mine)
    middle = block_of(track, [*raw[4:], *raw[4:]], live, width, *ends)
    points = [x, y, depth, *(values * (middle.size / pairs.size) for values in middle.points[:2])]
    return Triples(track, [np.where(live, values, 0.0) for values in points], live, pairs.size, *ends)


def _depths(model: Sequence[Floats], pairs: Block) -> tuple[Floats, Floats]:
    """t [rows, pairs], and how far from the epipole a track is in the later frame."""
    x, y, to_x, to_y = pairs.points
    rows = [model[0:3], model[3:6], model[6:9]]
    gram = [[dot(rows[i], rows[j]) for j in range(i + 1)] for i in range(3)]
    epipole = smallest(gram, 6)
    length = np.sqrt(np.maximum(dot(epipole, epipole), 1e-300))
    epipole = [value / length for value in epipole]
    turned = [row[0] * x + row[1] * y + row[2] for row in rows]
    seen = [to_x, to_y, np.ones_like(to_x)]
    along, across = _cross(seen, _cross(epipole, turned)), _cross(seen, epipole)
    squared = dot(across, across)
    depth = -dot(along, across) / np.maximum(squared, 1e-12)
    return depth, np.sqrt(squared)


def _cross(one: Sequence[Floats], other: Sequence[Floats]) -> list[Floats]:
    (a, b, c), (d, e, f) = one, other
    return [b * f - c * e, c * d - a * f, a * e - b * d]


def _free(x: Floats, y: Floats, depth: Floats, live: Bools) -> Floats:
    """The depth without its part that is linear in x and y, in its deviations."""
    weights = live * 1.0
    columns = [weights, weights * x, weights * y]
    matrix = [[(column * values).sum(0) for values in (np.ones_like(x), x, y)[: i + 1]] for i, column in
              enumerate(columns)]  # fmt: skip
    flat = solved(factored(matrix), [(column * depth).sum(0) for column in columns])
    rest = depth - flat[0] - flat[1] * x - flat[2] * y
    deviation = np.sqrt((weights * rest * rest).sum(0) / np.maximum(weights.sum(0), 1.0))
    return np.clip(rest / np.maximum(deviation, 1e-12), -DEEPEST, DEEPEST)
