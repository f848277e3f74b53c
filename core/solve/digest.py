# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest of the markers that a solve was made from, by which a solve that is older than its tracks is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from ..review.motion import Motion
from ..review.regression import Bools
from .solve import Drop, Mute, Solve


def digest(motion: Motion, used: Bools) -> str:
    """The SHA-256 of the `used` markers [markers]: number of the track, clip frame, and position, by track and frame.

    Positions are hashed as 0..1 of the picture in float32, as Blender has them.
    """
    numbers = np.array([track.number for track in motion.tracks], np.int64)
    place = np.flatnonzero(used)
    number, frame = numbers[motion.track[place]], motion.frame[place]
    order = np.lexsort((frame, number))
    table = np.empty(len(place), [("track", "<i8"), ("frame", "<i8"), ("x", "<f4"), ("y", "<f4")])
    table["track"], table["frame"] = number[order], frame[order]
    table["x"] = motion.x[place][order] / motion.size[0] + 0.5
    table["y"] = motion.y[place][order] / motion.size[1] + 0.5
    return hashlib.sha256(table.tobytes()).hexdigest()


def used_by(motion: Motion, dropped: Sequence[Drop], muted: Sequence[Mute]) -> Bools:
    """[markers]: those that a solve takes that has dropped and muted these."""
    numbers = np.array([track.number for track in motion.tracks], np.int64)
    used = ~np.isin(numbers, [drop.track for drop in dropped])[motion.track]
    number, frame = numbers[motion.track], motion.frame
    for mute in muted:
        used &= (number != mute.track) | (frame < mute.first) | (frame > mute.last)
    return used


def is_stale(motion: Motion, solve: Solve) -> bool:
    """Whether the markers have changed since the solve. `motion`: the live markers of the solve's tracking object.

    What the solve leaves out may be muted or deleted meanwhile, which is what it asks for.
    """
    used, frame = used_by(motion, solve.dropped, solve.muted), motion.frame
    return digest(motion, used & (frame >= solve.frames[0]) & (frame <= solve.frames[1])) != solve.digest
