# SPDX-License-Identifier: GPL-3.0-or-later
"""A pass in a window, tick by tick: its progress, and changes of the clip between ticks."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions import registration
from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.clip.movie_clip import mark_of
from tracking_sessions.bridge.preferences import Preferences
from tracking_sessions.bridge.sessions import recovery
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.errors import ClipChanged
from tracking_sessions.core.recording import recorder
from tracking_sessions.core.storage.files import read_document
from tracking_sessions.core.tracking.run import Run
from tracking_sessions.tests.bpy.tracker import (
    Markers,
    add_tracks,
    delete_track,
    live_frames,
    markers_of,
    new_clip,
    track_session,
)
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    inside,
    new_file,
    open_editor,
    open_file,
    operators,
    session_of,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = [pytest.mark.usefixtures("registered"), pytest.mark.alone]


@pytest.fixture(scope="module")
def whole(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Markers:
    """The markers of an undisturbed pass."""
    bpy.ops.wm.read_factory_settings(use_empty=False)
    clip = new_clip(footage)
    track_session(clip, tmp_path_factory.mktemp("whole"), [(1, FRAMES)])
    return markers_of(clip)


@pytest.fixture
def seldom_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """No tick writes the session file."""
    monkeypatch.setattr(recorder, "FILE_INTERVAL", 1e9)


Pace = Callable[[float, float], None]


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> Pace:
    """Sets the seconds of a tick for the artist's tracks, and those between two updates."""

    def set_pace(update_time: float, interval: float) -> None:
        monkeypatch.setattr(live, "UPDATE_TIME", update_time)
        monkeypatch.setattr(live, "UPDATE_SHARE", 0.0)
        monkeypatch.setattr(live, "preferences", lambda: Preferences(interval=interval))

    return set_pace


@pytest.fixture
def bit_by_bit(pace: Pace) -> None:
    """In each tick one track gets its newest marker."""
    pace(0.0, 0.0)


# Progress


def test_progress_is_counted_over_both_ways(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file, frame=10)
    run = live.LivePass(recovery.open_shot(editor), [(10, 14), (10, 4)])
    assert (run.done, run.total) == (0, 10)
    seen = []
    while run.tick(0):
        seen.append(run.done)
    assert sorted(seen) == seen and set(range(1, 10)) <= set(seen)
    assert (run.done, run.total) == (10, 10)


