# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of frames before a solve: what links the frames, how much the picture moves, whether a homography explains it,
and which keyframes to begin from.

A homography maps one frame to another exactly if the camera only turns, or if all tracks lie on one plane. So its
residual is the parallax that a solve lives on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..review.epipolar import smallest
from ..review.motion import Motion
from ..review.regression import NORMAL_MAD, Bools, Floats, Indices, bisquare, quantile, uniform
from .consensus import REFERENCE, Block, block_of

FRAMES = 13
"""Frames, evenly spaced, whose pairs may be keyframes."""
SHARE_OF_LIFE = 4
"""In a long shot they stand closer: at most this part of the median life of a track."""
MOST_FRAMES = 60
COMMON = 12
"""Tracks in common that a pair of keyframes needs: Blender's solve needs 8."""
SHARE = 0.4
"""Of the largest common number of tracks a pair needs so much."""
APART = 4
"""Frames by which keyframes, and pairs of them, lie apart at least."""
WIDTH = 32
"""Pairs in one block: its arrays stay in the processor's cache."""
SAMPLES, SAMPLE, ROUNDS = 40, 4, 6
"""Where half of the tracks lie on a plane, two or three samples of 40 are of it alone."""
FAR = 1e6
"""A distance, in units of a block, from which on one is as far as any."""
NOISE = 0.1
"""Pixels: no scale of residuals is smaller."""
FLAT = 0.01
"""What a pixel of motion counts beside one of parallax: on a flat set, where all parallax is noise, motion decides."""
QUARTILE = 0.75
"""The median would say plane where most tracks lie on one wall."""


@dataclass(frozen=True)
class Link:
    """The fewest tracks common to two neighbouring frames: clip frame `frame` and the next one."""

    tracks: int
    frame: int


@dataclass(frozen=True)
class Pair:
    """Two clip frames that may be keyframes. `common`: tracks; `motion`: the median distance that they move;
    `parallax`, `quartile`: median and upper quartile of the residuals of a homography; pixels of the reference width.
    """

    first: int
    second: int
    common: int
    motion: float
    parallax: float
    quartile: float

    @property
    def score(self) -> float:
        return (self.parallax + FLAT * self.motion) * float(np.sqrt(self.common))


@dataclass(frozen=True)
class Pairs:
    """All pairs that were looked at. `best`: those to solve with, the best one first, as clip frames."""

    looked_at: tuple[Pair, ...]
    best: tuple[tuple[int, int], ...]

    @property
    def motion(self) -> float:
        """The median motion over the pairs, pixels of the reference width."""
        return float(np.median([pair.motion for pair in self.looked_at])) if self.looked_at else 0.0

    @property
    def homography(self) -> float:
        """H75: the largest upper quartile of the residuals of a homography, pixels of the reference width."""
        return max((pair.quartile for pair in self.looked_at), default=0.0)


def link(motion: Motion, used: Bools) -> Link:
    """Between the first and the last frame with a used marker [markers]; a frame without any links nothing."""
    frames = motion.frame[used]
    if not len(frames) or frames[0] == frames[-1]:
        return Link(0, int(frames[0]) if len(frames) else 0)
    key = motion.track[used].astype(np.int64) * (1 << 40) + frames
    key.sort()
    follows = key[:-1][np.diff(key) == 1] & ((1 << 40) - 1)
    first, last = int(frames[0]), int(frames[-1])
    counts = np.bincount(follows - first, minlength=last - first)
    at = int(np.argmin(counts))
    return Link(int(counts[at]), first + at)


def live(motion: Motion, used: Bools, first: int, last: int) -> Indices:
    """[frames]: the used markers on each of the clip frames `first` to `last`."""
    frames = motion.frame[used]
    frames = frames[(frames >= first) & (frames <= last)]
    return np.bincount(frames - first, minlength=last - first + 1)


