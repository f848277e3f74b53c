# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws flat textured surfaces as a camera sees them, antialiased, with any lens and any shutter.

Camera axes are x right, y down, z forward. A pixel (column, row) has its centre at (column + 0.5, row + 0.5) from the
upper left. A surface is a homography from the picture: the place on it, over the depth, is linear in the ray of the
pixel, so each line of the picture may have a camera of its own (a rolling shutter) and each pixel any ray (a lens that
distorts). Edges are covered by their distance to the pixel; what is nearer hides what is farther, pixel by pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking_sessions.tools.accuracy.mipmaps import Floats
from tracking_sessions.tools.accuracy.surfaces import Doubles, Surface

NEAR = 0.05
"""Metres: nothing nearer is seen."""
SLANT = 0.6
"""How far a slanted texture is filtered for its denser direction: 0 not at all (it flickers), 1 wholly (it blurs)."""


@dataclass(frozen=True)
class Rays:
    """The rays of the pixels in camera axes with z = 1: `x`, `y` float32 [lines, columns], or [1, columns] and
    [lines, 1] without distortion. `focal`: pixels. `size`: of the picture."""

    x: Floats
    y: Floats
    focal: float
    size: tuple[int, int]


@dataclass(frozen=True)
class View:
    """Cameras of the lines of a picture, from the first to the last, or one of all: `turns` [lines or 1, 3, 3], camera
    to world, and `centres` [lines or 1, 3]."""

    turns: Doubles
    centres: Doubles