def test_the_rate_is_that_of_the_last_seconds(footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(recorder, "FILE_INTERVAL", 1e9)
    monkeypatch.setattr(live.time, "monotonic", lambda: now)
    run = begin(new_file(footage, file))
    assert (run.rate, run.seconds_left) == (0.0, None)
    for _ in range(9):
        now += 0.5
        assert run.tick(0)
    assert run.rate == pytest.approx(2.0)
    assert run.seconds_left == pytest.approx((FRAMES - 10) / 2)
    for _ in range(9):
        now += live.RATE_SPAN / 8
        assert run.tick(0)
    assert run.rate == pytest.approx(8 / live.RATE_SPAN)


def last_frames(clip: Any) -> list[int]:
    """The last frame with a live marker of each of the artist's tracks."""
    return [max(live_frames(rows)) for name, rows in markers_of(clip).items() if name[0] != "."]


@pytest.mark.usefixtures("seldom_files", "bit_by_bit")
def test_each_tick_gives_one_track_its_newest_marker(footage: Footage, file: Path, whole: Markers) -> None:
    editor = new_file(footage, file)
    clip, count = editor.clip, len(footage.tracks)
    mark = mark_of(clip)
    run = begin(editor)
    given = [1] * count
    for frame in range(2, count + 2):
        assert (run.run.displayed_frame, bpy.context.scene.frame_current) == (1, 1)
        assert run.tick(0)
        given[given.index(1)] = frame
        assert sorted(last_frames(clip)) == sorted(given)
    # all tracks have it, or the muted marker that ended them before it
    assert (run.run.displayed_frame, bpy.context.scene.frame_current) == (2, 2)
    assert mark_of(clip) == mark and run.run.has_pending
    while run.tick(0):
        pass
    assert markers_of(clip) == whole


@pytest.mark.usefixtures("seldom_files")
def test_markers_are_updated_despite_a_slow_disk(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch, pace: Pace
) -> None:
    pace(0.05, 0.0)
    run = begin(new_file(footage, file))
    monkeypatch.setattr(os, "fsync", lambda _: time.sleep(0.1))
    for frame in (2, 3, 4):
        assert run.tick(0) and run.run.displayed_frame == frame


@pytest.mark.usefixtures("seldom_files")
@pytest.mark.parametrize(("share", "shown"), [(10.0, [2, 3, 4]), (0.0, [1, 1, 1])])
def test_each_frame_is_shown_whose_step_is_slower_than_the_interval(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch, pace: Pace, share: float, shown: list[int]
) -> None:
    step = Run.step

    def slow_step(self: Run) -> bool:
        time.sleep(0.05)
        return step(self)

    monkeypatch.setattr(Run, "step", slow_step)
    pace(0.0, 0.04)
    monkeypatch.setattr(live, "UPDATE_SHARE", share)
    run = begin(new_file(footage, file))
    found = [run.run.displayed_frame for _ in shown if run.tick(0)]
    assert found == shown


@pytest.mark.parametrize("stop", ["pause", "end"])
def test_pending_markers_are_written_in_ticks_when_tracking_stops(
    footage: Footage, file: Path, whole: Markers, pace: Pace, stop: str
) -> None:
    editor = new_file(footage, file)
    pace(live.UPDATE_TIME, 1e9)
    run = begin(editor, steps=8)
    assert set(last_frames(editor.clip)) == {1}
    while stop == "end" and not run.run.is_at_end:
        assert run.tick(0)
    run.wants_pause = stop == "pause"
    steps, ticks, waiting = run.run.steps, 0, []
    while run.tick(0):
        ticks += 1
        waiting.append(sum(last_frames(editor.clip)))
    assert run.run.steps == steps and ticks > 8 * len(footage.tracks) // 3
    assert waiting == sorted(waiting) and waiting[0] < waiting[-1]
    if stop == "pause":
        assert session_of(file).resume_frame == 9
        with inside(editor):
            assert operators.resume() == {"FINISHED"}
    assert session_of(file).resume_frame is None
    assert markers_of(editor.clip) == whole


@pytest.mark.usefixtures("seldom_files", "bit_by_bit")
def test_a_pause_and_a_saved_file_bring_every_track_up_to_date(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=6)
    bpy.ops.wm.save_mainfile()
    assert max(last_frames(editor.clip)) == run.run.displayed_frame == 7
    mark = mark_of(editor.clip)
    assert mark is not None and mark[1] == run.shot.session.position
    for _ in range(4):
        run.tick(0)
    run.finish()
    assert max(last_frames(editor.clip)) == bpy.context.scene.frame_current == 11


@pytest.mark.usefixtures("seldom_files", "bit_by_bit")
def test_ticks_that_write_the_session_file_do_nothing_else(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=4)
    before = last_frames(editor.clip)
    assert session_of(file).session.checkpoint_frame == 5  # which is read from the journal
    assert read_document(run.shot.session.path)["checkpoint"]["frame"] == 1
    run.shot.recorder._next_file = 0.0
    assert run.tick(0)
    assert (last_frames(editor.clip), run.run.steps) == (before, 4)
    assert read_document(run.shot.session.path)["checkpoint"]["frame"] == 5
    assert run.tick(0)
    assert last_frames(editor.clip) != before and run.run.steps == 5


def test_tracks_are_brought_up_to_date_as_often_as_the_preference_says(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch, pace: Pace
) -> None:
    now = 100.0
    monkeypatch.setattr(recorder, "FILE_INTERVAL", 1e9)
    pace(1.0, 2.0)
    monkeypatch.setattr(live.time, "monotonic", lambda: now)
    editor = new_file(footage, file)
    run = begin(editor)
    seen = []
    for _ in range(10):
        now += 0.5
        assert run.tick(0)
        seen.append(max(last_frames(editor.clip)))
    assert seen == [1, 1, 1, 5, 5, 5, 5, 9, 9, 9]


# Changes of the clip during a pass


@pytest.mark.parametrize("steps", [0, 5])
@pytest.mark.usefixtures("seldom_files", "bit_by_bit")
def test_a_track_that_is_renamed_gets_its_markers(footage: Footage, file: Path, whole: Markers, steps: int) -> None:
    editor = new_file(footage, file)
    tracks = editor.clip.tracking.tracks
    run = begin(editor, steps=steps)
    tracks["Survives.02"].name = "Door"
    tracks["Survives.03"].name = "Survives.02"  # the earlier name of another track
    while run.tick(0):
        pass
    names = {"Camera/Survives.02": "Camera/Door", "Camera/Survives.03": "Camera/Survives.02"}
    assert markers_of(editor.clip) == {names.get(name, name): rows for name, rows in whole.items()}


@pytest.mark.parametrize("is_bit_by_bit", [True, False])
def test_a_deleted_track_ends_the_pass_and_the_others_go_on(
    footage: Footage, file: Path, whole: Markers, pace: Pace, is_bit_by_bit: bool
) -> None:
    editor = new_file(footage, file)
    if is_bit_by_bit:
        pace(0.0, 0.0)
    run = begin(editor, steps=5)
    for name in ("Survives.01", "Survives.05"):
        delete_track(editor.clip, name)
    editor = open_editor(editor.clip)
    run.editor = editor
    with pytest.raises(ClipChanged, match=r"2 tracks \(“Survives\.01”, …\) were deleted"):
        while run.tick(0):
            pass
    assert live.running() is None
    frame = session_of(file).resume_frame
    rows = markers_of(editor.clip)
    assert max(live_frames(rows["Camera/Survives.02"])) == max(live_frames(rows["Camera/Survives.08"])) == frame
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    gone = {"Camera/Survives.01", "Camera/Survives.05"}
    assert markers_of(editor.clip) == {name: rows for name, rows in whole.items() if name not in gone}


@pytest.mark.usefixtures("seldom_files", "bit_by_bit")
def test_a_track_made_after_one_was_deleted_gets_nothing(footage: Footage, file: Path) -> None:
    """Blender may give it the address and the name of the deleted track."""
    editor = new_file(footage, file)
    run = begin(editor, steps=5)
    delete_track(editor.clip, "Survives.01")
    for number in range(20):
        editor.clip.tracking.tracks.new(name=f"New.{number:02d}", frame=9)
    run.editor = open_editor(editor.clip)
    with pytest.raises(ClipChanged, match=r"Survives\.01"):
        while run.tick(0):
            pass
    for track in editor.clip.tracking.tracks:
        assert len(track.markers) == 1 or not track.name.startswith("New")


@pytest.mark.usefixtures("seldom_files", "bit_by_bit")
def test_a_deleted_tracking_object_ends_the_pass(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    objects = editor.clip.tracking.objects
    cup = objects.new("Cup")
    add_tracks(editor.clip, cup.tracks, footage, 1)
    objects.active = cup
    run = begin(editor, steps=5)
    objects.remove(objects["Cup"])
    with pytest.raises(ClipChanged, match="The tracking object “Cup” was deleted"):
        while run.tick(0):
            pass
    assert live.running() is None and session_of(file).owner == ""
    assert [where.name for where in objects] == ["Camera"]
    assert set(last_frames(editor.clip)) == {1}


@pytest.mark.usefixtures("seldom_files", "bit_by_bit")
def test_a_deleted_clip_ends_the_pass(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=5)
    bpy.data.movieclips.remove(editor.clip)
    with pytest.raises(ClipChanged, match="deleted"):
        while run.tick(0):
            pass
    assert live.running() is None
    session = session_of(file)
    assert session.owner == "" and session.is_interrupted and session.resume_frame >= 6


def other_clip(editor: ClipEditor) -> None:
    editor.space.clip = bpy.data.movieclips.load(editor.clip.filepath, check_existing=False)


def other_mode(editor: ClipEditor) -> None:
    editor.space.mode = "MASK"


def other_editor(editor: ClipEditor) -> None:
    editor.area.type = "VIEW_3D"


@pytest.mark.parametrize("leave", [other_clip, other_mode, other_editor])
def test_leaving_the_clip_pauses(footage: Footage, file: Path, leave: Callable[[ClipEditor], None]) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=5)
    leave(editor)
    while run.tick(0):
        assert run.run.steps == 5
    assert live.running() is None
    assert [where.name for where in editor.clip.tracking.objects] == ["Camera"]
    assert max(last_frames(editor.clip)) == session_of(file).resume_frame == 6


def test_a_track_renamed_in_the_middle_goes_on_after_a_pause(footage: Footage, file: Path, whole: Markers) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=5)
    editor.clip.tracking.tracks["Survives.02"].name = "Door"
    assert run.tick(0)
    run.finish()
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    names = {"Camera/Survives.02": "Camera/Door"}
    assert markers_of(editor.clip) == {names.get(name, name): rows for name, rows in whole.items()}


@pytest.mark.parametrize("is_saved", [True, False])
def test_a_track_renamed_in_the_middle_is_there_once_after_a_crash(
    footage: Footage, file: Path, whole: Markers, is_saved: bool
) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=5)
    editor.clip.tracking.tracks["Survives.02"].name = "Door"
    if is_saved:
        bpy.ops.wm.save_mainfile()
    for _ in range(3):
        assert run.tick(0)
    run.finish()
    registration.unregister()  # a new process of Blender
    registration.register()
    editor = open_file(file)
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    names = {"Camera/Survives.02": "Camera/Door"}  # an older file gets the new name
    assert markers_of(editor.clip) == {names.get(name, name): rows for name, rows in whole.items()}
