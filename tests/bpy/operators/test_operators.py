# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons of the Clip Editor: track, pause, resume, restore and start fresh."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions import registration
from tracking_sessions.bridge.clip.movie_clip import mark_of
from tracking_sessions.bridge.open_file import open_file as known
from tracking_sessions.bridge.sessions import overview, recovery
from tracking_sessions.bridge.sessions.finding import find_session
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.errors import UsageError
from tracking_sessions.core.model.types import Outcome, SessionState, SessionStatus
from tracking_sessions.operators.track import TRACKING_SESSIONS_OT_track
from tracking_sessions.tests.bpy.tracker import markers_of, new_clip, track_session
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    inside,
    last_frame,
    new_file,
    objects_of,
    open_file,
    operators,
    session_of,
)
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


def test_unregistering_in_the_middle_of_a_pass_pauses_it(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4)
    registration.unregister()
    assert live.running() is None
    assert objects_of(editor.clip) == ["Camera"]
    assert last_frame(editor.clip) == session_of(file).resume_frame == 5
    registration.register()


# Tracking


def test_track_forwards_and_backwards(footage: Footage, file: Path, tmp_path: Path) -> None:
    editor = new_file(footage, file, frame=10)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 4, 18
    with inside(editor):
        assert operators.track() == {"FINISHED"}
        assert (scene.frame_current, last_frame(editor.clip)) == (18, 18)
        scene.frame_current = 10
        assert operators.track(direction="BACKWARDS") == {"FINISHED"}
    assert scene.frame_current == 4
    assert objects_of(editor.clip) == ["Camera"]
    session = session_of(file)
    assert session.session.status is SessionStatus.TRACKING_COMPLETE
    assert str(session.session.tracked_frames) == "4-18"
    assert session.session.name == f"shot {editor.clip.name}"

    clip = new_clip(footage, 10)
    track_session(clip, tmp_path / "other", [(10, 18), (10, 4)])
    assert markers_of(clip) == markers_of(editor.clip)


def test_a_script_tracks_without_a_window(footage: Footage, file: Path) -> None:
    """The working set is in a clip of its own, which the editor shows meanwhile."""
    editor = new_file(footage, file)
    with inside(editor):
        assert operators.track() == {"FINISHED"}
    assert str(session_of(file).session.tracked_frames) == f"1-{FRAMES}"
    assert last_frame(editor.clip) == FRAMES


