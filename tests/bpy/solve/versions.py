# SPDX-License-Identifier: GPL-3.0-or-later
"""Solves in one Blender, and puts solves into scenes in another, for test_versions_exchange.py.

python versions.py store FOOTAGE ROOT ID: solves and stores as solve ID of the session “shot”.
python versions.py place FOOTAGE ROOT BLEND: puts all stored solves into the file BLEND, which is made if it is missing,
and prints as JSON the version, and for each solve the largest difference in pixels between the scene's camera and the
solve, the number of points in sight, and the objects and keys that it has.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import bpy
import conftest  # noqa: F401  # loads the checkout as a package

from tracking_sessions.bridge.clip.editor import background_editor
from tracking_sessions.bridge.solve.animation import curves_of
from tracking_sessions.bridge.solve.scene import place_solve
from tracking_sessions.core.solve.solve import Bundle, Camera, Lens
from tracking_sessions.core.solve.store import list_solves, read_solve, write_solve
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.bpy.review import solves
from tracking_sessions.tests.bpy.solve.views import worst_difference
from tracking_sessions.tests.core.solve.solves import solved

SHIFT = 1000
TRACKS = 20


def store(clip: Any, folder: SessionFolder, id: str) -> None:
    for number in range(TRACKS):
        clip.tracking.tracks.new(name=f"Track {number}", frame=1)
    clip.tracking.camera.sensor_width = clip.tracking.camera.focal_length = 36.0
    solves.put(clip, *solves.seen(clip, TRACKS))
    with background_editor(clip) as editor:
        found = solves.solve(editor)
    cameras = tuple(Camera(c.frame, tuple(v for row in list(c.matrix)[:3] for v in row)) for c in found.cameras)
    tracks = enumerate(clip.tracking.tracks, 1)
    bundles = tuple(Bundle(number, tuple(track.bundle)) for number, track in tracks if track.has_bundle)
    lens = Lens(36.0, 36.0, tuple(clip.size))
    solve = solved(id=id, lens=lens, cameras=cameras, bundles=bundles, marker_errors={}, frames=(1, solves.FRAMES))
    write_solve(folder, "shot", replace(solve, blender=bpy.app.version_string))


def place(clip: Any, folder: SessionFolder, blend: Path) -> dict[str, Any]:
    row: dict[str, Any] = {}
    scene: Any = bpy.context.scene
    for stored in list_solves(folder, "shot"):
        solve = read_solve(stored.path)  # type: ignore[union-attr]  # an error that is listed has a path as well
        names = {number: f"Track {number - 1}" for number in range(1, TRACKS + 1)}
        placed = place_solve(scene, clip, solve, names, "shot", solve.id)
        worst, count = worst_difference(scene, placed.camera, placed.collection, solve, SHIFT)
        keys = [len(curve.keyframe_points) for curve in curves_of(placed.camera)]
        row[solve.id] = [solve.blender, worst, count, sorted(one.name for one in placed.collection.objects), keys]
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    return row


def main(action: str, footage: str, root: str, last: str) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=False)
    if action == "place" and Path(last).exists():
        bpy.ops.wm.open_mainfile(filepath=last)
    clip: Any = bpy.data.movieclips[0] if bpy.data.movieclips else bpy.data.movieclips.load(footage)
    clip.frame_start = 1 + SHIFT
    if action == "store":
        store(clip, SessionFolder(root), last)
        print(json.dumps({"version": bpy.app.version_string}))
    else:
        print(json.dumps({"version": bpy.app.version_string, "solves": place(clip, SessionFolder(root), Path(last))}))


main(*sys.argv[1:])
