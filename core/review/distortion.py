# SPDX-License-Identifier: GPL-3.0-or-later
"""The lens of a clip's camera, by Blender's four models of distortion (libmv's `distortion_models.h`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .regression import Bools, Floats

ROUNDS = 20
"""Newton steps: 5 are enough for usual lenses."""
STEP = 1e-6
"""Of the derivatives, focal lengths."""
CLOSE = 1e-9
"""Focal lengths: how near to a position what the search has found must lead."""
LEAST_SHARE = 0.05
"""How much a model may shrink what lies at a distance, at most: beyond its folds it says nothing."""


@dataclass(frozen=True, slots=True)
class CameraLens:
    """A lens: the `model` and its coefficients, all those of `model.types.COEFFICIENTS`.

    `focal`: pixels of the width. `centre`: the principal point, pixels of the footage from the centre of its picture, y
    up. `size`: of the picture, pixels. `aspect`: of a pixel, width to height.
    """

    model: str
    coefficients: tuple[float, ...]
    focal: float
    centre: tuple[float, float]
    size: tuple[int, int]
    aspect: float = 1.0

    @property
    def is_known(self) -> bool:
        """Whether somebody has set it, or a solve refined it."""
        return any(self.coefficients)

    def __call__(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """As `lens.Lens`: from and to pixels of the footage from the centre of its picture."""
        x, y = self.straight(x, y)
        return x + self.centre[0], y * self.aspect + self.centre[1]

    def straight(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """The undistorted positions in square pixels of the width, from the principal point; NaN where the model has
        none. `x`, `y`: pixels of the footage from the centre of its picture."""
        x, y = (x - self.centre[0]) / self.focal, (y - self.centre[1]) / self.aspect / self.focal
        if self.model == "NUKE":  # which is a model of the way back
            x, y = self._nuke(x, y)
        elif self.is_known:
            x, y = _inverted(self._bent, x, y)
        return x * self.focal, y * self.focal

    def distorted(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """The inverse of `straight`; NaN where the model has none."""
        x, y = x / self.focal, y / self.focal
        x, y = _inverted(self._nuke, x, y) if self.model == "NUKE" else self._bent(x, y)
        return x * self.focal + self.centre[0], y * self.focal * self.aspect + self.centre[1]

    # In focal lengths, square

    def _bent(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        square = x * x + y * y
        match self.model, self.coefficients:
            case "POLYNOMIAL", (k1, k2, k3):
                share = 1.0 + square * (k1 + square * (k2 + square * k3))
                return x * share, y * share
            case "DIVISION", (k1, k2):
                share = 1.0 / (1.0 + square * (k1 + square * k2))
                return x * share, y * share
            case "BROWN", (k1, k2, k3, k4, p1, p2):
                share = 1.0 + square * (k1 + square * (k2 + square * (k3 + square * k4)))
                aside = 2.0 * x * y
                return (
                    x * share + p1 * (square + 2.0 * x * x) + p2 * aside,
                    y * share + p2 * (square + 2.0 * y * y) + p1 * aside,
                )
            case _:
                raise ValueError(f"{self.model} with {len(self.coefficients)} coefficients does not distort")

    def _nuke(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        k1, k2, p1, p2 = self.coefficients
        half = max(self.size[0], self.size[1] / self.aspect) / 2.0 / self.focal
        x, y = x / half, y / half
        square = x * x + y * y
        share = 1.0 + square * (k1 + square * k2)
        across, up = share + p1 * y * y, share + p2 * x * x
        return (
            np.where(across > LEAST_SHARE, x / across, np.nan) * half,
            np.where(up > LEAST_SHARE, y / up, np.nan) * half,
        )


def _inverted(model: Callable[[Floats, Floats], tuple[Floats, Floats]], x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """What the model takes to x and y, by Newton's steps from there; libmv takes Levenberg and Marquardt's."""
    to, up = x, y
    with np.errstate(all="ignore"):
        for _ in range(ROUNDS):
            here, across, along = (model(to + dx, up + dy) for dx, dy in ((0.0, 0.0), (STEP, 0.0), (0.0, STEP)))
            a, c = (across[0] - here[0]) / STEP, (across[1] - here[1]) / STEP
            b, d = (along[0] - here[0]) / STEP, (along[1] - here[1]) / STEP
            off_x, off_y = here[0] - x, here[1] - y
            if not (np.maximum(np.abs(off_x), np.abs(off_y)) > CLOSE).any():
                break
            area = a * d - b * c
            to, up = to - (d * off_x - b * off_y) / area, up - (a * off_y - c * off_x) / area
        off_x, off_y = (np.abs(end - aim) for end, aim in zip(model(to, up), (x, y), strict=True))
        is_close: Bools = (off_x < CLOSE) & (off_y < CLOSE) & (to * x + up * y >= 0.0)  # no mirror image
        return np.where(is_close, to, np.nan), np.where(is_close, up, np.nan)
