# SPDX-License-Identifier: GPL-3.0-or-later
"""The four models of a lens; tests/bpy/review/test_camera.py compares them with Blender."""

from __future__ import annotations

import numpy as np
import pytest

from tracking_sessions.core.review.distortion import CameraLens
from tracking_sessions.tests.core.review.shots import SIZE

LENSES = {
    "POLYNOMIAL": (-0.2, 0.05, 0.01),
    "DIVISION": (-0.1, 0.02),
    "NUKE": (-0.05, 0.01, 0.02, -0.01),
    "BROWN": (-0.15, 0.05, 0.01, 0.01, 0.01, -0.02),
}


def lens(model: str, *coefficients: float) -> CameraLens:
    return CameraLens(model, coefficients or LENSES[model], 1500.0, (30.0, -20.0), SIZE, 1.25)


@pytest.mark.parametrize("model", LENSES)
def test_a_position_comes_back(model: str) -> None:
    x, y = (values.ravel() for values in np.meshgrid(np.linspace(-960, 960, 9), np.linspace(-540, 540, 7)))
    straight = lens(model).straight(x, y)
    back = lens(model).distorted(*straight)
    assert np.abs(np.subtract(back, (x, y))).max() < 1e-5
    assert np.abs(straight[0] - (x - 30)).max() > 5


def test_the_centre_stays_and_pixels_become_square() -> None:
    x, y = lens("POLYNOMIAL", 0.0, 0.0, 0.0).straight(np.array([30.0, 130.0]), np.array([-20.0, 105.0]))
    assert x.tolist() == pytest.approx([0, 100]) and y.tolist() == pytest.approx([0, 100])
    x, y = lens("POLYNOMIAL")(np.array([30.0]), np.array([-20.0]))
    assert (x[0], y[0]) == pytest.approx((30, -20))


@pytest.mark.parametrize(("model", "values"), [("POLYNOMIAL", (-0.9, 0.0, 0.0)), ("NUKE", (-1.2, 0.0, 0.0, 0.0))])
def test_where_a_model_says_nothing_there_is_no_position(model: str, values: tuple[float, ...]) -> None:
    x, y = lens(model, *values).straight(np.array([0.0, 4000.0]), np.array([0.0, 0.0]))
    assert np.isfinite([x[0], y[0]]).all() and np.isnan([x[1], y[1]]).all()
