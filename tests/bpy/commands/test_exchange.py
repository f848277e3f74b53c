# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `import`: a camera of Nuke in a .blend sees what Nuke's sees."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import bpy
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from tracking_sessions.bridge.solve.animation import curves_of
from tracking_sessions.tests.bpy.command_line import run
from tracking_sessions.tests.core.exchange import chan_by_hand

FRAMES = range(1001, 1013)
POINTS = [(x * 0.7, y * 0.5, -6.0 + 0.3 * x) for x in range(-3, 4) for y in range(-2, 3)]  # y up


def nuke_camera(path: Path, angle: float | None = 36.175412, zoom: float = 0.0) -> Path:
    """A camera that walks and turns, also about itself, written by hand."""
    lines: list[tuple[float, ...]] = []
    for n, frame in enumerate(FRAMES):
        line = (frame, 0.1 * n, 0.3 + 0.01 * n, 5.0 - 0.2 * n, 2.0 - 0.3 * n, 1.1 * n - 4.0, 0.8 * n)
        lines.append(line if angle is None else (*line, angle + zoom * n))
    return chan_by_hand.write(path, lines)


def worst_difference(blend: Path, chan: Path, order: str = "ZXY") -> float:
    """The largest difference, pixels, between the scene's camera of a .blend and Nuke's."""
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene: Any = bpy.context.scene
    size = scene.render.resolution_x, scene.render.resolution_y
    worst = 0.0
    text = chan.read_text(encoding="ascii").replace("\t", " ").replace("\r", "")
    spaced = chan.with_suffix(".txt")
    spaced.write_text(text, encoding="ascii")
    for line in chan_by_hand.read(spaced, order):
        scene.frame_set(int(line.frame))
        for x, y, z in POINTS:
            u, v, _ = world_to_camera_view(scene, scene.camera, Vector((x, -z, y)))
            worst = max(worst, math.dist((u * size[0], v * size[1]), chan_by_hand.seen(line, (x, y, z), size)))
    return worst


@pytest.mark.parametrize("order", ["ZXY", "YZX"])
@pytest.mark.parametrize("zoom", [0.0, 0.5])
def test_an_imported_camera_sees_what_nuke_sees(tmp_path: Path, order: str, zoom: float) -> None:
    chan, blend = nuke_camera(tmp_path / "shot.chan", zoom=zoom), tmp_path / "shot.blend"
    done = run("import", chan, "-o", blend, "--size", "2048x1152", "--sensor", "24.5", "--order", order, "--json")
    row = json.loads(done.stdout)
    assert (row["cameras"], row["first"], row["last"], row["camera"]) == (12, 1001.0, 1012.0, "shot")
    assert row["focal_length"] == pytest.approx(
        24.5 * 1152 / 2048 / 2 / math.tan(math.radians(36.175412) / 2), abs=1e-4
    )
    assert "field of view" not in done.stderr
    assert worst_difference(blend, chan, order) < 0.001
    scene: Any = bpy.context.scene
    assert (scene.frame_start, scene.frame_end) == (1001, 1012)
    data: Any = scene.camera.data
    assert data.sensor_width == pytest.approx(24.5) and bool(curves_of(data)) == bool(zoom)


def test_a_camera_without_a_lens_keeps_blenders(tmp_path: Path) -> None:
    chan, blend = nuke_camera(tmp_path / "shot.chan", angle=None), tmp_path / "shot.blend"
    done = run("import", chan, "-o", blend)
    assert done.stdout.splitlines() == [str(blend), "shot, 12 frames, 1001 to 1012"]
    assert "no field of view: set the focal length" in done.stderr
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    assert bpy.context.scene.camera.data.lens == 50.0  # type: ignore[union-attr]


def test_a_blend_that_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    chan = nuke_camera(tmp_path / "shot.chan")
    run("import", chan, "-o", tmp_path / "shot.txt", code=2)
    run("import", chan, "-o", tmp_path / "no" / "shot.blend", code=2)
    assert {path.name for path in tmp_path.iterdir()} == {"shot.chan"}
