# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts: each kind from tracks that deserve it, and each threshold on its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tracking_sessions.core.model.counting import Counting
from tracking_sessions.core.solve.outcome import Outcome
from tracking_sessions.core.solve.refining import Refinement
from tracking_sessions.core.solve.solve import Verdict, VerdictKind
from tracking_sessions.core.solve.surroundings import BESET, BESIDE, SIDE, Surroundings
from tracking_sessions.core.solve.verdict import verdict
from tracking_sessions.tests.core.solve.shots import HEIGHT, WIDTH, Shot, lens, make
from tracking_sessions.tests.core.solve.true_solver import TrueSolver

PLATE = Counting(1001)


def outcome(shot: Shot) -> Outcome:
    motion = shot.motion()
    steps = Refinement(motion, TrueSolver(shot, motion), lens(), is_focal_known=True).steps()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def judged(shot: Shot) -> Verdict:
    return verdict(outcome(shot), PLATE, WIDTH)


@pytest.fixture(scope="module")
def good() -> Outcome:
    return outcome(make("orbit", 2))


def with_facts(good: Outcome, **facts: Any) -> Verdict:
    return verdict(replace(good, facts=replace(good.facts, **facts)), PLATE, WIDTH)


def test_a_solve_that_is_right_is_solved_and_says_how_sure_that_is(good: Outcome) -> None:
    found = verdict(good, PLATE, WIDTH)
    assert found.kind == VerdictKind.SOLVED and found.advice == ""
    assert "0.12 px on 60 of 60 frames" in found.reason and "0.5 %" in found.reason
    figures = found.figures
    assert figures["cameras"] == figures["frames"] == 60 and figures["kept_share"] == 1.0
    assert figures["average_error"] == pytest.approx(0.12, abs=0.01) and figures["live_min"] > 100
    assert {"link", "angle", "parallax", "motion", "removed_share", "inlier_share"} <= set(figures)
    assert all(np.isfinite(value) for value in figures.values())


def test_a_cut_is_named_by_the_displayed_number_of_its_frame() -> None:
    found = judged(make("orbit", 3, cut=30))
    assert found.kind == VerdictKind.CUT and "crosses to frame 1031" in found.reason
    assert "frames 1001 to 1030 and frames 1031 to 1060" in found.advice


def test_a_gap_with_few_tracks_is_no_cut() -> None:
    shot = make("orbit", 3)
    shot.positions[:, 28:33] = np.nan
    shot.positions[:4] = make("orbit", 3).positions[:4]
    found = judged(shot)
    assert found.kind == VerdictKind.TOO_FEW_TRACKS and "frames 1029 to 1033" in found.reason
    assert "Add tracks on frames 1029 to 1033" in found.advice


def test_few_tracks_are_named_by_their_frames() -> None:
    shot = make("orbit", 3)
    shot.positions[10:, 40:45] = np.nan
    found = judged(shot)
    assert found.kind == VerdictKind.TOO_FEW_TRACKS and "frames 1041 to 1045" in found.reason


@pytest.mark.parametrize(("kind", "verdict_kind"), [("pan", VerdictKind.TRIPOD), ("static", VerdictKind.STATIC)])
def test_cameras_that_do_not_travel(kind: str, verdict_kind: VerdictKind) -> None:
    assert judged(make(kind, 3)).kind == verdict_kind
    found = judged(make(kind, 11, moving=0.35))
    assert found.kind == verdict_kind and "tracks move otherwise" in found.advice


def test_an_object_that_cannot_be_told_from_the_set_is_asked_about() -> None:
    found = judged(make("walk", 8, moving=0.92))
    assert found.kind == VerdictKind.TWO_MOTIONS
    assert "lock three or more of its tracks" in found.advice and "tracks move as one" in found.reason


def test_an_object_that_can_be_told_is_mentioned() -> None:
    found = judged(make("walk", 7, moving=0.6))
    assert found.kind == VerdictKind.SOLVED and found.advice.startswith("90 tracks move as one")


def with_surroundings(good: Outcome, found: Surroundings, *, is_vouched: bool = False) -> Outcome:
    assert good.filtered.bodies is not None
    found_bodies = replace(good.filtered.bodies, surroundings=found, is_vouched=is_vouched)
    return replace(good, filtered=replace(good.filtered, bodies=found_bodies))


def test_an_island_beside_which_tracks_move_otherwise_is_not_solved_whatever_its_figures(good: Outcome) -> None:
    found = verdict(with_surroundings(good, Surroundings(0.14, BESIDE)), PLATE, WIDTH)
    assert found.kind == VerdictKind.TWO_MOTIONS
    assert "14% of the picture away from its side" in found.reason and f"{BESIDE} tracks beside them" in found.reason
    assert "lock three or more of them" in found.advice
    assert found.figures["margin"] == 0.14 and found.figures["beside"] == BESIDE


def test_an_island_with_nothing_beside_it_is_solved_with_a_warning(good: Outcome) -> None:
    found = verdict(with_surroundings(good, Surroundings(0.14, BESIDE - 1)), PLATE, WIDTH)
    assert found.kind == VerdictKind.SOLVED and "14% of the picture away from its side" in found.advice
    assert "an object that moves" in found.advice


