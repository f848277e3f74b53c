# SPDX-License-Identifier: GPL-3.0-or-later
"""Two frames beside each other: which parts of one are found in the other, and how they have changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .look import COLUMNS, ROWS, Look, Picture

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_BLOCK = 32  # pixels along a side of a block, of a picture 240 wide
_LEAST_BLOCK = 8
_LEAST_BLOCKS = 6  # blocks with texture, below which nothing can be said
_CONTRAST = 0.004  # standard deviation of brightness from which a block has texture
_NOISES = 1.5  # and in standard deviations of the noise
_LEAST_CORRELATION = 0.3
_AGREES = 3.0  # pixels between the ways of blocks beside each other; 10 % of zoom are 3
_FAR = 0.02  # correlation that the border of the search area loses against its centre: equal tiles
_LEAST_OVERLAP = 0.3  # of the picture
_LIGHT = 0.02  # brightness that is added before a ratio: shadows have more noise than light
TRUSTED = 0.6  # correlation from which a way is exact enough to judge the camera


@dataclass(frozen=True)
class Match:
    """How blocks of frame a are found in frame b.

    `share`: of the blocks with texture, those that are found beside their neighbours, 0 to 1; NaN with too few blocks.
    `places` [n, 2] and `ways` [n, 2]: centres of the found blocks in a and their displacements, x and y, in widths of
    the picture. `size`: width and height of the compared pictures, pixels. `light`: log2 of the brightness of b to that
    of a; `detail`: the same of their fine detail against their contrast; both medians over the found blocks, 0 without.
    """

    share: float
    places: Floats
    ways: Floats
    size: tuple[int, int]
    light: float = 0.0
    detail: float = 0.0

    @property
    def distance(self) -> float:
        """The median displacement, in widths of the picture; 0 without a found block."""
        return float(np.median(np.hypot(self.ways[:, 0], self.ways[:, 1]))) if len(self.ways) else 0.0


def match(a: Look, b: Look) -> Match:
    """Find the blocks of a in b. Neither gain nor offset matters: blocks are compared by normalised correlation."""
    first, second = np.asarray(a.small, np.float32), np.asarray(b.small, np.float32)
    height, width = first.shape
    none = np.zeros((0, 2))
    block = min(_BLOCK, min(height, width) // 3)
    if second.shape != first.shape or block < _LEAST_BLOCK:
        return Match(float("nan"), none, none, (width, height))
    corners, cells = _grid(height, width, block)
    tops = np.stack([first[y : y + block, x : x + block] for x, y in corners])
    has_texture = tops.std((1, 2)) > max(_CONTRAST, _NOISES * a.noise)
    if has_texture.sum() < _LEAST_BLOCKS:
        return Match(float("nan"), none, none, (width, height))
    shift = _shift(first, second)
    wanted = corners + shift
    inside = ((wanted > -block / 4) & (wanted < np.array([width, height]) - 0.75 * block)).all(1)
    used = np.flatnonzero(has_texture & inside)
    if len(used) < _LEAST_BLOCKS:
        return Match(0.0, none, none, (width, height))
    found, correlation = _found(tops[used], second, wanted[used], block)
    ways = found - corners[used]
    agrees = _agreeing(cells[used], ways, correlation)
    light, detail = _changes(a, b, corners[used][agrees], np.rint(found[agrees]).astype(int), block)
    exact = agrees & (correlation > TRUSTED)
    places = (corners[used][exact] + block / 2) / width
    return Match(float(agrees.sum() / len(used)), places, ways[exact] / width, (width, height), light, detail)


def _grid(height: int, width: int, block: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The lower left corners of the blocks, x and y, and their columns and rows."""
    columns, rows = np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))
    cells = np.stack([columns.ravel(), rows.ravel()], 1)
    room = np.array([width - block, height - block])
    return np.rint(cells * room / np.array([COLUMNS - 1, ROWS - 1])).astype(np.intp), cells


