# SPDX-License-Identifier: GPL-3.0-or-later
"""Detection finds features on every picture with texture; they follow the picture, and the clip stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor, background_editor
from tracking_sessions.bridge.tracking import detection
from tracking_sessions.bridge.tracking.detection import Detection, place_features
from tracking_sessions.core.errors import Action, FootageUnusable, NothingToTrack
from tracking_sessions.tests.bpy.tracker import Clip, live_frames, markers_of, new_clip, settings_of, track_steps
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tests.pictures import write_png
from tracking_sessions.tests.textures import Floats, bricks, finish, resample

FRAMES = 11
MOVE = 2.3, -1.6  # pixels per frame, to the right and up


def wall(width: int, height: int) -> Floats:
    """A brick wall, HxWx3, 40 pixels larger than a picture on all sides."""
    rng = np.random.default_rng(3)
    return finish(bricks(rng, height + 80, width + 80, height / 14), rng, 0.3)[1:-1, 1:-1, :3]


def softened(picture: Floats, deviation: float) -> Floats:
    reach = round(3 * deviation)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    for _ in range(2):
        padded = np.pad(picture, ((reach, reach), (0, 0), (0, 0)), mode="edge")
        total = sum(weight * padded[at : at + len(picture)] for at, weight in enumerate(weights / weights.sum()))
        picture = np.asarray(total, np.float32).swapaxes(0, 1)
    return picture


def write_plate(folder: Path, scene: Floats, contrast: float = 1, noise: float = 1, frames: int = FRAMES) -> Path:
    """Write the frames of a camera that passes the scene; returns the first file."""
    rng = np.random.default_rng(1)
    height, width = scene.shape[0] - 80, scene.shape[1] - 80
    folder.mkdir()
    for frame in range(frames):
        x, y = np.arange(width) + 40 - MOVE[0] * frame, np.arange(height) + 40 - MOVE[1] * frame
        image = 110 + (resample(scene, x, y) - 110) * contrast + rng.normal(0.5, noise, (height, width, 3))
        write_png(folder / f"p_{frame + 1:04d}.png", np.clip(image, 0, 255).astype(np.uint8))
    return folder / "p_0001.png"


@contextmanager
def opened(first: Path) -> Iterator[ClipEditor]:
    with background_editor(bpy.data.movieclips.load(str(first))) as editor:
        yield editor


def found_on(first: Path, frame: int = 1) -> tuple[Detection, Clip]:
    with opened(first) as editor:
        return place_features(editor, frame), editor.clip


def followed(clip: Clip) -> tuple[int, int, int]:
    """Track to the last frame; returns how many tracks stay in the picture, how many of them live, and how many are
    right to half a pixel."""
    width, height = clip.size
    inside: list[tuple[Any, float, float]] = []
    for track in clip.tracking.tracks:
        x, y = track.markers[0].co[0] * width, track.markers[0].co[1] * height
        end = x + MOVE[0] * (FRAMES - 1), y - MOVE[1] * (FRAMES - 1)
        if end[0] < width - 14 and end[1] < height - 14:
            inside.append((track, *end))
    track_steps(clip, 1, FRAMES)
    alive = [(track.markers.find_frame(FRAMES), x, y) for track, x, y in inside]
    off = [
        np.hypot(marker.co[0] * width - x, marker.co[1] * height - y)
        for marker, x, y in alive
        if marker is not None and not marker.mute
    ]
    return len(inside), len(off), sum(distance < 0.5 for distance in off)


@pytest.mark.parametrize(
    ("size", "soft", "contrast", "noise", "least"),
    [
        ((640, 360), 0, 1, 1, 100),
        ((640, 360), 3, 1, 1, 100),
        ((640, 360), 7, 1, 0.5, 90),
        ((640, 360), 0, 0.1, 0.5, 90),
        ((640, 360), 0, 0.04, 0.3, 90),
        ((640, 360), 0, 1, 25, 100),
        ((640, 360), 2, 0.4, 6, 90),
        ((160, 90), 0, 1, 1, 30),
        ((160, 90), 2, 0.5, 1, 25),
    ],
    ids=["plain", "soft", "very soft", "low contrast", "faint", "noisy", "all three", "small", "small and soft"],
)
def test_features_follow_the_picture(
    tmp_path: Path, size: tuple[int, int], soft: float, contrast: float, noise: float, least: int
) -> None:
    scene = wall(*size)
    found, clip = found_on(write_plate(tmp_path / "p", softened(scene, soft) if soft else scene, contrast, noise))
    assert len(clip.tracking.tracks) == len(found.features) >= least
    assert found.layout.parts_with(found.features) >= 0.9 * found.layout.parts
    begun, alive, right = followed(clip)
    assert begun > 0.4 * least and alive >= 0.85 * begun and right >= 0.8 * begun, (begun, alive, right)


@pytest.mark.parametrize("soft", [False, True])
def test_a_4k_plate_has_as_many_tracks(tmp_path: Path, soft: bool) -> None:
    scene = wall(960, 540)
    large = (
        resample(softened(scene, 1.5)[..., :1], np.arange(3840) / 4, np.arange(2160) / 4)
        if soft
        else np.repeat(np.repeat(scene[:540, :960, :1], 4, 0), 4, 1)
    )
    write_png(tmp_path / "p_0001.png", np.clip(large[..., 0], 0, 255).astype(np.uint8))
    found, clip = found_on(tmp_path / "p_0001.png")
    assert tuple(clip.size) == (3840, 2160)
    assert len(found.features) == 100 and found.layout.parts_with(found.features) >= 45
    assert ("copy" in found.words(1)) == soft, "its features are too soft for Blender"
    places = [track.markers[0].co for track in clip.tracking.tracks]
    assert all(30 / 3840 < place.x < 1 - 30 / 3840 and 30 / 2160 < place.y < 1 - 30 / 2160 for place in places)


@pytest.mark.parametrize("noise", [0, 1.5])
def test_texture_in_one_corner_gives_the_features_of_that_corner(tmp_path: Path, noise: float) -> None:
    scene = np.full((440, 720, 3), 110, np.float32)
    scene[:140, :200] = wall(640, 360)[:140, :200]
    found, _ = found_on(write_plate(tmp_path / "p", scene, noise=noise, frames=1))
    inside = [feature for feature in found.features if feature.x < 0.27 and feature.y > 0.7]
    assert len(inside) >= 12
    assert len(inside) == len(found.features), "grain is no texture"


@pytest.mark.parametrize(("grey", "noise"), [(0, 0), (110, 0), (110, 2), (255, 0)])
def test_a_picture_without_texture_is_refused(tmp_path: Path, grey: int, noise: float) -> None:
    first = write_plate(tmp_path / "p", np.full((440, 720, 3), grey, np.float32), noise=noise, frames=2)
    with opened(first) as editor:
        editor.clip.frame_start = 1001
        before = settings_of(editor.clip)
        with pytest.raises(NothingToTrack, match=r"No features were found on frame 1002: ") as told:
            place_features(editor, 2)
        assert told.value.actions == (Action.CHOOSE_TEXTURED_START,)
        assert settings_of(editor.clip) == before


def test_patterns_larger_than_the_picture_are_refused(tmp_path: Path) -> None:
    first = write_plate(tmp_path / "p", wall(160, 90), frames=1)
    with opened(first) as editor:
        with pytest.raises(NothingToTrack, match=r"Patterns of 90 pixels do not fit into a picture of 160x90") as told:
            place_features(editor, 1, 90)
        assert told.value.actions == (Action.CHOOSE_PATTERN_SIZE,)
        place_features(editor, 1, 51)
        assert all(
            27 / 160 <= x <= 1 - 27 / 160 and 27 / 90 <= y <= 1 - 27 / 90
            for x, y in (track.markers[0].co for track in editor.clip.tracking.tracks)
        )


def test_an_unreadable_picture_is_named_and_leaves_nothing_behind(tmp_path: Path) -> None:
    first = write_plate(tmp_path / "p", wall(160, 90), frames=4)
    (first.parent / "p_0003.png").write_bytes(b"no picture at all")
    with opened(first) as editor:
        editor.clip.frame_start = 1001
        before = settings_of(editor.clip)
        with pytest.raises(FootageUnusable, match=r"cannot read frame 1003 \(p_0003\.png\)") as caught:
            place_features(editor, 3)
        assert (caught.value.frame, caught.value.path) == (3, first.parent / "p_0003.png")
        assert settings_of(editor.clip) == before
        assert len(place_features(editor, 4).features) > 20


@pytest.mark.parametrize("contrast", [1, 0.04])
def test_detection_changes_nothing_but_the_new_tracks(footage: Shot, tmp_path: Path, contrast: float) -> None:
    """Other tracks, the selection, settings, the screen and the other data of the file stay."""
    clip = new_clip(footage)
    clip.tracking.tracks[1].select = False
    clip.tracking.tracks[2].hide = True
    clip.tracking.tracks.active = clip.tracking.tracks[3]
    other: Clip = bpy.data.movieclips.load(str(write_plate(tmp_path / "p", wall(320, 180), contrast, 0.3, 2)))
    other.tracking.settings.default_pattern_size = 15
    other.tracking.settings.default_motion_model = "Affine"
    there = other.tracking.objects.new("Car")
    there.tracks.new(name="Wheel", frame=1).select = True
    other.tracking.objects.active = other.tracking.objects[0]
    data = [len(bpy.data.images), len(bpy.data.movieclips), len(bpy.data.scenes)]
    before = settings_of(clip), settings_of(other)
    with background_editor(other) as editor:
        shown = editor.space.clip_user.frame_current
        found = detection.detect(editor, 2, 15)
        assert len(found.features) > 60 and ("copy" in found.threshold) == (contrast < 1)
        assert (settings_of(other)["tracking"], editor.space.clip) == (before[1]["tracking"], other)
        place_features(editor, 2)
        assert editor.space.clip_user.frame_current == shown
    made = list(other.tracking.tracks)
    assert [track.name for track in made[:3]] == ["Track", "Track.001", "Track.002"]
    assert all(track.select and track.motion_model == "Affine" for track in made)
    assert all(live_frames(rows) == [2] for name, rows in markers_of(other).items() if "Wheel" not in name)
    assert [track.name for track in there.tracks] == ["Wheel"] and there.tracks[0].select
    assert settings_of(clip) == before[0]
    assert [len(bpy.data.images), len(bpy.data.movieclips), len(bpy.data.scenes)] == data
    after = settings_of(other)
    assert {key: after[key] for key in after if key != "tracking"} == {
        key: before[1][key] for key in before[1] if key != "tracking"
    }


def test_tracks_equal_those_of_blender(tmp_path: Path) -> None:
    """In their pattern and search areas and in their positions."""
    first = write_plate(tmp_path / "p", wall(320, 180), frames=1)
    found, clip = found_on(first)
    ours = {key.partition("/")[2]: rows for key, rows in markers_of(clip).items()}
    layout = found.layout
    with opened(first) as editor:
        with bpy.context.temp_override(window=editor.window, area=editor.area, region=editor.region):
            bpy.ops.clip.detect_features(threshold=0.1, margin=layout.margin, min_distance=layout.distance)
        theirs = markers_of(editor.clip)
    assert {rows[1] for rows in ours.values()} <= {rows[1] for rows in theirs.values()}


def test_the_strongest_features_come_first_whatever_the_threshold(tmp_path: Path) -> None:
    """Blender reports no strength, but makes the weakest track first: a lower threshold only adds weaker features."""
    with opened(write_plate(tmp_path / "p", wall(320, 180), frames=1)) as editor:
        high, middle, low = (
            [place.to_tuple() for place in detection._found_by_blender(editor, 1, threshold, 12, 12)]
            for threshold in (1, 0.1, 0.001)
        )
    assert 0 < len(high) < len(middle) < len(low)
    assert low[: len(middle)] == middle and middle[: len(high)] == high


@pytest.mark.parametrize("contrast", [1, 0.04])
def test_the_same_picture_gives_the_same_tracks(tmp_path: Path, contrast: float) -> None:
    """In the same order: a batch that resumes in another process relies on it."""
    first = write_plate(tmp_path / "p", wall(320, 180), contrast, 0.3, frames=2)
    once = [(name, rows[2]) for name, rows in markers_of(found_on(first, 2)[1]).items()]
    bpy.ops.wm.read_factory_settings(use_empty=False)
    again = [(name, rows[2]) for name, rows in markers_of(found_on(first, 2)[1]).items()]
    assert once == again and len(once) == 100
