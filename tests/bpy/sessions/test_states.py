# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist goes back to any state of the session, names and compares states, and lets old ones go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge import watch
from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.clip.markers import read_settings
from tracking_sessions.bridge.clip.movie_clip import mark_of
from tracking_sessions.bridge.open_file import open_file as known
from tracking_sessions.bridge.sessions.states import StateView
from tracking_sessions.core.journal.history import Kind, State
from tracking_sessions.core.journal.state_words import state_id
from tracking_sessions.core.recording.going_back import go_back
from tracking_sessions.tests.bpy.recordings import killed
from tracking_sessions.tests.bpy.tracker import Markers, markers_of
from tracking_sessions.tests.bpy.window import (
    begin,
    held_session_of,
    inside,
    look,
    new_file,
    open_editor,
    open_file,
    operators,
    session_of,
    start_blender_anew,
)
from tracking_sessions.tests.commands.processes import owned
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


def states(file: Path) -> list[State]:
    return session_of(file).history().states


def go(editor: ClipEditor, state: State) -> None:
    with inside(editor):
        assert operators.go_back(state=state_id(state.position)) == {"FINISHED"}


def everything(editor: ClipEditor) -> tuple[Markers, dict[str, Any]]:
    """The markers of the clip, and the settings of its tracks, without their selection."""
    settings = {
        f"{where.name}/{track.name}": {
            name: value for name, value in read_settings(track).items() if not name.startswith("select")
        }
        for where in editor.clip.tracking.objects
        for track in where.tracks
    }
    return markers_of(editor.clip), settings


@pytest.fixture
def worked_on(footage: Footage, file: Path) -> tuple[ClipEditor, list[tuple[Markers, dict[str, Any]]]]:
    """A clip that was tracked, edited and tracked on, and what it had at each of its states."""
    editor = new_file(footage, file)
    begin(editor, steps=5).finish()
    seen = [everything(editor)]
    tracks = editor.clip.tracking.tracks
    tracks[0].markers.delete_frame(3)
    tracks[1].name, tracks[2].name = "Renamed", "Ümläut 日本"
    tracks[3].weight = 0.25
    tracks[4].lock = True
    editor.delete_tracks(editor.clip.tracking.objects[0], {tracks[5].name, tracks[6].name})
    tracks.new(name="New", frame=2)
    seen.append(everything(editor))
    begin(editor, steps=4).finish()
    seen.append(everything(editor))
    return editor, seen


def test_going_back_to_each_state_gives_the_clip_as_it_was(
    worked_on: tuple[ClipEditor, list[tuple[Markers, dict[str, Any]]]], file: Path
) -> None:
    editor, seen = worked_on
    before = states(file)[-3:]
    assert [state.kind for state in before] == [Kind.PASS, Kind.EDIT, Kind.PASS]
    for turn in (before, before[::-1]):
        for state in turn:
            go(editor, state)
            assert everything(editor) == seen[before.index(state)]
            assert mark_of(editor.clip).position == session_of(file).position
            assert not session_of(file).owner and look(editor.clip).missing == 0
    assert [state.kind for state in states(file)[-5:]] == [Kind.RESTORED] * 5


def test_going_back_in_a_file_that_lacks_the_newest_state_records_nothing_else(
    worked_on: tuple[ClipEditor, list[tuple[Markers, dict[str, Any]]]], file: Path
) -> None:
    _, seen = worked_on
    killed()
    editor = open_file(file)
    watch.tick()
    go(editor, held_session_of(file).history().states[-2])
    assert everything(editor) == seen[-2]
    before = held_session_of(file).history().states
    watch.note("TRACKING_SESSIONS_OT_go_back")
    watch.tick()
    editor.clip.tracking.tracks[0].weight = 0.5
    watch.note("TEST_OT_weight")
    watch.tick()
    after = held_session_of(file).history().states
    assert [state.tracks for state in after[len(before) :]] == [1]


def test_going_back_in_a_file_just_opened_is_recorded_once(footage: Footage, file: Path) -> None:
    begin(new_file(footage, file), steps=4).finish()
    bpy.ops.wm.save_mainfile()
    first = states(file)[0]
    start_blender_anew()
    editor = open_file(file)
    watch.tick()
    go(editor, first)
    gone_back = everything(editor)
    watch.note("TRACKING_SESSIONS_OT_go_back")
    watch.tick()
    assert [state.kind for state in states(file)] == [Kind.EDIT, Kind.PASS, Kind.RESTORED]
    assert everything(editor) == gone_back


def test_what_was_not_recorded_is_recorded_before_it_goes(
    worked_on: tuple[ClipEditor, list[tuple[Markers, dict[str, Any]]]], file: Path
) -> None:
    editor, seen = worked_on
    editor.clip.tracking.tracks[0].markers[0].co = (0.125, 0.25)
    unrecorded = everything(editor)
    go(editor, states(file)[-1])
    assert everything(editor) == seen[-1]
    edited = states(file)[-2]
    assert (edited.kind, edited.tracks) == (Kind.EDIT, 1)
    go(editor, edited)
    assert everything(editor) == unrecorded


