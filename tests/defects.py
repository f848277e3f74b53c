# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots in memory with known defects, for the analysis of footage.

A shot gives the brightness of clip frame 1, 2, 3 …, 0 to 1, float32 [height, width] from the lower left. The same seed
gives the same pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tracking_sessions.tests.footage import LUMA, Shot, set_up
from tracking_sessions.tests.textures import Floats, mosaic, smooth_noise

Frame = Callable[[float], Floats]
"""The picture at a time, of which whole numbers are frames, without noise."""
SIZE = 480, 270


def travelling(seed: int = 1, speed: float = 3.0, size: tuple[int, int] = SIZE) -> Frame:
    """A camera that slides along a wall with things in front of it, with a little sway; `speed`: pixels by frame."""
    width, height = size
    surfaces = set_up(width, height, seed)
    reach = 0.22 * width  # of the wall

    def path(time: float) -> tuple[float, float, float]:
        along = reach / 2 * (1 - math.cos(speed * time / reach * 2))  # to and fro
        return along, 1.5 * math.sin(time / 5.3), 0.03 * math.sin(time / 30)

    shot = Shot(Path(), 1, width, height, path, surfaces)  # type: ignore[arg-type]
    return lambda time: np.flipud(shot.render(time) @ LUMA) / np.float32(255)  # type: ignore[arg-type]


def forward(seed: int = 1, speed: float = 0.004, size: tuple[int, int] = SIZE) -> Frame:
    """A camera that moves towards the wall."""
    width, height = size
    shot = Shot(
        Path(), 1, width, height, lambda time: (3 * math.sin(time / 9), 0.0, speed * time), set_up(width, height, seed)
    )
    return lambda time: np.flipud(shot.render(time) @ LUMA) / np.float32(255)  # type: ignore[arg-type]


def nodal(seed: int = 1, speed: float = 0.004, size: tuple[int, int] = SIZE, focal: float = 1.2) -> Frame:
    """A camera that turns on the spot, `speed` radians by frame; `focal`: in widths of the picture."""
    width, height = size
    rng = np.random.default_rng(seed)
    rows, columns = int(height * 1.6), int(width * 4)
    texture = mosaic(rng, rows, columns, height / 9) * (1 + 0.3 * smooth_noise(rng, rows, columns, (3, 7, 40)))
    panorama = (texture.astype(np.float32) @ LUMA)[..., None] / np.float32(255)
    depth = focal * width
    x, y = np.meshgrid(np.arange(width) - width / 2 + 0.5, np.arange(height) - height / 2 + 0.5)

    def frame(time: float) -> Floats:
        pan, tilt = 0.5 * math.sin(speed * time / 0.5), 0.03 * math.sin(time / 17)
        up = y * math.cos(tilt) - depth * math.sin(tilt)
        away = y * math.sin(tilt) + depth * math.cos(tilt)
        angle, lift = np.arctan2(x, away) + pan, up / np.hypot(x, away)
        return _sampled(panorama[..., 0], angle * depth + columns / 2, lift * depth + rows / 2)

    return frame


def still(seed: int = 1, size: tuple[int, int] = SIZE) -> Frame:
    """A locked camera."""
    picture = travelling(seed, size=size)(1)
    return lambda time: picture


def blurred_motion(shot: Frame, shutter: float = 0.5, steps: int = 9) -> Frame:
    """The shot with an open shutter for that part of a frame."""
    return lambda time: np.mean(
        [shot(time + shutter * i / (steps - 1)) for i in range(steps)], axis=0, dtype=np.float32
    )


def _sampled(texture: Floats, x: Floats, y: Floats) -> Floats:
    column, row = (
        np.clip(at.astype(np.intp), 0, size - 2) for at, size in ((x, texture.shape[1]), (y, texture.shape[0]))
    )
    a, b = np.clip(x - column, 0, 1), np.clip(y - row, 0, 1)
    low = texture[row, column] * (1 - a) + texture[row, column + 1] * a
    high = texture[row + 1, column] * (1 - a) + texture[row + 1, column + 1] * a
    return (low * (1 - b) + high * b).astype(np.float32)


def soft(picture: Floats, radius: float) -> Floats:
    """The picture out of focus, by a Gaussian of that deviation in pixels."""
    reach = max(1, math.ceil(3 * radius))
    weights = np.exp(-((np.arange(-reach, reach + 1) / radius) ** 2) / 2)
    weights /= weights.sum()
    for axis in (0, 1):
        padded = np.pad(picture, [(reach, reach) if i == axis else (0, 0) for i in (0, 1)], mode="edge")
        size = picture.shape[axis]
        picture = sum(np.take(padded, range(i, i + size), axis) * weight for i, weight in enumerate(weights))  # type: ignore[assignment]
    return picture.astype(np.float32)


class Clip:
    """A clip of `count` frames with noise and defects, as `Pictures` gives them; `reads`: the pictures that were taken.

    `shots`: each from a frame on. `repeated` frames show the one before; `light` multiplies a frame (a flash), `from_`
    it and all that follow (a jump); `soft` is its blur in pixels; `replaced` frames have another picture;
    `interlaced`: every second line is half a frame later.
    """

    def __init__(
        self,
        count: int,
        shots: Mapping[int, Frame],
        *,
        size: tuple[int, int] = SIZE,
        noise: float = 0.006,
        levels: int = 255,
        repeated: frozenset[int] = frozenset(),
        light: Mapping[int, float] | None = None,
        from_: Mapping[int, float] | None = None,
        soft: Mapping[int, float] | None = None,
        replaced: Mapping[int, float] | None = None,
        flicker: float = 0.0,
        contrast: float = 1.0,
        interlaced: bool = False,
        seed: int = 1,
    ) -> None:
        self.count, self.size = count, size
        self.reads: list[int] = []
        self._shots, self._noise, self._levels = shots, noise, levels
        self._repeated, self._light, self._from = repeated, light or {}, from_ or {}
        self._soft, self._replaced = soft or {}, replaced or {}
        self._flicker, self._contrast, self._interlaced, self._seed = flicker, contrast, interlaced, seed

    def shown(self, frame: int, width: int = 0) -> Floats | None:
        self.reads.append(frame)
        while frame in self._repeated:
            frame -= 1
        return self._picture(frame)

    def _picture(self, frame: int) -> Floats:
        rng = np.random.default_rng((self._seed, frame))
        shot = self._shots[max(start for start in self._shots if start <= frame)]
        picture = shot(frame)
        if self._interlaced:
            picture = picture.copy()
            picture[1::2] = shot(frame + 0.5)[1::2]
        if frame in self._replaced:
            picture = np.full_like(picture, self._replaced[frame])
        if frame in self._soft:
            picture = soft(picture, self._soft[frame])
        gain = self._light.get(frame, 1.0)
        for start, factor in self._from.items():
            gain *= factor if frame >= start else 1.0
        gain *= 1 + self._flicker * rng.uniform(-1, 1)
        picture = ((picture - 0.5) * self._contrast + 0.5) * gain
        picture = picture + rng.normal(0, self._noise, picture.shape)
        return (np.round(np.clip(picture, 0, 1) * self._levels) / self._levels).astype(np.float32)
