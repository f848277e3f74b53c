# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop around the solves, driven by a solver that knows the true cameras."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.solve.outcome import Outcome
from tracking_sessions.core.solve.refining import FINAL_PAIRS, PAIRS, Refinement
from tracking_sessions.core.solve.solve import Round
from tracking_sessions.core.solve.solver import FOCAL, RADIAL, Attempt, Solution, SolveFailed
from tracking_sessions.tests.core.solve.shots import FOCAL as TRUE_FOCAL
from tracking_sessions.tests.core.solve.shots import Shot, lens, make
from tracking_sessions.tests.core.solve.true_solver import TrueSolver


def refined(solver: TrueSolver, motion: Motion, *, known: bool = True, focal: float = TRUE_FOCAL) -> Outcome:
    steps = Refinement(motion, solver, lens(focal), is_focal_known=known).steps()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def shot_and_solver(kind: str, seed: int, **how: float) -> tuple[Shot, Motion, TrueSolver]:
    shot = make(kind, seed, **how)  # type: ignore[arg-type]
    motion = shot.motion()
    return shot, motion, TrueSolver(shot, motion)


def test_bad_stretches_are_muted_bad_tracks_dropped_and_each_is_named() -> None:
    shot, motion, solver = shot_and_solver("orbit", 2, bad=0.3)
    found = refined(solver, motion)
    assert found.solution is not None and found.solution.average_error < 0.14
    assert found.rounds[1].error > 1.5 * found.solution.average_error
    left_out = {drop.track for drop in found.dropped}
    used = {motion.tracks[index].number for index in np.unique(motion.track[found.used])}
    assert left_out | used == {track.number for track in motion.tracks} and not left_out & used
    assert all(drop.reason for drop in found.dropped) and {drop.track - 1 for drop in found.dropped} <= set(
        np.flatnonzero(shot.is_bad)
    )
    number, frame = np.array([track.number for track in motion.tracks])[motion.track], motion.frame
    unused = ~found.used & ~np.isin(number, list(left_out))
    assert found.muted and unused.sum() == sum(mute.last - mute.first + 1 for mute in found.muted)
    for mute in found.muted:
        assert unused[(number == mute.track) & (frame >= mute.first) & (frame <= mute.last)].all()
        assert mute.error > 0.3


def test_the_first_round_is_the_filter_and_each_solve_is_a_round() -> None:
    _, motion, solver = shot_and_solver("walk", 2, bad=0.2)
    found = refined(solver, motion)
    assert found.rounds[0].name == "Filter" and found.rounds[0].cameras == 0
    assert len(found.rounds) == 1 + len(solver.attempts)
    assert {one.name for one in found.rounds[1:]} >= {"Solve", "Mute", "Distortion"}


def test_it_stops_between_two_solves_with_the_best_so_far() -> None:
    _, motion, solver = shot_and_solver("orbit", 2, bad=0.3)
    work = Refinement(motion, solver, lens(), is_focal_known=True)
    steps = work.steps()
    seen: list[Round] = []
    for done in steps:
        seen.append(done)
        if done.name == "Mute":
            break
        assert len(solver.attempts) == len(seen) - 1  # nothing was solved in advance
    steps.close()
    found = work.outcome()
    assert found.solution is not None and len(found.rounds) == len(seen)
    assert found.solution.average_error == min(one.error for one in seen if one.cameras and one.name == "Solve")


class Worsening(TrueSolver):
    """Each attempt after the first ones gives a worse camera."""

    def solve(self, attempt: Attempt) -> Solution:
        found = super().solve(attempt)
        return replace(found, average_error=found.average_error + max(0, len(self.attempts) - 2))


def test_it_never_ends_worse_than_it_began() -> None:
    shot, motion, _ = shot_and_solver("orbit", 2, bad=0.3)
    found = refined(Worsening(shot, motion), motion)
    assert found.solution is not None
    assert found.solution.average_error == min(one.error for one in found.rounds if one.cameras)
    assert found.used.sum() == found.rounds[0].markers and not found.muted


class LosingCameras(TrueSolver):
    """Fewer markers give a smaller error, and fewer cameras."""

    def solve(self, attempt: Attempt) -> Solution:
        found = super().solve(attempt)
        if len(self.attempts) <= 2:
            return found
        return replace(found, average_error=0.01, frames=found.frames[:20], matrices=found.matrices[:20])


def test_a_lower_error_with_fewer_cameras_is_no_better() -> None:
    shot, motion, _ = shot_and_solver("orbit", 2, bad=0.3)
    found = refined(LosingCameras(shot, motion), motion)
    assert found.solution is not None and len(found.solution.frames) == 60


def test_locked_tracks_take_part_to_the_end() -> None:
    shot, motion, solver = shot_and_solver("walk", 2, bad=0.3)
    first = refined(solver, motion)
    named = [drop.track for drop in first.dropped][:3] + [mute.track for mute in first.muted][:3]
    locked = shot.motion(set(named))
    found = refined(TrueSolver(shot, locked), locked)
    number = np.array([track.number for track in locked.tracks])[locked.track]
    assert named and found.used[np.isin(number, named)].all()
    assert {drop.track for drop in found.dropped}.isdisjoint(named)


