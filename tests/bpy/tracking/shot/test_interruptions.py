# SPDX-License-Identifier: GPL-3.0-or-later
"""A pass that fails in the middle: the clip gets only the recorded markers, and the pass can resume."""

import shutil
from collections.abc import Callable
from functools import partialmethod
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import background_editor
from tracking_sessions.bridge.tracking.shot import Shot
from tracking_sessions.bridge.tracking.working_set import OBJECT_NAME
from tracking_sessions.core.errors import ClipChanged, FootageUnusable, StorageFailed
from tracking_sessions.core.model.types import Outcome
from tracking_sessions.tests.bpy.tracker import (
    chosen,
    delete_track,
    live_frames,
    markers_of,
    new_clip,
    settings_of,
    track_session,
)
from tracking_sessions.tests.bpy.tracking.shot.passes import FRAMES, resume, session_in
from tracking_sessions.tests.bpy.window import last_frame
from tracking_sessions.tests.footage import Shot as Footage


@pytest.fixture(autouse=True, params=[True, False], ids=["in another clip", "in the clip"])
def _place_of_the_working_set(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with and without a separate clip."""
    for name in ("start", "resume"):
        monkeypatch.setattr(Shot, name, partialmethod(getattr(Shot, name), separate_clip=request.param))


@pytest.fixture
def small_disk(mounted: Callable[[str], Path]) -> Path:
    return mounted("96k")


def at_step(number: int, action: Callable[[], Any]) -> Callable[[Any], None]:
    def look(run: Any) -> None:
        if run.steps == number:
            action()

    return look


def assert_stops(clip: Any, root: Path, error: type[Exception], action: Callable[[], Any], step: int = 10) -> str:
    """Check that tracking stops with `error` after `action` and changes only markers. Returns the message."""
    names = [track.name for track in chosen(clip)]
    clip.tracking.settings.speed = "DOUBLE"
    before = settings_of(clip, without=names)
    with pytest.raises(error) as caught:
        track_session(clip, root, [(1, FRAMES)], after_step=at_step(step, action))
    assert settings_of(clip, without=names) == before
    return str(caught.value)


def whole(footage: Footage, root: Path) -> Any:
    clip = new_clip(footage)
    track_session(clip, root, [(1, FRAMES)])
    return markers_of(clip)


def test_a_session_folder_that_is_removed_stops_the_pass(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    message = assert_stops(clip, tmp_path / "root", StorageFailed, lambda: shutil.rmtree(tmp_path / "root"))
    assert "The session folder is gone" in message
    assert last_frame(clip) == 11


def test_a_session_folder_that_is_moved_away_and_back_is_resumed(footage: Footage, tmp_path: Path) -> None:
    root, away = tmp_path / "root", tmp_path / "away"
    clip = new_clip(footage)
    assert_stops(clip, root, StorageFailed, lambda: root.rename(away))
    away.rename(root)
    resume(clip, root)
    assert markers_of(clip) == whole(footage, tmp_path / "whole")


def test_a_full_disk_stops_the_pass_which_goes_on_when_there_is_room(
    footage: Footage, tmp_path: Path, small_disk: Path
) -> None:
    clip = new_clip(footage)
    filler = small_disk / "filler"

    def fill() -> None:
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(bytes(512)):
                    pass
            except OSError:
                pass

    message = assert_stops(clip, small_disk / "root", StorageFailed, fill)
    assert "The disk is full" in message
    assert 11 <= last_frame(clip) < FRAMES
    filler.unlink()
    resume(clip, small_disk / "root")
    assert markers_of(clip) == whole(footage, tmp_path / "whole")


def test_a_frame_that_is_deleted_stops_the_pass_before_blender_reads_it(footage: Footage, tmp_path: Path) -> None:
    folder = tmp_path / "footage"
    shutil.copytree(footage.folder, folder)
    clip = new_clip(footage)
    clip.filepath = str(folder / footage.files[0].name)
    for name, frame in (("next", 15), ("reference", 1)):
        file = folder / footage.files[frame - 1].name
        message = assert_stops(clip, tmp_path / name, FootageUnusable, file.unlink)
        assert f"Frame {frame} " in message
        assert last_frame(clip) in (11, 14)
        shutil.copy2(footage.files[frame - 1], file)


def test_a_track_that_is_deleted_stops_the_pass_and_the_others_get_their_markers(
    footage: Footage, tmp_path: Path
) -> None:
    clip = new_clip(footage)
    with pytest.raises(ClipChanged, match=r"Survives\.02"):
        track_session(clip, tmp_path, [(1, 20)], after_step=at_step(10, lambda: delete_track(clip, "Survives.02")))
    assert [where.name for where in clip.tracking.objects] == ["Camera"]
    rows = markers_of(clip)
    assert max(live_frames(rows["Camera/Survives.01"])) == 20
    assert max(live_frames(rows["Camera/Survives.08"])) == 20
    resume(clip, tmp_path)
    assert session_in(tmp_path).passes[-1].outcome == Outcome.COMPLETE.value


def test_a_pass_goes_on_without_a_track_that_was_deleted_during_it(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)

    def delete_and_stop() -> None:
        delete_track(clip, "Survives.02")
        raise StorageFailed(tmp_path, OSError(28, ""))

    with pytest.raises((ClipChanged, StorageFailed)):
        track_session(clip, tmp_path, [(1, 20)], after_step=at_step(10, delete_and_stop))
    assert max(live_frames(markers_of(clip)["Camera/Survives.08"])) == 11
    resume(clip, tmp_path)
    assert max(live_frames(markers_of(clip)["Camera/Survives.08"])) == 20
    assert "Camera/Survives.02" not in markers_of(clip)


def test_a_working_set_that_is_removed_is_noticed(footage: Footage, tmp_path: Path) -> None:
    """The artist sees the working set in the list of objects during a pass."""
    clip = new_clip(footage)

    def remove() -> Any:
        for clip in bpy.data.movieclips:
            for where in clip.tracking.objects:
                if where.name == OBJECT_NAME:
                    return clip.tracking.objects.remove(where)
        raise AssertionError("no working set")

    with pytest.raises(ClipChanged):
        track_session(clip, tmp_path, [(1, 20)], after_step=at_step(5, remove))
    assert last_frame(clip) == 6
    assert [where.name for where in clip.tracking.objects] == ["Camera"]
    resume(clip, tmp_path)
    assert last_frame(clip) == 20


def test_an_object_that_is_made_active_during_a_pass_stays_so(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    clip.tracking.objects.new("Cup")
    clip.tracking.objects.active = clip.tracking.objects["Camera"]
    track_session(
        clip,
        tmp_path,
        [(1, 10)],
        after_step=at_step(5, lambda: setattr(clip.tracking.objects, "active", clip.tracking.objects["Cup"])),
    )
    assert clip.tracking.objects.active.name == "Cup"
    assert last_frame(clip) == 10


def test_a_clip_that_is_removed_stops_the_pass(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    with background_editor(clip) as editor:
        shot = Shot.create(editor, tmp_path, "test")
        with pytest.raises(ClipChanged), shot.session, shot.start([(1, 20)]) as run:
            while run.step():
                if run.steps == 5:
                    bpy.data.movieclips.remove(clip)
    again = new_clip(footage)
    again.tracking.tracks[0].name = "Mine"
    resume(again, tmp_path)
    assert last_frame(again) == 20
