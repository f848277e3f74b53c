# SPDX-License-Identifier: GPL-3.0-or-later
"""The working set tracks as Blender does: equal to its sequence within float precision, to its steps bit for bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import background_editor
from tracking_sessions.bridge.clip.markers import mask_name
from tracking_sessions.bridge.tracking import working_set
from tracking_sessions.tests.bpy.tracker import (
    add_tracks,
    chosen,
    difference,
    live_frames,
    markers_of,
    new_clip,
    place,
    settings_of,
    shape,
    track_sequence,
    track_session,
    track_steps,
)
from tracking_sessions.tests.footage import Shot, make_shot

FRAMES = 50
LONG = 140
STEPS_DRIFT = 0.2
"""Pixels between Blender's own steps and its sequence with PREV_FRAME: each step rounds the pattern that the next one
looks for, so here the steps are what the working set is held to."""


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """Tracks of all kinds: two leave, two get lost, eight survive."""
    return make_shot(tmp_path_factory.mktemp("shot"), FRAMES, 320, 180, tracks=12)


@pytest.fixture(scope="module")
def long_footage(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    return make_shot(tmp_path_factory.mktemp("long"), LONG, 320, 180, tracks=6)


Prepare = Callable[[Any, Shot], None]


class Case(NamedTuple):
    prepare: Prepare = lambda clip, footage: None
    ranges: tuple[tuple[int, int], ...] = ((1, FRAMES),)
    at: int = 1
    settings: dict[str, Any] = {}
    pixels: float = 0.03  # the largest distance from Blender's sequence
    is_for_sequence: bool = True  # Blender does not crash on it


def every(name: str, value: Any) -> Prepare:
    def prepare(clip: Any, footage: Shot) -> None:
        for track in clip.tracking.tracks:
            setattr(track, name, value)

    return prepare


def with_channels(clip: Any, footage: Shot) -> None:
    for index, track in enumerate(clip.tracking.tracks):
        track.use_red_channel, track.use_green_channel, track.use_blue_channel = index % 2 == 0, True, index % 3 == 0
        track.use_grayscale_preview = index % 4 == 0


def with_mask(clip: Any, footage: Shot) -> None:
    """A mask on the left part of each pattern; half of the tracks do not use it."""
    track = clip.tracking.tracks.active = clip.tracking.tracks[0]
    point = {
        prop.identifier: tuple(prop.default_array) if getattr(prop, "is_array", False) else prop.default
        for prop in bpy.types.OperatorStrokeElement.bl_rna.properties
        if prop.identifier != "rna_type"
    }
    with background_editor(clip) as editor:
        source, editor.space.annotation_source = editor.space.annotation_source, "TRACK"
        with bpy.context.temp_override(window=editor.window, area=editor.area, region=editor.region):
            bpy.ops.gpencil.annotation_add()
            # not all versions can make strokes in another way; nothing is drawn without a window, so they are moved
            points = [{**point, "mouse": (50 + 50 * (n % 3), 50 * n)} for n in range(4)]
            bpy.ops.gpencil.annotate(mode="DRAW", stroke=points, wait_for_input=False)
        editor.space.annotation_source = source
    mask = getattr(track, mask_name(track))
    width, height = clip.size
    (stroke,) = mask.layers[0].frames[0].strokes
    for corner, (x, y) in zip(stroke.points, ((-15, -15), (2, -15), (2, 15), (-15, 15)), strict=True):
        corner.co = (x / width, y / height, 0)
    for number, track in enumerate(clip.tracking.tracks):
        track.use_mask = number % 2 == 0
        setattr(track, mask_name(track), mask)


def limited(clip: Any, footage: Shot) -> None:
    clip.tracking.tracks[0].frames_limit = 20
    clip.tracking.tracks[1].frames_limit = 12


def only_some(clip: Any, footage: Shot) -> None:
    tracks = clip.tracking.tracks
    tracks[0].select, tracks[1].hide, tracks[2].lock = False, True, True
    tracks[3].select = False
    tracks[3].select_anchor = True
    tracks[4].select = False
    tracks[4].select_search = True  # Blender ignores a hidden search area


def tracked_before(clip: Any, footage: Shot) -> None:
    """All frames are tracked, then nudged in the middle: tracking meets existing markers."""
    track_steps(clip, 1, FRAMES)
    for track in clip.tracking.tracks:
        marker = track.markers.find_frame(20)
        if marker is not None:
            marker.co = (marker.co[0] + 0.3 / footage.width, marker.co[1])


def tracked_backwards_before(clip: Any, footage: Shot) -> None:
    track_steps(clip, FRAMES, 1)


def with_gaps(clip: Any, footage: Shot) -> None:
    track_steps(clip, 1, 42)
    for number, track in enumerate(clip.tracking.tracks):
        for frame in range(15 + number % 3, 27):
            track.markers.delete_frame(frame)


def with_muted(clip: Any, footage: Shot) -> None:
    """Some markers are muted in the middle, and some tracks end on the start frame."""
    track_steps(clip, 1, 30)
    for number, track in enumerate(clip.tracking.tracks):
        for frame in (4, 5, 9, 22) if number % 2 else (20, 21, 25):
            marker = track.markers.find_frame(frame)
            if marker is not None:
                marker.mute = True


def with_keyed(clip: Any, footage: Shot) -> None:
    track_steps(clip, 1, 30)
    for number, track in enumerate(clip.tracking.tracks):
        for frame in (8, 24) if number % 2 else (12, 20, 26):
            marker = track.markers.find_frame(frame)
            if marker is not None and not marker.mute:
                marker.is_keyed = True


def without_key(clip: Any, footage: Shot) -> None:
    """As after Clear Track Path: no keyed marker, and no muted marker beside the remaining ones."""
    track_steps(clip, 1, 30)
    for number, track in enumerate(clip.tracking.tracks):
        for frame in range(6 if number % 2 else 2):
            track.markers.delete_frame(frame)


def with_one_unkeyed(clip: Any, footage: Shot) -> None:
    every_other = list(clip.tracking.tracks)[::2]
    for track in every_other:
        track.markers[0].is_keyed = False


def lost_before(clip: Any, footage: Shot) -> None:
    """Half of the tracks are already lost on the start frame, some without a marker there."""
    track_steps(clip, 1, 10)
    for number, track in enumerate(clip.tracking.tracks):
        if number % 2:
            track.markers.find_frame(8).mute = True
            track.markers.delete_frame(9)
            if number % 4 == 1:
                track.markers.delete_frame(10)


def on_later_frames(clip: Any, footage: Shot) -> None:
    """Half of the tracks have markers after the start only."""
    track_steps(clip, 1, 18)
    for number, track in enumerate(clip.tracking.tracks):
        if number % 2:
            for frame in range(14):
                track.markers.delete_frame(frame)


def start_at_101(clip: Any, footage: Shot) -> None:
    clip.frame_start = 101


def tracked_past_the_beginning(clip: Any, footage: Shot) -> None:
    """The scene begins before the clip: Blender leaves muted markers on frames 0 and -1."""
    clip.frame_start = 101
    track_sequence(clip, 9, -5)
    assert clip.tracking.tracks[0].markers[0].frame == -1


def offset_by_5(clip: Any, footage: Shot) -> None:
    clip.frame_offset = 5
    with (
        background_editor(clip) as editor,
        bpy.context.temp_override(window=editor.window, area=editor.area, region=editor.region),
    ):
        bpy.ops.clip.reload()  # without a window Blender keeps the image that it had for frame 1


def as_object(clip: Any, footage: Shot) -> None:
    """The tracks belong to an object; the camera has one of the same name."""
    where = clip.tracking.objects.new("Cup")
    add_tracks(clip, where.tracks, footage, 1)
    clip.tracking.objects.active = where
    camera = clip.tracking.objects["Camera"].tracks
    for track in camera:
        track.select = False


def crossing(clip: Any, footage: Shot) -> None:
    """A wrong marker, which is lost in the first step."""
    track = clip.tracking.tracks.new(name="Wrong", frame=1)
    track.select, track.correlation_min = True, 1.0
    place(clip, track.markers[0], (0.5, 0.5))


CASES = {
    "forward": Case(),
    "backward": Case(ranges=((FRAMES, 1),), at=FRAMES),
    "both ways": Case(ranges=((21, FRAMES), (21, 1)), at=21),
    "previous frame": Case(settings={"pattern_match": "PREV_FRAME"}, pixels=STEPS_DRIFT),
    "previous frame backward": Case(
        ranges=((FRAMES, 1),), at=FRAMES, settings={"pattern_match": "PREV_FRAME"}, pixels=STEPS_DRIFT
    ),
    "affine": Case(settings={"motion_model": "Affine"}, ranges=((1, 30),)),
    "perspective backward": Case(settings={"motion_model": "Perspective"}, ranges=((30, 1),), at=30),
    "location and rotation, previous frame": Case(
        settings={"motion_model": "LocRot", "pattern_match": "PREV_FRAME"}, ranges=((1, 25),), pixels=STEPS_DRIFT
    ),
    "without brute force": Case(settings={"use_brute": False}),
    "without brute force backward": Case(settings={"use_brute": False}, ranges=((FRAMES, 1),), at=FRAMES),
    "normalized": Case(settings={"use_normalization": True}),
    "strict": Case(settings={"correlation_min": 0.98}),
    "margin": Case(settings={"margin": 30}),
    "frames limit": Case(limited, ranges=((1, 13),)),
    "frames limit backward": Case(limited, ranges=((40, 28),), at=40),
    "mask": Case(with_mask, ranges=((1, 30),)),
    "mask, previous frame": Case(
        with_mask, ranges=((1, 20),), settings={"pattern_match": "PREV_FRAME"}, is_for_sequence=False
    ),
    "channels": Case(with_channels, ranges=((1, 25),)),
    "clip from frame 101": Case(start_at_101, ranges=((11, 40), (11, 1)), at=11),
    "tracked past the beginning": Case(tracked_past_the_beginning, ranges=((9, FRAMES), (12, 1)), at=9),
    "frame offset": Case(offset_by_5, ranges=((1, 40),)),
    "tracking object": Case(as_object, ranges=((1, 40),)),
    "some tracks": Case(only_some, ranges=((1, 30),)),
    "tracked before": Case(tracked_before, ranges=((8, 35),)),
    "tracked before, backward": Case(tracked_before, ranges=((35, 8),)),
    "tracked before, previous frame": Case(
        tracked_before, ranges=((8, 30),), settings={"pattern_match": "PREV_FRAME"}, pixels=STEPS_DRIFT
    ),
    "tracked backwards before": Case(tracked_backwards_before, ranges=((12, 40), (12, 2)), at=FRAMES),
    "gaps": Case(with_gaps, ranges=((14, 35),)),
    "gaps, inside": Case(with_gaps, ranges=((20, 35),)),
    "gaps, backward": Case(with_gaps, ranges=((30, 5),)),
    "muted": Case(with_muted, ranges=((17, 40),)),
    "muted, backward": Case(with_muted, ranges=((24, 2),)),
    "keyed": Case(with_keyed, ranges=((15, 40),)),
    "keyed, backward": Case(with_keyed, ranges=((22, 4),)),
    "keyed, both, previous frame": Case(
        with_keyed, ranges=((15, 30), (15, 3)), settings={"pattern_match": "PREV_FRAME"}, pixels=STEPS_DRIFT
    ),
    "no key": Case(without_key, ranges=((17, 40),)),
    "no key, backward": Case(without_key, ranges=((24, 2),)),
    "one marker without a key": Case(with_one_unkeyed, ranges=((1, 30),)),
    "lost before": Case(lost_before, ranges=((10, 25),)),
    "lost before, backward": Case(lost_before, ranges=((10, 2),)),
    "later frames": Case(on_later_frames, ranges=((10, 30),)),
    # the guard that a step puts before the start makes that the reference; a sequence keeps the one behind the gap
    "later frames, backward": Case(on_later_frames, ranges=((10, 1),), pixels=10),
    "lost at once": Case(crossing, ranges=((1, 20),)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=[name.replace(" ", "-") for name in CASES])
def test_it_tracks_as_blender_does(footage: Shot, tmp_path: Path, case: Case) -> None:
    assert_tracks_as_blender(footage, tmp_path, case)


IN_THE_CLIP = ("forward", "both ways", "tracking object", "mask", "some tracks", "lost before", "clip from frame 101")


@pytest.mark.parametrize("name", IN_THE_CLIP)
def test_it_does_so_inside_the_clip_as_well(footage: Shot, tmp_path: Path, name: str) -> None:
    """In a window the working set lies in the artist's clip."""
    assert_tracks_as_blender(footage, tmp_path, CASES[name]._replace(is_for_sequence=False), separate_clip=False)