def test_a_state_is_there_after_a_crash_and_a_restart(
    worked_on: tuple[ClipEditor, list[tuple[Markers, dict[str, Any]]]], file: Path
) -> None:
    editor, seen = worked_on
    first = next(state for state in states(file) if state.kind is Kind.PASS)
    go(editor, first)
    start_blender_anew()
    editor = open_file(file)
    assert look(editor.clip).missing
    with inside(editor):
        operators.restore()
    assert everything(editor)[0] == seen[0][0]
    go(editor, states(file)[-2])
    assert everything(editor) == seen[2]


def test_a_state_brought_back_without_blender_is_offered_like_one_after_a_crash(
    worked_on: tuple[ClipEditor, list[tuple[Markers, dict[str, Any]]]], file: Path
) -> None:
    editor, seen = worked_on
    bpy.ops.wm.save_mainfile()
    with session_of(file) as session:
        go_back(session, states(file)[-3].position)
    start_blender_anew()
    editor = open_file(file)
    assert look(editor.clip).missing
    with inside(editor):
        operators.restore()
    assert not look(editor.clip).missing
    now = {name: rows for name, rows in markers_of(editor.clip).items() if name in seen[0][0]}
    assert now == seen[0][0]


def test_the_selection_of_the_artist_stays(
    worked_on: tuple[ClipEditor, list[tuple[Markers, dict[str, Any]]]], file: Path
) -> None:
    editor, _ = worked_on
    for place, track in enumerate(editor.clip.tracking.tracks):
        track.select = place == 1
    go(editor, states(file)[-2])
    selected = [track.name for track in editor.clip.tracking.tracks if track.select]
    assert selected == [editor.clip.tracking.tracks[1].name]


def test_a_state_is_named_and_compared(
    worked_on: tuple[ClipEditor, list[tuple[Markers, dict[str, Any]]]],
    file: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    editor, _ = worked_on
    state = states(file)[-2]
    with inside(editor):
        assert operators.name_state(state=state_id(state.position), name="before cleaning") == {"FINISHED"}
    assert [one.name for one in states(file)][-2] == "before cleaning"
    assert mark_of(editor.clip).position == session_of(file).position
    track = editor.clip.tracking.tracks[7]
    moved = track.markers.find_frame(1)
    moved.co = (moved.co.x + 0.1, moved.co.y)
    begin(editor, steps=1).finish()
    bpy.context.scene.frame_current = 30
    with inside(editor):
        assert operators.compare_state(state=state_id(state.position)) == {"FINISHED"}
    assert f"the largest difference is 32 pixels: “{track.name}” at frame 1" in capfd.readouterr().out
    assert bpy.context.scene.frame_current == 1
    assert [one.name for one in editor.clip.tracking.tracks if one.select] == [track.name]


def test_old_states_are_let_go_and_the_file_stays_whole(
    worked_on: tuple[ClipEditor, list[tuple[Markers, dict[str, Any]]]], file: Path
) -> None:
    editor, seen = worked_on
    bpy.ops.wm.save_mainfile()
    saved = mark_of(editor.clip)
    with inside(editor):
        assert operators.let_go() == {"FINISHED"}
    assert len(states(file)) == 1
    assert look(editor.clip).missing == 0 and everything(editor) == seen[-1]
    start_blender_anew()
    editor = open_file(file)
    assert mark_of(editor.clip) == saved and look(editor.clip).missing == 0 and everything(editor) == seen[-1]
    begin(editor, steps=2).finish()
    assert len(states(file)) == 2


def test_nothing_is_done_while_another_blender_has_the_session(
    worked_on: tuple[ClipEditor, list[tuple[Markers, dict[str, Any]]]], file: Path
) -> None:
    editor, seen = worked_on
    with owned(session_of(file).path), inside(editor):
        known.forget()
        for operator in (operators.go_back, operators.name_state, operators.let_go):
            assert not operator.poll()
    assert everything(editor) == seen[-1]


def test_the_view_reads_only_what_is_new(
    worked_on: tuple[ClipEditor, list[tuple[Markers, dict[str, Any]]]], file: Path
) -> None:
    editor, _ = worked_on
    view = StateView()
    expected = states(file)  # lets the session go, which changes it
    assert view.is_due(editor.clip)
    while view.read(editor.clip, 0.0):
        pass
    history = view.history
    assert history.states == expected and not view.is_due(editor.clip)
    begin(editor, steps=1).finish()
    assert view.is_due(editor.clip) and not view.read(editor.clip, 1.0)
    assert view.history is history and history.states == states(file)


def test_a_selection_is_no_part_of_what_undo_took_back(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=3).finish()
    bpy.ops.ed.undo_push(message="pass")
    editor.clip.tracking.tracks[1].lock = True
    watch.note("TEST_OT_lock")
    watch.tick()
    bpy.ops.ed.undo_push(message="lock")
    bpy.ops.ed.undo()
    editor = open_editor(bpy.data.movieclips[0])
    for track in editor.clip.tracking.tracks:
        track.select = not track.select
    go(editor, next(state for state in held_session_of(file).history().states if state.kind is Kind.PASS))
    (aside,) = held_session_of(file).asides
    assert aside.gone_back == {2}
