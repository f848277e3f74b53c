# SPDX-License-Identifier: GPL-3.0-or-later
"""A pass and Blender's own tracker never track at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracking_sessions.operators.editor import BLENDER_TRACKS
from tracking_sessions.tests.bpy.tracker import markers_of
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    blender_tracks,
    inside,
    last_frame,
    new_file,
    operators,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


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
