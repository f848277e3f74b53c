# SPDX-License-Identifier: GPL-3.0-or-later
"""The Clip Editor, and Blender's own tracker in it."""

from __future__ import annotations

import pytest

from tracking_sessions.bridge.clip import editor
from tracking_sessions.bridge.clip.editor import blender_is_tracking
from tracking_sessions.tests.bpy.window import blender_tracks


def test_blenders_tracker_is_noticed_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as renders:
        renders.setattr(editor, "is_locked", lambda: True)
        assert not blender_is_tracking()
    with blender_tracks():
        assert blender_is_tracking()
        with monkeypatch.context() as ended:  # until the next event the operator is still modal
            ended.setattr(editor, "is_locked", lambda: False)
            assert not blender_is_tracking()
    assert not blender_is_tracking()
