# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a shot needs tracks: on its middle frame first, then on the frame whose picture is covered worst.

A frame is covered by the parts of its picture that have tracks: the mean over a grid of 8 by 5 parts of min(tracks, 2)
/ 2. One seed in the middle, followed both ways, is enough for 60 to 90 frames; more of them buy safety.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ..review.motion import Motion
from ..review.regression import Floats

COLUMNS, ROWS, EACH = 8, 5, 2
COVERED = 0.75
"""The share of its parts with tracks from which on a frame needs no seed."""
APART = 5
"""Frames: how near to an earlier seed another one is of no use."""
SEEDS, EVERY = 8, 40
"""A shot gets so many seeds at most, a long one more: one for so many frames. Rendered shots of 240 and 400 frames took
6 and 5; a picture with empty corners never counts as covered."""

WIDTH = 960
"""Pixels: the width of the pictures on which the sizes were measured."""
PATTERN, SEARCH = 31, 71
"""Pixels at that width. With a correlation of 0.9 and an affine model the larger pattern leaves 2 to 11 % of the tracks
bad, the factory settings 15 to 50 %."""
SETTINGS = {
    "motion_model": "Affine",
    "pattern_match": "KEYFRAME",
    "correlation_min": 0.9,
    "use_brute": True,
    "use_normalization": False,
    "margin": 0,
    "frames_limit": 0,
}
"""The settings of new tracks, by Blender's names."""


def sizes(width: int) -> tuple[int, int]:
    """The pattern and the search size for pictures of `width` pixels, odd numbers of pixels."""
    share = width / WIDTH
    pattern = max(15, 2 * int(PATTERN * share / 2) + 1)
    return pattern, max(pattern + 20, 2 * int(SEARCH * share / 2) + 1)


def coverage(motion: Motion, frames: int) -> Floats:
    """[frames]: how well each clip frame from 1 on is covered, 0..1. `motion`: the camera's tracks."""
    width, height = motion.size
    column = np.clip(((motion.x / width + 0.5) * COLUMNS).astype(np.intp), 0, COLUMNS - 1)
    row = np.clip(((motion.y / height + 0.5) * ROWS).astype(np.intp), 0, ROWS - 1)
    frame = motion.frame
    inside = (frame >= 1) & (frame <= frames)
    place = ((frame - 1) * ROWS + row) * COLUMNS + column
    counts = np.bincount(place[inside], minlength=frames * ROWS * COLUMNS).reshape(frames, -1)
    return np.minimum(counts, EACH).mean(1) / EACH


def next_seed(
    motion: Motion, frames: int, seeds: Collection[int], avoided: Collection[int] = frozenset()
) -> int | None:
    """The clip frame to seed next in a shot of `frames` frames; None if it is covered, or has seeds enough.

    `seeds`: the clip frames that were seeded; `avoided`: those whose pictures show no good features.
    """
    if not seeds:
        middle = (frames + 1) // 2
        others = (frame for frame in range(1, frames + 1) if frame not in avoided)
        return min(others, key=lambda frame: abs(frame - middle), default=middle)
    if len(seeds) >= max(SEEDS, frames // EVERY):
        return None
    covered = coverage(motion, frames)
    covered[[frame - 1 for frame in avoided if 1 <= frame <= frames]] = 1.0
    for seed in seeds:
        covered[max(0, seed - 1 - APART) : seed + APART] = 1.0
    worst = int(np.argmin(covered))
    return worst + 1 if covered[worst] < COVERED else None


def positions(motion: Motion, frame: int) -> list[tuple[float, float]]:
    """Where the tracks are on the clip frame, 0..1 from the lower left."""
    width, height = motion.size
    at = np.flatnonzero(motion.frame == frame)
    return [(float(motion.x[i]) / width + 0.5, float(motion.y[i]) / height + 0.5) for i in at]
