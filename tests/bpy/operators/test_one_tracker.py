# SPDX-License-Identifier: GPL-3.0-or-later
"""A pass and Blender's own tracker never track at the same time, and the keys of that tracker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.open_file import open_file as known
from tracking_sessions.bridge.preferences import Preferences
from tracking_sessions.bridge.tracking import live
from tracking_sessions.operators import keys, track
from tracking_sessions.operators.editor import BLENDER_TRACKS, PASS_RUNS
from tracking_sessions.tests.bpy.driven import Driven
from tracking_sessions.tests.bpy.tracker import live_frames, markers_of
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    blender_tracks,
    inside,
    last_frame,
    new_file,
    operators,
    session_of,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")
PRESS = "PRESS"


def holes(clip: Any) -> int:
    """The frames between the first and the last marker of a track on which the track has none, of all tracks."""
    frames = [live_frames(rows) for rows in markers_of(clip).values()]
    return sum(max(there) - min(there) + 1 - len(there) for there in frames)


def step_of_blender(editor: ClipEditor, *, backwards: bool = False) -> None:
    """Track one frame with Blender's tracker, as a click on its icon does."""
    with inside(editor):
        bpy.ops.clip.track_markers("EXEC_DEFAULT", True, backwards=backwards, sequence=False)


# Blender's tracker runs


@pytest.mark.parametrize("name", ["track", "resume", "restore", "start_fresh"])
def test_no_button_works_while_blender_tracks(footage: Footage, file: Path, name: str) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=3).finish()
    before = markers_of(editor.clip)
    with inside(editor):
        with blender_tracks(), pytest.raises(RuntimeError, match=BLENDER_TRACKS):
            getattr(operators, name)()
        assert markers_of(editor.clip) == before
        assert operators.resume() == {"FINISHED"}
    assert last_frame(editor.clip) == FRAMES


# Blender's tracker begins during a pass