def _shift(a: Picture, b: Picture) -> NDArray[np.intp]:
    """The displacement of a whole picture, x and y in pixels: no shift, or the peak of their phase correlation.

    C. D. Kuglin and D. C. Hines, “The phase correlation image alignment method” (1975), below a quarter of the sampling
    rate, as motion blur and noise leave nothing above. The better correlation over the overlap decides.
    """
    height, width = a.shape
    window = (np.hanning(height)[:, None] * np.hanning(width)).astype(np.float32)
    of_a, of_b = (np.fft.rfft2((picture - picture.mean()) * window) for picture in (a, b))
    cross = of_b * np.conj(of_a)
    low = np.exp(-((np.fft.fftfreq(height)[:, None] / 0.15) ** 2) - (np.fft.rfftfreq(width) / 0.15) ** 2)
    peaks = np.fft.irfft2(cross / (np.abs(cross) + 1e-9) * low, a.shape)
    y, x = np.unravel_index(int(peaks.argmax()), peaks.shape)
    y, x = int(y) - height * int(y > height // 2), int(x) - width * int(x > width // 2)
    still = _overlap_correlation(a, b, 0, 0)
    return np.array([x, y] if _overlap_correlation(a, b, x, y) > still else [0, 0], np.intp)


def _overlap_correlation(a: Picture, b: Picture, x: int, y: int) -> float:
    height, width = a.shape
    if (height - abs(y)) * (width - abs(x)) < _LEAST_OVERLAP * height * width:
        return -1.0
    one = a[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
    other = b[max(0, y) : height - max(0, -y), max(0, x) : width - max(0, -x)]
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((one * one).sum() * (other * other).sum()))
    return float((one * other).sum()) / norm if norm > 0 else 0.0


def _found(blocks: Picture, picture: Picture, wanted: NDArray[np.intp], block: int) -> tuple[Floats, Floats]:
    """Where each block [n, block, block] is in the picture, in a search area twice its size around the wanted place.

    Returns the lower left corners, to a part of a pixel, and their normalised correlations (J. P. Lewis, “Fast
    Normalized Cross-Correlation”, 1995).
    """
    height, width = picture.shape
    side = min(2 * block, height, width)
    half = (side - block) // 2
    origin = np.clip(wanted - half, 0, np.array([width - side, height - side]))
    areas = np.stack([picture[y : y + side, x : x + side] for x, y in origin]).astype(np.float64)
    sought = blocks - blocks.mean((1, 2), keepdims=True, dtype=np.float64)
    norms = np.sqrt((sought * sought).sum((1, 2)))[:, None, None]
    padded = np.zeros_like(areas)
    padded[:, :block, :block] = sought
    room = side - block + 1
    product = np.fft.irfft2(np.fft.rfft2(areas) * np.conj(np.fft.rfft2(padded)), (side, side))[:, :room, :room]
    sums, squares = _sums(areas, block), _sums(areas * areas, block)
    spread = np.sqrt(np.maximum(squares - sums * sums / block**2, 0.0))
    correlation = product / np.maximum(norms * spread, norms * _CONTRAST * block)
    offsets = np.arange(room)
    at = wanted - origin
    far = np.hypot(offsets[None, None, :] - at[:, 0, None, None], offsets[None, :, None] - at[:, 1, None, None])
    flat = (correlation - _FAR * (far / max(1, half))).reshape(len(blocks), -1).argmax(1)
    y, x = np.divmod(flat, room)
    index = np.arange(len(blocks))
    parts = [_part(correlation, index, y, x, axis) for axis in (1, 0)]
    best = np.stack([origin[:, 0] + x + parts[0], origin[:, 1] + y + parts[1]], 1)
    return best, correlation[index, y, x]


def _sums(areas: Floats, block: int) -> Floats:
    total: Floats = np.pad(areas.cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    return total[:, block:, block:] - total[:, :-block, block:] - total[:, block:, :-block] + total[:, :-block, :-block]


def _part(values: Floats, index: NDArray[np.intp], y: NDArray[np.intp], x: NDArray[np.intp], axis: int) -> Floats:
    """The part of a pixel by which the peak of a parabola through three values is off; 0 at the border."""
    room = values.shape[1]
    here = y if axis == 0 else x
    inside = (here > 0) & (here < room - 1)
    low, high = np.where(inside, here - 1, here), np.where(inside, here + 1, here)
    before = values[index, low, x] if axis == 0 else values[index, y, low]
    after = values[index, high, x] if axis == 0 else values[index, y, high]
    bend = before - 2 * values[index, y, x] + after
    return np.where(inside & (bend < -1e-9), np.clip((before - after) / (2 * np.minimum(bend, -1e-9)), -0.5, 0.5), 0.0)


def _agreeing(cells: NDArray[np.intp], ways: Floats, correlation: Floats) -> Bools:
    """Whether two of the blocks around each one, or half of them if it has fewer than four, have gone its way.

    Blocks of another shot correlate by chance, but then each has its own way.
    """
    gap = np.abs(cells[:, None] - cells[None]).max(2)
    good = correlation > _LEAST_CORRELATION
    beside = (gap == 1) & good[None]
    between = ways[:, None] - ways[None]
    same = beside & (np.hypot(between[..., 0], between[..., 1]) < _AGREES)
    needed = np.minimum(2, np.maximum(1, beside.sum(1) / 2))
    has_enough: Bools = same.sum(1) >= needed
    return np.asarray(good & has_enough, np.bool_)


def _changes(a: Look, b: Look, before: NDArray[np.intp], after: NDArray[np.intp], block: int) -> tuple[float, float]:
    """The change of light and of fine detail between blocks at these corners, as logarithms to the base 2."""
    if not len(before) or not a.detail.size or not b.detail.size:
        return 0.0, 0.0
    one, two = _blocks(a.small, before, block), _blocks(b.small, after, block)
    light: Floats = np.log2((two.mean((1, 2)) + _LIGHT) / (one.mean((1, 2)) + _LIGHT))
    contrast: Floats = np.log2((two.std((1, 2)) + 1e-4) / (one.std((1, 2)) + 1e-4))
    floor = 1e-6
    fine = [
        np.maximum(_blocks(of.detail, at, block).mean((1, 2)) - of.noise**2, floor)  # two axes, s^2 / 2 each
        for of, at in ((a, before), (b, after))
    ]
    sharper: Floats = np.log2(fine[1] / fine[0]) / 2 - contrast
    return float(np.median(light)), float(np.median(sharper))


def _blocks(picture: Picture, corners: NDArray[np.intp], block: int) -> Picture:
    height, width = picture.shape
    xs: NDArray[np.intp] = np.clip(corners[:, 0], 0, width - block)
    ys: NDArray[np.intp] = np.clip(corners[:, 1], 0, height - block)
    return np.stack([picture[y : y + block, x : x + block] for x, y in zip(xs, ys, strict=True)])
