# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a body reaches the sides of the picture, what moves beside it, and how much of the picture tracks cover.

A set stretches along the ground and goes on beyond the left and the right border of the picture; a thing that moves on
the ground mostly ends before them. Where it carries nearly all tracks, because the set is blank, it is the largest body
and the most spread one. Then two figures tell: its tracks keep away from a side of the picture, and the few tracks
that are found in the rest of the picture do not move with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..review.motion import Motion
from ..review.regression import Bools, Floats
from .consensus import Body

STRAY = 50
"""Of so many live members one may lie outside the place of the body at each of its ends, and one more in any case."""
LEAST_PLACED = 6
"""Live members on a frame whose place is looked at."""
SIDE = 0.06
"""The share of the width that a body stays away from the left or the right border if it is an island. Of rendered and
real shots with a right camera sets had 0.02 at most, but a model on a blank ground had 0.16; an object that moves in a
blank set had 0.14."""
OUTSIDE = 0.5
"""The share of its markers that a track has outside the place of the body to lie beside it."""
NEVER = 0.3
"""A track that moves otherwise agrees in less than this share of its pairs; one that slides or jumps does for most of
its life."""
LOOSE = 8
"""Tracks of no body, which never agree with the set, whose spread is compared."""
BESIDE, BESET = 4, 8
"""Tracks beside a body that move otherwise, for it to be doubted: beside an island (12 in the blank set, none beside
the model), and beside any body. In 42 rendered and real shots with a right camera sets had 3 at most; a tram that fills
the picture from side to side had 19 to 27."""


CLEARLY = 2.0
"""How many times the spread of each other body that of the set has at least."""
SPREAD_STEP = 5
"""The spread is looked at on every fifth frame."""
LEAST_SPREAD = 4
"""Tracks on a frame that have a spread."""


@dataclass(frozen=True)
class Surroundings:
    """`margin`: how far the body stays away from the left or the right border at the least, whichever is farther, share
    of the width, the median over the frames. `beside`: tracks that lie outside its place and move otherwise."""

    margin: float = 0.0
    beside: int = 0

    @property
    def is_island(self) -> bool:
        """Whether the body keeps away from one of the sides of the picture."""
        return self.margin > SIDE

    @property
    def is_doubtful(self) -> bool:
        """Whether what lies around the body moves otherwise."""
        return self.beside >= (BESIDE if self.is_island else BESET)


def surroundings(motion: Motion, body: Body) -> Surroundings:
    """Of a body among the tracks of the motion."""
    width, count = motion.size[0], len(motion.tracks)
    seen, outside = np.zeros(count, np.intp), np.zeros(count, np.intp)
    margins: list[float] = []
    for column in range(len(motion.frames)):
        part = slice(int(motion.starts[column]), int(motion.starts[column + 1]))
        track, x, y = motion.track[part], motion.x[part], motion.y[part]
        mine = body.is_member[track]
        if mine.sum() < LEAST_PLACED:
            continue
        left, right = _place(x[mine])
        low, high = _place(y[mine])
        margins.append(0.5 + max(left, -right) / width)
        seen[track] += 1
        outside[track] += (x < left) | (x > right) | (y < low) | (y > high)
    is_beside = (seen > 0) & (outside > OUTSIDE * seen) & ~body.is_member
    is_other = (body.tested > 0) & (body.agreed < NEVER * body.tested)
    return Surroundings(max(0.0, float(np.median(margins))) if margins else 0.0, int((is_beside & is_other).sum()))


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


def covered(motion: Motion, used: Bools) -> dict[int, float]:
    """By clip frame the share of the picture that the `used` markers [markers] cover at the most: the upright rectangle
    of what they lie on. Frames with too few of them are left out."""
    width, height = motion.size
    found: dict[int, float] = {}
    for column, frame in enumerate(motion.frames.tolist()):
        part = slice(int(motion.starts[column]), int(motion.starts[column + 1]))
        mine = used[part]
        if mine.sum() < LEAST_PLACED:
            continue
        sides = [
            min(last, size / 2) - max(first, -size / 2)
            for (first, last), size in ((_place(motion.x[part][mine]), width), (_place(motion.y[part][mine]), height))
        ]
        found[frame] = max(0.0, sides[0]) * max(0.0, sides[1]) / (width * height)
    return found


def _place(values: Floats) -> tuple[float, float]:
    """Where what the tracks lie on begins and ends along one axis at the farthest, without strays.

    Few tracks seldom lie at its very border: if they lie evenly, the k-th one is k mean distances away from it, with a
    deviation of the root of k. Two deviations are allowed for."""
    ordered = np.sort(values)
    stray = 1 + len(ordered) // STRAY
    first, last = float(ordered[stray]), float(ordered[-1 - stray])
    away = stray + 1
    beyond = (away + 2 * np.sqrt(away)) * (last - first) / (len(ordered) - 1 - 2 * stray)
    return first - beyond, last + beyond
