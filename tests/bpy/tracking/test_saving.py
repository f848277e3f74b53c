# SPDX-License-Identifier: GPL-3.0-or-later
"""`--save` reads its file back before it replaces the earlier one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import pytest
from bpy.app.handlers import persistent

from tracking_sessions.bridge.tracking.headless import Request, Result, track
from tracking_sessions.bridge.tracking.shot import Shot
from tracking_sessions.commands.errors import error_words
from tracking_sessions.core.errors import ExitCode, SaveUnsound
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.core.tracking.run import Run
from tracking_sessions.tests.bpy.tracker import markers_of, new_clip
from tracking_sessions.tests.bpy.window import FRAMES
from tracking_sessions.tests.footage import Shot as Footage


@pytest.fixture
def blend(footage: Footage, tmp_path: Path) -> Path:
    new_clip(footage).use_fake_user = True
    path = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def drive(shot: Shot, run: Run) -> None:
    while run.step():
        pass


def tracked(blend: Path, **how: Any) -> Result:
    request = Request(ShotSpec(str(blend)), blend.parent / "root", save=blend.with_name("out.blend"), **how)
    return track(request, drive, lambda _: None)


def files_beside(blend: Path) -> list[str]:
    return sorted(path.name for path in blend.parent.iterdir() if path.is_file())


def test_the_look_leaves_nothing_behind(blend: Path) -> None:
    (clip,) = bpy.data.movieclips
    name = clip.name
    result = tracked(blend)
    (clip,) = bpy.data.movieclips
    assert clip.name == name and not bpy.data.libraries
    assert files_beside(blend) == ["out.blend", "shot.blend"]
    markers = markers_of(clip)
    assert result.saved is not None
    bpy.ops.wm.open_mainfile(filepath=str(result.saved))
    (clip,) = bpy.data.movieclips
    assert markers_of(clip) == markers and not bpy.data.libraries


def without_user(clip: Any) -> None:
    clip.use_fake_user = False
    clip.user_clear()  # Blender does not save a clip without a user


def another_name(clip: Any) -> None:
    clip.name = "other"


def another_track(clip: Any) -> None:
    clip.tracking.tracks.new(name="Other", frame=1)


def another_object(clip: Any) -> None:
    clip.tracking.objects.new("Cup")


def another_marker(clip: Any) -> None:
    clip.tracking.tracks[3].markers.insert_frame(1000)


def moved_marker(clip: Any) -> None:
    clip.tracking.tracks[3].markers[1].co = (0.1, 0.2)


def renamed_track(clip: Any) -> None:
    clip.tracking.tracks[3].name = "Other"


def another_mark(clip: Any) -> None:
    clip["tracking_sessions"] = "20260101-000000-00000000 1 1"


@contextmanager
def handled(event: str, change: Callable[[Any], None]) -> Iterator[None]:
    """Let another add-on change the clip before or after Blender saves."""
    handlers: Any = getattr(bpy.app.handlers, event)

    @persistent
    def handler(*_: object) -> None:
        change(bpy.data.movieclips[0])

    handlers.append(handler)
    try:
        yield
    finally:
        handlers.remove(handler)


@pytest.mark.parametrize(
    ("event", "change", "words"),
    [
        ("save_pre", without_user, "it has no clip “"),
        ("save_post", another_name, "it has no clip “other”"),
        ("save_post", another_track, "tracks of “Camera” it has 1"),
        ("save_post", another_object, "of 0 tracks of “Cup” it has 0"),
        ("save_post", another_marker, "has other markers"),
        ("save_post", moved_marker, "has other markers"),
        ("save_post", renamed_track, "has other markers"),
        ("save_post", another_mark, "belongs to another state of the session"),
    ],
)
def test_an_incomplete_file_replaces_nothing(
    blend: Path, event: str, change: Callable[[Any], None], words: str
) -> None:
    out = blend.with_name("out.blend")
    out.write_bytes(b"before")
    with handled(event, change), pytest.raises(SaveUnsound, match=words) as told:
        tracked(blend)
    assert told.value.exit_code == ExitCode.FAILED
    assert "The session holds everything that was tracked: save it again with: track --resume --save" in error_words(
        told.value
    )
    assert out.read_bytes() == b"before" and files_beside(blend) == ["out.blend", "shot.blend"]
    assert not bpy.data.libraries and len(bpy.data.movieclips) == 1
    (path,) = session_files(blend.parent / "root")
    assert load_session(path).get_progress()["tracked_frames"] == FRAMES
    assert tracked(blend, resume=True).saved == out
    bpy.ops.wm.open_mainfile(filepath=str(out))
    assert len(bpy.data.movieclips[0].tracking.tracks[0].markers) > 1
