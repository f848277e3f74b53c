# SPDX-License-Identifier: GPL-3.0-or-later
"""The strip over the timeline: its segments, and when it is drawn. Its picture needs a window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions import registration
from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.open_file import open_file as known
from tracking_sessions.bridge.preferences import preferences
from tracking_sessions.bridge.review import deciding
from tracking_sessions.bridge.sessions import overview
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.errors import ClipChanged
from tracking_sessions.core.model.flags import Flag, FlagKind, Severity
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.review import actions
from tracking_sessions.core.review.timeline import Kind
from tracking_sessions.panels import strip
from tracking_sessions.tests.bpy.tracker import new_clip
from tracking_sessions.tests.bpy.window import begin, inside, new_file, open_editor, open_file, operators, session_of
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

pytestmark = pytest.mark.usefixtures("registered")


@pytest.fixture
def enabled() -> Any:
    """The stored preferences, as of an extension that is enabled."""
    addon = bpy.context.preferences.addons.new()
    addon.module = "tracking_sessions"
    return addon.preferences


def shown(editor: ClipEditor) -> list[tuple[int, int, Kind]] | None:
    """The parts of the strip; None if there is none."""
    found = kept(editor)
    return None if found is None else [tuple(part) for part in found.parts]


def kept(editor: ClipEditor) -> strip.Strip | None:
    region = max(
        editor.area.regions, key=lambda region: region.width
    )  # without a window, 4.2 gives some regions no width
    with bpy.context.temp_override(window=editor.window, area=editor.area, region=region):
        return strip.strip_in(bpy.context)


def test_without_a_session_there_is_no_strip(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    assert shown(editor) is None
    editor.space.clip = None
    assert shown(editor) is None


def test_it_follows_the_run_and_stays_afterwards(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    running = begin(editor, steps=3)
    assert shown(editor) == [(1, 4, Kind.TRACKED), (5, 40, Kind.DUE)]
    running.tick(0)
    running.run.suspend()  # the tracks get their pending markers
    there = [(1, 5, Kind.TRACKED), (6, 40, Kind.DUE)]
    assert shown(editor) == there
    running.finish()
    assert shown(editor) == there
    bpy.ops.wm.save_mainfile()
    editor = open_file(file)
    assert shown(editor) == there


def test_frames_that_no_pass_was_to_cover_are_untracked(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    scene = bpy.context.scene
    scene.frame_end = 8
    begin(editor, steps=2).finish()
    scene.frame_start, scene.frame_end = 0, 30
    parts = [(0, 0, Kind.UNTRACKED), (1, 3, Kind.TRACKED), (4, 8, Kind.DUE), (9, 30, Kind.UNTRACKED)]
    assert shown(editor) == parts
    editor.clip.frame_start = 11
    scene.frame_start, scene.frame_end = 11, 20
    assert shown(editor) == [(11, 13, Kind.TRACKED), (14, 18, Kind.DUE), (19, 20, Kind.UNTRACKED)]


def test_frames_on_which_tracks_got_lost_are_problems(tmp_path: Path, file: Path) -> None:
    footage = make_shot(tmp_path / "plate", 60, 320, 180, tracks=12)
    editor = new_file(footage, file)
    running = begin(editor, steps=58)
    lost = sorted(running.shot.session.lost.frames)
    assert lost, "the footage loses no track"
    for is_running in (True, False):
        if not is_running:
            running.finish()
        parts = shown(editor)
        assert parts is not None
        problems = FrameRanges((first, last) for first, last, kind in parts if kind is Kind.PROBLEM)
        assert problems == FrameRanges.of(lost)


def test_frames_that_the_file_lacks_look_unlike_those_that_it_has(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=3).finish()
    bpy.ops.wm.save_mainfile()
    bpy.ops.ed.undo_push(message="before")
    begin(editor, steps=4).finish()
    bpy.ops.ed.undo_push(message="Track in Session")
    there = [(1, 8, Kind.TRACKED), (9, 40, Kind.DUE)]
    absent = [(1, 4, Kind.TRACKED), (5, 8, Kind.ABSENT), (9, 40, Kind.DUE)]
    assert shown(editor) == there
    bpy.ops.ed.undo()
    editor = open_editor(bpy.data.movieclips[0])
    overview.overview(editor.clip)
    assert shown(editor) == absent
    seen = overview.last_overview(open_file(file).clip)
    assert (seen.missing_frames, seen.undone_frames) == (FrameRanges.parse("5-8"), FrameRanges())
    assert shown(open_editor(bpy.data.movieclips[0])) == absent


def test_frames_with_few_tracks_are_shown(footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=9).finish()
    seen = overview.overview(editor.clip)._replace(thin=FrameRanges.parse("4-6"))
    monkeypatch.setattr(overview, "last_overview", lambda _: seen)
    assert (shown(editor) or [])[1] == (4, 6, Kind.THIN)


def test_the_strip_shows_the_verdicts_of_a_review(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=9).finish()
    recording = deciding.begin(editor.clip)
    assert recording.session is not None
    jump = Flag(FlagKind.JUMP, Severity.ERROR, 1, 4, 4, 3.0, 0.5, "px")
    drift = Flag(FlagKind.DRIFT, Severity.WARNING, 1, 6, 7, 0.5, 0.25, "px")
    kinds = {FlagKind.JUMP, FlagKind.DRIFT}
    deciding.record(
        recording,
        actions.audited(recording.session, FrameRanges.parse("1-8"), [jump, drift], kinds, is_full=False),
    )
    parts = [
        (1, 3, Kind.APPROVED),
        (4, 4, Kind.FAILED),
        (5, 5, Kind.APPROVED),
        (6, 7, Kind.SUSPECT),
        (8, 8, Kind.APPROVED),
        (9, 10, Kind.TRACKED),
        (11, 40, Kind.DUE),
    ]
    assert shown(editor) == parts
    deciding.approve(editor.clip, FrameRanges.parse("6-7"))
    assert (shown(editor) or [])[2] == (5, 8, Kind.APPROVED)
    bpy.ops.wm.save_mainfile()
    editor = open_file(file)
    assert (shown(editor) or [])[1:3] == [(4, 4, Kind.FAILED), (5, 8, Kind.APPROVED)]
    running = begin(editor, backwards=None, steps=2)
    assert (shown(editor) or [])[1:3] == [(4, 4, Kind.FAILED), (5, 8, Kind.APPROVED)]
    running.finish()


def test_the_strip_is_made_again_when_the_tracks_change(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    running = begin(editor, steps=3)
    first = kept(editor)
    assert first is not None and kept(editor) is first
    running.tick(0)
    assert kept(editor) is first, "the tracks do not have the frame yet"
    running.run.suspend()
    second = kept(editor)
    assert second is not first and kept(editor) is second
    running.finish()
    third = kept(editor)
    assert kept(editor) is third
    bpy.context.scene.frame_end -= 1
    assert kept(editor) is not third


def test_drawing_the_strip_again_reads_no_file(footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = new_file(footage, file)
    running = begin(editor, steps=2)
    with monkeypatch.context() as patched:
        patched.delattr(overview, "overview")
        assert shown(editor) == [(1, 3, Kind.TRACKED), (4, 40, Kind.DUE)]
        editor.clip.name = "another name"
        running.tick(0)
        running.run.suspend()
        there = [(1, 4, Kind.TRACKED), (5, 40, Kind.DUE)]
        assert shown(editor) == there
    running.finish()
    assert shown(editor) == there
    with monkeypatch.context() as patched:
        patched.delattr(overview, "overview")
        assert shown(editor) == there


def test_another_clip_has_its_own_strip_while_one_is_tracked(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=2).finish()
    tracked = editor.clip
    running = begin(ClipEditor(editor.window, editor.area, tracked), backwards=None, steps=2)
    other = new_clip(footage)
    editor.space.clip = other
    assert shown(editor) is None
    editor.space.clip = tracked
    assert shown(editor) == [(1, 5, Kind.TRACKED), (6, 40, Kind.DUE)]
    running.finish()


def test_the_strip_of_a_clip_deleted_during_a_pass_goes(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    other = new_clip(footage)
    begin(editor, steps=3)
    bpy.data.movieclips.remove(editor.clip)
    editor.space.clip = other
    assert live.running() is not None
    assert shown(editor) is None
    with pytest.raises(ClipChanged):
        live.running().finish()
    assert session_of(file).is_interrupted


@pytest.mark.parametrize(("setting", "value"), [("view", "GRAPH"), ("mode", "MASK")])
def test_it_is_there_for_tracking_only(footage: Footage, file: Path, setting: str, value: str) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=3).finish()
    assert shown(editor) is not None
    setattr(editor.space, setting, value)
    assert shown(editor) is None


def test_one_click_hides_the_strip_and_another_shows_it(footage: Footage, file: Path, enabled: Any) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=3).finish()
    before = shown(editor)
    with inside(editor):
        assert operators.toggle_strip.poll()
        operators.toggle_strip()
        assert not preferences().has_strip
        assert bpy.context.preferences.is_dirty
        assert shown(editor) is None
        operators.toggle_strip()
    assert before is not None and shown(editor) == before


def test_without_stored_preferences_nothing_can_be_switched(footage: Footage, file: Path) -> None:
    with inside(new_file(footage, file)):
        assert not operators.toggle_strip.poll()
        with pytest.raises(RuntimeError, match="Enable the extension in the Preferences first"):
            operators.toggle_strip()


def test_nothing_is_drawn_after_unregistering() -> None:
    for _ in range(2):
        handle = strip._handle
        registration.unregister()
        with pytest.raises(ValueError):
            bpy.types.SpaceClipEditor.draw_handler_remove(handle, "WINDOW")
        assert not known.view(strip._Strips)
        registration.register()
