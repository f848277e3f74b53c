# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tracks move as one rigid body: those whose pairs of frames agree with one fundamental matrix each.

`triples.py` asks the same of three frames.

One fit for each pair, as `core.review.epipolar` makes them, follows the larger body in one pair and the smaller one in
the next when both have about half of the tracks. Here a body is found once, by many samples of eight tracks in a few
pairs (`_seeded`), and then followed through time: the fit of a pair begins from the tracks that have agreed so far, so
the body keeps its identity (`followed`). Nothing is drawn by chance: the same markers give the same result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from ..review.distortion import CameraLens
from ..review.epipolar import beside_plane, distances, moments, of_rank_two, smallest
from ..review.motion import Motion
from ..review.regression import NORMAL_MAD, Bools, Floats, Indices, bisquare, uniform

REFERENCE = 960
"""The width of the pictures in which all distances here were measured; those of another picture scale with it."""
GAPS, STEP = (5, 10, 20), 3
"""Pairs of frames so far apart, beginning on every third frame. Closer frames hardly tell two motions apart."""
LEAST = 16
"""Tracks in common: eight determine a fundamental matrix, the others must confirm it."""
BLOCK = 10
"""Starts of pairs in one block: three gaps make arrays that stay in the processor's cache."""
CUT = 20.0
"""Pixels from which on one residual is as large as any: one jump must not decide the RMS of a track alone."""
AGREES, DIFFERS = 1.0, 2.0
"""Pixels: a residual below the first speaks for a track, one above the second against it."""
SAMPLES, BEST = 1500, 12
"""Of a body with 40 % of the tracks one sample of 1,500 is free of others on average; the best are refined."""
SEED_TRACKS = 500
"""So many of the tracks of a pair compare the samples at most, so that memory has a limit."""
SEEDS = 5
"""Pairs, evenly spread over the shot, in which a body is sought."""
ROUNDS = 5
NOISE, WIDEST = 0.1, 0.5
"""Pixels: no scale of residuals is smaller or larger, whatever the fit says of itself."""
AGREED, APART = 0.5, 0.3
"""Two bodies differ in a pair if a common fit agrees with less than this share of one; and altogether if they differ
in so many of the pairs."""
FORGETS = 0.8
"""What is left after each block of the evidence about a track: one that slides away must not lead the fit."""


@dataclass(frozen=True)
class Block:
    """Pairs of frames and the tracks alive in them.

    `track` [rows]: indices in `Motion.tracks`; `points`: x and y in the earlier and in the later frame [rows, pairs],
    from their middle, 0 where the track is not `live`; `size` [pairs]: pixels of their unit, of the footage's reference
    width; `first`, `second` [pairs]: clip frames.
    """

    SAMPLE: ClassVar[int] = 8
    """Tracks that determine a model."""
    NEAR: ClassVar[float] = AGREES
    FAR: ClassVar[float] = DIFFERS
    """Pixels: a residual below the first speaks for a track, one above the second against it."""

    track: Indices
    points: list[Floats]
    live: Bools
    size: Floats
    first: Indices
    second: Indices

    def narrowed(self, rows: Indices, pairs: Indices) -> Self:
        """Only these rows and pairs; a pair may come several times."""
        points = [values[np.ix_(rows, pairs)] for values in self.points]
        live = self.live[np.ix_(rows, pairs)]
        ends = {"size": self.size[pairs], "first": self.first[pairs], "second": self.second[pairs]}
        return replace(self, track=self.track[rows], points=points, live=live, **ends)

    def drawn(self, rows: Indices) -> Self:
        """Samples [tracks of a sample, samples] of the rows of the only pair, each as a pair."""
        only = np.zeros(rows.shape[1], np.intp)
        ends = {"size": self.size[only], "first": self.first[only], "second": self.second[only]}
        points = [values[rows, 0] for values in self.points]
        return replace(self, track=rows[:, 0], points=points, live=np.ones(rows.shape, bool), **ends)

    def linear(self, weights: Floats, start: Sequence[Floats] | None = None) -> list[Floats]:
        """The models [pairs] with the least weighted squares of what is linear in them."""
        return smallest(moments(weights, self.points), 3, start)

    def valid(self, model: list[Floats]) -> list[Floats]:
        """The models nearest to these that keep the rules which are not linear."""
        return of_rank_two(model)

    def chosen(self, model: list[Floats], weights: Floats, live: Bools) -> list[Floats]:
        """The model of those that most tracks agree with which agrees with the others."""
        return beside_plane(model, weights, self.points, live, AGREES / self.size)

    def distances(self, model: Sequence[Floats]) -> tuple[Floats, Floats]:
        """[rows, pairs]: how far tracks are off the model, and the squares of what linear residuals are larger by."""
        return distances(model, self.points)