def test_frames_are_those_of_the_scene(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    editor.clip.frame_start = 101
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = 50, 400, 101
    with inside(editor):
        assert operators.track() == {"FINISHED"}
    assert (scene.frame_current, last_frame(editor.clip)) == (100 + FRAMES, FRAMES)
    scene.frame_current = 106
    for track in editor.clip.tracking.tracks:
        track.select = track.name.startswith("Survives")
    with inside(editor):
        operators.track(direction="BACKWARDS")
    assert scene.frame_current == 101  # the first frame of the clip


def test_both_ways_from_the_same_frame(footage: Footage, file: Path, tmp_path: Path) -> None:
    editor = new_file(footage, file, frame=10)
    with inside(editor):
        assert operators.track(direction="BOTH", extent="CLIP") == {"FINISHED"}
    session = session_of(file)
    assert str(session.session.tracked_frames) == f"1-{FRAMES}"
    assert session.session.status is SessionStatus.TRACKING_COMPLETE
    clip = new_clip(footage, 10)
    track_session(clip, tmp_path / "other", [(10, FRAMES), (10, 1)])
    assert markers_of(clip) == markers_of(editor.clip)


@pytest.mark.parametrize(("extent", "tracked"), [("SCENE", "7-18"), ("CLIP", f"1-{FRAMES}"), ("FRAMES", "8-12")])
def test_how_far_a_pass_goes(footage: Footage, file: Path, extent: str, tracked: str) -> None:
    editor = new_file(footage, file, frame=10)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 7, 18
    with inside(editor):
        operators.track(direction="BOTH", extent=extent, frames=2)
    assert str(session_of(file).session.tracked_frames) == tracked


def test_a_click_or_a_shortcut_goes_as_far_as_the_panel_says(footage: Footage, file: Path) -> None:
    """Without a window Blender only executes operators, so the test calls the method that a click calls."""
    new_file(footage, file)
    chosen: Any = bpy.context.scene.tracking_sessions  # type: ignore[attr-defined]
    chosen.extent, chosen.frames, chosen.pause_below = "FRAMES", 3, 8
    properties: Any = bpy.context.window_manager.operator_properties_last("tracking_sessions.track")
    names = TRACKING_SESSIONS_OT_track._chosen
    clicked: Any = SimpleNamespace(properties=properties, _chosen=names)
    TRACKING_SESSIONS_OT_track._choose(clicked, bpy.context)  # type: ignore[arg-type]
    assert (clicked.extent, clicked.frames, clicked.pause_below) == ("FRAMES", 3, 8)
    properties.extent = "CLIP"
    clicked = SimpleNamespace(properties=properties, _chosen=names)
    TRACKING_SESSIONS_OT_track._choose(clicked, bpy.context)  # type: ignore[arg-type]
    assert (clicked.frames, hasattr(clicked, "extent")) == (3, False)


def test_a_pass_pauses_when_too_few_tracks_are_left_and_resume_goes_on(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    count = len(editor.clip.tracking.tracks)
    with inside(editor):
        assert operators.track(pause_below=count) == {"FINISHED"}
    session = session_of(file)
    (last,) = session.passes
    assert (last.outcome, last.alive < count) == (Outcome.PAUSED, True)
    assert last.detail == f"fewer than {count} tracks" and 1 < last.last_frame < FRAMES
    assert editor.clip.tracking.tracks[0].markers.find_frame(last.last_frame) is not None, "all markers are there"
    assert overview.overview(editor.clip).pause_reason == last.detail
    with inside(editor):
        assert operators.resume(pause_below=count) == {"FINISHED"}
    assert session_of(file).session.status is SessionStatus.TRACKING_COMPLETE
    assert overview.overview(editor.clip).pause_reason == ""


def test_the_scene_keeps_the_settings_of_the_panel(footage: Footage, file: Path) -> None:
    new_file(footage, file)
    chosen: Any = bpy.context.scene.tracking_sessions  # type: ignore[attr-defined]
    chosen.extent, chosen.frames = "FRAMES", 7
    bpy.ops.wm.save_mainfile()
    open_file(file)
    chosen = bpy.context.scene.tracking_sessions  # type: ignore[attr-defined]
    assert (chosen.extent, chosen.frames) == ("FRAMES", 7)
    bpy.context.window_manager.windows[0].scene = bpy.data.scenes.new("Other")
    assert bpy.context.scene.tracking_sessions.extent == "SCENE"  # type: ignore[attr-defined]


@pytest.mark.parametrize("direction", ["FORWARDS", "BACKWARDS", "BOTH"])
def test_buttons_say_which_way_they_track(direction: str) -> None:
    properties: Any = SimpleNamespace(direction=direction)
    words = TRACKING_SESSIONS_OT_track.description(bpy.context, properties)
    assert ("forwards" in words, "backwards" in words) == (direction != "BACKWARDS", direction != "FORWARDS")


@pytest.mark.parametrize(("frame", "backwards"), [(18, False), (20, False), (4, True), (2, True)])
def test_there_is_nothing_to_track_at_the_end_of_the_scene(
    footage: Footage, file: Path, frame: int, backwards: bool
) -> None:
    editor = new_file(footage, file)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = 4, 18, frame
    with inside(editor), pytest.raises(RuntimeError, match="go to another frame"):
        operators.track(direction="BACKWARDS" if backwards else "FORWARDS")
    assert live.running() is None


def test_an_operator_reports_that_no_track_is_usable(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    for track in editor.clip.tracking.tracks:
        track.lock = True
    with (
        inside(editor),
        pytest.raises(RuntimeError, match="All selected tracks are hidden or locked"),
    ):
        operators.track()
    with inside(editor):
        assert operators.track.poll()
    assert find_session(editor.clip, mark_of(editor.clip)) is None  # a refused click leaves no empty session


def test_a_paused_pass_is_resumed(footage: Footage, file: Path, tmp_path: Path) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=6)
    with inside(editor):
        assert not operators.track.poll()
        assert operators.pause() == {"FINISHED"}
    assert not run.tick()
    assert live.running() is None
    assert (last_frame(editor.clip), bpy.context.scene.frame_current) == (7, 7)
    with inside(editor):
        assert not operators.pause.poll()
        assert operators.resume() == {"FINISHED"}
        assert not operators.resume.poll()
    clip = new_clip(footage)
    track_session(clip, tmp_path / "other", [(1, FRAMES)])
    assert markers_of(clip) == markers_of(editor.clip)


def test_a_pause_between_two_passes_does_not_end_the_tracking(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file, frame=10)
    shot = recovery.open_shot(editor)
    shot.start([(10, 12), (10, 5)])
    shot.session.close()  # like a stopped command
    known.forget_written(session_of(file).session.id)
    run = begin(editor, backwards=None, steps=2)
    while run.run.outcome is None:
        assert run.tick(0)
    run.finish()
    assert session_of(file).session.status is SessionStatus.TRACKING
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    assert str(session_of(file).session.tracked_frames) == "5-12"
    assert session_of(file).session.status is SessionStatus.TRACKING_COMPLETE


def test_frames_lost_with_blender_are_restored(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=8)
    run.finish()
    expected = markers_of(editor.clip)
    registration.unregister()  # a new process of Blender
    registration.register()

    editor = open_file(file)
    assert last_frame(editor.clip) == 1
    seen = overview.overview(editor.clip)
    assert (seen.missing > 0, seen.last_frame, seen.resume_frame) == (True, 9, 9)
    with inside(editor):
        assert not operators.track.poll()
        assert operators.restore() == {"FINISHED"}
        assert markers_of(editor.clip) == expected
        assert not operators.restore.poll()
        assert operators.resume() == {"FINISHED"}
    assert last_frame(editor.clip) == FRAMES


def test_a_resume_restores_first(footage: Footage, file: Path, tmp_path: Path) -> None:
    begin(new_file(footage, file), steps=8).finish()
    editor = open_file(file)
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    clip = new_clip(footage)
    track_session(clip, tmp_path / "other", [(1, FRAMES)])
    assert markers_of(clip) == markers_of(editor.clip)


def test_start_fresh_leaves_the_old_session_aside(footage: Footage, file: Path) -> None:
    begin(new_file(footage, file), steps=8).finish()
    editor = open_file(file)
    old = session_of(file)
    with inside(editor):
        assert operators.start_fresh() == {"FINISHED"}
        assert not operators.start_fresh.poll()
        assert overview.overview(editor.clip) == overview.Overview()
        assert operators.track() == {"FINISHED"}
    new = session_of(file)
    assert new.session.id != old.session.id
    assert type(old)(old.path).session.state is SessionState.DISCARDED


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_damaged_session_can_be_left_aside(footage: Footage, file: Path, is_seen: bool) -> None:
    """Early damage shows only when the journal is read, because the session file covers the records before it."""
    editor = new_file(footage, file)
    begin(editor, steps=8).finish()
    session = session_of(file)
    journal = session.folder / "journal.1"
    data = flip(journal, 300)
    if is_seen:
        session.path.write_text("no session", encoding="utf-8")
    bpy.context.scene.frame_current = 1
    with inside(editor):
        assert bool(overview.overview(editor.clip).error) == is_seen
        with pytest.raises(RuntimeError, match="cannot be read" if is_seen else "is damaged"):
            operators.track()
        assert operators.start_fresh() == {"FINISHED"}
        assert operators.track() == {"FINISHED"}
    assert journal.read_bytes() == data


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("track", ""),
        ("resume", "Nothing was interrupted in this clip"),
        ("restore", "This file has all recorded frames"),
        ("start_fresh", "This clip has no session yet"),
    ],
)
def test_buttons_explain_why_they_are_grey(footage: Footage, file: Path, name: str, reason: str) -> None:
    editor = new_file(footage, file)
    operator = getattr(operators, name)
    assert not operator.poll()
    with inside(editor):
        assert operator.poll() == (not reason)
        editor.space.mode = "MASK"
        with pytest.raises(RuntimeError, match="Set the Movie Clip Editor to Tracking"):
            operator()
        editor.space.mode = "TRACKING"
        if reason:
            with pytest.raises(RuntimeError, match=reason):
                operator()
        begin(editor, steps=1)
        with pytest.raises(RuntimeError, match="pause it first"):
            operator()
        live.running().finish()  # type: ignore[union-attr]


def test_an_operator_reports_that_no_pass_can_resume(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    with pytest.raises(UsageError, match="nothing to resume"):
        begin(editor, backwards=None)
    assert live.running() is None
