# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way from tracks to a verdict with Blender's solver, against the true cameras of generated tracks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tracking_sessions.bridge.solve.solver import BlenderSolver
from tracking_sessions.core.model.counting import Counting
from tracking_sessions.core.review.distortion import CameraLens
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.solve.outcome import Outcome
from tracking_sessions.core.solve.refining import Refinement
from tracking_sessions.core.solve.residuals import errors
from tracking_sessions.core.solve.solve import Verdict, VerdictKind
from tracking_sessions.core.solve.verdict import verdict
from tracking_sessions.tests.core.solve.shots import FOCAL, HEIGHT, WIDTH, Shot, lens, make

SENSOR = 36.0
TRAVELLING = ("orbit", "lateral", "walk", "forward")


@dataclass
class Done:
    shot: Shot
    motion: Motion
    outcome: Outcome
    verdict: Verdict

    @property
    def path(self) -> float:
        """The RMS distance of the cameras from the true ones after a similarity fit, percent of the path's length. The
        world of a shot is left-handed, so the fit mirrors."""
        solution = self.outcome.solution
        assert solution is not None
        true, found = self.shot.centres[solution.frames - 1], solution.matrices[:, :, 3]
        a, b = true - true.mean(0), found - found.mean(0)
        u, s, v = np.linalg.svd(a.T @ b)
        off = a - s.sum() / (b * b).sum() * b @ (u @ v).T
        length = np.linalg.norm(np.diff(true, axis=0), axis=1).sum()
        return float(100 * np.sqrt((off * off).sum(1).mean()) / length)

    @property
    def movers(self) -> int:
        """The tracks of objects that the solve was made from."""
        return int(self.shot.is_mover[np.unique(self.motion.track[self.outcome.used])].sum())


def done(shot: Shot, *, focal: float = FOCAL, known: bool = True, motion: Motion | None = None) -> Done:
    motion = motion or shot.motion()
    with BlenderSolver.on(motion, SENSOR) as solver:
        steps = Refinement(motion, solver, lens(focal), is_focal_known=known).steps()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                outcome: Outcome = end.value
                return Done(shot, motion, outcome, verdict(outcome, Counting(), WIDTH))


def is_right(found: Done, path: float) -> bool:
    solution = found.outcome.solution
    assert solution is not None
    return solution.average_error < 0.15 and found.path < path and found.movers == 0


@pytest.mark.parametrize("kind", TRAVELLING)
@pytest.mark.parametrize("bad", [0.0, 0.15, 0.3])
def test_the_camera_is_right_whatever_share_of_the_tracks_is_bad(kind: str, bad: float) -> None:
    found = done(make(kind, 41, tracks=80, bad=bad))
    assert found.verdict.kind == VerdictKind.SOLVED, found.verdict.reason
    assert is_right(found, 0.05)


def test_errors_are_those_that_blender_shows() -> None:
    found = done(make("walk", 41, tracks=60))
    solution = found.outcome.solution
    assert solution is not None
    off, frame = errors(found.motion, solution), found.motion.frame
    for each, error in zip(solution.frames, solution.camera_errors, strict=True):
        assert off[found.outcome.used & (frame == each)].mean() == pytest.approx(error, abs=1e-4)


@pytest.mark.parametrize("kind", TRAVELLING)
@pytest.mark.parametrize("moving", [0.35, 0.6])
def test_an_object_with_many_of_the_tracks_is_left_out(kind: str, moving: float) -> None:
    found = done(make(kind, 43, tracks=120, moving=moving, bad=0.1))
    assert found.verdict.kind == VerdictKind.SOLVED, found.verdict.reason
    assert is_right(found, 0.1) and "taken for an object" in found.verdict.advice


@pytest.mark.parametrize(("kind", "how"), [("walk", {"moving": 0.92}), ("orbit", {"moving": 0.93})])
def test_the_camera_of_an_object_is_never_called_solved(kind: str, how: dict[str, float]) -> None:
    found = done(make(kind, 44, tracks=120, **how))  # type: ignore[arg-type]
    assert found.verdict.kind == VerdictKind.TWO_MOTIONS
    assert found.outcome.solution is not None and found.outcome.solution.average_error < 0.15 and found.path > 0.5


@pytest.mark.parametrize("kind", ["orbit", "walk"])
def test_an_object_as_spread_as_a_set_is_told_by_the_few_tracks_beside_it(kind: str) -> None:
    """The set is blank: but for a dozen tracks all are those of the object, whose camera has no error to speak of."""
    found = done(make(kind, 8, tracks=250, moving=0.95, radius=420.0))
    solution = found.outcome.solution
    assert solution is not None and solution.average_error < 0.15 and found.path > 0.5
    assert found.verdict.kind == VerdictKind.TWO_MOTIONS and "beside them move otherwise" in found.verdict.reason


