# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures of frames, as a list and a report show them."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from tracking_sessions.bridge.review.pictures import GOOD, SUSPECT, frame_pictures
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.model.flags import Flag, FlagKind, Severity
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.recording.manager import TrackingSessionManager
from tracking_sessions.core.review import actions
from tracking_sessions.core.review.frames import Spot
from tracking_sessions.tests.bpy.command_line import run
from tracking_sessions.tests.bpy.commands.conftest import shot, tracks
from tracking_sessions.tests.bpy.movies import make_movie
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tools.comparison import session_file

__all__ = ["shot", "tracks"]


def pixels(path: Path) -> Any:
    """[height, width, 3] of the picture, from the lower left, 0 to 1."""
    image = bpy.data.images.load(str(path))
    values = np.array(image.pixels[:], np.float32).reshape(image.size[1], image.size[0], image.channels)
    bpy.data.images.remove(image)
    return values[:, :, :3]


def test_a_picture_shows_its_frame_with_the_tracks(footage: Shot, tmp_path: Path) -> None:
    there = {name: len(getattr(bpy.data, name)) for name in ("scenes", "images")}
    spots = {20: [Spot(0.25, 0.75, False), Spot(0.5, 0.5, True), Spot(1.2, 0.5, False)]}
    found = dict(frame_pictures(find_footage(footage.folder), (320, 180), [5, 20], spots, width=160))
    assert {name: len(getattr(bpy.data, name)) for name in there} == there
    assert list(found) == [5, 20]
    for frame, png in found.items():
        (tmp_path / "picture.png").write_bytes(png)
        picture = pixels(tmp_path / "picture.png")
        assert picture.shape == (90, 160, 3)
        if frame == 20:
            for x, y, colour in ((40, 67, GOOD), (80, 45, SUSPECT)):
                near = picture[y - 4 : y + 4, x - 4 : x + 4].reshape(-1, 3)
                assert np.abs(near - colour).max(axis=1).min() < 0.02
        assert nearest(picture, footage) == frame


def test_a_frame_without_a_picture_is_left_out(footage: Shot, tmp_path: Path) -> None:
    shutil.copytree(footage.folder, tmp_path / "plate")
    there = find_footage(tmp_path / "plate")
    there.file(3).unlink()
    assert list(dict(frame_pictures(there, (320, 180), [2, 3, 5], {}, width=64))) == [2, 5]


def test_a_frame_of_a_movie(footage: Shot, tmp_path: Path) -> None:
    make_movie(footage, tmp_path / "plate.mp4")
    for frame, png in frame_pictures(find_footage(tmp_path / "plate.mp4"), (320, 180), [3, 20], {}, width=160):
        (tmp_path / "picture.png").write_bytes(png)
        picture = pixels(tmp_path / "picture.png")
        assert nearest(picture, footage) in range(frame - 1, frame + 2)


def nearest(picture: Any, shot: Shot) -> int:
    """The frame of the shot that looks like the picture, of half its size."""
    height, width, _ = picture.shape
    plates = (pixels(file).reshape(height, 2, width, 2, 3).mean(axis=(1, 3)) for file in shot.files)
    errors = [float(np.median(np.abs(picture - plate))) for plate in plates]
    assert min(errors) < 0.03
    return 1 + errors.index(min(errors))


def test_a_report_shows_the_worst_frames(shot: Shot, tracks: Path, tmp_path: Path) -> None:
    run("track", shot.folder, "--tracks", tracks, "--root", tmp_path)
    path = session_file(tmp_path)
    assert path is not None
    jump = Flag(FlagKind.JUMP, Severity.ERROR, 1, 12, 12, 5.0, 0.5, "px")
    with TrackingSessionManager(path) as session:
        records = actions.audited(session, FrameRanges([(1, 30)]), [jump], frozenset(FlagKind), is_full=True)
        session.acquire().append(*records)
    report = tmp_path / "010.html"
    run("report", path, "-o", report, "--pictures", "3")
    page = report.read_text(encoding="utf-8")
    shown = re.findall(r'alt="frame (\d+)" src="data:image/png;base64,([^"]+)"', page)
    assert [frame for frame, _ in shown] == ["1", "12"]  # the reference frame and the jump
    assert all(base64.b64decode(png).startswith(b"\x89PNG") for _, png in shown)
    captions = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert captions[0] == "Frame 1, the reference" and re.fullmatch(r"Frame 12: jump \S+", captions[1])
