# SPDX-License-Identifier: GPL-3.0-or-later
"""The clips of other tests: Blender's own tracker keeps, loses and leaves their tracks as their kinds say."""

import math
from pathlib import Path

import bpy
import pytest

from tracking_sessions.tests.footage import Shot, make_long, make_shot
from tracking_sessions.tests.pictures import MIRE2, mire2


def track(shot: Shot, pattern_match: str = "KEYFRAME", backwards: bool = False) -> dict[str, dict[int, float]]:
    """Track with Blender's sequence. Per track the error in pixels of each frame with a live marker."""
    clip = bpy.data.movieclips.load(str(shot.files[0]))
    assert clip.frame_duration == shot.frames
    clip.tracking.settings.speed = "FASTEST"
    start = shot.frames if backwards else 1
    for wanted in shot.tracks:
        if not shot.visible(wanted.name, start):
            continue
        track = clip.tracking.tracks.new(name=wanted.name, frame=start)
        track.pattern_match, track.select = pattern_match, True
        marker = track.markers[0]
        marker.co = shot.truth(wanted.name, start)
        x, y = 10.5 / shot.width, 10.5 / shot.height
        marker.pattern_corners = ((-x, -y), (x, -y), (x, y), (-x, y))
        x, y = 35.5 / shot.width, 35.5 / shot.height
        marker.search_min, marker.search_max = (-x, -y), (x, y)
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "CLIP_EDITOR"
    space = area.spaces.active
    space.clip, space.mode, space.clip_user.frame_current = clip, "TRACKING", start
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
        bpy.ops.clip.track_markers(backwards=backwards, sequence=True)
    return {
        track.name: {marker.frame: error(shot, track.name, marker) for marker in track.markers if not marker.mute}
        for track in clip.tracking.tracks
    }


def error(shot: Shot, name: str, marker: bpy.types.MovieTrackingMarker) -> float:
    x, y = shot.truth(name, marker.frame)
    return math.hypot((marker.co[0] - x) * shot.width, (marker.co[1] - y) * shot.height)


@pytest.mark.parametrize("pattern_match", ["KEYFRAME", "PREV_FRAME"])
def test_blender_tracks_and_loses_the_tracks_as_their_kinds_say(tmp_path: Path, pattern_match: str) -> None:
    shot = make_shot(tmp_path, 60)
    errors = track(shot, pattern_match)
    kinds = [wanted.kind for wanted in shot.tracks]
    assert (kinds.count("survives"), kinds.count("leaves"), kinds.count("lost")) == (16, 4, 4)
    for wanted in shot.tracks:
        seen = errors[wanted.name]
        if wanted.kind == "survives":
            assert len(seen) == 60
            assert max(seen.values()) < 0.5
        else:
            assert 10 < max(seen) < 55
            assert sorted(seen.values())[len(seen) // 2] < 0.2
        if wanted.kind == "leaves":
            x, y = shot.truth(wanted.name, max(seen))
            assert min(x * shot.width, y * shot.height) < 25


def test_blender_tracks_the_shot_backwards(tmp_path: Path) -> None:
    shot = make_shot(tmp_path, 60)
    errors = track(shot, backwards=True)
    for wanted in shot.tracks:
        if wanted.kind == "survives":
            assert len(errors[wanted.name]) == 60
            assert max(errors[wanted.name].values()) < 0.5


def test_the_same_arguments_give_the_same_files(tmp_path: Path) -> None:
    first, second = make_shot(tmp_path / "a", 5, 320, 180, tracks=0), make_shot(tmp_path / "b", 5, 320, 180, tracks=0)
    assert [file.read_bytes() for file in first.files] == [file.read_bytes() for file in second.files]


def test_a_long_clip_repeats_its_frames_and_keeps_its_tracks(tmp_path: Path) -> None:
    shot = make_long(tmp_path, 60, 640, 360, tracks=30, loop=40)
    assert shot.files[0].samefile(shot.files[40])
    errors = track(shot)
    assert len(errors) == 30
    for seen in errors.values():
        assert len(seen) == 60
        assert max(seen.values()) < 0.5


@pytest.mark.skipif(not MIRE2.exists(), reason="the Debian package visp-images-data is not installed")
def test_mire2_becomes_a_clip_of_501_frames(tmp_path: Path) -> None:
    clip = bpy.data.movieclips.load(str(mire2(tmp_path)[0]))
    assert (clip.frame_duration, *clip.size) == (501, 384, 288)
