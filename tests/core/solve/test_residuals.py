# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors and angles by a solution, against figures that follow from the true cameras."""

from __future__ import annotations

import numpy as np
import pytest

from tracking_sessions.core.solve.residuals import angles, errors
from tracking_sessions.core.solve.solver import Attempt
from tracking_sessions.tests.core.solve.shots import lens, make
from tracking_sessions.tests.core.solve.true_solver import TrueSolver


def test_a_marker_is_as_far_off_as_it_was_moved() -> None:
    motion = (shot := make("orbit", 1, noise=0.0)).motion()
    used = np.ones(len(motion), bool)
    solution = TrueSolver(shot, motion).solve(Attempt(used, lens(), (1, 60)))
    assert np.nanmax(errors(motion, solution)) < 1e-5
    moved = motion.moved(motion.x + 3.0 * (motion.track == 5), motion.y - 4.0 * (motion.track == 5))
    found = errors(moved, solution)
    assert found[motion.track == 5] == pytest.approx(5.0, abs=1e-5)
    assert found[motion.track != 5].max() < 1e-5


def test_what_has_no_camera_or_no_point_has_no_error() -> None:
    motion = (shot := make("orbit", 1)).motion()
    used = (motion.frame <= 40) & (motion.track != 5)
    solution = TrueSolver(shot, motion).solve(Attempt(used, lens(), (1, 40)))
    assert np.array_equal(np.isnan(errors(motion, solution)), (motion.frame > 40) | (motion.track == 5))


def test_points_behind_the_camera_are_infinitely_off() -> None:
    motion = (shot := make("orbit", 1)).motion()
    solution = TrueSolver(shot, motion).solve(Attempt(np.ones(len(motion), bool), lens(), (1, 60)))
    solution.points[3] = solution.matrices[:, :, 3].mean(0) - 100 * solution.matrices[30, :, 2] * -1
    assert np.isinf(errors(motion, solution)[motion.track == 3]).all()


def test_rays_of_an_orbit_differ_by_its_angle_and_those_of_a_pan_by_nothing() -> None:
    for kind, low, high in (("orbit", 25.0, 45.0), ("pan", 0.0, 1e-4)):
        motion = (shot := make(kind, 1, noise=0.0)).motion()
        used = np.ones(len(motion), bool)
        solution = TrueSolver(shot, motion).solve(Attempt(used, lens(), (1, 60), is_tripod=kind == "pan"))
        assert low <= np.median(angles(motion, solution, used)) <= high
