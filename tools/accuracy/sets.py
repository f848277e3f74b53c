# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands before the camera: rooms with boxes in them, and things that move there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tracking_sessions.tools.accuracy.mipmaps import TEXTURES, Texture
from tracking_sessions.tools.accuracy.surfaces import Doubles, Motion, Mover, Painter, Set, Surface

WALL, HIGH = 13.0, 9.0
"""Metres from the middle of the room to its walls, and their height."""
LAMP = np.array([3.0, -7.0, 6.0])
X, Y, Z = np.eye(3)


def room(painter: Painter) -> list[Surface]:
    """A floor, four walls and a ceiling."""
    low, wide, up = -WALL * (X + Y), 2 * WALL, HIGH * Z
    faces = [
        (low, wide * X, wide * Y),
        (WALL * (Y - X), wide * X, up),
        (WALL * (X - Y), -wide * X, up),
        (low, wide * Y, up),
        (WALL * (X + Y), -wide * Y, up),
        (low + up, wide * Y, wide * X),
    ]
    return [painter.surface(*face, is_backdrop=True) for face in faces]


def boxes(rng: np.random.Generator, painter: Painter, count: int, clear: float) -> list[Surface]:
    """Boxes on the floor, none in another or within `clear` metres of the middle, and towers against the walls."""
    made: list[Surface] = []
    taken: list[tuple[Doubles, float]] = []
    while len(taken) < count:
        size = tuple(rng.uniform((0.5, 0.5, 0.4), (1.7, 1.7, 2.6)).tolist())
        reach = float(np.hypot(*size[:2])) / 2
        angle, away = rng.uniform(0, 2 * np.pi), 4.6 * np.sqrt(rng.random())
        base = away * (np.cos(angle) * X + np.sin(angle) * Y)
        if away < clear + reach or any(np.linalg.norm(base - at) < reach + other + 0.1 for at, other in taken):
            if rng.random() < 0.005:
                break
            continue
        taken.append((base, reach))
        made += painter.box(base, size, rng.uniform(0, np.pi))
    for wall in range(4):
        for along in np.linspace(-9, 9, 4):
            size = tuple(rng.uniform((1.5, 0.8, 1.5), (3.2, 1.8, 7.0)).tolist())
            place = (along + rng.uniform(-1, 1)) * X + (WALL - 0.1 - size[1] / 2) * Y
            turn = np.pi / 2 * wall
            sine, cosine = np.sin(turn), np.cos(turn)
            base = np.array([cosine * place[0] - sine * place[1], sine * place[0] + cosine * place[1], 0.0])
            made += painter.box(base, size, turn)
    return made


def furnished(rng: np.random.Generator, textures: list[Texture], clear: float, *, is_lit: bool) -> list[Surface]:
    painter = Painter(rng, textures, lamp=LAMP if is_lit else None)
    return [*room(painter), *boxes(rng, painter, 16, clear)]


def empty(rng: np.random.Generator, textures: list[Texture], clear: float, *, is_lit: bool) -> list[Surface]:
    return room(Painter(rng, textures, lamp=LAMP if is_lit else None))


def wall(rng: np.random.Generator, textures: list[Texture], clear: float, *, is_lit: bool) -> list[Surface]:
    """One plane across the middle, as wide as the picture."""
    painter = Painter(rng, textures, 40.0)
    return [
        painter.surface(x * X + z * Z, 12 * X, 12 * Z, is_backdrop=True)
        for x in (-36, -24, -12, 0, 12, 24)
        for z in (-24, -12, 0, 12)
    ]


SETS: dict[str, Callable[..., list[Surface]]] = {"furnished": furnished, "empty": empty, "wall": wall}


def textures_of(rng: np.random.Generator, names: tuple[str, ...]) -> list[Texture]:
    return [TEXTURES[name](rng) for name in names]


# What moves. Each: from the generator of numbers, a painter and the number of frames.


