# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame by itself: its brightness, noise, corners, and the fineness of its detail.

Pictures are brightness, float32 [height, width], 0 black to 1 white as a screen shows it, at most `WIDTH` wide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

WIDTH = 480
"""Pixels. Blender's default pattern, 21 pixels of a picture 960 wide, has ten of them: enough for its corner, and a
picture takes a tenth of the time of one in full HD."""
MAPPED = 240  # pixels: the width at which frames are compared
COLUMNS, ROWS = 8, 5
"""The cells of a picture, in which the seeds of a hands-off run lie too."""
_WINDOW = 7  # pixels along a side of the window of a corner, about a pattern of 15 in a picture 960 wide
_MOST_NOISE = 0.03  # more is texture as fine as a pixel, which no picture without time tells from noise
_BLACK, _BLACK_SPREAD = 0.05, 0.02
_LEAST_GRADIENT = 0.006  # brightness by pixel, root mean square along the weaker axis of a corner
_NOISE_GRADIENTS = 2.0  # and in gradients that noise makes


@dataclass(frozen=True, slots=True)
class Look:
    """Measures of a frame.

    `noise`: standard deviation of the noise; `textured`: the share of the cells of the picture that have a corner to
    track, 0 to 1. `small`: the picture, at most `MAPPED` wide; `detail`: the energy of its finest detail, squared
    brightness, of the same shape. `picture`: as it was read; None in a look that is kept for long.
    """

    noise: float
    is_black: bool
    textured: float
    small: Picture
    detail: Picture
    picture: Picture | None

    def kept(self) -> Look:
        """The same in an eighth of the memory, to compare where things are with a frame far off."""
        return replace(self, small=self.small.astype(np.float16), detail=self.small[:0], picture=None)


def look_at(picture: Picture) -> Look:
    """Measure a frame. A value that is no number counts as black, as an EXR may hold some."""
    picture = np.clip(np.nan_to_num(picture, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 4.0)
    noise = min(noise_of(picture), _MOST_NOISE)
    down, right = np.gradient(picture) if min(picture.shape) > 1 else (picture * 0, picture * 0)
    steps = max(1, round(picture.shape[1] / MAPPED))
    energy = down * down + right * right
    is_black = float(np.quantile(picture, 0.99)) < _BLACK and float(picture.std()) < _BLACK_SPREAD
    return Look(
        noise,
        is_black,
        0.0 if is_black else _textured(right, down, noise),
        pooled(picture, steps),
        pooled(energy, steps),
        picture,
    )


def noise_of(picture: Picture) -> float:
    """The standard deviation of the noise: J. Immerkaer, “Fast Noise Variance Estimation”, CVIU 64 (1996).

    A filter that no plane and no straight edge passes, the difference of two Laplacians; here the median of its
    absolute value in place of the mean, over 0.6745 and the filter's norm, 6: texture would count as noise in a mean.
    """
    if min(picture.shape) < 3:
        return 0.0
    rows = picture[:-2] - 2 * picture[1:-1] + picture[2:]
    filtered = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.median(np.abs(filtered[::2, ::2]))) / (0.6745 * 6.0)


def pooled(picture: Picture, steps: int) -> Picture:
    """The means of squares of `steps` pixels; rows and columns that fill no square are left out."""
    if steps < 2 or min(picture.shape) < steps:
        return picture
    height, width = (size - size % steps for size in picture.shape)
    cut = picture[:height, :width]
    rows = sum(cut[step::steps] for step in range(steps))
    return sum(rows[:, step::steps] for step in range(steps)) / np.float32(steps * steps)  # type: ignore[return-value]


def _textured(right: Picture, down: Picture, noise: float) -> float:
    """The share of cells with a corner: J. Shi and C. Tomasi, “Good Features to Track” (1994).

    A corner is a window whose gradients, along their weaker axis, have a root mean square above the least that a
    tracker follows and above what noise makes (a central difference of noise s has s / sqrt 2).
    """
    if min(right.shape) < 2 * _WINDOW:
        return 0.0
    xx, xy, yy = (_box(values) for values in (right * right, right * down, down * down))
    weaker = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy * xy)
    least = max(_LEAST_GRADIENT, _NOISE_GRADIENTS * noise / 2**0.5) ** 2
    height, width = weaker.shape
    found = 0
    for row in range(ROWS):
        line = weaker[row * height // ROWS : (row + 1) * height // ROWS]
        for column in range(COLUMNS):
            cell = line[:, column * width // COLUMNS : (column + 1) * width // COLUMNS]
            found += bool(cell.size and cell.max() > least)
    return found / (ROWS * COLUMNS)


def _box(values: Picture) -> Picture:
    """The mean over each window that lies in the picture, every second one of both axes."""
    total = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    np.cumsum(np.cumsum(values, 0, np.float64), 1, out=total[1:, 1:])
    low, high = total[:-_WINDOW:2], total[_WINDOW::2]
    return (high[:, _WINDOW::2] - low[:, _WINDOW::2] - high[:, :-_WINDOW:2] + low[:, :-_WINDOW:2]) / _WINDOW**2
