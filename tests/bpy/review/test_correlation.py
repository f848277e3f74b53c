# SPDX-License-Identifier: GPL-3.0-or-later
"""Audits with the pictures of the footage: a sequence, a movie, and footage of which frames are missing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from tracking_sessions.bridge.clip.brightness import LUMA, Frames
from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.review import auditing, problems
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.model.flags import FlagKind
from tracking_sessions.panels.review import TRACKING_SESSIONS_PT_review
from tracking_sessions.tests.bpy.command_line import run
from tracking_sessions.tests.bpy.commands.conftest import shot, tracks
from tracking_sessions.tests.bpy.movies import make_movie
from tracking_sessions.tests.bpy.past import drawn
from tracking_sessions.tests.bpy.review.reviews import numbers, review
from tracking_sessions.tests.bpy.window import begin, inside, new_file, operators
from tracking_sessions.tests.footage import Shot as Footage

__all__ = ["shot", "tracks"]
STEPS = 14
SLIP = 9


@pytest.fixture
def plate(footage: Footage, tmp_path: Path) -> Path:
    """A copy of the footage, whose files can be taken away."""
    return Path(shutil.copytree(footage.folder, tmp_path / "plate"))


@pytest.fixture
def editor(registered: None, footage: Footage, plate: Path, file: Path) -> ClipEditor:
    """The first marker of a track lies beside its feature from frame 9 on, as after a repair by hand."""
    editor = new_file(footage, file)
    editor.clip.filepath = str(plate / footage.files[0].name)
    begin(editor, steps=STEPS).finish()
    track = slipped(editor.clip)
    for frame in range(SLIP, STEPS + 2):
        track.markers.find_frame(frame).co[0] += 12 / editor.clip.size[0]
    return editor


def slipped(clip: Any) -> Any:
    return next(track for track in clip.tracking.tracks if track.name.startswith("Survives"))


def audit(editor: ClipEditor, *, with_pictures: bool, level: str = "FULL") -> list[tuple[str, int, int]]:
    """The tracks and frames of the flags CORRELATION after an audit."""
    problems.settings_of(bpy.context).with_pictures = with_pictures
    with inside(editor):
        assert operators.audit(level=level) == {"FINISHED"}
    names = {number: name for name, number in numbers(editor.clip).items()}
    flags = [flag for flag in review(editor.clip).flags if flag.kind is FlagKind.CORRELATION]
    return [(names[flag.track], flag.first, flag.last) for flag in flags]


def test_a_full_audit_with_pictures_finds_a_marker_beside_its_feature(editor: ClipEditor) -> None:
    there = len(bpy.data.images)
    assert audit(editor, with_pictures=False) == []
    assert audit(editor, with_pictures=True, level="QUICK") == []
    assert audit(editor, with_pictures=True) == [(slipped(editor.clip).name, SLIP, STEPS + 1)]
    assert len(bpy.data.images) == there and auditing.remark(editor.clip) == ""
    assert audit(editor, with_pictures=False), "what an audit did not look for stays"
    for frame in range(SLIP, STEPS + 2):
        slipped(editor.clip).markers.find_frame(frame).co[0] -= 12 / editor.clip.size[0]
    assert audit(editor, with_pictures=True) == []


def test_frames_without_a_picture_are_named_and_the_others_judged(editor: ClipEditor, plate: Path) -> None:
    files = sorted(plate.iterdir())
    files[SLIP].unlink()  # of frame 10
    files[SLIP + 1].write_bytes(files[SLIP + 1].read_bytes()[:-200])
    name = slipped(editor.clip).name
    assert audit(editor, with_pictures=True) == [(name, SLIP, SLIP), (name, SLIP + 3, STEPS + 1)]
    assert "No picture: frames 10 to 11" in auditing.remark(editor.clip)
    assert "No picture: frames 10 to 11" in drawn(TRACKING_SESSIONS_PT_review, editor).text


def test_without_footage_the_rest_is_audited(editor: ClipEditor, plate: Path) -> None:
    shutil.rmtree(plate)
    assert audit(editor, with_pictures=True) == []
    assert auditing.remark(editor.clip).startswith("No pictures: ")
    assert review(editor.clip).verdict(STEPS) is not None


def test_a_stopped_audit_leaves_no_image(editor: ClipEditor, footage: Footage, tmp_path: Path) -> None:
    there = len(bpy.data.images)
    make_movie(footage, tmp_path / "plate.mp4")
    editor.clip.filepath = str(tmp_path / "plate.mp4")
    work = auditing.Audit(editor.clip, "FULL", with_pictures=True)
    while len(bpy.data.images) == there:
        assert work.go_on(0.0)
    work.cancel()
    assert len(bpy.data.images) == there


# The pixels


@pytest.fixture(params=["sequence", "movie"])
def frames(request: Any, footage: Footage, tmp_path: Path) -> Callable[..., Frames]:
    path = footage.folder
    if request.param == "movie":
        path = tmp_path / "plate.mp4"
        make_movie(footage, path)
    return lambda size=(320, 180), offset=0: Frames(find_footage(path), size, offset)


def test_the_brightness_is_that_of_the_frame(footage: Footage, frames: Callable[..., Frames]) -> None:
    with frames() as there:
        for frame in (3, 20, *range(1, 12)):  # more than are kept of a movie
            picture = there.read(frame)
            assert picture is not None and picture.dtype == np.float32 and picture.shape == (180, 320)
            errors = [
                float(np.abs(picture - truth(footage, number)).mean()) for number in (frame - 1, frame, frame + 1)
            ]
            assert errors[1] == min(errors) < 0.04
    assert not there.unread


def truth(footage: Footage, frame: int) -> Any:
    return footage.render(frame)[::-1] @ np.array(LUMA, np.float32) / 255


def test_what_cannot_be_read_is_remembered(frames: Callable[..., Frames]) -> None:
    with frames() as there:
        assert there.read(2) is not None and there.read(1000) is None
        assert str(there.unread) == "1000"
    with frames(size=(64, 64)) as there:
        assert there.read(2) is None


def test_the_offset_of_a_movie(footage: Footage, tmp_path: Path) -> None:
    make_movie(footage, tmp_path / "plate.mp4")
    with Frames(find_footage(tmp_path / "plate.mp4"), (320, 180), 4) as there:
        picture = there.read(2)
        assert picture is not None and np.abs(picture - truth(footage, 6)).mean() < 0.03
        bpy.data.images.remove(bpy.data.images["plate.mp4"])  # as an undo step may
        assert there.read(3) is not None


def test_the_command_reads_pictures_if_told(shot: Footage, tracks: Path, tmp_path: Path) -> None:
    plate = Path(shutil.copytree(shot.folder, tmp_path / "plate"))
    run("track", plate, "--tracks", tracks, "--root", tmp_path)
    (session,) = (tmp_path / "sessions").glob("*.yaml")
    files = sorted(plate.iterdir())
    shutil.copyfile(files[-1], files[11])  # another picture
    files[12].unlink()
    plain = json.loads(run("audit", session, "--json").stdout)
    result = run("audit", session, "--json", "--pictures")
    found = json.loads(result.stdout)
    others = [flag for flag in found if flag["flag"] == "CORRELATION"]
    assert others and {flag.get("frame", 0) for flag in others} == {12}
    assert [flag for flag in found if flag not in others] == plain and "No picture: frame 13." in result.stderr
    shutil.rmtree(plate)
    result = run("audit", session, "--json", "--pictures")
    assert json.loads(result.stdout) == plain and "No pictures: " in result.stderr
