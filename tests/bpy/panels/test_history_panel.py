# SPDX-License-Identifier: GPL-3.0-or-later
"""The History panel: its list, in a wide and in a narrow sidebar, and its buttons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.open_file import open_file
from tracking_sessions.bridge.sessions.states import STATES, StateView
from tracking_sessions.core.model.wording import clock_time
from tracking_sessions.panels import history as panels
from tracking_sessions.tests.bpy.past import RecordingLayout, drawn
from tracking_sessions.tests.bpy.window import begin, inside, new_file, operators, session_of
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


def fill(editor: ClipEditor) -> None:
    """Fill the list as its timer does."""
    assert bpy.app.timers.is_registered(STATES.timer)
    while STATES.timer() is not None:
        pass
    bpy.app.timers.unregister(STATES.timer)


def listed(editor: ClipEditor) -> list[list[list[str]]]:
    """The drawn lines of each state in the list."""
    layout = drawn(panels.TRACKING_SESSIONS_PT_history, editor)
    found: list[list[list[str]]] = []
    for kind, _, data, rows, *_ in layout.lists:
        assert kind == "TRACKING_SESSIONS_UL_states"
        for item in getattr(data, rows):
            line: Any = RecordingLayout()
            with inside(editor) as context:
                panels.TRACKING_SESSIONS_UL_states.draw_item(None, context, line, data, item, 0, data, "active")  # type: ignore[arg-type]
            found.append(line.lines)
    return found


def test_the_panel_lists_the_states_and_offers_the_way_back(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    assert drawn(panels.TRACKING_SESSIONS_PT_history, editor).text == "Nothing Is Recorded Yet"
    fill(editor)
    begin(editor, steps=4).finish()
    editor.clip.tracking.tracks[0].markers.delete_frame(3)
    begin(editor, steps=1).finish()
    assert listed(editor) == [], "nothing is read while a panel is drawn"
    fill(editor)
    when = clock_time(session_of(file).history().states[-1].time)
    monkeypatch.setattr(panels, "letters_that_fit", lambda context: 80)
    assert listed(editor) == [
        [["Track Forwards", "5-6", when]],
        [["Changes in the Clip", "3", when]],
        [["Track Forwards", "1-5", when]],
        [["Changes in the Clip", "1", when]],
    ]
    monkeypatch.setattr(panels, "letters_that_fit", lambda context: 30)
    assert listed(editor)[0] == [["Track Forwards"], [f"Frames 5-6, {when}"]]
    layout = drawn(panels.TRACKING_SESSIONS_PT_history, editor)
    assert [name for name, _ in layout.given] == [
        f"tracking_sessions.{name}" for name in ("go_back", "name_state", "compare_state", "let_go")
    ]
    assert "Track Forwards, Frames 5-6, 12 Tracks" in layout.text and "Paused" in layout.text


def test_the_chosen_state_is_gone_back_to_and_named(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    drawn(panels.TRACKING_SESSIONS_PT_history, editor)
    fill(editor)
    STATES.data(bpy.context).active = 1
    with inside(editor):
        assert operators.name_state(name="as placed") == {"FINISHED"}
    drawn(panels.TRACKING_SESSIONS_PT_history, editor)
    fill(editor)
    assert [lines[0][0] for lines in listed(editor)] == ["Track Forwards", "as placed"]
    assert STATES.data(bpy.context).active == 1
    with inside(editor):
        assert operators.go_back() == {"FINISHED"}
    assert {len(track.markers) for track in editor.clip.tracking.tracks} == {1}
    drawn(panels.TRACKING_SESSIONS_PT_history, editor)
    fill(editor)
    assert [lines[0][0] for lines in listed(editor)] == ["Restore", "Track Forwards", "as placed"]
    assert STATES.data(bpy.context).active == 2, "the same state stays chosen"
    assert "“as placed”" in drawn(panels.TRACKING_SESSIONS_PT_history, editor).text


def test_nothing_is_read_while_a_pass_runs(footage: Footage, file: Path) -> None:
    run = begin(new_file(footage, file), steps=2)
    drawn(panels.TRACKING_SESSIONS_PT_history, run.editor)
    assert not bpy.app.timers.is_registered(STATES.timer)
    run.finish()
    drawn(panels.TRACKING_SESSIONS_PT_history, run.editor)
    fill(run.editor)
    assert len(listed(run.editor)) == 2


def test_the_list_is_of_the_clip_that_is_shown(footage: Footage, other_footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=2).finish()
    drawn(panels.TRACKING_SESSIONS_PT_history, editor)
    fill(editor)
    assert len(listed(editor)) == 2
    editor.space.clip = bpy.data.movieclips.load(str(other_footage.files[0]))
    drawn(panels.TRACKING_SESSIONS_PT_history, editor)
    fill(editor)
    assert listed(editor) == [] and open_file.view(StateView).history.states == []