def draw(surfaces: list[Surface], view: View, rays: Rays) -> Floats:
    """The picture, float32 [lines, columns, 3], 0..1."""
    width, height = rays.size
    image = np.zeros((height * width, 3), np.float32)
    nearness = np.zeros(height * width, np.float32)  # 1 / depth of what is seen
    eye = view.centres[len(view.centres) // 2]
    seen = [surface for surface in surfaces if surface.normal @ (eye - surface.corner) > 0]
    for surface in sorted(
        seen, key=lambda one: (not one.is_backdrop, -float(np.linalg.norm(one.corners.mean(0) - eye)))
    ):
        _draw(surface, view, rays, image, nearness)
    return image.reshape(height, width, 3)


def _draw(surface: Surface, view: View, rays: Rays, image: Floats, nearness: Floats) -> None:
    box = _box(surface, view, rays)
    if box is None:
        return
    left, top, right, bottom = box
    lines, columns = slice(top, bottom), slice(left, right)
    x = rays.x[lines if len(rays.x) > 1 else slice(None), columns]
    y = rays.y[lines, columns if rays.y.shape[1] > 1 else slice(None)]
    share, across, along, facing = _homography(surface, view, lines)
    inverse = _linear(share, x, y)  # 1 / depth
    place_x, place_y = _linear(across, x, y), _linear(along, x, y)
    cover = np.full(inverse.shape, 1e6, np.float32)
    for place, row, extent in ((place_x, across, surface.extent[0]), (place_y, along, surface.extent[1])):
        np.minimum(cover, place * _per_pixel(row, rays.focal), out=cover)
        opposite = extent * share - row
        np.minimum(cover, (np.float32(extent) * inverse - place) * _per_pixel(opposite, rays.focal), out=cover)
    cover += np.float32(0.5)
    whole = nearness.reshape(rays.size[::-1])[lines, columns]
    visible = (cover > 0) & (inverse > whole) & (inverse < 1 / NEAR)
    row, column = np.nonzero(visible)
    if not len(row):
        return
    cover, inverse = np.minimum(cover[visible], 1), inverse[visible]
    place_x, place_y = place_x[visible] / inverse, place_y[visible] / inverse
    slope = np.log2(inverse)
    level = np.float32(np.log2(surface.density / rays.focal) - SLANT * np.log2(facing)) - (1 + SLANT) * slope
    texel_x = place_x * np.float32(surface.density) + np.float32(surface.begin[0])
    texel_y = place_y * np.float32(surface.density) + np.float32(surface.begin[1])
    grey = surface.texture.sample(texel_x, texel_y, level)
    if surface.lamp is not None:
        grey += _spot(surface, surface.lamp, view, place_x, place_y)
    pixel = (row + top) * rays.size[0] + (column + left)
    colour = grey[:, None] * np.array(surface.tint, np.float32)
    is_edge = np.flatnonzero(cover < 1)
    part = cover[is_edge, None]
    colour[is_edge] = part * colour[is_edge] + (1 - part) * image[pixel[is_edge]]
    image[pixel] = colour
    front = cover > 0.5
    nearness[pixel[front]] = inverse[front]


def _homography(surface: Surface, view: View, lines: slice) -> tuple[Doubles, Doubles, Doubles, float]:
    """[lines or 1, 3] each: what takes a ray to 1 / depth, and to the place on the surface along its two sides, metres,
    over the depth. And how far the camera is from the plane, metres."""
    many = len(view.turns) > 1
    turns, centres = (view.turns[lines], view.centres[lines]) if many else (view.turns, view.centres)
    offset = centres - surface.corner
    distance = -(offset @ surface.normal)
    share = np.einsum("i,nij->nj", surface.normal, turns) / distance[:, None]
    across, along = (
        (offset @ side)[:, None] * share + np.einsum("i,nij->nj", side, turns) for side in (surface.right, surface.up)
    )
    return share, across, along, float(np.abs(distance).mean())


def _linear(row: Doubles, x: Floats, y: Floats) -> Floats:
    single = row.astype(np.float32)
    return single[:, :1] * x + (single[:, 1:2] * y + single[:, 2:])


def _per_pixel(row: Doubles, focal: float) -> Floats:
    """[lines or 1, 1]: from the value of a linear function to the pixels from the line on which it is 0."""
    return (focal / np.maximum(np.hypot(row[:, :1], row[:, 1:2]), 1e-12)).astype(np.float32)


def _spot(surface: Surface, lamp: Doubles, view: View, x: Floats, y: Floats) -> Floats:
    """The mirror image of a lamp: it stays with the camera, not with the surface."""
    eye = view.centres[len(view.centres) // 2]
    away, behind = ((point - surface.corner) @ surface.normal for point in (eye, lamp))
    if behind <= 0:
        return np.zeros(len(x), np.float32)
    point = eye + (lamp - eye) * away / (away + behind) - surface.corner  # on the straight line to the mirrored lamp
    radius = 0.06 * (away + behind)
    square = (x - np.float32(point @ surface.right)) ** 2 + (y - np.float32(point @ surface.up)) ** 2
    return np.float32(0.5) * np.exp(-square / np.float32(radius * radius))


def _box(surface: Surface, view: View, rays: Rays) -> tuple[int, int, int, int] | None:
    """The part of the picture that may show the surface: left, top, right, bottom; None if none does."""
    width, height = rays.size
    spots: list[Doubles] = []
    for turn, centre in {0: (view.turns[0], view.centres[0]), 1: (view.turns[-1], view.centres[-1])}.values():
        local = (surface.corners - centre) @ turn
        if local[:, 2].max() < NEAR:
            continue
        if local[:, 2].min() < NEAR:
            return 0, 0, width, height
        spots.append(local[:, :2] / local[:, 2:])
    if not spots:
        return None
    low, high = np.min([spot.min(0) for spot in spots], 0), np.max([spot.max(0) for spot in spots], 0)
    # rays grow from the left to the right and from the top to the bottom, however the lens bends them
    x_low, x_high = rays.x.min(0), rays.x.max(0)
    y_low, y_high = rays.y.min(1), rays.y.max(1)
    margin = 2 / rays.focal
    left, right = np.searchsorted(x_high, low[0] - margin), np.searchsorted(x_low, high[0] + margin)
    top, bottom = np.searchsorted(y_high, low[1] - margin), np.searchsorted(y_low, high[1] + margin)
    return (int(left), int(top), int(right), int(bottom)) if left < right and top < bottom else None


def rays(size: tuple[int, int], focal: float, distortion: tuple[float, ...] = ()) -> Rays:
    """The rays of a lens without distortion, or with Blender's polynomial one of these coefficients."""
    width, height = size
    x = ((np.arange(width) + 0.5 - width / 2) / focal)[None, :]
    y = ((np.arange(height) + 0.5 - height / 2) / focal)[:, None]
    if any(distortion):
        radius = np.hypot(x, y)
        share = straight(radius, distortion) / np.maximum(radius, 1e-12)
        x, y = x * share, y * share
    return Rays(x.astype(np.float32), y.astype(np.float32), focal, size)


def straight(radius: Doubles, distortion: tuple[float, ...]) -> Doubles:
    """The radius, focal lengths, that the polynomial r (1 + k1 r^2 + k2 r^4 …) takes to `radius`; Newton's steps."""
    made: NDArray[np.float64] = radius.copy()
    powers = [2 * index + 3 for index in range(len(distortion))]
    for _ in range(30):
        bent = made + sum(k * made**power for k, power in zip(distortion, powers, strict=True))
        slope = 1 + sum(k * power * made ** (power - 1) for k, power in zip(distortion, powers, strict=True))
        made -= (bent - radius) / slope
    return made
