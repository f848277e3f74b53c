# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene that is set up for a solve: its camera sees each point where the solve has it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import bpy
import pytest
from mathutils import Euler

from tracking_sessions.bridge.solve.animation import curves_of
from tracking_sessions.bridge.solve.scene import place_solve
from tracking_sessions.core.errors import NoCamera
from tracking_sessions.core.exchange.rotation import ORDERS, angles_of, matrix_of
from tracking_sessions.core.solve.placement import EYE, guess_placement
from tracking_sessions.core.solve.solve import Lens
from tracking_sessions.tests.bpy.solve.views import all_names, point_objects, worst_difference
from tracking_sessions.tests.core.solve.solves import solved
from tracking_sessions.tests.footage import Shot

NAMES = {1: "Door", 4: "Window", 7: "Türe", 10: "Door"}

LENSES = {
    "plain": Lens(31.5, 36.0, (1920, 1080)),
    "shifted": Lens(28.0, 23.76, (1920, 1080), centre=(41.5, -27.25)),
    "anamorphic": Lens(50.0, 24.9, (1440, 1080), 2.0, (12.0, 9.5)),
    "flat pixels": Lens(35.0, 36.0, (1920, 1080), 0.75, (-20.0, 15.0)),
    "portrait": Lens(24.0, 20.0, (1080, 1920), 1.0, (5.0, 60.0)),
}


@pytest.fixture
def clip(footage: Shot) -> Any:
    return bpy.data.movieclips.load(str(footage.files[0]))


@pytest.fixture
def scene() -> Any:
    return bpy.context.scene


@pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES)
@pytest.mark.parametrize("is_tripod", [False, True])
def test_the_camera_sees_each_point_where_the_solve_has_it(scene: Any, clip: Any, lens: Lens, is_tripod: bool) -> None:
    clip.frame_start = 101
    solve = solved(12, 60, lens=lens, is_tripod=is_tripod)
    if is_tripod:
        solve = replace(solve, cameras=tuple(c._replace(matrix=still(c.matrix)) for c in solve.cameras))
    placed = place_solve(scene, clip, solve, NAMES)
    assert scene.camera == placed.camera
    worst, count = worst_difference(scene, placed.camera, placed.collection, solve, 100)
    assert count > 60 and worst < 0.001
    assert (scene.render.resolution_x, scene.render.resolution_y) == lens.size
    assert scene.render.pixel_aspect_x / scene.render.pixel_aspect_y == pytest.approx(lens.aspect)
    data = placed.camera.data
    assert (data.lens, data.sensor_width) == (pytest.approx(lens.focal), pytest.approx(lens.sensor))
    assert data.sensor_fit == "HORIZONTAL"


