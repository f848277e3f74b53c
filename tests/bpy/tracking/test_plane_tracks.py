# SPDX-License-Identifier: GPL-3.0-or-later
"""Plane tracks follow their tracks when a pass ends, as they do in Blender."""

from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import background_editor
from tracking_sessions.tests.bpy.tracker import chosen, new_clip, settings_of, track_sequence, track_session
from tracking_sessions.tests.footage import Shot


def with_plane(footage: Shot) -> Any:
    """A clip with a plane track on four of its tracks, on frame 10."""
    clip = new_clip(footage, 10)
    tracks = clip.tracking.tracks
    for track in tracks:
        track.select = track.name in ("Survives.01", "Survives.02", "Survives.03", "Survives.04")
    with (
        background_editor(clip) as editor,
        bpy.context.temp_override(window=editor.window, area=editor.area, region=editor.region),
    ):
        editor.space.clip_user.frame_current = 10
        bpy.ops.clip.create_plane_track()
    for track in tracks:
        track.select = True
    tracks[2].select_pattern = False
    return clip


@pytest.mark.parametrize("separate_clip", [True, False])
def test_plane_tracks_follow_as_in_blender(footage: Shot, tmp_path: Path, separate_clip: bool) -> None:
    expected, clip = with_plane(footage), with_plane(footage)
    for start, end in ((10, 20), (10, 2)):
        track_sequence(expected, start, end)
    names = [track.name for track in chosen(clip)]
    before = settings_of(clip, without=[*names, "Plane Track"])
    track_session(clip, tmp_path, [(10, 20), (10, 2)], separate_clip=separate_clip)
    assert settings_of(clip, without=[*names, "Plane Track"]) == before
    (plane,), (model,) = clip.tracking.plane_tracks, expected.tracking.plane_tracks
    assert [marker.frame for marker in plane.markers] == [marker.frame for marker in model.markers]
    assert len(plane.markers) == 21
    for marker, other in zip(plane.markers, model.markers, strict=True):
        for corner, wanted in zip(marker.corners, other.corners, strict=True):
            assert tuple(corner) == pytest.approx(tuple(wanted), abs=1e-5)
