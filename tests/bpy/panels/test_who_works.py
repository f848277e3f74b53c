# SPDX-License-Identifier: GPL-3.0-or-later
"""The Session panel says why its buttons wait: for Blender's tracker, for a restore, or for another Blender."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracking_sessions.bridge.open_file import open_file as known
from tracking_sessions.bridge.sessions import overview
from tracking_sessions.bridge.sessions.recording import set_recorded
from tracking_sessions.tests.bpy.panels.layout import drawn
from tracking_sessions.tests.bpy.window import begin, blender_tracks, new_file, session_of
from tracking_sessions.tests.commands.processes import owned
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")

PAUSED = "Paused at Frame 5, 12 Tracks"


def test_blenders_tracker_is_named_in_the_place_of_what_could_be_resumed(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    assert drawn(editor).words[0] == PAUSED
    with blender_tracks():
        layout = drawn(editor)
        assert layout.words[0] == "Blender Is Tracking" and PAUSED not in layout.words
        assert layout.buttons == ["Backwards", "Both", "Forwards"]
    assert drawn(editor).words[0] == PAUSED


def test_the_panel_says_why_resume_waits(footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    assert "Restore first" not in drawn(editor).text
    seen = overview.overview(editor.clip)._replace(missing=7, in_question=3)
    monkeypatch.setattr(overview, "overview", lambda _: seen)
    assert "Resume Tracking Restore first: 3 tracks changed on both sides" in " ".join(drawn(editor).drawn)


def test_a_blender_without_the_session_says_that_it_records_nothing(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    words = "This Blender does not record your changes meanwhile"
    with owned(session_of(file).path):
        known.forget()
        assert words in drawn(editor).text
        set_recorded(editor.clip, wanted=False)
        assert words not in drawn(editor).text
