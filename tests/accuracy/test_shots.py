# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered shots are what their kind says, and Blender's tracker follows their true cameras."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tracking_sessions.tools.accuracy.check import residuals
from tracking_sessions.tools.accuracy.kinds import KINDS
from tracking_sessions.tools.accuracy.raster import rays
from tracking_sessions.tools.accuracy.shot import Scene, Truth, is_rendered, shot
from tracking_sessions.tools.accuracy.solved import by_blender, pictures

SMALL = (192, 108)


def digest(folder: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in pictures(folder))).hexdigest()


def frame(name: str, index: int, seed: int = 1, **changes: object) -> np.ndarray:
    """A frame without noise."""
    scene = Scene(name, replace(KINDS[name], **{"size": SMALL} | changes), seed)
    return scene.picture(index, rays(scene.kind.size, scene.focal()[index], scene.kind.distortion))


def test_a_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    made = [
        digest(shot("orbit", seed, tmp_path / name, 3, SMALL).folder) for name, seed in (("a", 4), ("b", 4), ("c", 5))
    ]
    assert made[0] == made[1] != made[2]


def test_the_truth_is_read_as_it_was_written(tmp_path: Path) -> None:
    truth = shot("orbit_distorted", 2, tmp_path, 4, SMALL)
    read = Truth.read(tmp_path)
    assert np.array_equal(read.matrices, truth.matrices) and np.array_equal(read.focal, truth.focal)
    assert (read.size, read.distortion, read.expected, read.frames) == (SMALL, (-0.12, 0.02), truth.expected, 4)
    assert read.millimetres == pytest.approx(24.0) and not read.is_lens_known
    kind = replace(KINDS["orbit_distorted"], frames=4, size=SMALL)
    assert is_rendered(tmp_path, 2, kind)
    assert not is_rendered(tmp_path, 3, kind) and not is_rendered(tmp_path, 2, replace(kind, noise=9.0))


def test_a_frame_without_a_true_camera_stays_without_one(tmp_path: Path) -> None:
    truth = shot("orbit", 2, tmp_path, 3, SMALL)
    truth.matrices[1] = np.nan
    truth.write()
    assert np.isfinite(Truth.read(tmp_path).matrices).all((1, 2)).tolist() == [True, False, True]


def test_pixels_become_rays_and_rays_pixels(tmp_path: Path) -> None:
    truth = shot("orbit_distorted", 2, tmp_path, 2, SMALL)
    pixels = np.array([[3.0, 5.0], [96.0, 54.0], [180.0, 100.0]])
    flat = truth.straighten(pixels, np.ones(3, int))
    matrix = truth.matrices[1]
    points = matrix[:, 3] + np.c_[flat, -np.ones(3)] * 6.5 @ matrix[:, :3].T
    assert truth.project(points, 2) == pytest.approx(pixels, abs=1e-6)
    assert np.isnan(truth.project((matrix[:, 3] + matrix[:, 2])[None], 2)).all()  # behind it


def test_a_locked_camera_shows_the_same_and_a_moving_one_does_not() -> None:
    assert np.array_equal(frame("static", 0), frame("static", 30))
    assert np.abs(frame("orbit", 0) - frame("orbit", 30)).mean() > 0.05
    assert not np.array_equal(frame("static_movers", 0), frame("static_movers", 40))


def test_a_tripod_turns_and_stays() -> None:
    truth = Scene("nodal", KINDS["nodal"], 3).cameras()
    assert np.ptp(truth[:, :, 3], axis=0).max() == 0
    assert np.degrees(np.arccos(truth[0, :, 2] @ truth[-1, :, 2])) > 20
    wandering = Scene("near_nodal", KINDS["near_nodal"], 3).cameras()
    assert 0.005 < np.ptp(wandering[:, :, 3], axis=0).max() < 0.2


def test_a_cut_shows_another_set_from_the_middle_on() -> None:
    scene = Scene("cut", KINDS["cut"], 1)
    steps = np.linalg.norm(np.diff(scene.cameras()[:, :, 3], axis=0), axis=1)
    assert steps.argmax() == 31 and steps[31] > 10 * np.median(steps)


def test_a_zoom_grows_what_is_seen() -> None:
    focal = Scene("zoom", KINDS["zoom"], 1).focal()
    assert focal[0] == pytest.approx(960 * 35 / 36) and focal[-1] == pytest.approx(1.5 * focal[0])


def test_an_open_shutter_blurs_along_the_movement() -> None:
    sharp, blurred = (frame("lateral_blur", 20, size=(480, 270), shutter=shutter) for shutter in (0.0, 0.9))
    across, along = (
        np.square(np.diff(blurred, axis=axis)).mean() / np.square(np.diff(sharp, axis=axis)).mean() for axis in (1, 0)
    )
    assert across < 0.7 and across < along - 0.1


def test_jpeg_files_take_the_place_of_png_files(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    truth = shot("walk_low_contrast", 1, tmp_path, 2, SMALL)
    files = pictures(truth.folder)
    assert [path.suffix for path in files] == [".jpg"] * 2
    assert all(path.read_bytes()[:3] == b"\xff\xd8\xff" for path in files)


@pytest.mark.parametrize("name", ["orbit", "orbit_distorted"])
def test_the_tracker_follows_the_true_cameras(name: str, tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    truth = shot(name, 3, tmp_path, 24, (640, 360))
    truth.is_lens_known = True
    solved = by_blender(truth, 120, is_recipe=True)
    assert solved.tracks is not None, solved.reason
    errors = residuals(solved.tracks, truth)
    errors = errors[np.isfinite(errors).sum(1) >= 12]
    assert len(errors) > 20 and np.median(np.nanmedian(errors, axis=1)) < 0.1
    if name == "orbit":  # nothing else straightens the other's lens
        made = solved.score(truth)
        assert made.cameras == 24 and made.path < 0.01 and made.turn < 0.2
    wrong = Truth.read(tmp_path)
    wrong.matrices[10:, 0, 3] += 0.05  # five centimetres are seen
    moved = residuals(solved.tracks, wrong)
    assert np.nanmedian(moved) > 2 * np.nanmedian(errors)
