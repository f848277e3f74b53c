# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras that Blender has solved, in a scene and in a .chan file: both see the markers where they are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy
import pytest
from bpy_extras.object_utils import world_to_camera_view

from tracking_sessions.bridge.review.camera import lens_of
from tracking_sessions.bridge.solve.scene import place_solve
from tracking_sessions.core.exchange.camera import move_of
from tracking_sessions.core.exchange.chan import write_chan
from tracking_sessions.core.solve.placement import guess_placement
from tracking_sessions.core.solve.solve import Bundle, Camera, Lens, Solve
from tracking_sessions.core.solve.store import read_solve, write_solve
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.bpy.review import solves
from tracking_sessions.tests.bpy.solve.views import point_objects
from tracking_sessions.tests.bpy.window import new_file
from tracking_sessions.tests.core.exchange import chan_by_hand
from tracking_sessions.tests.core.solve.solves import solved
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

SIZE = 640, 360


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return make_shot(tmp_path_factory.mktemp("shot"), solves.FRAMES, *SIZE, tracks=30)


def taken(clip: Any, reconstruction: Any, *, is_tripod: bool) -> Solve:
    """The solve that the clip has, as docs/format.md says; the tracks are numbered from 1 on."""
    camera = clip.tracking.camera
    centre = tuple(at - whole / 2 for at, whole in zip(camera.principal_point_pixels, SIZE, strict=True))
    lens = Lens(camera.focal_length, camera.sensor_width, SIZE, camera.pixel_aspect, (centre[0], centre[1]))
    cameras = [Camera(c.frame, tuple(v for row in list(c.matrix)[:3] for v in row)) for c in reconstruction.cameras]
    tracks = enumerate(clip.tracking.tracks, 1)
    bundles = tuple(Bundle(number, tuple(track.bundle)) for number, track in tracks if track.has_bundle)
    frames = (1, solves.FRAMES)
    return solved(
        lens=lens, cameras=tuple(cameras), bundles=bundles, marker_errors={}, frames=frames, is_tripod=is_tripod
    )


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("aspect", "centre", "is_tripod"),
    [(1.0, (0.0, 0.0), False), (1.5, (0.1, -0.15), False), (0.8, (-0.1, 0.1), False), (1.5, (0.1, 0.1), True)],
)
def test_a_camera_of_blender_sees_the_markers_from_the_scene(
    footage: Footage, file: Path, tmp_path: Path, aspect: float, centre: tuple[float, float], is_tripod: bool
) -> None:
    editor = new_file(footage, file)
    clip: Any = editor.clip
    clip.frame_start = 1001
    camera = clip.tracking.camera
    camera.sensor_width = camera.focal_length = 36.0
    camera.pixel_aspect, camera.principal_point = aspect, centre
    assert lens_of(clip).aspect == pytest.approx(aspect)
    x, y = solves.seen(clip, len(clip.tracking.tracks), is_tripod=is_tripod)
    solves.put(clip, x, y)
    solve = taken(clip, solves.solve(editor, is_tripod=is_tripod), is_tripod=is_tripod)
    stored = read_solve(write_solve(SessionFolder(tmp_path), "shot", solve))
    assert stored == solve

    scene: Any = bpy.context.scene
    names = {number: track.name for number, track in enumerate(clip.tracking.tracks, 1)}
    placed = place_solve(scene, clip, stored, names)
    empties = point_objects(placed.collection)
    off: list[float] = []
    for frame in range(1, solves.FRAMES + 1, 6):
        scene.frame_set(frame + 1000)
        for number, empty in empties.items():
            u, v, depth = world_to_camera_view(scene, placed.camera, empty.matrix_world.translation)
            assert depth > 0.0
            marker = x[number - 1, frame - 1] + SIZE[0] / 2, y[number - 1, frame - 1] + SIZE[1] / 2
            if not (0 < marker[0] < SIZE[0] and 0 < marker[1] < SIZE[1]):
                continue  # Blender keeps markers in the picture
            off.append(math.dist((u * SIZE[0], v * SIZE[1]), marker))
    assert len(off) > 200 and sorted(off)[len(off) // 2] < 3 * solves.NOISE and max(off) < 20 * solves.NOISE
    assert empties[1].name == names[1]


@pytest.mark.parametrize("order", ["ZXY", "XYZ"])
def test_nuke_sees_what_the_camera_of_the_scene_sees(footage: Footage, tmp_path: Path, order: str) -> None:
    clip: Any = bpy.data.movieclips.load(str(footage.files[0]))
    clip.frame_start = 1001
    scene: Any = bpy.context.scene
    solve = solved(30, 60, lens=Lens(31.5, 36.0, (1920, 1080)))
    placed = place_solve(scene, clip, solve, {})
    path = tmp_path / "a.chan"
    path.write_bytes(write_chan(move_of(solve, guess_placement(solve), lambda frame: frame + 1000, order)))
    worst, count = 0.0, 0
    for line in chan_by_hand.read(path, order):
        scene.frame_set(int(line.frame))
        for empty in point_objects(placed.collection).values():
            place = empty.matrix_world.translation
            u, v, depth = world_to_camera_view(scene, placed.camera, place)
            if depth > 0.1 and 0 < u < 1 and 0 < v < 1:
                theirs = chan_by_hand.seen(line, (place.x, place.z, -place.y), (1920, 1080))
                worst, count = max(worst, math.dist((u * 1920, v * 1080), theirs)), count + 1
    assert count > 200 and worst < 0.001