@pytest.mark.parametrize(("radius", "kind"), [(420.0, VerdictKind.SOLVED), (200.0, VerdictKind.TOO_FEW_TRACKS)])
def test_an_object_without_any_set_is_warned_of_or_too_small(radius: float, kind: VerdictKind) -> None:
    """Nothing tells a large one from a model on a blank ground, which the camera passes."""
    found = done(make("walk", 8, tracks=120, moving=1.0, radius=radius))
    assert found.path > 0.5 and found.verdict.kind == kind
    assert "stand still in the scene" in found.verdict.advice


@pytest.mark.parametrize("kind", ["orbit", "walk", "lateral"])
def test_a_set_that_is_one_wall_is_solved(kind: str) -> None:
    found = done(make(kind, 45, tracks=80, plane=1.0))
    assert found.verdict.kind == VerdictKind.SOLVED, found.verdict.reason
    assert is_right(found, 0.3) and found.outcome.facts.parallax < 1.0


@pytest.mark.parametrize(("kind", "verdict_kind"), [("pan", VerdictKind.TRIPOD), ("static", VerdictKind.STATIC)])
@pytest.mark.parametrize("how", [{}, {"bad": 0.2}, {"moving": 0.35}, {"moving": 0.6}])
def test_a_camera_that_does_not_travel_is_told(kind: str, verdict_kind: VerdictKind, how: dict[str, float]) -> None:
    found = done(make(kind, 46, tracks=100, **how))  # type: ignore[arg-type]
    assert found.verdict.kind == verdict_kind, found.verdict.reason
    assert found.movers == 0
    solution = found.outcome.solution
    assert solution is not None and solution.average_error < 0.2 and len(solution.frames) == 60


def test_a_cut_is_told_before_anything_is_solved() -> None:
    found = done(make("walk", 47, tracks=100, cut=24))
    assert found.verdict.kind == VerdictKind.CUT and len(found.outcome.rounds) == 1


@pytest.mark.parametrize("start", [0.8, 1.5])
def test_an_unknown_focal_length_is_found_where_the_camera_turns(start: float) -> None:
    found = done(make("orbit", 48, tracks=80, bad=0.1), focal=start * FOCAL, known=False)
    solution = found.outcome.solution
    assert solution is not None and abs(solution.lens.focal / FOCAL - 1) < 0.005
    assert found.verdict.kind == VerdictKind.SOLVED and is_right(found, 0.05)


@pytest.mark.parametrize("kind", ["lateral", "forward"])
def test_a_motion_that_does_not_determine_the_focal_length_is_told(kind: str) -> None:
    found = done(make(kind, 48, tracks=80), focal=0.8 * FOCAL, known=False)
    solution = found.outcome.solution
    assert found.verdict.kind == VerdictKind.FOCAL_UNDETERMINED
    assert solution is not None and solution.lens.focal == pytest.approx(0.8 * FOCAL)


def test_an_unknown_distortion_is_found() -> None:
    shot = make("orbit", 49, tracks=100)
    straight = shot.motion()
    bent = CameraLens("POLYNOMIAL", (-0.1, 0.0, 0.0), FOCAL, (0.0, 0.0), (WIDTH, HEIGHT))
    found = done(shot, motion=straight.moved(*bent.distorted(straight.x, straight.y)))
    solution = found.outcome.solution
    assert solution is not None and abs(solution.lens.coefficients[0] + 0.1) < 0.01
    assert found.verdict.kind == VerdictKind.SOLVED and is_right(found, 0.05)


def test_the_same_markers_give_the_same_camera_to_the_bit() -> None:
    shot = make("walk", 50, tracks=60, bad=0.2)
    one, other = done(shot).outcome, done(shot).outcome
    assert one.solution is not None and other.solution is not None
    assert np.array_equal(one.solution.matrices, other.solution.matrices) and np.array_equal(one.used, other.used)
    assert one.rounds == other.rounds and one.dropped == other.dropped and one.muted == other.muted


@pytest.mark.parametrize("kind", ["lateral", "forward"])
def test_what_moves_the_same_way_as_the_camera_does_not_lead_the_solve(kind: str) -> None:
    found = done(make(kind, 8, tracks=150, moving=0.65, radius=150, along="to and fro"))
    assert found.verdict.kind == VerdictKind.SOLVED and is_right(found, 0.05), found.verdict.reason
