# SPDX-License-Identifier: GPL-3.0-or-later
"""Defects of known place and size, injected into tracks without any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tracking_sessions.tools.truth.scenes import Floats

SIZES = (1, 2, 3, 5, 10, 20, 40)  # pixels


class Defect(NamedTuple):
    """`kind`: spike, step, swap, drift, stray; `frame`: the column of its begin; `size`: pixels, per frame if drift."""

    kind: str
    track: int
    frame: int
    size: float
    other: int = -1


@dataclass
class Defective:
    """Tracks with their defects. `dirty` [tracks, frames]: the markers that a defect has moved or borders on."""

    positions: Floats
    defects: list[Defect]
    dirty: np.ndarray


def lives(positions: Floats) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last column with a marker, of each track."""
    live = np.isfinite(positions[..., 0])
    return live.argmax(1), live.shape[1] - 1 - live[:, ::-1].argmax(1)


Hop = Callable[[int, int, Floats], Floats]
"""[frames, 2]: how far a track is off that follows another point from a frame on, from its index, the frame, and the
pixels between the two points there."""


def with_jumps(
    positions: Floats, *, seed: int, hop: Hop | None = None, swaps: int = 2, sizes: tuple[float, ...] = SIZES
) -> Defective:
    """A spike and a step of each size, and swaps, each on a track of its own where there are enough tracks.

    A step is a track that goes over to another point and follows it to its end; without `hop` the point keeps its
    distance in pixels. Nothing begins within five frames of an end.
    """
    rng = np.random.default_rng([seed, 1])
    made = Defective(positions.copy(), [], np.zeros(positions.shape[:2], bool))
    first, last = lives(positions)
    order = rng.permutation(np.flatnonzero(last - first >= 24)).tolist()
    wanted = [(kind, size) for kind in ("spike", "step") for size in sizes]
    if len(order) < len(wanted) + 2 * swaps:
        order *= 4
    for kind, size in wanted:
        track = order.pop()
        frame = int(rng.integers(first[track] + 6, last[track] - 5))
        turn = rng.uniform(0, 2 * np.pi)
        shift = size * np.array([np.cos(turn), np.sin(turn)])
        if kind == "spike":
            made.positions[track, frame] += shift
        else:
            made.positions[track, frame:] += hop(track, frame, shift)[frame:] if hop else shift
        made.dirty[track, frame - 2 : frame + 3] = True
        made.defects.append(Defect(kind, track, frame, size))
    for _ in range(swaps):
        track = order.pop()
        for other in list(order):
            low, high = max(first[track], first[other]) + 6, min(last[track], last[other]) - 5
            if high > low and other != track:
                order.remove(other)
                frame = int(rng.integers(low, high))
                pair = [track, other]
                made.positions[pair, frame:] = made.positions[pair[::-1], frame:]
                made.dirty[pair, frame - 2 : frame + 3] = True
                size = float(np.hypot(*(made.positions[track, frame] - made.positions[other, frame])))
                made.defects.append(Defect("swap", track, frame, size, other))
                break
    return made


def with_drift(positions: Floats, *, seed: int, speed: float, count: int = 10, least: int = 60) -> Defective:
    """`count` tracks that leave their features at `speed` pixels per frame, in a fixed direction, to their ends."""
    rng = np.random.default_rng([seed, 2])
    made = Defective(positions.copy(), [], np.zeros(positions.shape[:2], bool))
    first, last = lives(positions)
    usable = np.flatnonzero(last - first >= least)
    for track in map(int, rng.permutation(usable)[:count]):
        frame = int(rng.integers(first[track] + 5, last[track] - 45))
        turn = rng.uniform(0, 2 * np.pi)
        time = np.arange(positions.shape[1] - frame)[:, None]
        made.positions[track, frame:] += speed * time * np.array([np.cos(turn), np.sin(turn)])
        made.dirty[track, frame:] = True
        made.defects.append(Defect("drift", track, frame, speed))
    return made


def with_strays(positions: Floats, *, seed: int, count: int = 6, reach: float = 20.0) -> Defective:
    """`count` tracks of an object of its own, which sways by `reach` pixels all their life."""
    rng = np.random.default_rng([seed, 3])
    made = Defective(positions.copy(), [], np.zeros(positions.shape[:2], bool))
    first, last = lives(positions)
    usable = np.flatnonzero(last - first >= 40)
    for track in map(int, rng.permutation(usable)[:count]):
        time = np.arange(positions.shape[1])[:, None]
        phase = rng.uniform(0, 2 * np.pi, 2)
        period = rng.uniform(40, 90, 2)
        made.positions[track] += reach * np.sin(2 * np.pi * time / period + phase)
        made.dirty[track] = True
        made.defects.append(Defect("stray", track, int(first[track]), reach))
    return made