def assert_tracks_as_blender(footage: Shot, root: Path, case: Case, *, separate_clip: bool = True) -> None:
    results = []
    for way in (track_steps, None, *[track_sequence] * case.is_for_sequence):
        clip = new_clip(footage, case.at, **case.settings)
        case.prepare(clip, footage)
        if way is None:
            followed = [track.name for track in chosen(clip)]
            clip.tracking.settings.speed = "DOUBLE"
            before = settings_of(clip, without=followed)
            track_session(clip, root, case.ranges, separate_clip=separate_clip)
            assert settings_of(clip, without=followed) == before
        else:
            for start, end in case.ranges:
                way(clip, start, end)
        results.append(markers_of(clip))
    steps, ours, *sequence = results
    assert ours == steps
    for expected in sequence:
        assert shape(ours) == shape(expected)
        assert difference(ours, expected, clip.size) <= case.pixels


def tracked_with_marks(clip: Any, footage: Shot) -> None:
    """A long track with some muted markers, and keyed ones far from the start frame."""
    track_steps(clip, 1, LONG)
    for number, track in enumerate(clip.tracking.tracks):
        for marker in track.markers:
            marker.mute = marker.mute or (marker.frame + number) % 17 == 5
        marker = track.markers.find_frame(LONG - 2 - number)
        if marker is not None and not marker.mute:
            marker.is_keyed = True


