# SPDX-License-Identifier: GPL-3.0-or-later
"""The Clip Editor, and Blender's own tracker in it."""

from __future__ import annotations

from tracking_sessions.bridge.clip.editor import blender_is_tracking
from tracking_sessions.tests.bpy.window import blender_tracks


def test_blenders_tracker_is_noticed_while_it_runs() -> None:
    assert not blender_is_tracking()
    with blender_tracks():
        assert blender_is_tracking()
    assert not blender_is_tracking()
