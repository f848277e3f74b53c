# SPDX-License-Identifier: GPL-3.0-or-later
"""Robust linear regression on many frames at once.

Arrays are [tracks, frames]: sums run over the first axis, row by row, and everything else is elementwise. So the
result of a frame is the same to the last bit whatever frames stand beside it, on every machine, with any number of
threads. That excludes BLAS, LAPACK, `einsum` and the functions of the C library's mathematics, such as `hypot`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RAYLEIGH_MEDIAN = 1.1774100225154747
"""The median length of a 2-D normal vector of deviation 1 on each axis, sqrt(2 ln 2)."""
NORMAL_MAD = 1.4826022185056018
"""1 / the median absolute value of a normal variable of deviation 1."""
BISQUARE = 4.685
"""The cut-off of Tukey's bisquare in deviations, for an efficiency of 95 % (Holland and Welsch 1977)."""


Indices = NDArray[np.intp]


def uniform(count: int, width: int) -> Floats:
    """[count, width]: fixed numbers in 0..1, the same with every version of numpy (SplitMix64, Steele et al. 2014)."""
    state = np.arange(1, count * width + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)).reshape(count, width) / 2.0**53


def quantile(values: Floats, counts: Indices, part: float = 0.5) -> Floats:
    """The quantile `part`, the lower one, of the smallest `counts` values of each column.

    `values` [tracks, frames], inf where a track has no value; `counts` [frames]: the tracks that have one.
    """
    at = np.maximum((counts - 1) * part, 0).astype(np.intp)
    ordered = np.partition(values, np.unique(at), axis=0)
    return np.take_along_axis(ordered, at[None], axis=0)[0]


def lowest(tried: Floats, costs: Floats) -> float:
    """Where the cost is least: at the lowest point of the parabola through the best of the evenly spaced values
    `tried` and the two beside it, or at the best one at an end."""
    at = int(np.argmin(costs))
    if not 0 < at < len(tried) - 1:
        return float(tried[at])
    before, here, after = costs[at - 1 : at + 2].tolist()
    bend = before - 2 * here + after
    return float(tried[at] + ((before - after) / (2 * bend) * (tried[1] - tried[0]) if bend > 0 else 0.0))


def factored(matrix: Sequence[Sequence[Floats]], floor: float = 1e-12) -> list[list[Floats]]:
    """The factor L of L D L' in the places below the diagonal, and 1 / D on it."""
    size = len(matrix)
    lower: list[list[Floats]] = [list(row[: i + 1]) for i, row in enumerate(matrix)]
    for j in range(size):
        pivot = np.maximum(lower[j][j], floor * matrix[j][j] + 1e-300)
        inverse = 1.0 / pivot
        column = [lower[i][j] for i in range(j + 1, size)]
        scaled = [value * inverse for value in column]
        for i in range(j + 1, size):
            for k in range(j + 1, i + 1):
                lower[i][k] = lower[i][k] - scaled[i - j - 1] * column[k - j - 1]
            lower[i][j] = scaled[i - j - 1]
        lower[j][j] = inverse
    return lower


def solved(lower: Sequence[Sequence[Floats]], side: Sequence[Floats]) -> list[Floats]:
    size = len(lower)
    values = list(side)
    for i in range(size):
        for j in range(i):
            values[i] = values[i] - lower[i][j] * values[j]
    values = [value * lower[i][i] for i, value in enumerate(values)]
    for i in reversed(range(size)):
        for j in range(i + 1, size):
            values[i] = values[i] - lower[j][i] * values[j]
    return values


def sums(
    weights: Floats, columns: Sequence[Floats], sides: Sequence[Floats]
) -> tuple[list[list[Floats]], list[list[Floats]]]:
    """The normal equations of a weighted regression on 1 and the columns, [tracks, …], over the first axis."""
    weighted = [weights * column for column in columns]
    matrix = [[weights.sum(0)]]
    for i, column in enumerate(columns):
        products = [(values * column).sum(0) for values in weighted[: i + 1]]
        matrix.append([weighted[i].sum(0), *products])
    right = [[(values * side).sum(0) for values in (weights, *weighted)] for side in sides]
    return matrix, right


def residual(model: Sequence[Floats], columns: Sequence[Floats], side: Floats) -> Floats:
    """The side without its prediction."""
    found = side - model[0]
    for value, column in zip(model[1:], columns, strict=True):
        found -= value * column
    return found


def bisquare(residuals: Floats, scale: Floats, cut: float = BISQUARE) -> Floats:
    """Tukey's weights of residuals, (1 - (r / (cut s))^2)^2, 0 beyond the cut-off."""
    share = residuals / (cut * scale)
    share = 1.0 - share * share
    np.maximum(share, 0.0, out=share)
    return share * share
