# SPDX-License-Identifier: GPL-3.0-or-later
"""File > Import and File > Export: a camera goes to Nuke and comes back, whatever moves it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from tracking_sessions.tests.bpy.window import operators
from tracking_sessions.tests.core.exchange import chan_by_hand

pytestmark = pytest.mark.usefixtures("registered")

POINTS = [(x * 0.4, y * 0.4, z * 0.4) for x in range(-2, 3) for y in range(-2, 3) for z in (-1, 1)]


def views(scene: Any) -> list[tuple[float, float]]:
    """Where the camera sees the points on each frame, pixels."""
    found: list[tuple[float, float]] = []
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        for point in POINTS:
            u, v, _ = world_to_camera_view(scene, scene.camera, Vector(point))
            found.append((u * scene.render.resolution_x, v * scene.render.resolution_y))
    return found


@pytest.fixture
def scene() -> Any:
    """A camera that a moving parent carries, a constraint turns, and that zooms."""
    scene: Any = bpy.context.scene
    scene.frame_start, scene.frame_end = 11, 20
    camera = scene.camera
    carrier = bpy.data.objects.new("Carrier", None)
    scene.collection.objects.link(carrier)
    carrier.scale = (2.0, 2.0, 2.0)
    camera.parent = carrier
    track = camera.constraints.new("TRACK_TO")
    track.target = bpy.data.objects["Cube"]
    for frame, place, lens in ((11, (0.0, 0.0, 0.0), 40.0), (20, (3.0, -1.0, 2.0), 55.0)):
        carrier.location, camera.data.lens = place, lens
        carrier.keyframe_insert("location", frame=frame)
        camera.data.keyframe_insert("lens", frame=frame)
    return scene


def apart(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> float:
    return max(math.dist(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("size", "fit", "pixels"),
    [
        ((1920, 1080), "AUTO", (1.0, 1.0)),
        ((1080, 1920), "AUTO", (1.0, 1.0)),
        ((1920, 1080), "VERTICAL", (1.0, 1.0)),
        ((1080, 1920), "HORIZONTAL", (1.0, 1.0)),
        ((1440, 1080), "AUTO", (2.0, 1.0)),
        ((1000, 1080), "AUTO", (1.0, 1.5)),
    ],
)
def test_a_camera_comes_back_from_its_file(
    scene: Any, tmp_path: Path, size: tuple[int, int], fit: str, pixels: tuple[float, float]
) -> None:
    render = scene.render
    (render.resolution_x, render.resolution_y), (render.pixel_aspect_x, render.pixel_aspect_y) = size, pixels
    scene.camera.data.sensor_fit = fit
    before = views(scene)
    scene.frame_set(14)
    path = tmp_path / "camera.chan"
    assert operators.export_chan(filepath=str(path), order="XYZ") == {"FINISHED"}
    assert scene.frame_current == 14
    square = (size[0] * pixels[0] / pixels[1], float(size[1]))
    by_hand = [
        chan_by_hand.seen(line, (x, z, -y), square) for line in chan_by_hand.read(path, "XYZ") for x, y, z in POINTS
    ]
    assert apart([(u * pixels[1] / pixels[0], v) for u, v in by_hand], before) < 0.001

    exported = scene.camera
    assert operators.import_chan(filepath=str(path), order="XYZ", sensor_width=24.0) == {"FINISHED"}
    assert scene.camera != exported and scene.camera.name.startswith("camera")
    assert apart(views(scene), before) < 0.001
    assert (scene.frame_start, scene.frame_end) == (11, 20)


def test_what_cannot_be_read_or_written_is_an_error(scene: Any, tmp_path: Path) -> None:
    path = tmp_path / "camera.chan"
    path.write_text("1 0 0 0 0 0 0 40\n1 0 0 0 0 0 0 40\n")
    cameras = len(bpy.data.cameras)
    with pytest.raises(RuntimeError, match="line 2: frame 1 is in line 1 already"):
        operators.import_chan(filepath=str(path))
    assert len(bpy.data.cameras) == cameras
    with pytest.raises(RuntimeError, match="cannot be written"):
        operators.export_chan(filepath=str(tmp_path / "no" / "camera.chan"), check_existing=False)
    scene.camera.data.type = "ORTHO"
    assert not operators.export_chan.poll()
    scene.camera = None
    assert not operators.export_chan.poll()


def test_an_import_without_a_lens_warns_and_takes_the_frames_if_asked(scene: Any, tmp_path: Path) -> None:
    path = chan_by_hand.write(tmp_path / "b.chan", [(n, 0, 0, 0, 0, n, 0) for n in range(101, 105)])
    assert operators.import_chan(filepath=str(path), fits_range=True) == {"FINISHED"}
    assert (scene.frame_start, scene.frame_end) == (101, 104)
