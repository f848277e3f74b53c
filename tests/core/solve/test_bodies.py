# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigid bodies among tracks whose cameras and objects are known, and which of them is taken for the set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.solve.bodies import Bodies, bodies
from tracking_sessions.core.solve.filtering import filtered
from tracking_sessions.tests.core.solve.shots import ALONG, HEIGHT, WIDTH, Shot, make

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


@pytest.mark.parametrize(("kind", "moving"), [("lateral", 0.4), ("lateral", 0.65), ("walk", 0.65), ("forward", 0.65)])
@pytest.mark.parametrize("along", ["faster", "to and fro", "and stops"])
def test_what_moves_the_same_way_as_the_camera_is_told_by_three_frames(kind: str, along: str, moving: float) -> None:
    shot = make(kind, 8, moving=moving, radius=150, along=along)
    found = found_in(shot)
    assert found.is_clear and found.parts[found.set].triples and len(found.found) == 2
    member = found.found[found.set].is_member
    assert member[shot.is_mover].mean() < 0.03 and member[~shot.is_mover].mean() > 0.7
    kept = filtered(shot.motion()).kept
    assert kept[shot.is_mover].mean() < 0.03 and kept[~shot.is_mover].mean() > 0.7


def test_what_keeps_a_share_of_the_speed_of_the_camera_looks_still() -> None:
    found = found_in(make("lateral", 8, moving=0.5, radius=150, along="evenly"))
    assert found.is_clear and len(found.found) == 1 and found.found[0].is_member.all()


@pytest.mark.parametrize("kind", TRAVELLING)
def test_a_lens_that_nobody_knows_makes_no_second_body(kind: str) -> None:
    shot = make(kind, 5, bad=0.1)
    off = shot.positions - (WIDTH / 2, HEIGHT / 2)
    radius = (off**2).sum(2, keepdims=True) / (WIDTH / 2) ** 2
    positions = off * (1 - 0.06 * radius) + (WIDTH / 2, HEIGHT / 2)
    found = bodies(Motion.of_positions(positions, (WIDTH, HEIGHT)))
    assert found is not None and found.is_clear and len(found.found) == 1


def test_a_dozen_tracks_of_the_set_around_what_moves_with_the_camera_are_a_doubt() -> None:
    found = found_in(make("lateral", 8, moving=0.92, radius=150, along="to and fro"))
    assert not found.is_clear and "move otherwise" in found.why


def test_a_second_set_that_moves_with_the_camera_is_not_told_from_the_first() -> None:
    """Every other track stands on something that goes to and fro beside the dolly."""
    shot = make("lateral", 8)
    travelled = shot.centres[:, 0]
    gone = ALONG["to and fro"](np.linspace(0, 1, len(travelled)))
    for row in shot.positions[::2]:
        first, *_, last = np.flatnonzero(np.isfinite(row[:, 0]))
        row[:, 0] += (row[first, 0] - row[last, 0]) / (travelled[last] - travelled[first]) * gone
    found = found_in(shot)
    assert not found.is_clear and len(found.found) == 2 and "both groups are spread" in found.why
    assert all(min(body.is_member[::2].sum(), body.is_member[1::2].sum()) < 3 for body in found.found)
