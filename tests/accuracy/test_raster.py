# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered pictures show what the cameras see, by formulas that are not the renderer's."""

from __future__ import annotations

import numpy as np
import pytest

from tracking_sessions.tools.accuracy.mipmaps import SIZE, Texture, noise
from tracking_sessions.tools.accuracy.paths import facing
from tracking_sessions.tools.accuracy.raster import View, draw, rays
from tracking_sessions.tools.accuracy.surfaces import Doubles, Painter, Surface, about_z

PICTURE = (240, 136)
FOCAL = 220.0
WHITE = Texture(np.ones((SIZE, SIZE)))
RIGHT, AHEAD, UP = np.eye(3)


def plain(corner: Doubles, right: Doubles, up: Doubles, shade: float, texture: Texture = WHITE) -> Surface:
    """A surface of one grey, or of a texture that lies on it once."""
    extent = float(np.linalg.norm(right)), float(np.linalg.norm(up))
    density = SIZE / extent[0]
    return Surface(corner, right / extent[0], up / extent[1], extent, texture, density, (0.0, 0.0), (shade,) * 3)


def view(centre: Doubles, target: Doubles, shake: Doubles | None = None) -> View:
    return View(facing(centre[None], target[None], None if shake is None else shake[None]), centre[None])


def seen_at(point: Doubles, camera: View, focal: float, distortion: tuple[float, ...] = ()) -> Doubles:
    """Pixels from the upper left, by the 3x4 projection matrix and Blender's polynomial; of the first camera."""
    turn, centre = camera.turns[0], camera.centres[0]
    projection = turn.T @ np.c_[np.eye(3), -centre]
    x, y, z = projection @ np.r_[point, 1.0]
    square = (x * x + y * y) / z**2
    share = 1 + sum(k * square**power for power, k in enumerate(distortion, 1))
    return np.array([x / z * share * focal + PICTURE[0] / 2, y / z * share * focal + PICTURE[1] / 2])


