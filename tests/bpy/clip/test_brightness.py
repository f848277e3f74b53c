# SPDX-License-Identifier: GPL-3.0-or-later
"""The brightness of frames, scaled down and as a screen shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tracking_sessions.bridge.clip.brightness import GAMMA, Frames
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.tests.bpy.movies import make_movie
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tests.plates import HEIGHT, WIDTH, lay


def test_a_picture_scaled_down_has_the_means_of_its_squares(footage: Shot) -> None:
    with Frames(find_footage(footage.folder), (320, 180)) as frames:
        whole, half = frames.shown(3), frames.shown(3, 160)
        assert whole is not None and half is not None and half.shape == (90, 160)
        means = whole.reshape(90, 2, 160, 2).mean((1, 3))
        assert float(np.abs(half - means).max()) < 0.02
        assert np.array_equal(whole, frames.read(3)), "8 bits are as a screen shows them"  # type: ignore[arg-type]
        wide = frames.shown(3, 5000)
        assert wide is not None and wide.shape == (180, 320)


def test_frames_of_a_movie_are_scaled_one_after_the_other(tmp_path: Path, footage: Shot) -> None:
    make_movie(footage, tmp_path / "plate.mp4")
    with Frames(find_footage(tmp_path / "plate.mp4"), (320, 180)) as frames:
        for frame in (5, 2, 11, 1):  # more than one makes Blender decode another
            small, whole = frames.shown(frame, 160), frames.shown(frame)
            assert small is not None and whole is not None and whole.shape == (180, 320)
            assert float(np.abs(small - whole.reshape(90, 2, 160, 2).mean((1, 3))).max()) < 0.02
        assert frames.shown(footage.frames + 1, 160) is None and str(frames.unread) == f"{footage.frames + 1}"


@pytest.mark.parametrize("variant", ["exr-half-zip", "png-16bit"])
def test_linear_pictures_are_shown_by_the_gamma_of_a_screen(tmp_path: Path, variant: str) -> None:
    lay(tmp_path / "plate", variant)
    with Frames(find_footage(tmp_path / "plate"), (WIDTH, HEIGHT)) as frames:
        linear, shown = frames.read(2), frames.shown(2)
        assert linear is not None and shown is not None
        assert np.allclose(np.maximum(linear, 0) ** (1 / GAMMA), shown, atol=1e-5)


def test_a_picture_of_another_size_is_none(footage: Shot) -> None:
    with Frames(find_footage(footage.folder), (640, 360)) as frames:
        assert frames.shown(1, 160) is None and str(frames.unread) == "1"
