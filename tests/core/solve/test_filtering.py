# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter before the first solve, on tracks of which the bad ones are known."""

from __future__ import annotations

import numpy as np
import pytest

from tracking_sessions.core.review.distortion import CameraLens
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.solve.filtering import RMS_CAP, filtered
from tracking_sessions.tests.core.solve.shots import FOCAL, HEIGHT, WIDTH, make

KINDS = ("orbit", "lateral", "walk", "forward")


@pytest.mark.parametrize("kind", KINDS)
def test_clean_tracks_are_all_kept(kind: str) -> None:
    found = filtered(make(kind, 2).motion())
    assert found.kept.all() and found.dropped == () and found.inliers > 0.99 and found.kept_share == 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_tracks_that_slide_or_jump_go_and_each_has_its_reason(kind: str) -> None:
    shot = make(kind, 2, bad=0.3)
    found = filtered(shot.motion())
    assert found.kept[~shot.is_bad].mean() > 0.98
    assert found.kept[shot.is_bad].mean() < 0.5  # what is left is off by little, or along the epipolar lines
    assert {drop.track - 1 for drop in found.dropped} == set(np.flatnonzero(~found.kept).tolist())
    assert all("off the motion of the set" in drop.reason and " px" in drop.reason for drop in found.dropped)


def test_half_of_the_tracks_on_an_object_do_not_widen_what_is_allowed() -> None:
    """Median and deviation of all would be so large that nothing was dropped."""
    shot = make("orbit", 4, moving=0.45)
    found = filtered(shot.motion())
    assert found.bodies is not None
    rms = np.array([body.rms for body in found.bodies.found])[found.bodies.set]
    assert np.median(rms[shot.is_mover]) > RMS_CAP
    assert not found.kept[shot.is_mover].any() and found.kept[~shot.is_mover].all()
    assert found.kept_share < 0.6 and found.own_share == 1.0
    assert "other tracks, but not with the set" in found.dropped[0].reason


def test_locked_tracks_stay_whatever_they_do() -> None:
    shot = make("walk", 2, bad=0.3)
    dropped = filtered(shot.motion()).dropped
    kept = {drop.track for drop in dropped[:4]}
    found = filtered(shot.motion(kept))
    assert kept.isdisjoint(drop.track for drop in found.dropped) and len(found.dropped) >= len(dropped) - 6


def test_figures_in_the_reasons_are_pixels_of_the_footage() -> None:
    shot = make("walk", 2, bad=0.3)
    small = filtered(shot.motion())
    large = filtered(Motion.of_positions(shot.positions * 4, (WIDTH * 4, HEIGHT * 4)))
    assert np.array_equal(small.kept, large.kept)
    assert any("0.7 px allowed" in drop.reason for drop in small.dropped)
    assert any("2.8 px allowed" in drop.reason for drop in large.dropped)


def test_a_known_lens_is_taken_out_first() -> None:
    shot = make("orbit", 2)
    lens = CameraLens("POLYNOMIAL", (-0.3, 0.0, 0.0), FOCAL, (0.0, 0.0), (WIDTH, HEIGHT))
    straight = shot.motion()
    bent = straight.moved(*lens.distorted(straight.x, straight.y))
    known, unknown = filtered(bent, lens), filtered(bent)
    assert known.kept.all() and not unknown.kept.all()


def test_too_few_tracks_in_common_are_kept_untested() -> None:
    found = filtered(make("walk", 1, tracks=12, bad=0.5).motion())
    assert found.kept.all() and found.bodies is None