def spotted(row: float, column: float, radius: float = 22.0) -> Texture:
    """Black, with a soft round spot at a texel."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    return Texture(np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * radius**2)))


def centre_of(image: np.ndarray) -> Doubles:
    """The centre of brightness, pixels from the upper left."""
    grey = image[..., 0].astype(float)
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]] + 0.5
    return np.array([(grey * x).sum(), (grey * y).sum()]) / grey.sum()


@pytest.mark.parametrize("distortion", [(), (-0.25, 0.04), (0.2,)])
@pytest.mark.parametrize("place", [(0.2, 0.75), (0.5, 0.5), (0.85, 0.3)])
def test_a_spot_is_drawn_where_the_camera_sees_it(place: tuple[float, float], distortion: tuple[float, ...]) -> None:
    texture = spotted(place[1] * SIZE, place[0] * SIZE)
    surface = plain(np.array([-1.0, 0.3, -1.0]), 2 * RIGHT, 2 * UP, 1.0, texture)
    camera = view(np.array([0.9, -3.6, 0.4]), np.array([0.1, 0.0, 0.1]), np.array([0.05, -0.04, 0.3]))
    point = np.array([-1.0 + 2 * place[0], 0.3, -1.0 + 2 * place[1]])
    image = draw([surface], camera, rays(PICTURE, FOCAL, distortion))
    wanted = seen_at(point, camera, FOCAL, distortion)
    assert np.hypot(*(centre_of(image) - wanted)) < 0.03
    if distortion:
        straight = seen_at(point, camera, FOCAL)
        assert np.hypot(*(centre_of(image) - straight)) > 0.1 or np.hypot(*(straight - np.divide(PICTURE, 2))) < 30


def test_each_line_of_a_rolling_shutter_has_its_own_camera() -> None:
    texture = spotted(0.8 * SIZE, 0.5 * SIZE)
    surface = plain(np.array([-1.0, 0.0, -1.0]), 2 * RIGHT, 2 * UP, 1.0, texture)
    lines = (np.arange(PICTURE[1]) + 0.5) / PICTURE[1] - 0.5
    centres = np.array([0.0, -4.0, 0.0]) + lines[:, None] * (0.6, 0.0, 0.0)
    turns = facing(centres, centres + AHEAD)
    image = draw([surface], View(turns, centres), rays(PICTURE, FOCAL))
    height = PICTURE[1] / 2 - FOCAL * 0.6 / 4.0  # of the spot, whichever camera sees it
    x = PICTURE[0] / 2 - FOCAL * (height / PICTURE[1] - 0.5) * 0.6 / 4.0
    assert np.hypot(*(centre_of(image) - (x, height))) < 0.05
    assert abs(x - PICTURE[0] / 2) > 5


def nearest(surfaces: list[Surface], camera: View, columns: np.ndarray, rows: np.ndarray) -> Doubles:
    """[n]: the grey of the nearest surface on the ray of each pixel, by solving for the places on all of them."""
    flat = np.stack([(columns - PICTURE[0] / 2) / FOCAL, (rows - PICTURE[1] / 2) / FOCAL, np.ones(len(rows))], 1)
    directions = flat @ camera.turns[0].T
    best, shades = np.full(len(rows), np.inf), np.zeros(len(rows))
    for surface in surfaces:
        sides = np.broadcast_to(np.stack([surface.right, surface.up], 1), (len(rows), 3, 2))
        offset = np.broadcast_to((camera.centres[0] - surface.corner)[None, :, None], (len(rows), 3, 1))
        along, up, depth = np.linalg.solve(np.concatenate([sides, -directions[:, :, None]], 2), offset)[..., 0].T
        hit = (along >= 0) & (along <= surface.extent[0]) & (up >= 0) & (up <= surface.extent[1])
        hit &= (depth > 0) & (depth < best) & (directions @ np.cross(surface.right, surface.up) < 0)
        best[hit], shades[hit] = depth[hit], surface.tint[0]
    return shades


def crowded() -> list[Surface]:
    """Boxes of different greys, one of them long, so that the nearer middle is not always the nearer surface."""
    painter = Painter(np.random.default_rng(0), [WHITE])
    faces = [plain(np.array([-6.0, 5.0, -3.0]), 12 * RIGHT, 7 * UP, 0.1)]
    boxes = [
        ((0.0, 3.0, -1.0), (6.0, 0.5, 1.0), 0.9),
        ((-2.2, 2.2, -1.0), (0.5, 0.5, 2.2), -0.3),
        ((0.6, 0.4, -1.0), (0.4, 0.9, 1.2), 0.4),
        ((1.5, 1.2, -1.0), (0.9, 0.4, 1.6), 0.0),
        ((-0.9, 1.0, -1.0), (0.8, 0.8, 1.4), 0.7),
    ]
    for base, size, angle in boxes:
        faces += painter.box(np.array(base), size, angle)
    shades = np.linspace(0.15, 1.0, len(faces))
    return [
        plain(face.corner, face.extent[0] * face.right, face.extent[1] * face.up, shade)
        for face, shade in zip(faces, shades, strict=True)
    ]


def test_what_is_nearer_hides_what_is_farther() -> None:
    surfaces = crowded()
    for angle in (-0.6, 0.0, 0.5):
        centre = about_z(angle) @ np.array([0.0, -4.0, 1.0])
        camera = view(centre, np.array([0.0, 1.0, -0.2]), np.array([0.0, 0.0, 0.1]))
        image = draw(surfaces, camera, rays(PICTURE, FOCAL))
        rows, columns = (axis.ravel() for axis in np.mgrid[2 : PICTURE[1] : 3, 2 : PICTURE[0] : 3])
        wanted = nearest(surfaces, camera, columns + 0.5, rows + 0.5)
        inside = np.all(
            [nearest(surfaces, camera, columns + x, rows + y) == wanted for x in (-0.5, 1.5) for y in (-0.5, 1.5)], 0
        )  # away from edges
        off = np.abs(image[rows, columns, 0] - wanted)[inside]
        assert off.max() < 1e-3 and inside.mean() > 0.7 and len(set(wanted[inside])) > 8


def test_edges_are_covered_by_their_share_of_a_pixel() -> None:
    surface = plain(np.array([-0.31, 0.0, -0.4]), 0.633 * RIGHT, 0.777 * UP, 1.0)
    camera = view(np.array([0.0, -3.0, 0.0]), np.zeros(3), np.array([0.0, 0.0, 0.35]))
    image = draw([surface], camera, rays(PICTURE, FOCAL))
    area = 0.633 * 0.777 * (FOCAL / 3.0) ** 2
    assert float(image[..., 0].sum()) == pytest.approx(area, rel=0.002)


def test_nothing_behind_the_camera_or_seen_from_behind_is_drawn() -> None:
    behind = plain(np.array([-5.0, -5.0, -5.0]), 10 * RIGHT, 10 * UP, 1.0)
    turned = plain(np.array([1.0, 2.0, -1.0]), -2 * RIGHT, 2 * UP, 1.0)
    camera = view(np.array([0.0, -3.0, 0.0]), np.zeros(3))
    assert not draw([behind, turned], camera, rays(PICTURE, FOCAL)).any()


def test_a_floor_passes_below_the_camera() -> None:
    floor = plain(np.array([-20.0, -20.0, -1.0]), 40 * RIGHT, 40 * AHEAD, 0.5)
    camera = view(np.array([0.0, -3.0, 0.0]), np.array([0.0, 5.0, 0.0]))
    image = draw([floor], camera, rays(PICTURE, FOCAL))[..., 0]
    horizon = PICTURE[1] / 2 + FOCAL * 1.0 / 23.0  # its far edge is 23 m away
    filled = image > 0.25
    assert filled[int(horizon) + 1 :].all() and not filled[: int(horizon) - 1].any()


def test_a_texture_keeps_its_mean_however_small_it_is_seen() -> None:
    texture = Texture(0.5 + 0.1 * noise(np.random.default_rng(1)))
    place = np.linspace(0, 3 * SIZE, 5000, dtype=np.float32)
    means = [
        float(texture.sample(place, (place * 1.7).astype(np.float32), np.full(5000, level, np.float32)).mean())
        for level in (0.0, 2.5, 5.0, 9.9)
    ]
    assert means == pytest.approx([0.5] * 4, abs=0.02)


def test_a_texture_has_no_seam() -> None:
    texture = Texture(0.5 + 0.1 * noise(np.random.default_rng(1)))
    place = np.linspace(0, SIZE, 777, dtype=np.float32)
    level = np.full(777, 1.3, np.float32)
    assert texture.sample(place, place, level) == pytest.approx(
        texture.sample(place - SIZE, place + SIZE, level), abs=1e-3
    )