@dataclass(frozen=True)
class Body:
    """Tracks that move as one. [tracks]: `is_member`; `rms`, `largest`: their Sampson distances over all pairs to the
    body's fits, each cut at CUT, in pixels of the reference width; `tested`: pairs; `agreed`: those below AGREES.

    `inliers`: the median over the pairs of the share of tracks below AGREES."""

    is_member: Bools
    rms: Floats
    largest: Floats
    tested: Indices
    agreed: Indices
    inliers: float


def gaps_of(motion: Motion) -> tuple[int, ...]:
    """GAPS, scaled down for a shot of less than three times the largest one."""
    length = int(motion.frames[-1] - motion.frames[0]) + 1 if len(motion.frames) else 0
    part = min(1.0, length / (3 * GAPS[-1]))
    return tuple(sorted({max(1, round(gap * part)) for gap in GAPS}))


def undistorted(motion: Motion, lens: CameraLens | None) -> Motion:
    """The motion without the distortion of the lens, if that is known; pixels from the centre of the picture."""
    return motion if lens is None or not lens.is_known else motion.moved(*lens.straight(motion.x, motion.y))


def blocks(motion: Motion) -> Iterator[Block]:
    """The pairs in the order of time. `motion` is undistorted."""
    gaps, (width, _) = gaps_of(motion), motion.size
    step = STEP if gaps[-1] == GAPS[-1] else 1
    frames = motion.frames
    if not len(frames):
        return
    starts = np.arange(int(frames[0]), int(frames[-1]), step)
    for at in range(0, len(starts), BLOCK):
        first = np.repeat(starts[at : at + BLOCK], len(gaps))
        second = first + np.tile(gaps, len(first) // len(gaps))
        low, high = motion.column_of(int(first[0])), motion.column_of(int(second.max()) + 1)
        table = motion.table(low, high)
        one, other = np.searchsorted(frames[low:high], first), np.searchsorted(frames[low:high], second)
        exist = (one < high - low) & (other < high - low)
        exist[exist] = (frames[low + one[exist]] == first[exist]) & (frames[low + other[exist]] == second[exist])
        one, other = one[exist], other[exist]
        raw = [table.x[:, one], table.y[:, one], table.x[:, other], table.y[:, other]]
        live = np.isfinite(raw[0]) & np.isfinite(raw[2])
        keep = np.flatnonzero(live.sum(0) >= LEAST)
        if len(keep):
            yield block_of(table.track, [values[:, keep] for values in raw], live[:, keep], width,
                         first[exist][keep], second[exist][keep])  # fmt: skip


def block_of(track: Indices, raw: list[Floats], live: Bools, width: int, first: Indices, second: Indices) -> Block:
    share = 1.0 / live.sum(0)
    points: list[Floats] = []
    for values in raw:
        flat = np.where(live, values, 0.0)
        flat -= flat.sum(0) * share
        flat[~live] = 0.0
        points.append(flat)
    size = np.maximum(np.sqrt(sum((values * values).sum(0) for values in points) * share / 4), 1.0)
    return Block(track, [v / size for v in points], live, size * (REFERENCE / width), first, second)


def fitted(block: Block, weights: Floats, allowed: Bools) -> Floats:
    """[rows, pairs]: the distances to the models fitted to the `allowed` places, beginning with `weights`; pixels of
    the reference width, NaN where a track is not live or too few agree."""
    model, weights = fit(block, weights, allowed)
    distance, _ = block.distances(model)
    distance = np.where(block.live, distance * block.size, np.nan)
    distance[:, (weights > 0).sum(0) < block.SAMPLE] = np.nan
    return distance


def fit(block: Block, weights: Floats, allowed: Bools) -> tuple[list[Floats], Floats]:
    """The models [pairs] fitted to the `allowed` places, beginning with `weights`, and the last weights [rows, pairs],
    all 0 where there were too few. Tracks beside a plane, on which the others lie, choose among models alike."""
    live = block.live & allowed
    begun = np.where(live, weights, 0.0)
    few = begun.sum(0) < block.SAMPLE
    weights, model, gradient = begun, None, np.ones_like(begun)
    for turn in range(ROUNDS):
        model = block.valid(block.linear(weights / np.maximum(gradient, 1e-12), model))
        if turn == 1:
            model = block.chosen(model, weights, live)
        distance, gradient = block.distances(model)
        scale = _scale(np.where(begun > 0, distance, np.inf)) * block.size
        scale = np.clip(scale, NOISE, WIDEST) / block.size
        weights = np.where(live, bisquare(distance, scale), 0.0)
    assert model is not None
    return model, np.where(few, 0.0, weights)


def _scale(distance: Floats) -> Floats:
    """[pairs]: of the finite values, a robust deviation."""
    counts = np.isfinite(distance).sum(0)
    ordered = np.sort(distance, axis=0)
    middle = ordered[np.maximum(counts - 1, 0) // 2, np.arange(distance.shape[1])]
    return np.where(counts > 0, middle, 0.0) * NORMAL_MAD


def _seeded(block: Block) -> tuple[Bools, float]:
    """[rows]: the largest body of one pair, the block's only one, and how many tracks it explains beyond a sample."""
    rows = np.flatnonzero(block.live[:, 0])
    rows = rows[:: 1 + (len(rows) - 1) // SEED_TRACKS]
    order = np.argsort(uniform(SAMPLES, len(rows)), axis=1, kind="stable")[:, : block.SAMPLE].T
    models = block.drawn(rows[order]).linear(np.ones(order.shape))
    limit = block.NEAR / block.size[0]
    distance, _ = block.narrowed(rows, np.zeros(1, np.intp)).distances(models)
    cost = np.minimum(distance / limit, 1.0).sum(0)
    best = np.argsort(cost, kind="stable")[:BEST]
    many = block.narrowed(rows, np.zeros(BEST, np.intp))
    found = np.nan_to_num(fitted(many, (distance[:, best] < limit) * 1.0, many.live), nan=np.inf)
    cost = np.minimum(found / block.NEAR, 1.0).sum(0)
    winner = int(np.argmin(cost))
    inside = np.zeros(len(block.track), bool)
    inside[rows] = found[:, winner] < block.NEAR
    return inside, len(rows) - float(cost[winner]) - block.SAMPLE


def seed(found: Sequence[Block], candidates: Bools) -> tuple[int, Bools] | None:
    """The block in which the largest body of `candidates` [tracks] was found, and which of them [tracks] it has there.

    None: no pair has LEAST candidates, or no body more than a chance one."""
    best: tuple[float, int, Bools] | None = None
    middles = (np.arange(SEEDS) + 0.5) / SEEDS * len(found)
    for at in sorted({int(place) for place in middles}):
        block = found[at]
        rows = np.flatnonzero(candidates[block.track])
        counts = block.live[rows].sum(0)
        gap = block.second - block.first
        good = counts >= LEAST
        if not good.any():
            continue
        wanted = int(np.argmax(np.where(good, gap * 1000 + counts, -1)))
        narrow = block.narrowed(rows, np.array([wanted]))
        inside, score = _seeded(narrow)
        if best is None or score > best[0]:
            member = np.zeros(len(candidates), bool)
            member[narrow.track[inside]] = True
            best = score, at, member
    return None if best is None or best[0] <= 0 else (best[1], best[2])


def followed(found: Sequence[Block], start: int, seeds: Bools, candidates: Bools, share: float = 0.5) -> Body:
    """The body that has the tracks `seeds` in block `start`, followed to both ends of the shot.

    `share`: of what tests a track it agrees with more than that."""
    count = len(seeds)
    votes = np.zeros((2, count))
    for way in (range(start, len(found)), range(start, -1, -1)):
        evidence = np.where(seeds, 1.0, 0.0)
        for at in way:
            block = found[at]
            mine = evidence[block.track]
            free = candidates[block.track] & (mine > -0.5)
            weights = np.broadcast_to(np.maximum(mine, 0.0)[:, None], block.live.shape)
            distance = fitted(block, (weights > 0.2) * 1.0, np.broadcast_to(free[:, None], block.live.shape))
            with np.errstate(invalid="ignore"):
                near, far = (distance < block.NEAR).sum(1), (distance > block.FAR).sum(1)
            total = near + far
            balance = np.where(total > 0, (near - far) / np.maximum(total, 1), 0.0)
            evidence *= FORGETS
            evidence[block.track] = np.clip(
                np.where(total > 0, evidence[block.track] * 0.3 + balance, evidence[block.track]), -1, 1
            )
            votes[0, block.track] += near
            votes[1, block.track] += far
    member = candidates & ((1 - share) * votes[0] > share * votes[1])
    body = measured(found, member, candidates, share)
    return measured(found, candidates & agrees(body, share), candidates, share)


def agrees(body: Body, share: float = 0.5) -> Bools:
    """[tracks]: those that agree with the body in more than this share of what tests them."""
    return (body.tested > 0) & (body.agreed > share * body.tested)


def measured(found: Sequence[Block], member: Bools, candidates: Bools, share: float = 0.5) -> Body:
    """The body of these members [tracks] that agree with it, and how far all tracks are from its fits."""
    count = len(member)
    squares, largest = np.zeros(count), np.zeros(count)
    tested, agreed = np.zeros(count, np.intp), np.zeros(count, np.intp)
    shares: list[float] = []
    for block in found:
        mine = member[block.track]
        shape = block.live.shape
        distance = fitted(block, np.broadcast_to(mine[:, None] * 1.0, shape), np.broadcast_to(mine[:, None], shape))
        is_tested = np.isfinite(distance)
        distance = np.where(is_tested, np.minimum(distance, CUT), 0.0)
        near = is_tested & (distance < block.NEAR)
        squares[block.track] += (distance * distance).sum(1)
        largest[block.track] = np.maximum(largest[block.track], distance.max(1))
        tested[block.track] += is_tested.sum(1)
        agreed[block.track] += near.sum(1)
        rows = candidates[block.track]
        total = is_tested[rows].sum(0)
        shares += (near[rows].sum(0)[total > 0] / total[total > 0]).tolist()
    rms = np.sqrt(squares / np.maximum(tested, 1))
    inliers = float(np.median(shares)) if shares else 0.0
    body = Body(member, rms, largest, tested, agreed, inliers)
    return replace(body, is_member=member & agrees(body, share))


def differ(pairs: Sequence[Block], one: Body, other: Body) -> bool:
    """Whether two bodies move in different ways: in some pairs no matrix agrees with both. Tracks beside a plane, on
    which all others lie, can look like a body of their own; so can those behind a cut, which no pair compares."""
    both = one.is_member | other.is_member
    apart = total = 0
    for block in pairs:
        rows = np.flatnonzero(both[block.track])
        live = [body.is_member[block.track[rows]][:, None] & block.live[rows] for body in (one, other)]
        keep = np.flatnonzero((live[0].sum(0) >= LEAST // 2) & (live[1].sum(0) >= LEAST // 2))
        if not len(keep):
            continue
        narrow = block.narrowed(rows, keep)
        near = fitted(narrow, narrow.live * 1.0, narrow.live) < block.NEAR
        shares = [(near & mine[:, keep]).sum(0) / mine[:, keep].sum(0) for mine in live]
        apart += int((np.minimum(*shares) < AGREED).sum())
        total += len(keep)
    return apart > APART * total