def ranked(motion: Motion, used: Bools, count: int) -> Pairs:
    """The pairs of frames by their worth as keyframes, the best `count` of them chosen. `motion` is undistorted."""
    frames = _frames(motion, used)
    columns = np.array([motion.column_of(frame) for frame in frames], np.intp)
    tables = _positions(motion, used, columns)
    common = (np.isfinite(tables[0])[:, :, None] & np.isfinite(tables[0])[:, None, :]).sum(0) if len(frames) else None
    looked_at: list[Pair] = []
    if common is not None:
        one, other = np.nonzero(np.triu(common >= COMMON, 1))
        near = (frames[other] - frames[one] > APART) & (other - one < FRAMES)
        one, other = one[near], other[near]
        for at in range(0, len(one), WIDTH):
            a, b = one[at : at + WIDTH], other[at : at + WIDTH]
            looked_at += _looked_at(tables, a, b, frames, motion.size[0])
    largest = max((pair.common for pair in looked_at), default=0)
    chosen: list[Pair] = []
    for pair in sorted(looked_at, key=lambda pair: (-pair.score, pair.first, pair.second)):
        if len(chosen) == count:
            break
        if pair.common < SHARE * largest:
            continue
        if all(abs(pair.first - each.first) + abs(pair.second - each.second) > APART for each in chosen):
            chosen.append(pair)
    return Pairs(tuple(looked_at), tuple((pair.first, pair.second) for pair in chosen))


def _frames(motion: Motion, used: Bools) -> Indices:
    """The clip frames whose pairs are looked at."""
    frames = np.unique(motion.frame[used])
    if len(frames) < 2:
        return frames[:0].astype(np.intp)
    lives = np.bincount(motion.track[used])
    life = float(np.median(lives[lives > 0]))
    step = max(min((len(frames) - 1) / (FRAMES - 1), life / SHARE_OF_LIFE), (len(frames) - 1) / (MOST_FRAMES - 1))
    places = np.arange(0.0, len(frames) - 1 + step / 2, max(step, 1.0))
    return frames[np.unique(np.minimum(np.round(places), len(frames) - 1).astype(np.intp))].astype(np.intp)


def _positions(motion: Motion, used: Bools, columns: Indices) -> tuple[Floats, Floats]:
    """x and y [tracks, columns], NaN without a used marker."""
    x, y = np.full((2, len(motion.tracks), len(columns)), np.nan)
    for at, column in enumerate(columns):
        part: Indices = np.arange(int(motion.starts[column]), int(motion.starts[column + 1]))
        part = part[used[part]]
        x[motion.track[part], at], y[motion.track[part], at] = motion.x[part], motion.y[part]
    return x, y


def _block(tables: tuple[Floats, Floats], a: Indices, b: Indices, frames: Indices, width: int) -> tuple[Block, Floats]:
    """The pairs of the columns a and b of the tables, with the tracks alive in any, and how far each has moved."""
    live = np.isfinite(tables[0][:, a]) & np.isfinite(tables[0][:, b])
    rows = np.flatnonzero(live.any(1))
    raw = [values[np.ix_(rows, columns)] for columns in (a, b) for values in tables]
    moved = np.sqrt((raw[2] - raw[0]) ** 2 + (raw[3] - raw[1]) ** 2) * (REFERENCE / width)
    return block_of(rows, raw, live[rows], width, frames[a], frames[b]), moved


def _looked_at(tables: tuple[Floats, Floats], a: Indices, b: Indices, frames: Indices, width: int) -> list[Pair]:
    block, moved = _block(tables, a, b, frames, width)
    live, off = block.live, homography(block)
    found: list[Pair] = []
    for index in range(len(a)):
        mine = live[:, index]
        residual = off[mine, index]
        found.append(
            Pair(
                int(frames[a[index]]),
                int(frames[b[index]]),
                int(mine.sum()),
                float(np.median(moved[mine, index])),
                float(np.median(residual)),
                float(np.quantile(residual, QUARTILE)),
            )
        )
    return found