def passing(rng: np.random.Generator, painter: Painter, frames: int) -> list[Mover]:
    """Four boxes that cross the set, each its own way."""
    return [
        Mover(
            tuple(painter.box(np.zeros(3), tuple(rng.uniform((0.7, 0.7, 0.9), (1.2, 1.2, 1.8)).tolist()))),
            _line(rng, frames, side * 3.6 * X + lane * Y, -side * rng.uniform(4.5, 7.0) * X, rng.uniform(-1.2, 1.2)),
        )
        for side, lane in ((-1, -5.3), (1, -6.4), (-1, 5.8), (1, 6.6))
    ]


def _line(rng: np.random.Generator, frames: int, begin: Doubles, way: Doubles, turn: float) -> Motion:
    angle, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)

    def motion(time: float) -> tuple[float, Doubles]:
        share = time / max(1, frames - 1)
        bob = 0.12 * np.sin(2 * np.pi * share * 2 + phase) * Y
        return angle + turn * share, begin + share * way + bob

    return motion


def _lorry(length: float, width: float, height: float) -> Callable[..., list[Mover]]:
    """A lorry, rich in detail, that drives and turns a little in the middle of the set."""

    def make(rng: np.random.Generator, painter: Painter, frames: int) -> list[Mover]:
        body = _vehicle(painter, length, width, height)
        way = rng.uniform(0.8, 1.2) * X + rng.uniform(-0.3, 0.3) * Y
        motion = _line(rng, frames, -way / 2, way, float(rng.choice([-1, 1]) * rng.uniform(0.15, 0.3)))
        return [Mover(body, motion)]

    return make


def _vehicle(painter: Painter, length: float, width: float, height: float) -> tuple[Surface, ...]:
    body = painter.box(0.1 * length * X + 0.2 * Z, (0.8 * length, width, height - 0.2))
    cabin = painter.box(-0.4 * length * X + 0.2 * Z, (0.2 * length, 0.8 * width, 0.7 * height))
    crates = [
        painter.box(at * length * X + side * 0.6 * width * Y, (0.15 * length, 0.2 * width, 0.4 * height))
        for at in (-0.1, 0.3)
        for side in (-1, 1)
    ]
    return (*body, *cabin, *(face for crate in crates for face in crate))


def tram(rng: np.random.Generator, painter: Painter, frames: int) -> list[Mover]:
    """A vehicle in the middle of the set that goes to and fro from left to right, as a dolly to the side does."""
    body, swing = _vehicle(painter, 5.6, 2.0, 3.4), float(rng.uniform(4.0, 6.0))

    def motion(time: float) -> tuple[float, Doubles]:
        return 0.0, 0.3 * np.sin(swing * time / max(1, frames - 1)) * X

    return [Mover(body, motion)]


def crowd(rng: np.random.Generator, painter: Painter, frames: int) -> list[Mover]:
    """Nine boxes side by side, of which no two move alike, over most of the picture."""
    movers: list[Mover] = []
    for index in range(9):
        place = (-4.0 + index) * 0.85 * X + (-4.9 - 0.35 * (index % 2)) * Y
        body = tuple(painter.box(np.zeros(3), (0.75, 0.6, float(rng.uniform(1.3, 2.1)))))
        way = rng.uniform((-0.5, -0.4, -0.3), (0.5, 0.4, 0.3))
        movers.append(Mover(body, _line(rng, frames, place, way, float(rng.uniform(-0.5, 0.5)))))
    return movers


CLEAR = {"small_lorry": 2.0, "lorry": 2.8, "large_lorry": 3.6, "tram": 3.6}
"""Metres around the middle of the set without boxes, so that nothing drives through one."""
MOVERS: dict[str, Callable[..., list[Mover]]] = {
    "passing": passing,
    "small_lorry": _lorry(2.4, 1.2, 1.7),
    "lorry": _lorry(3.8, 1.6, 2.4),
    "large_lorry": _lorry(5.6, 2.0, 3.4),
    "tram": tram,
    "crowd": crowd,
}


def build(
    rng: np.random.Generator, name: str, textures: tuple[str, ...], movers: str, frames: int, *, is_lit: bool
) -> Set:
    made = textures_of(rng, textures)
    surfaces = SETS[name](rng, made, CLEAR.get(movers, 0.0), is_lit=is_lit)
    moving = MOVERS[movers](rng, Painter(rng, [TEXTURES["textured"](rng)]), frames) if movers else []
    return Set(tuple(surfaces), tuple(moving))