def test_a_pass_pauses_when_blenders_tracker_begins(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    driven = Driven(editor, steps=5)
    monkeypatch.setitem(known.modal, "track", driven)
    assert track.notice_tracker() == live.TICK
    assert live.running() is driven._live
    with blender_tracks():
        assert track.notice_tracker() is None
        assert driven.is_over
        assert session_of(file).resume_frame == last_frame(editor.clip) == 6
        assert holes(editor.clip) == 0
    assert driven.send() == {"CANCELLED"}  # the step of undo exists already
    assert driven.reports == [({"WARNING"}, "Paused at frame 6, because Blender's own tracker was started")]


def test_blenders_tracker_is_one_step_of_undo_after_the_pass(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    monkeypatch.setitem(known.modal, "track", Driven(editor, steps=5))
    with blender_tracks():
        track.notice_tracker()
    tracked = markers_of(editor.clip)
    step_of_blender(editor)
    assert last_frame(editor.clip) == 7
    bpy.ops.ed.undo()
    assert markers_of(bpy.data.movieclips[0]) == tracked


@pytest.mark.parametrize("backwards", [False, True])
def test_a_pass_pauses_after_a_single_step_of_blenders_tracker(footage: Footage, file: Path, backwards: bool) -> None:
    editor = new_file(footage, file, frame=10)
    editor.space.clip_user.frame_current = 10
    step_of_blender(editor)  # an earlier one is no reason
    bpy.context.scene.frame_current = 10
    driven = Driven(editor, steps=5)
    assert driven.send() == {"PASS_THROUGH"}
    assert driven.send("LEFTMOUSE", "RELEASE") == {"PASS_THROUGH"}
    reached = driven._live.run.frame
    step_of_blender(editor, backwards=backwards)
    stepped = bpy.context.scene.frame_current
    assert stepped == (reached - 1 if backwards else reached + 1)
    assert driven.send() == {"CANCELLED"}
    assert driven.is_over
    assert session_of(file).resume_frame == reached
    assert bpy.context.scene.frame_current == stepped
    assert holes(editor.clip) == 0
    assert len(driven.reports) == 1


def test_an_undone_step_of_blenders_tracker_leaves_no_holes(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    before = markers_of(editor.clip)
    driven = Driven(editor, steps=5)
    driven.send("LEFTMOUSE", "RELEASE")
    step_of_blender(editor)
    driven.send()
    bpy.ops.ed.undo()
    assert markers_of(bpy.data.movieclips[0]) == before
    bpy.ops.ed.redo()
    assert holes(bpy.data.movieclips[0]) == 0


def test_a_click_or_key_finds_whole_tracks(footage: Footage, file: Path) -> None:
    """Blender may push a step of undo or track after it."""
    editor = new_file(footage, file)
    driven = Driven(editor, steps=5)
    run = driven._live.run
    assert run.has_pending
    driven.send("MOUSEMOVE", "NOTHING")
    assert run.has_pending
    driven.send("LEFTMOUSE", PRESS)
    assert not run.has_pending
    assert holes(editor.clip) == 0
    assert last_frame(editor.clip) == run.displayed_frame == bpy.context.scene.frame_current == run.frame == 6
    driven.send("ESC")


def test_a_click_after_the_clip_is_gone_ends_the_pass(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    driven = Driven(editor, steps=5)
    bpy.data.movieclips.remove(editor.clip)
    assert driven.send("LEFTMOUSE", PRESS) == {"FINISHED"}
    assert driven.is_over
    assert len(driven.reports) == 1


# The keys of Blender's tracker


@pytest.fixture
def takes_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "preferences", lambda: Preferences(takes_keys=True))


def by_key(number: int) -> Any:
    """Do what the key does that Blender has under this number, without a window."""
    item = our_items()[number]
    names = ("direction", "extent", "frames")
    given = {name: getattr(item.properties, name) for name in names if item.properties.is_property_set(name)}
    return operators.track_by_key(**given)


def our_items() -> list[Any]:
    manager: Any = bpy.context.window_manager
    items = manager.keyconfigs.addon.keymaps["Clip"].keymap_items
    return [item for item in items if item.idname == "tracking_sessions.track_by_key"]


def test_our_keys_are_those_of_blenders_tracker() -> None:
    pressed = [
        (item.type, item.value, item.ctrl, item.shift, item.alt, item.oskey, item.repeat) for item in our_items()
    ]
    assert pressed == [
        ("T", PRESS, 1, 0, 0, 0, False),
        ("T", PRESS, 1, 1, 0, 0, False),
        ("RIGHT_ARROW", PRESS, 0, 0, 1, 0, True),
        ("LEFT_ARROW", PRESS, 0, 0, 1, 0, True),
    ]


def test_the_keys_stay_blenders_by_default(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    with inside(editor):
        assert not operators.track_by_key.poll()  # Blender then asks its own item
        run = begin(editor, steps=2)
        assert operators.track_by_key.poll()
        run.finish()
        assert not operators.track_by_key.poll()


def test_a_key_during_a_pass_says_so(footage: Footage, file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=2)
    with inside(editor):
        assert by_key(0) == {"CANCELLED"}
    assert PASS_RUNS in capfd.readouterr().out
    assert live.running() is run
    assert run.done == 2


@pytest.mark.parametrize(("number", "tracked"), [(0, f"10-{FRAMES}"), (1, "1-10"), (2, "10-11"), (3, "9-10")])
def test_the_keys_track_in_the_session(
    footage: Footage, file: Path, takes_keys: None, number: int, tracked: str
) -> None:
    editor = new_file(footage, file, frame=10)
    with inside(editor):
        assert by_key(number) == {"FINISHED"}
    assert str(session_of(file).session.tracked_frames) == tracked


def test_a_key_says_why_it_cannot_track_in_the_session(
    footage: Footage, file: Path, takes_keys: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """Blender's tracker would not record what the artist relies on."""
    editor = new_file(footage, file)
    before = markers_of(editor.clip)
    with inside(editor):
        with blender_tracks():
            assert by_key(0) == {"CANCELLED"}
        assert BLENDER_TRACKS in capfd.readouterr().out
        editor.space.mode = "MASK"
        assert not operators.track_by_key.poll()
    assert markers_of(editor.clip) == before
