# SPDX-License-Identifier: GPL-3.0-or-later
"""Textures that repeat without a seam, filtered for each size at which they are seen (mipmaps, Williams 1983)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracking_sessions.tests.textures import bricks, mosaic

Floats = NDArray[np.float32]

SIZE = 1024
"""Texels of a side, a power of two."""
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


class Texture:
    """Grey values 0..1 of a square that repeats, and all its halvings."""

    def __init__(self, base: Floats) -> None:
        levels = [base.astype(np.float32)]
        while len(levels[-1]) > 1:
            fine = levels[-1]
            levels.append((fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]) / 4)
        sizes = [len(level) for level in levels]
        self._texels = np.concatenate([level.ravel() for level in levels])
        self._begin = np.cumsum([0, *(size * size for size in sizes[:-1])]).astype(np.int32)
        self._size = np.array(sizes, np.int32)
        self._share = (self._size / sizes[0]).astype(np.float32)
        self._last = len(levels) - 1

    def sample(self, x: Floats, y: Floats, level: Floats) -> Floats:
        """Trilinear samples at texels `x`, `y` of the finest level; `level`: log2 of the texels in a pixel."""
        level = np.clip(level, 0, self._last - 1e-3)
        fine = level.astype(np.int32)
        part = level - fine
        near = self._bilinear(x, y, fine)
        fine += 1
        near += part * (self._bilinear(x, y, fine) - near)
        return near

    def _bilinear(self, x: Floats, y: Floats, level: NDArray[np.int32]) -> Floats:
        share, size = self._share[level], self._size[level]
        x, y = x * share - np.float32(0.5), y * share - np.float32(0.5)
        left, top = np.floor(x), np.floor(y)
        x -= left
        y -= top
        mask = size - 1
        column, row = left.astype(np.int32), top.astype(np.int32)
        begin = self._begin[level]
        above, below = begin + (row & mask) * size, begin + ((row + 1) & mask) * size
        right = (column + 1) & mask
        column &= mask
        texels = self._texels
        upper, lower = texels[above + column], texels[below + column]
        upper += x * (texels[above + right] - upper)
        lower += x * (texels[below + right] - lower)
        upper += y * (lower - upper)
        return upper


def noise(rng: np.random.Generator, slope: float = 1.0) -> Floats:
    """Noise of mean 0 and deviation 1 whose amplitude falls with the frequency to the power `slope`; it repeats."""
    across, along = np.fft.rfftfreq(SIZE), np.fft.fftfreq(SIZE)[:, None]
    frequency = np.hypot(across, along)
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(rng.standard_normal((SIZE, SIZE))) / frequency**slope
    spectrum[0, 0] = 0
    made = np.fft.irfft2(spectrum, s=(SIZE, SIZE))
    return (made / made.std()).astype(np.float32)


def textured(rng: np.random.Generator) -> Texture:
    """Blots of every size, with corners in all of them."""
    return Texture(0.5 + 0.42 * np.tanh(1.4 * noise(rng)))


def tiled(rng: np.random.Generator) -> Texture:
    """Coloured tiles, worn: what repeats is easily taken for its neighbour."""
    worn = 1 + 0.14 * noise(rng)
    return Texture(np.clip(mosaic(rng, SIZE, SIZE, SIZE / 40) @ LUMA / 255 * worn, 0, 1))


def bricked(rng: np.random.Generator) -> Texture:
    """A brick wall, worn."""
    worn = 1 + 0.16 * noise(rng)
    return Texture(np.clip(bricks(rng, SIZE, SIZE, SIZE / 48) @ LUMA / 255 * worn, 0, 1))


def sparse(rng: np.random.Generator) -> Texture:
    """Plaster with stains here and there, and nothing between them."""
    return Texture(_stained(rng, 90))


def blank(rng: np.random.Generator) -> Texture:
    """A painted wall: next to nothing to follow."""
    return Texture(_stained(rng, 3))


def _stained(rng: np.random.Generator, stains: int) -> Floats:
    image = 0.6 + 0.012 * noise(rng, 1.6)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    blots = 0.25 * noise(rng)
    for _ in range(stains):
        centre, radius = rng.uniform(0, SIZE, 2), rng.uniform(6, 26)
        away = [np.abs((axis - at + SIZE / 2) % SIZE - SIZE / 2) for axis, at in zip((x, y), centre, strict=True)]
        cover = np.clip((radius - np.hypot(*away)) / 3 + 0.5, 0, 1)
        tone = rng.choice([0.15, 0.3, 0.9])
        image += cover * (tone + 0.3 * blots * tone - image)
    return np.clip(image, 0, 1).astype(np.float32)


TEXTURES = {"textured": textured, "tiled": tiled, "bricked": bricked, "sparse": sparse, "blank": blank}
