# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken for true of footage that is not ours agrees with its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tracking_sessions.core.solve.solve import VerdictKind
from tracking_sessions.tests.pictures import read_pgm
from tracking_sessions.tools.accuracy.check import residuals
from tracking_sessions.tools.accuracy.real import IMAGES, real
from tracking_sessions.tools.accuracy.scoring import path_length
from tracking_sessions.tools.accuracy.shot import Truth
from tracking_sessions.tools.accuracy.solved import by_blender, pictures

pytestmark = pytest.mark.skipif(not IMAGES.is_dir(), reason="needs the Debian package visp-images-data")


def test_tracks_of_the_castle_follow_its_cameras(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    truth = real("castle", tmp_path, None)
    assert truth is not None and truth.frames == 40 and truth.millimetres == pytest.approx(39.375)
    solved = by_blender(truth, 200, is_recipe=True)
    assert solved.tracks is not None, solved.reason
    errors = residuals(solved.tracks, truth)
    errors = errors[np.isfinite(errors).sum(1) >= 10]
    assert len(errors) > 15 and np.median(np.nanmedian(errors, axis=1)) < 0.4


def test_footage_is_converted_once_and_keeps_its_pixels(tmp_path: Path) -> None:
    truth = real("mire2", tmp_path, None)
    assert truth is not None and truth.size == (384, 288) and len(pictures(tmp_path)) == truth.frames == 501
    assert path_length(truth.matrices) == 0 and VerdictKind.SOLVED not in truth.expected
    made = pictures(tmp_path)[0].stat().st_mtime_ns
    again = real("mire2", tmp_path, None)
    assert again is not None and np.array_equal(again.matrices, truth.matrices)
    assert pictures(tmp_path)[0].stat().st_mtime_ns == made


@pytest.mark.parametrize(
    ("folder", "corner"), [("mire-2", np.s_[224:288, 256:384]), ("mbt/cube", np.s_[384:480, 450:640])]
)
def test_the_background_of_a_camera_that_stands_never_shifts(folder: str, corner: tuple[slice, slice]) -> None:
    """By phase correlation (Kuglin and Hines 1975) of a corner with that of the first frame, in whole pixels."""
    files = sorted((IMAGES / folder).glob("*.pgm*"))
    spectra = []
    for path in [files[0], *files[10::20]]:
        part = read_pgm(path)[corner].astype(float)
        part = (part - part.mean()) * np.hanning(part.shape[0])[:, None] * np.hanning(part.shape[1])
        spectra.append(np.fft.fft2(part))
    for spectrum in spectra[1:]:
        cross = spectra[0] * spectrum.conj()
        peak = np.fft.ifft2(cross / np.maximum(np.abs(cross), 1e-9)).real
        assert peak.argmax() == 0


def test_a_camera_that_nobody_knows_stays_unknown(tmp_path: Path) -> None:
    truth = real("cube", tmp_path, None)
    assert truth is not None and not np.isfinite(truth.matrices).any() and not truth.is_reconstruction
    read = Truth.read(tmp_path)
    assert read.frames == 80 and not np.isfinite(read.matrices).any()
