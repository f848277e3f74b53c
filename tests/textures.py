# SPDX-License-Identifier: GPL-3.0-or-later
"""Textures for the surfaces of rendered shots, drawn in float32 RGB 0..255.

A texture has RGB and alpha, premultiplied; it is sampled with its first centre at 0. Sizes are texels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def resample(texture: Floats, x: Floats, y: Floats) -> Floats:
    """Bilinear samples of a texture on the grid of columns `x` and rows `y` (texels, the first centre is at 0)."""
    column = np.clip(x.astype(np.intp), 0, texture.shape[1] - 2)
    row = np.clip(y.astype(np.intp), 0, texture.shape[0] - 2)
    part_x = (x - column).astype(np.float32)[None, :, None]
    part_y = (y - row).astype(np.float32)[:, None, None]
    low, high = int(column.min()), int(column.max()) + 2
    strip = texture[:, low:high]
    lines = strip[row]
    lines += (strip[row + 1] - lines) * part_y
    result = lines[:, column - low]
    result += (lines[:, column - low + 1] - result) * part_x
    return result


def smooth_noise(rng: np.random.Generator, height: int, width: int, cells: tuple[float, ...]) -> Floats:
    """Noise of mean 0 and range about -1..1, HxWx1, as a sum of layers with the given cell sizes in pixels."""
    total = np.zeros((height, width, 1), np.float32)
    for cell in cells:
        grid = rng.random((int(height / cell) + 3, int(width / cell) + 3, 1), np.float32) * 2 - 1
        total += resample(grid, np.arange(width) / cell, np.arange(height) / cell)
    return total / np.float32(math.sqrt(len(cells)))


def finish(colour: Floats, rng: np.random.Generator, grain: float, alpha: Floats | None = None) -> Floats:
    """A texture from RGB 0..255: grain of a few pixels and blotches, a slight blur (bilinear sampling makes finer
    details flicker), and a clear edge of one texel so that the border is antialiased."""
    height, width = colour.shape[:2]
    lit = colour * (1 + grain * smooth_noise(rng, height, width, (2.3, 5, 13, height / 6)))
    cover = np.ones((height, width, 1), np.float32) if alpha is None else alpha
    texture = np.concatenate([np.clip(lit, 0, 255) * cover, cover], axis=2)
    texture = np.pad(texture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    texture = texture[:-2] / 4 + texture[1:-1] / 2 + texture[2:] / 4
    texture = texture[:, :-2] / 4 + texture[:, 1:-1] / 2 + texture[:, 2:] / 4
    return np.pad(texture, ((1, 1), (1, 1), (0, 0))).astype(np.float32)


def bricks(rng: np.random.Generator, height: int, width: int, brick: float) -> Floats:
    """RGB of a brick wall; `brick` is the height of a brick in pixels."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    row = (y / brick).astype(int)
    along = x / (2.3 * brick) + 0.5 * (row % 2)
    tone = rng.random((row.max() + 1, int(along.max()) + 1, 1)) ** 1.5
    hue = rng.random(tone.shape)
    colours = np.concatenate([95 + 110 * tone, 55 + 75 * tone + 20 * hue, 42 + 55 * tone + 40 * hue], axis=2)
    image = colours[row, along.astype(int)]
    joint = (y % brick < brick * 0.13) | (along % 1 < 0.055)
    image[joint] = (188, 182, 170)
    return image.astype(np.float32)


def mosaic(rng: np.random.Generator, height: int, width: int, tile: float) -> Floats:
    """RGB of differently coloured tiles, some of them with a dot."""
    palette = np.array([[228, 87, 46], [23, 190, 187], [255, 201, 20], [46, 40, 42], [118, 176, 65], [240, 234, 214]])
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y *= max(1, round(height / tile)) / height  # whole tiles
    x *= max(1, round(width / tile)) / width
    row, column = y.astype(int), x.astype(int)
    shape = (row.max() + 1, column.max() + 1)
    image = palette[rng.integers(0, 6, shape)[row, column]]
    radius = (rng.random(shape) * 0.45 * (rng.random(shape) < 0.6))[row, column]
    dot = np.hypot(x % 1 - 0.5, y % 1 - 0.5) < radius
    image[dot] = palette[rng.integers(0, 6, shape)[row, column][dot]]
    return image.astype(np.float32)


def planks(rng: np.random.Generator, height: int, width: int, board: float) -> Floats:
    """RGB of a wooden crate with stencilled blocks."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    tone = rng.uniform(0.75, 1.1, int(height / board) + 1)[(y / board).astype(int)]
    tone *= 1 + 0.12 * resample(rng.random((height, 8, 1), np.float32), x[0] * 6 / width, y[:, 0])[..., 0]
    tone[y % board < 0.1 * board] = 0.3
    edge = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y))
    tone[edge < board * 0.45] *= 0.7
    image = tone[..., None] * np.array([176, 132, 82])
    for _ in range(10):
        left, top = rng.random() * width * 0.75 + width * 0.08, rng.random() * height * 0.75 + height * 0.08
        size = board * rng.uniform(0.3, 0.8)
        image[(abs(x - left - size) < size) & (abs(y - top - size / 2) < size / 2)] *= 0.35
    return image.astype(np.float32)


def bezel(rng: np.random.Generator, height: int, width: int, size: float) -> Floats:
    """RGB of the dark case of a screen."""
    return np.full((height, width, 3), 22, np.float32)


def ball(size: int) -> tuple[Floats, Floats]:
    """RGB and alpha of a striped ball."""
    y, x = (np.mgrid[:size, :size].astype(np.float32) + 0.5) * 2 / size - 1
    radius = np.hypot(x, y)
    stripe = ((np.arctan2(y + 0.25, x + 0.2) / math.tau + 0.5) * 6).astype(int) % 6
    white = [245, 245, 240]
    colours = np.array([[222, 50, 60], white, [40, 100, 200], white, [250, 190, 30], white])
    shade = np.clip(1.05 - 0.55 * np.hypot(x + 0.35, y + 0.4) ** 2, 0.3, 1)
    return (colours[stripe] * shade[..., None]).astype(np.float32), (radius < 1).astype(np.float32)[..., None]
