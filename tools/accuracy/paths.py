# SPDX-License-Identifier: GPL-3.0-or-later
"""How cameras move: functions of the time in frames, at any fraction of one.

Camera axes are x right, y down, z forward; the world is metres, z up. Sets stand around the origin.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tracking_sessions.tools.accuracy.surfaces import Doubles

Path = Callable[[Doubles], tuple[Doubles, Doubles]]
"""From times [n] to turns [n, 3, 3], camera to world, and centres [n, 3]."""


def facing(centres: Doubles, targets: Doubles, shake: Doubles | None = None) -> Doubles:
    """[n, 3, 3]: turns of cameras at `centres` that look at `targets`, upright, then panned, tilted and rolled by
    `shake` [n, 3], radians."""
    forward = targets - centres
    forward = forward / np.linalg.norm(forward, axis=1)[:, None]
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right, axis=1)[:, None]
    turns = np.stack([right, np.cross(forward, right), forward], axis=2)
    return turns if shake is None else turns @ _small(shake)


def _small(angles: Doubles) -> Doubles:
    """Rotations about y, x and z, in this order from the left."""
    (a, b, c), one, zero = angles.T, np.ones(len(angles)), np.zeros(len(angles))
    pan = np.array([[np.cos(a), zero, np.sin(a)], [zero, one, zero], [-np.sin(a), zero, np.cos(a)]])
    tilt = np.array([[one, zero, zero], [zero, np.cos(b), -np.sin(b)], [zero, np.sin(b), np.cos(b)]])
    roll = np.array([[np.cos(c), -np.sin(c), zero], [np.sin(c), np.cos(c), zero], [zero, zero, one]])
    return np.einsum("ijn,jkn,kln->nil", pan, tilt, roll)


def _sway(rng: np.random.Generator, size: float, shortest: float = 10.0) -> Callable[[Doubles], Doubles]:
    """[n, 3] of deviation `size`: the unrest of a hand, as waves of `shortest` to 80 frames."""
    periods = np.exp(rng.uniform(np.log(shortest), np.log(80.0), (6, 3)))
    heights = size * np.sqrt(periods / periods.sum(0)) * np.sqrt(2.0)
    phases = rng.uniform(0, 2 * np.pi, (6, 3))

    def at(time: Doubles) -> Doubles:
        return (heights * np.sin(2 * np.pi * time[:, None, None] / periods + phases)).sum(1)

    return at


def _part(frames: int) -> float:
    """The share of a whole move that a shot has time for: shorter ones are no faster."""
    return min(1.0, frames / 60)


def orbit(rng: np.random.Generator, frames: int, *, is_before: bool = False) -> Path:
    """Around the middle of the set, hand-held."""
    begin = rng.uniform(0, 2 * np.pi)
    span = np.radians(rng.uniform(38, 55)) * rng.choice([-1, 1]) * _part(frames)
    if is_before:
        begin = -(np.pi + span) / 2
    height, rise, radius = rng.uniform(2.2, 3.0), rng.uniform(-0.5, 0.8), rng.uniform(8.0, 9.0)
    hand, turn = _sway(rng, 0.02), _sway(rng, np.radians(0.4))

    def at(time: Doubles) -> tuple[Doubles, Doubles]:
        share = time / max(1, frames - 1)
        angle = begin + span * share
        centres = np.stack([radius * np.cos(angle), radius * np.sin(angle), height + rise * share], 1) + hand(time)
        return facing(centres, np.broadcast_to((0.0, 0.0, 1.0), centres.shape), turn(time)), centres

    return at


def arc(rng: np.random.Generator, frames: int) -> Path:
    """The same before the set, which is seen from one side."""
    return orbit(rng, frames, is_before=True)


def _straight(direction: Doubles, speed: float, frames: int, aim: Doubles, start: Doubles) -> Path:
    """Along `direction`, always looking along `aim`: `speed` metres a second of 24 frames, slower in long shots."""
    length = speed * min(frames, 84) / 24

    def at(time: Doubles) -> tuple[Doubles, Doubles]:
        share = time / max(1, frames - 1)
        eased = share + 0.08 * np.sin(2 * np.pi * share) / np.pi
        centres = start + length * (eased - 0.5)[:, None] * direction
        return facing(centres, centres + aim), centres

    return at


def lateral(rng: np.random.Generator, frames: int) -> Path:
    """A dolly to the side that does not turn."""
    start = np.array([0.0, -9.0, rng.uniform(1.8, 2.6)])
    return _straight(np.array([rng.choice([-1.0, 1.0]), 0.0, 0.0]), 1.4, frames, np.array([0.0, 1.0, -0.1]), start)


def forward(rng: np.random.Generator, frames: int) -> Path:
    """A dolly into the set that does not turn."""
    start = np.array([rng.uniform(-0.5, 0.5), -9.5, rng.uniform(1.8, 2.4)])
    return _straight(np.array([0.0, 1.0, 0.0]), 1.2, frames, np.array([0.05, 1.0, -0.06]), start)


def crane(rng: np.random.Generator, frames: int) -> Path:
    """Up and over, looking down."""
    side, low, rise = rng.uniform(-3, 3), rng.uniform(1.0, 1.6), rng.uniform(2.6, 3.6) * _part(frames)

    def at(time: Doubles) -> tuple[Doubles, Doubles]:
        share = time / max(1, frames - 1)
        centres = np.stack([side + 0.8 * share, -9.5 + 0 * share, low + rise * share], 1)
        return facing(centres, np.broadcast_to((0.0, 0.0, 1.0), centres.shape)), centres

    return at


def walk(rng: np.random.Generator, frames: int) -> Path:
    """A hand-held camera that walks into the set, looking around."""
    speed = rng.uniform(0.9, 1.2) * 24 / max(24.0, frames / 4)  # long shots walk slower
    start = np.array([rng.uniform(-1.5, 1.5), -9.8, 1.7])
    hand, turn = _sway(rng, 0.03), _sway(rng, np.radians(1.2), 14.0)
    step = rng.uniform(11, 14)

    def at(time: Doubles) -> tuple[Doubles, Doubles]:
        centres = start + np.stack([0.3 * np.sin(time / 37), speed * time / 24, 0 * time], 1) + hand(time)
        centres[:, 2] += 0.02 * np.sin(2 * np.pi * time / step)
        aim = centres * (1, 0, 0) * -0.6 + (0, 1.0, 0.9)
        return facing(centres, aim, turn(time)), centres

    return at


def nodal(rng: np.random.Generator, frames: int, offset: float = 0.0) -> Path:
    """A pan on a tripod; `offset`: metres by which the camera wanders meanwhile."""
    position = np.array([rng.uniform(-1, 1), rng.uniform(-1, 1) - 8.0, 1.8])
    span = np.radians(rng.uniform(28, 40)) * rng.choice([-1, 1]) * _part(frames)
    sway, wander = _sway(rng, np.radians(0.3), 16.0), _sway(rng, 1.0, 30.0)

    def at(time: Doubles) -> tuple[Doubles, Doubles]:
        angle = np.pi / 2 + span * (time / max(1, frames - 1) - 0.5)
        aim = np.stack([np.cos(angle), np.sin(angle), -0.06 + 0 * angle], 1)
        centres = position + offset * wander(time)
        return facing(centres, centres + aim, sway(time)), centres

    return at


def near_nodal(rng: np.random.Generator, frames: int) -> Path:
    """A pan by hand: the camera wanders by centimetres."""
    return nodal(rng, frames, 0.012)


def static(rng: np.random.Generator, frames: int) -> Path:
    """A locked camera."""
    centre = np.array([[rng.uniform(-1, 1), -9.0, 2.0]])
    turn = facing(centre, np.array([[0.0, 0.0, 1.0]]))
    return lambda time: (np.repeat(turn, len(time), 0), np.repeat(centre, len(time), 0))


PATHS: dict[str, Callable[[np.random.Generator, int], Path]] = {
    "orbit": orbit,
    "arc": arc,
    "lateral": lateral,
    "forward": forward,
    "crane": crane,
    "walk": walk,
    "nodal": nodal,
    "near_nodal": near_nodal,
    "static": static,
}