LONG_CASES = {
    "forward": Case(ranges=((1, LONG),)),
    "backward": Case(ranges=((LONG, 1),), at=LONG, settings={"pattern_match": "PREV_FRAME"}),
    "both": Case(ranges=((80, LONG), (80, 1)), at=80),
    "tracked before": Case(tracked_with_marks, ranges=((31, LONG),)),
    "tracked before, backward": Case(tracked_with_marks, ranges=((LONG - 19, 3),)),
}


@pytest.mark.parametrize("case", LONG_CASES.values(), ids=[name.replace(" ", "-") for name in LONG_CASES])
def test_a_long_pass_is_the_same_to_the_bit(long_footage: Shot, tmp_path: Path, case: Case) -> None:
    """The pass is long enough to trim and refill the working set several times."""
    assert working_set.REFRESH * 3 < LONG - 30
    separate_clip = len(case.ranges) == 2
    assert_tracks_as_blender(long_footage, tmp_path, case._replace(is_for_sequence=False), separate_clip=separate_clip)


def test_a_mask_changes_what_is_tracked(footage: Shot, tmp_path: Path) -> None:
    results = []
    for name in ("forward", "mask"):
        clip = new_clip(footage)
        CASES[name].prepare(clip, footage)
        track_session(clip, tmp_path / name, [(1, 5)])
        results.append(markers_of(clip))
    assert difference(*results, clip.size) > 0.01


def test_some_tracks_live_on_and_some_do_not(footage: Shot, tmp_path: Path) -> None:
    """The cases compare tracks of both kinds."""
    clip = new_clip(footage)
    track_session(clip, tmp_path, [(1, FRAMES)])
    last = {name: max(live_frames(rows)) for name, rows in markers_of(clip).items()}
    assert sum(frame == FRAMES for frame in last.values()) >= 8
    assert sum(frame < FRAMES for frame in last.values()) >= 3