def still(matrix: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(0.0 if n % 4 == 3 else value for n, value in enumerate(matrix))


def test_every_frame_of_the_solve_has_its_key_and_rotation_goes_on(scene: Any, clip: Any) -> None:
    clip.frame_start = 101
    placed = place_solve(scene, clip, solved(60), NAMES)
    curves = curves_of(placed.camera)
    assert sorted((one.data_path, one.array_index) for one in curves) == [
        *(("location", axis) for axis in range(3)), *(("rotation_euler", axis) for axis in range(3))
    ]  # fmt: skip
    for curve in curves:
        assert [point.co[0] for point in curve.keyframe_points] == [float(n) for n in range(103, 163)]
        assert {point.interpolation for point in curve.keyframe_points} == {"LINEAR"}
        values = [point.co[1] for point in curve.keyframe_points]
        assert max(abs(b - a) for a, b in pairwise(values)) < 1.0  # 57 degrees
    assert len(curves) == 6


def test_points_keep_their_names_under_one_parent_in_one_collection(scene: Any, clip: Any) -> None:
    before = all_names()
    solve = solved(4, 5)
    placed = place_solve(scene, clip, solve, NAMES, title="shot 010")
    points = point_objects(placed.collection)
    assert [points[n].name for n in (1, 4, 7, 10, 13)] == ["Door", "Window", "Türe", "Door.001", "Track 13"]
    parents = {one.parent for one in placed.collection.objects} - {None}
    (parent,) = parents
    assert parent.name == "shot 010" and set(placed.collection.objects) == {parent, *parent.children}
    made = all_names() - before
    assert {(kind, name) for kind, name in made if kind == "collections"} == {("collections", "shot 010")}
    assert placed.collection.name in scene.collection.children
    assert placed.notes == guess_placement(solve).notes and len(placed.notes) == 2


def test_a_tripod_stands_at_eye_level(scene: Any, clip: Any) -> None:
    solve = solved(4, 20, is_tripod=True)
    solve = replace(solve, cameras=tuple(c._replace(matrix=still(c.matrix)) for c in solve.cameras))
    camera = place_solve(scene, clip, solve, {}).camera
    for frame in (3, 6):
        scene.frame_set(frame)
        assert tuple(camera.matrix_world.translation) == pytest.approx((0.0, 0.0, EYE), abs=1e-6)


@pytest.mark.parametrize("coefficients", [(0.0, 0.0, 0.0), (-0.1, 0.02, 0.0)])
def test_the_clip_is_the_background_without_the_distortion(
    scene: Any, clip: Any, coefficients: tuple[float, ...]
) -> None:
    lens = replace(LENSES["shifted"], coefficients=coefficients)
    camera = place_solve(scene, clip, solved(lens=lens), {}).camera
    (background,) = camera.data.background_images
    assert camera.data.show_background_images and background.clip == clip and background.source == "MOVIE_CLIP"
    assert background.clip_user.use_render_undistorted == any(coefficients)
    known = clip.tracking.camera
    assert (known.k1, known.k2) == pytest.approx(coefficients[:2]) and known.distortion_model == "POLYNOMIAL"
    assert (known.focal_length, known.sensor_width) == pytest.approx((lens.focal, lens.sensor))
    assert tuple(known.principal_point) == pytest.approx((41.5 / 960, -27.25 / 540))
    assert scene.active_clip == clip


def snapshot(collection: Any) -> dict[str, Any]:
    return {one.name: [round(v, 5) for row in one.matrix_basis for v in row] for one in collection.objects}


def test_the_same_solve_again_replaces_what_it_made_and_nothing_else(scene: Any, clip: Any) -> None:
    solve = solved(6, 8)
    placed = place_solve(scene, clip, solve, NAMES, "session", "shot")
    scene.frame_set(1)
    names, first = all_names(), snapshot(placed.collection)

    points = point_objects(placed.collection)
    cube = bpy.data.objects["Cube"]
    placed.collection.objects.link(cube)
    cube.parent = points[4]
    points[1].location = (9.0, 9.0, 9.0)
    points[7].parent = None
    bpy.data.objects.remove(points[10])
    placed.collection.objects.unlink(points[13])  # as Delete does
    scene.collection.objects.link(points[16])
    placed.collection.objects.unlink(points[16])  # moved to another collection
    copy = points[4].copy()
    placed.collection.objects.link(copy)
    copy.location = (5.0, 5.0, 5.0)
    placed.camera.parent.location = (1.0, 2.0, 3.0)
    placed.camera.data.lens, placed.camera.data.dof.use_dof = 99.0, True
    placed.camera.keyframe_insert("hide_render", frame=1)
    placed.camera.keyframe_insert("location", frame=-50)

    again = place_solve(scene, clip, solve, NAMES, "session", "shot")
    scene.frame_set(1)
    assert again.camera == placed.camera and again.collection == placed.collection
    assert all_names() == names | {("objects", copy.name)} and tuple(copy.location) == (5.0, 5.0, 5.0)
    assert scene.objects[points[13].name] and points[16].users_collection == (scene.collection,)
    assert cube.parent == points[4] and placed.collection in cube.users_collection
    own = snapshot(placed.collection) | {points[16].name: first[points[16].name]}
    assert {name: one for name, one in own.items() if name not in ("Cube", copy.name)} == first
    assert [round(value, 5) for row in points[16].matrix_basis for value in row] == first[points[16].name]
    assert again.camera.data.lens == pytest.approx(31.5) and again.camera.data.dof.use_dof
    paths = [one.data_path for one in curves_of(again.camera)]
    assert paths.count("hide_render") == 1 and paths.count("location") == 3
    assert len(again.camera.data.background_images) == 1
    worst, count = worst_difference(scene, again.camera, again.collection, solve, 0)
    assert worst < 0.001 and count > 10

    fewer = replace(solve, bundles=solve.bundles[:3])
    place_solve(scene, clip, fewer, NAMES, "session", "shot")
    assert set(point_objects(placed.collection)) == {1, 4, 7} and cube.name in bpy.data.objects


def test_another_solve_has_a_collection_of_its_own(scene: Any, clip: Any) -> None:
    one = place_solve(scene, clip, solved(), NAMES, "session", "shot")
    first = snapshot(one.collection)
    for solve, session in ((solved(id="solve-2", seed=3), "session"), (solved(seed=4), "other")):
        other = place_solve(scene, clip, solve, NAMES, session, "shot")
        assert other.collection != one.collection and scene.camera == other.camera != one.camera
    scene.frame_set(1)
    assert snapshot(one.collection).keys() == first.keys()


def test_a_copy_of_the_camera_keeps_its_animation(scene: Any, clip: Any) -> None:
    placed = place_solve(scene, clip, solved(5), NAMES)
    copy = placed.camera.copy()
    placed.collection.objects.link(copy)
    assert copy.animation_data.action == placed.camera.animation_data.action
    before = [tuple(point.co) for curve in curves_of(copy) for point in curve.keyframe_points]
    place_solve(scene, clip, solved(5, cameras=solved(3).cameras), NAMES)
    assert [tuple(point.co) for curve in curves_of(copy) for point in curve.keyframe_points] == before
    assert all(len(curve.keyframe_points) == 3 for curve in curves_of(placed.camera)) and curves_of(placed.camera)


def test_it_is_undone_in_one_step(scene: Any, clip: Any) -> None:
    bpy.ops.ed.undo_push(message="before")
    names = all_names()
    place_solve(scene, clip, solved(5, 9), NAMES)
    assert all_names() != names
    bpy.ops.ed.undo_push(message="place")
    bpy.ops.ed.undo()
    assert all_names() == names


def test_a_solve_without_a_camera_changes_nothing(scene: Any, clip: Any) -> None:
    names = all_names()
    with pytest.raises(NoCamera, match=r"solve-1 has no camera: 0\.06 px"):
        place_solve(scene, clip, solved(cameras=()), NAMES)
    assert all_names() == names and scene.active_clip is None


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_of_angles_means_what_blender_means(order: str) -> None:
    for number in range(60):
        angles = (11.0 * number - 300.0, 6.1 * number - 180.0, 200.0 - 7.0 * number)
        theirs = Euler([math.radians(one) for one in angles], order).to_matrix()
        ours = matrix_of(angles, order)
        assert max(abs(theirs[row][column] - ours[row][column]) for row in range(3) for column in range(3)) < 1e-6
        x, y, z = (tuple(row) for row in theirs)
        found = Euler([math.radians(one) for one in angles_of((x, y, z), order)], order).to_matrix()
        assert max(abs(found[r][c] - theirs[r][c]) for r in range(3) for c in range(3)) < 1e-6
