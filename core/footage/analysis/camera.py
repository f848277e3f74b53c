# SPDX-License-Identifier: GPL-3.0-or-later
"""A first idea of how the camera moves, from blocks of frames that lie apart; tracks say it better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .known import CameraMotion
from .look import Look
from .matching import Floats, Match, match

_STARTS = 6
_FAR = 0.05  # widths: the distance from which a pair is taken
_TOO_FAR = 0.25
_LEAST_SHARE = 0.4
_LEAST_BLOCKS = 12
_STILL = 0.0006  # widths: 0.6 pixels of 960
_SWAY = 0.0015  # and what a single pair may be off
_MOVED = 0.01  # widths, from which a residual is more than the error of the blocks
_TURNS, _TURNS_AT_MOST = 0.0013, 0.002  # widths of residual, in the median and of each pair
_TRAVELS = 0.0028  # what lies between may be either
_TRIES = 200
_INLIER = 0.003  # widths


class _Seen(NamedTuple):
    distance: float
    residual: float  # upper quartile of the distances to a homography, in widths


def camera_motion(looks: Sequence[tuple[int, Look]], shots: Sequence[tuple[int, int]]) -> CameraMotion:
    """Judge frames (clip frame and look, ascending) of shots (first and last frame).

    The views of a camera that turns on the spot are homographies of each other, whatever they show (R. Hartley and
    A. Zisserman, “Multiple View Geometry”, 8.4); those of a travelling camera are not, unless they show a plane.
    UNKNOWN: too little in common, too little way, or between the two.
    """
    seen: list[_Seen] = []
    for first, last in shots:
        inside = [(frame, look) for frame, look in looks if first <= frame <= last]
        starts = sorted({round(i * (len(inside) - 1) / _STARTS) for i in range(_STARTS)}) if len(inside) > 1 else []
        for start in starts:
            pair = _pair_from(inside, start)
            if pair is not None:
                seen.append(_Seen(pair.distance, _residual(pair)))
    if not seen:
        return CameraMotion.UNKNOWN
    distances = np.array([one.distance for one in seen])
    if len(seen) > 1 and float(np.median(distances)) < _STILL and float(distances.max()) < _SWAY:
        return CameraMotion.STATIC
    moved = np.array([one.residual for one in seen if one.distance > _MOVED])
    if len(moved) > 1 and (moved > _TRAVELS).sum() * 2 > len(moved):
        return CameraMotion.TRAVELLING
    far = np.array([one.residual for one in seen if one.distance > _FAR / 2])
    is_turning = len(far) > 1 and float(np.median(far)) < _TURNS and float(far.max()) < _TURNS_AT_MOST
    return CameraMotion.NODAL if is_turning else CameraMotion.UNKNOWN


def _pair_from(looks: Sequence[tuple[int, Look]], start: int) -> Match | None:
    """The match of a frame with one that lies `_FAR` away, or, if none does, with the farthest that it is found in."""
    best, gap = None, 1
    while start + gap < len(looks):
        found = match(looks[start][1], looks[start + gap][1])
        if not found.share >= _LEAST_SHARE or len(found.ways) < _LEAST_BLOCKS or found.distance > _TOO_FAR:
            break
        best = found
        if found.distance > _FAR:
            break
        gap = gap * 2 if start + gap * 2 < len(looks) or start + gap == len(looks) - 1 else len(looks) - 1 - start
    return best


def _residual(found: Match) -> float:
    """The upper quartile of the distances between the blocks and where the best homography puts them, in widths.

    It is the one of `_TRIES` through four blocks that leaves the most within `_INLIER` (M. Fischler and R. Bolles,
    RANSAC, 1981), fitted again to these. The same pair gives the same value.
    """
    a, b = found.places, found.places + found.ways
    rng = np.random.default_rng(len(a))
    picks = np.argsort(rng.random((_TRIES, len(a))), axis=1)[:, :4]
    tried = _homographies(a[picks], b[picks])
    off = np.stack([_distances(one, a, b) for one in tried])
    inliers = off[(off < _INLIER).sum(1).argmax()] < _INLIER
    if inliers.sum() >= 6:
        final = _homographies(a[None, inliers], b[None, inliers])[0]
        return float(np.quantile(_distances(final, a, b), 0.75))
    return float(np.quantile(off, 0.75, axis=1).min())


def _homographies(a: Floats, b: Floats) -> Floats:
    """[n, 3, 3] of points [n, m, 2], m at least 4: the direct linear transformation (Hartley and Zisserman, 4.1)."""
    x, y, u, v = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y, -u], -1),
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y, -v], -1),
        ],
        1,
    )
    return np.linalg.svd(rows)[2][:, -1].reshape(-1, 3, 3)


def _distances(homography: Floats, a: Floats, b: Floats) -> Floats:
    mapped = np.column_stack([a, np.ones(len(a))]) @ homography.T
    depth = np.where(np.abs(mapped[:, 2]) < 1e-12, 1e-12, mapped[:, 2])
    return np.hypot(*(mapped[:, :2] / depth[:, None] - b).T)