def test_many_tracks_beside_a_set_that_reaches_both_sides_are_evidence_a_few_are_none(good: Outcome) -> None:
    found = verdict(with_surroundings(good, Surroundings(SIDE, BESET - 1)), PLATE, WIDTH)
    assert found.kind == VerdictKind.SOLVED and found.advice == ""
    found = verdict(with_surroundings(good, Surroundings(SIDE, BESET)), PLATE, WIDTH)
    assert found.kind == VerdictKind.TWO_MOTIONS and f"{BESET} tracks beside them" in found.reason


def test_who_locks_an_island_has_answered(good: Outcome) -> None:
    found = verdict(with_surroundings(good, Surroundings(0.14, 40), is_vouched=True), PLATE, WIDTH)
    assert found.kind == VerdictKind.SOLVED and found.advice == ""


def test_who_locks_tracks_in_a_small_part_of_the_picture_has_answered(good: Outcome) -> None:
    narrow = replace(good, facts=replace(good.facts, covered={1: 0.1}))
    assert verdict(narrow, PLATE, WIDTH).figures["covered_min"] == 0.1
    vouched = with_surroundings(narrow, Surroundings(), is_vouched=True)
    assert verdict(vouched, PLATE, WIDTH).kind == VerdictKind.SOLVED


@pytest.mark.parametrize(("kind", "verdict_kind"), [("pan", VerdictKind.TRIPOD), ("static", VerdictKind.STATIC)])
def test_an_island_before_a_camera_that_does_not_travel_is_no_question(kind: str, verdict_kind: VerdictKind) -> None:
    """Few textures in the middle of a set, and bad tracks around them."""
    shot = make(kind, 3)
    middle = (np.abs(shot.positions - (WIDTH / 2, HEIGHT / 2)) < (0.35 * WIDTH, 0.35 * HEIGHT)).all(2)
    found = outcome(replace(shot, positions=np.where(middle[..., None], shot.positions, np.nan)))
    assert verdict(with_surroundings(found, Surroundings(0.2, 10)), PLATE, WIDTH).kind == verdict_kind


@pytest.mark.parametrize(
    ("facts", "kind", "words"),
    [
        ({"angle": 0.25}, VerdictKind.LOW_PARALLAX, "0.25 degrees"),
        ({"removed_share": 0.65}, VerdictKind.NOT_SOLVED, "65% of the markers"),
        ({"is_focal_known": False, "focal_ratio": 1.0}, VerdictKind.FOCAL_UNDETERMINED, "0% worse"),
        ({"is_focal_known": False, "focal_ratio": 1.8}, VerdictKind.SOLVED, ""),
        ({"live": {1: 40, 2: 11, 3: 40}}, VerdictKind.TOO_FEW_TRACKS, "frame 1002"),
        ({"covered": {1: 0.9, 2: 0.2, 3: 0.13, 4: 0.3}}, VerdictKind.TOO_FEW_TRACKS, "frames 1002 to 1003"),
        ({"covered": {1: 0.9, 2: 0.26}}, VerdictKind.SOLVED, ""),
        ({"frames": (1, 100)}, VerdictKind.NOT_SOLVED, "60 of 100 frames"),
    ],
)
def test_each_figure_refuses_a_low_error(good: Outcome, facts: dict[str, Any], kind: VerdictKind, words: str) -> None:
    found = with_facts(good, **facts)
    assert found.kind == kind and words in found.reason
    assert found.advice or kind == VerdictKind.SOLVED


@pytest.mark.parametrize("error", [0.51, 30.0, float("nan"), float("inf")])
def test_a_large_error_or_none_is_not_solved(good: Outcome, error: float) -> None:
    assert good.solution is not None
    found = replace(good, solution=replace(good.solution, average_error=error))
    assert verdict(found, PLATE, WIDTH).kind == VerdictKind.NOT_SOLVED
    is_fine_in_4k = verdict(found, PLATE, 4 * WIDTH).kind == VerdictKind.SOLVED
    assert is_fine_in_4k == (error < 2.0)


def test_a_refused_solve_gives_blenders_reason(good: Outcome) -> None:
    facts = replace(good.facts, failure="At least 8 common tracks")
    found = verdict(replace(good, solution=None, facts=facts), PLATE, WIDTH)
    assert found.kind == VerdictKind.NOT_SOLVED and "At least 8 common tracks" in found.reason


@pytest.mark.parametrize(("share", "kind"), [(0.75, "solved"), (0.65, "two_motions")])
def test_few_tracks_that_move_with_the_camera_are_no_set(good: Outcome, share: float, kind: str) -> None:
    kept = np.arange(len(good.filtered.kept)) < share * len(good.filtered.kept)
    found = verdict(replace(good, filtered=replace(good.filtered, kept=kept)), PLATE, WIDTH)
    assert found.kind.value == kind and ("65% of the tracks" in found.reason) is (kind == "two_motions")


def test_no_tracks_and_one_frame_are_not_solved() -> None:
    shot = make("orbit", 3, frames=1)
    assert judged(shot).kind == VerdictKind.NOT_SOLVED
    empty = replace(shot, positions=np.full_like(shot.positions, np.nan))
    assert judged(empty).kind == VerdictKind.TOO_FEW_TRACKS


@pytest.mark.parametrize(("unsteady", "kind"), [(0.94, "solved"), (1.76, "not_solved"), (np.inf, "not_solved")])
def test_a_camera_that_is_worse_without_its_worst_markers_is_none(good: Outcome, unsteady: float, kind: str) -> None:
    found = verdict(replace(good, facts=replace(good.facts, unsteady=unsteady)), PLATE, WIDTH)
    assert found.kind.value == kind
    assert ("not steady" in found.reason) is (kind == "not_solved")
