# SPDX-License-Identifier: GPL-3.0-or-later
"""The rigid bodies among the tracks, and which of them is the set.

The largest body need not be the set: an actor or a car can carry most of the tracks, and a solve of those alone is as
good as one of the set, with a wrong camera. A thing that moves is compact in the picture, the set lies around it: so
the spread of a body over the picture tells, and its number of tracks does not. Where the spread cannot tell, nobody
but the artist can.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..review.distortion import CameraLens
from ..review.motion import Motion
from ..review.regression import Bools
from .consensus import AGREES, LEAST, Block, Body, blocks, fitted, followed, measured, seed, undistorted
from .surroundings import NEVER, Surroundings, surroundings

MOST = 4
"""Bodies that are sought."""
CLEARLY = 2.0
"""How many times the spread of each other body that of the set has at least."""
SPREAD_STEP = 5
"""The spread is looked at on every fifth frame."""
LEAST_SPREAD = 4
"""Tracks on a frame that have a spread."""
AGREED, APART = 0.5, 0.3
"""Two bodies differ in a pair if a common fit agrees with less than this share of one; and altogether if they differ
in so many of the pairs."""
LOCKED = 3
"""Locked tracks that make their body the set: an artist has vouched for them."""
OUTNUMBERS = 10
"""Of two bodies spread alike the one with so many times the tracks is the set. Measured: of 400 tracks of which half
slide or jump, up to 19 slides agree by chance with one motion, 5 % of the others."""
MOST_LOCKED = 0.8
"""The share of the locked tracks that one body has, for them to say which is the set."""
LOOSE = 8
"""Tracks of no body, which never agree with the set, whose spread is compared."""


@dataclass(frozen=True)
class Bodies:
    """`found`: the bodies, that of most tracks first; `spreads` of each, 1 for tracks all over the picture. `set`: the
    index of the set. `is_clear`: whether it can be told; `why`: how, without a full stop, if it cannot. `is_vouched`:
    whether locked tracks have told it.

    `blocks`: the pairs of frames that all this was measured in. `surroundings`: of the set.
    """

    found: tuple[Body, ...]
    spreads: tuple[float, ...]
    set: int
    is_clear: bool
    why: str
    is_vouched: bool
    blocks: list[Block]
    surroundings: Surroundings

    @property
    def others(self) -> Bools:
        """[tracks]: members of a body that is not the set, which do not agree with the set as well."""
        others = np.zeros(len(self.found[0].is_member), bool)
        for index, body in enumerate(self.found):
            if index != self.set:
                others |= body.is_member
        main = self.found[self.set]
        return others & ~main.is_member & (2 * main.agreed <= main.tested)


def bodies(motion: Motion, lens: CameraLens | None = None) -> Bodies | None:
    """The bodies of a motion, whose lens is that of the footage; None if no two frames share enough tracks."""
    straight = undistorted(motion, lens)
    pairs = list(blocks(straight))
    left = np.ones(len(motion.tracks), bool)
    found: list[Body] = []
    while pairs and len(found) < MOST and left.any():
        begun = seed(pairs, left)
        if begun is None:
            break
        body = followed(pairs, *begun, left)
        if body.is_member.sum() < (LEAST if found else 1):
            break
        left &= ~body.is_member
        same = next((index for index, one in enumerate(found) if not _differ(pairs, one, body)), None)
        if same is None:
            found.append(body)
        else:
            both = found[same].is_member | body.is_member
            found[same] = measured(pairs, both, left | both)
    if not found:
        return None
    spreads = tuple(spread(motion, body.is_member) for body in found)
    vouched = _vouched(motion, found)
    chosen, is_clear, why = (vouched, True, "") if vouched is not None else _set_of(motion, found, spreads)
    around = surroundings(motion, found[chosen])
    return Bodies(tuple(found), spreads, chosen, is_clear, why, vouched is not None, pairs, around)


def _differ(pairs: list[Block], one: Body, other: Body) -> bool:
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
        near = fitted(narrow, narrow.live * 1.0, narrow.live) < AGREES
        shares = [(near & mine[:, keep]).sum(0) / mine[:, keep].sum(0) for mine in live]
        apart += int((np.minimum(*shares) < AGREED).sum())
        total += len(keep)
    return apart > APART * total


def spread(motion: Motion, member: Bools) -> float:
    """The median over the frames of the area that the tracks take up, 1 for tracks all over the picture: the root of
    the determinant of their covariance, as a share of that of a uniform distribution."""
    width, height = motion.size
    found: list[float] = []
    for column in range(0, len(motion.frames), SPREAD_STEP):
        part = slice(int(motion.starts[column]), int(motion.starts[column + 1]))
        mine = member[motion.track[part]]
        if mine.sum() < LEAST_SPREAD:
            continue
        x, y = motion.x[part][mine], motion.y[part][mine]
        x, y = x - x.mean(), y - y.mean()
        area = (x * x).mean() * (y * y).mean() - (x * y).mean() ** 2
        found.append(float(np.sqrt(max(area, 0.0))) * 12.0 / (width * height))
    return float(np.median(found)) if found else 0.0


def _vouched(motion: Motion, found: list[Body]) -> int | None:
    """The index of the body that locked tracks make the set."""
    locked = np.array([track.is_locked for track in motion.tracks], bool)
    counts = [int((body.is_member & locked).sum()) for body in found]
    if sum(counts) >= LOCKED and max(counts) > MOST_LOCKED * sum(counts):
        return counts.index(max(counts))
    return None


def _set_of(motion: Motion, found: list[Body], spreads: tuple[float, ...]) -> tuple[int, bool, str]:
    """The index of the set, whether it is clear, and why it is not."""
    sizes = [int(body.is_member.sum()) for body in found]
    wide = [index for index, area in enumerate(spreads) if area * CLEARLY > max(spreads)]
    widest = max(wide, key=lambda index: sizes[index])
    for index in wide:
        if index != widest and sizes[index] * OUTNUMBERS > sizes[widest]:
            return widest, False, (
                f"{sizes[widest]} tracks and {sizes[index]} others each move as one, in different ways, and both "
                "groups are spread over the picture"
            )  # fmt: skip
    loose = np.ones(len(motion.tracks), bool)
    for body in found:
        loose &= ~body.is_member
    main = found[widest]
    never = loose & (main.tested > 0) & (main.agreed < NEVER * main.tested)
    if never.sum() >= LOOSE and spreads[widest] * CLEARLY < spread(motion, never):
        return widest, False, (
            f"{sizes[widest]} tracks move as one in a small part of the picture, and {int(never.sum())} around them "
            "move otherwise"
        )  # fmt: skip
    return widest, True, ""


def set_body(found: Bodies) -> Body:
    """The set, with the distances of all tracks to its motion."""
    member = found.found[found.set].is_member
    return measured(found.blocks, member, np.ones(len(member), bool))