def test_the_lowest_error_of_the_pairs_wins() -> None:
    shot, motion, _ = shot_and_solver("walk", 3, plane=1.0)

    class OnePairOnly(TrueSolver):
        good: tuple[int, int] | None = None

        def solve(self, attempt: Attempt) -> Solution:
            found = super().solve(attempt)
            if len(self.attempts) == 4:
                self.good = attempt.keyframes
            is_good = attempt.keyframes == self.good or attempt.is_tripod
            return replace(found, average_error=found.average_error + (0 if is_good else 20))

    solver = OnePairOnly(shot, motion)
    found = refined(solver, motion)
    assert found.solution is not None and found.solution.keyframes == solver.good
    assert sum(one.name == "Solve" for one in found.rounds) == PAIRS
    assert len({attempt.keyframes for attempt in solver.attempts if attempt.keyframes}) == PAIRS


def test_two_pairs_that_agree_are_enough_where_there_is_depth() -> None:
    _, motion, solver = shot_and_solver("orbit", 2)
    found = refined(solver, motion)
    assert sum(one.name == "Solve" for one in found.rounds) == FINAL_PAIRS


def test_a_known_focal_length_is_not_refined() -> None:
    _, motion, solver = shot_and_solver("orbit", 2)
    refined(solver, motion)
    assert not any(FOCAL in attempt.refine for attempt in solver.attempts)
    assert sum(attempt.refine == frozenset({RADIAL}) for attempt in solver.attempts) == 1


def test_an_unknown_focal_length_is_refined_and_then_tried_longer_and_shorter() -> None:
    _, motion, solver = shot_and_solver("orbit", 2)
    found = refined(solver, motion, known=False)
    *others, shorter, longer = solver.attempts
    assert all(FOCAL in attempt.refine for attempt in others)
    assert not shorter.refine | longer.refine
    assert (shorter.lens.focal, longer.lens.focal) == pytest.approx((0.8 * TRUE_FOCAL, 1.25 * TRUE_FOCAL))
    assert found.facts.focal_ratio > 1.2


def test_a_focal_length_that_the_motion_does_not_determine_is_left() -> None:
    class AnyFocal(TrueSolver):
        def solve(self, attempt: Attempt) -> Solution:
            found = super().solve(replace(attempt, lens=replace(attempt.lens, focal=TRUE_FOCAL)))
            focal = 1.3 * attempt.lens.focal if FOCAL in attempt.refine else attempt.lens.focal
            return replace(found, attempt=attempt, lens=replace(found.lens, focal=focal))

    shot, motion, _ = shot_and_solver("lateral", 2)
    found = refined(AnyFocal(shot, motion), motion, known=False)
    assert found.facts.focal_ratio == pytest.approx(1.0)
    assert found.solution is not None and found.solution.lens.focal == TRUE_FOCAL


@pytest.mark.parametrize("kind", ["pan", "static"])
def test_a_camera_that_only_turns_is_solved_as_a_tripod_and_no_other_way(kind: str) -> None:
    _, motion, solver = shot_and_solver(kind, 2, bad=0.1)
    found = refined(solver, motion)
    assert all(attempt.is_tripod for attempt in solver.attempts)
    assert found.facts.is_still == (kind == "static") and found.solution is not None


def test_an_object_before_a_turning_camera_does_not_make_it_travel() -> None:
    for seed in (11, 12, 13):
        shot, motion, solver = shot_and_solver("pan", seed, moving=0.35)
        found = refined(solver, motion)
        assert found.solution is not None and found.solution.attempt.is_tripod
        assert not shot.is_mover[motion.track[found.used]].any()


def test_a_wall_is_no_tripod() -> None:
    _, motion, solver = shot_and_solver("walk", 3, plane=1.0)
    found = refined(solver, motion)
    assert found.facts.parallax < 1.0 < found.facts.tripod
    assert found.solution is not None and not found.solution.attempt.is_tripod


def test_nothing_is_solved_over_a_cut() -> None:
    _, motion, solver = shot_and_solver("orbit", 3, cut=30)
    found = refined(solver, motion)
    assert solver.attempts == [] and found.solution is None
    assert found.facts.link.frame == 30 and found.facts.link.tracks == 0


def test_a_solver_that_refuses_leaves_its_reason() -> None:
    class Refusing(TrueSolver):
        def solve(self, attempt: Attempt) -> Solution:
            raise SolveFailed("At least 8 common tracks")

    shot, motion, _ = shot_and_solver("orbit", 3)
    found = refined(Refusing(shot, motion), motion)
    assert found.solution is None and found.facts.failure == "At least 8 common tracks" and found.used.all()


def test_no_markers_and_one_frame_are_no_error() -> None:
    shot = make("orbit", 3, frames=1)
    assert refined(TrueSolver(shot, shot.motion()), shot.motion()).solution is None
    empty = replace(shot, positions=np.full_like(shot.positions, np.nan))
    found = refined(TrueSolver(empty, empty.motion()), empty.motion())
    assert found.solution is None and len(found.used) == 0 and found.dropped == ()


def test_the_same_markers_give_the_same_attempts_to_the_bit() -> None:
    shot, motion, one = shot_and_solver("walk", 2, bad=0.2, moving=0.4)
    other = TrueSolver(shot, motion)
    refined(one, motion), refined(other, motion)
    assert len(one.attempts) == len(other.attempts)
    for a, b in zip(one.attempts, other.attempts, strict=True):
        assert np.array_equal(a.used, b.used) and (a.keyframes, a.lens, a.refine) == (b.keyframes, b.lens, b.refine)
