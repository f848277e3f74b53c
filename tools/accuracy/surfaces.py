# SPDX-License-Identifier: GPL-3.0-or-later
"""Flat textured rectangles in space, the boxes made from them, and how boxes move.

World coordinates are metres, right-handed, z up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tracking_sessions.tools.accuracy.mipmaps import SIZE, Texture

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """A rectangle that is seen from the side to which `right` x `up` points.

    `corner` [3]: its lower left corner. `right`, `up` [3]: unit vectors along its sides, at a right angle. `extent`:
    metres along them. `density`: texels per metre. `begin`: the texels at its corner. `tint` [3]: RGB 0..1.
    `lamp` [3]: where a lamp is that the surface mirrors as a soft spot, or None.
    """

    corner: Doubles
    right: Doubles
    up: Doubles
    extent: tuple[float, float]
    texture: Texture
    density: float
    begin: tuple[float, float]
    tint: tuple[float, float, float]
    lamp: Doubles | None = None
    is_backdrop: bool = False

    @property
    def normal(self) -> Doubles:
        return np.cross(self.right, self.up)

    @property
    def corners(self) -> Doubles:
        """[4, 3]."""
        across, along = self.extent[0] * self.right, self.extent[1] * self.up
        return self.corner + np.array([0 * across, across, across + along, along])

    def moved(self, turn: Doubles, shift: Doubles) -> Surface:
        """Turned by `turn` [3, 3] about the origin, then shifted."""
        return replace(self, corner=turn @ self.corner + shift, right=turn @ self.right, up=turn @ self.up)


Motion = Callable[[float], tuple[float, Doubles]]
"""The angle about z, radians, and the position [3] at a time in frames."""


@dataclass(frozen=True)
class Mover:
    """Surfaces around the origin that move together."""

    surfaces: tuple[Surface, ...]
    motion: Motion

    def at(self, time: float) -> list[Surface]:
        angle, shift = self.motion(time)
        turn = about_z(angle)
        return [surface.moved(turn, shift) for surface in self.surfaces]


@dataclass(frozen=True)
class Set:
    """Everything that is seen."""

    surfaces: tuple[Surface, ...]
    movers: tuple[Mover, ...] = ()

    def at(self, time: float) -> list[Surface]:
        return [*self.surfaces, *(surface for mover in self.movers for surface in mover.at(time))]


def about_z(angle: float) -> Doubles:
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


class Painter:
    """Gives surfaces a texture, a stretch of it, a colour and the light of their direction."""

    def __init__(
        self, rng: np.random.Generator, textures: list[Texture], density: float = 90.0, lamp: Doubles | None = None
    ) -> None:
        self._rng, self._textures, self._density, self._lamp = rng, textures, density, lamp
        self._sun = np.array([0.4, -0.7, 0.9]) / np.linalg.norm([0.4, -0.7, 0.9])

    def surface(self, corner: Doubles, right: Doubles, up: Doubles, *, is_backdrop: bool = False) -> Surface:
        """The surface with sides `right` and `up`, whose lengths are metres. Large ones are painted coarser, so that
        their texture does not repeat."""
        rng = self._rng
        extent = float(np.linalg.norm(right)), float(np.linalg.norm(up))
        right, up = right / extent[0], up / extent[1]
        light = 0.62 + 0.38 * max(0.0, float(np.cross(right, up) @ self._sun))
        tint = light * (0.7 + 0.3 * rng.random(3))
        density = min(self._density, SIZE / max(extent))
        texture = self._textures[int(rng.integers(len(self._textures)))]
        begin = tuple(rng.uniform(0, SIZE, 2).tolist())
        return Surface(corner, right, up, extent, texture, density, begin, tuple(tint), self._lamp, is_backdrop)

    def box(self, base: Doubles, size: tuple[float, float, float], angle: float = 0.0) -> list[Surface]:
        """The sides and the top of a box that stands with the middle of its bottom on `base` [3]."""
        width, depth, height = size
        x, y, z = np.diag([width, depth, height]).astype(float)
        low = np.array([-width / 2, -depth / 2, 0.0])
        faces = [
            (low, x, z),
            (low + x, y, z),
            (low + x + y, -x, z),
            (low + y, -y, z),
            (low + z, x, y),
            (low + y, x, -y),
        ]
        turn = about_z(angle)
        return [self.surface(*face).moved(turn, base) for face in faces]
