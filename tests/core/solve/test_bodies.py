# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigid bodies among tracks whose cameras and objects are known, and which of them is taken for the set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.solve.bodies import Bodies, bodies
from tracking_sessions.tests.core.solve.shots import HEIGHT, WIDTH, Shot, make

TRAVELLING = ("orbit", "lateral", "walk", "forward")


def found_in(shot: Shot) -> Bodies:
    found = bodies(shot.motion())
    assert found is not None
    return found


def of_set(shot: Shot) -> np.ndarray:
    found = found_in(shot)
    return found.found[found.set].is_member


@pytest.mark.parametrize("kind", [*TRAVELLING, "pan"])
@pytest.mark.parametrize("how", [{}, {"bad": 0.3}, {"plane": 0.8}, {"plane": 0.9, "bad": 0.2}])
def test_a_set_is_one_body_whatever_slides_and_whatever_lies_on_a_wall(kind: str, how: dict[str, float]) -> None:
    shot = make(kind, 5, **how)  # type: ignore[arg-type]
    found = found_in(shot)
    assert found.is_clear and len(found.found) == 1
    assert found.found[0].is_member[~shot.is_bad].mean() > 0.98


@pytest.mark.parametrize("kind", TRAVELLING)
@pytest.mark.parametrize("moving", [0.3, 0.5, 0.65, 0.8])
def test_the_set_lies_around_an_object_that_has_most_of_the_tracks(kind: str, moving: float) -> None:
    shot = make(kind, 7, moving=moving, bad=0.1)
    found, good = found_in(shot), ~shot.is_bad
    member = found.found[found.set].is_member
    assert found.is_clear and len(found.found) >= 2
    assert not member[shot.is_mover & good].any() and member[~shot.is_mover & good].mean() > 0.9
    assert found.others[shot.is_mover & good].mean() > 0.95


@pytest.mark.parametrize("kind", TRAVELLING)
def test_a_set_of_a_dozen_tracks_around_an_object_is_no_clear_one(kind: str) -> None:
    """Too few to be found as a body, but none of them ever moves with the object."""
    found = found_in(make(kind, 8, moving=0.92))
    assert not found.is_clear and "move otherwise" in found.why


def test_two_bodies_all_over_the_picture_are_not_told_apart() -> None:
    """Every other track is one of a second set, seen by another camera."""
    one, other = make("orbit", 3), make("lateral", 4)
    positions = np.concatenate([one.positions[:75], other.positions[75:]])
    found = bodies(Motion.of_positions(positions, (WIDTH, HEIGHT)))
    assert found is not None and not found.is_clear and len(found.found) == 2
    assert "both groups are spread" in found.why


@pytest.mark.parametrize("of_mover", [False, True])
def test_locked_tracks_say_which_body_is_the_set(of_mover: bool) -> None:
    shot = make("walk", 7, moving=0.5)
    numbers = (np.flatnonzero(shot.is_mover == of_mover) + 1)[:5]
    found = bodies(shot.motion(set(numbers.tolist())))
    assert found is not None and found.is_clear
    member = found.found[found.set].is_member
    assert member[shot.is_mover == of_mover].mean() > 0.95 and not member[shot.is_mover != of_mover].any()


def test_three_objects_are_three_bodies() -> None:
    shot = make("walk", 53, moving=0.6, movers=3, radius=90)
    found = found_in(shot)
    assert found.is_clear and len(found.found) == 4
    assert not found.found[found.set].is_member[shot.is_mover].any()


def test_the_sets_on_both_sides_of_a_cut_are_no_two_motions() -> None:
    found = found_in(make("orbit", 3, cut=30))
    assert found.is_clear and len(found.found) == 1 and found.found[0].is_member.all()


def test_many_slides_that_agree_by_chance_are_no_second_motion() -> None:
    for seed in (11, 12, 13):  # each has 16 to 19 of 400 that do
        assert found_in(make("walk", seed, tracks=400, bad=0.5)).is_clear


def test_a_thousand_live_tracks_are_parted_as_a_hundred_are() -> None:
    shot = make("walk", 7, tracks=1200, frames=24, moving=0.5)
    found = found_in(shot)
    member = found.found[found.set].is_member
    assert found.is_clear and not member[shot.is_mover].any() and member[~shot.is_mover].mean() > 0.98


def test_the_size_of_the_picture_changes_nothing() -> None:
    shot = make("walk", 7, moving=0.5, bad=0.1)
    large = bodies(Motion.of_positions(shot.positions * 4, (WIDTH * 4, HEIGHT * 4)))
    assert large is not None and np.array_equal(large.found[large.set].is_member, of_set(shot))


def test_the_same_markers_give_the_same_bodies_to_the_bit() -> None:
    shot = make("walk", 7, moving=0.5, bad=0.1)
    one, other = found_in(shot), found_in(shot)
    assert all(np.array_equal(a.rms, b.rms) for a, b in zip(one.found, other.found, strict=True))


def test_tracks_that_no_two_frames_share_have_no_bodies() -> None:
    assert bodies(make("walk", 1, tracks=12).motion()) is None
    assert bodies(make("walk", 1, frames=1).motion()) is None
    shot = make("walk", 1)
    assert bodies(replace(shot, positions=np.full_like(shot.positions, np.nan)).motion()) is None