def homography(block: Block) -> Floats:
    """[rows, pairs]: how far the robust homography of each pair takes a track from where it is, pixels of the
    reference width; NaN where it is not live. By the direct linear transformation (Hartley and Zisserman, 4.1), from
    the sample with the smallest median distance."""
    counts = np.maximum(block.live.sum(0), 1)
    distance = _sampled(block, counts)
    for _ in range(ROUNDS):
        scale = np.maximum(quantile(distance, counts) * NORMAL_MAD, NOISE / block.size)
        weights = np.where(block.live, bisquare(np.minimum(distance, FAR), scale), 0.0)
        distance = _transferred(_matrix(weights, block.points), block)
    return np.where(block.live, distance * block.size, np.nan)


def _sampled(block: Block, counts: Indices) -> Floats:
    """[rows, pairs]: the distances by the best sample of four tracks of each pair, inf where a track is not live."""
    best, least = np.full(block.live.shape, FAR), np.full(len(counts), np.inf)
    for order in uniform(SAMPLES, len(block.track)):
        chosen = np.argsort(order[:, None] + ~block.live, axis=0, kind="stable")[:SAMPLE]
        few = [np.take_along_axis(values, chosen, axis=0) for values in block.points]
        distance = _transferred(_matrix(np.ones(few[0].shape), few), block)
        score = quantile(distance, counts)
        best = np.where(score < least, distance, best)
        least = np.minimum(score, least)
    return np.where(block.live, best, np.inf)


def _matrix(weights: Floats, points: list[Floats]) -> list[Floats]:
    """The nine elements of the homographies, [pairs] each."""
    ax, ay, bx, by = points
    one, zero = np.ones_like(ax), np.zeros_like(ax)
    rows = (
        [ax, ay, one, zero, zero, zero, -bx * ax, -bx * ay, -bx],
        [zero, zero, zero, ax, ay, one, -by * ax, -by * ay, -by],
    )
    matrix: list[list[Floats]] = []
    for i in range(9):
        weighted = [weights * row[i] for row in rows]
        matrix.append([(weighted[0] * rows[0][j] + weighted[1] * rows[1][j]).sum(0) for j in range(i + 1)])
    return smallest(matrix, 3)


def _transferred(h: list[Floats], block: Block) -> Floats:
    """[rows, pairs]: the distances in the later frame, inf where a track is not live."""
    ax, ay, bx, by = block.points
    with np.errstate(all="ignore"):
        depth = h[6] * ax + h[7] * ay + h[8]
        x, y = (h[0] * ax + h[1] * ay + h[2]) / depth - bx, (h[3] * ax + h[4] * ay + h[5]) / depth - by
        distance = np.nan_to_num(np.sqrt(x * x + y * y), nan=FAR, posinf=FAR)
    return np.where(block.live, distance, np.inf)


def explained(motion: Motion, used: Bools, pairs: Pairs, limit: float) -> Floats:
    """[tracks]: the share of the pairs in which a homography explains a track within `limit` pixels of the reference
    width; 1 where none tells. `motion` is undistorted."""
    largest = max(pair.common for pair in pairs.looked_at)
    good = [pair for pair in pairs.looked_at if pair.common >= SHARE * largest]  # else only what stays in the picture
    frames = np.unique([(pair.first, pair.second) for pair in good]).astype(np.intp)
    columns = np.array([motion.column_of(int(frame)) for frame in frames], np.intp)
    tables = _positions(motion, used, columns)
    near, tested = np.zeros((2, len(motion.tracks)), np.intp)
    for at in range(0, len(good), WIDTH):
        some = good[at : at + WIDTH]
        a, b = (np.searchsorted(frames, [getattr(pair, end) for pair in some]) for end in ("first", "second"))
        block, _ = _block(tables, a, b, frames, motion.size[0])
        off = homography(block)
        near[block.track] += (block.live & (np.nan_to_num(off, nan=np.inf) < limit)).sum(1)
        tested[block.track] += block.live.sum(1)
    return np.where(tested > 0, near / np.maximum(tested, 1), 1.0)
