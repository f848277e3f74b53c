# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks of points in space as a true camera sees them, with bad tracks and with objects that move on their own.

Pictures have 960x540 pixels, and the focal length is 960 pixels. World to camera, the camera looks along +z, y up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracking_sessions.core.review.distortion import CameraLens
from tracking_sessions.core.review.motion import Motion, Track

Floats = NDArray[np.float64]

WIDTH, HEIGHT, FOCAL = 960, 540, 960.0
KINDS = ("orbit", "lateral", "walk", "forward", "pan", "static")
LEAST = 8
"""Frames of a track."""
ALONG: dict[str, Callable[[Floats], Floats]] = {
    "evenly": lambda share: share,
    "faster": lambda share: share**2,
    "to and fro": lambda share: 0.5 * np.sin(5 * share),
    "and stops": lambda share: np.minimum(2 * share, 1.0),
}
"""How far a thing has gone along the camera's way by a share of the time."""
SPEED = 0.4
"""How far it goes altogether, as a share of that way."""


@dataclass
class Shot:
    """`positions` [tracks, frames, 2], pixels from the lower left, NaN: no marker. `rotations` [frames, 3, 3],
    `centres` [frames, 3]: of the true cameras. [tracks]: `is_mover`, on an object that moves; `is_bad`, slides, jumps.
    """

    positions: Floats
    rotations: Floats
    centres: Floats
    is_mover: NDArray[np.bool_]
    is_bad: NDArray[np.bool_]

    def motion(self, locked: set[int] = frozenset()) -> Motion:  # type: ignore[assignment]
        """`locked`: numbers of tracks, from 1."""
        tracks = [Track(number, is_locked=number in locked) for number in range(1, len(self.positions) + 1)]
        return Motion.of_positions(self.positions, (WIDTH, HEIGHT), tracks=tracks)


def lens(focal: float = FOCAL) -> CameraLens:
    return CameraLens("POLYNOMIAL", (0.0, 0.0, 0.0), focal, (0.0, 0.0), (WIDTH, HEIGHT))


def turns(angles: Floats) -> Floats:
    """[frames, 3, 3]: rotations by pan, tilt and roll [frames, 3], radians."""
    (sa, sb, sc), (ca, cb, cc) = np.sin(angles.T), np.cos(angles.T)
    one, zero = np.ones_like(sa), np.zeros_like(sa)
    pan = np.array([[ca, zero, -sa], [zero, one, zero], [sa, zero, ca]])
    tilt = np.array([[one, zero, zero], [zero, cb, -sb], [zero, sb, cb]])
    roll = np.array([[cc, -sc, zero], [sc, cc, zero], [zero, zero, one]])
    return np.einsum("ijf,jkf,klf->fil", roll, tilt, pan)


def camera(kind: str, frames: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Rotations and centres. Sets lie 3 to 40 units away, that of an orbit around a point 10 units away."""
    time = np.arange(frames, dtype=float)
    share = time / max(1, frames - 1)
    angles, centres = np.zeros((frames, 3)), np.zeros((frames, 3))
    if kind == "orbit":
        turn = np.radians(40) * share
        centres[:, 0], centres[:, 2] = 10 * np.sin(turn), 10 - 10 * np.cos(turn)
        centres[:, 1] = 0.5 * np.sin(2 * share)
        angles[:, 0] = -turn
    elif kind == "lateral":
        centres[:, 0] = 3 * share
    elif kind == "walk":
        centres[:, 2] = 3 * share
        centres[:, 0] = 0.3 * np.sin(time / 20)
        centres[:, 1] = 0.04 * np.sin(time / 3)
        angles = np.radians(2) * np.sin(time[:, None] / (25, 35, 60) + rng.uniform(0, 6, 3))
    elif kind == "forward":
        centres[:, 2] = 3 * share
    elif kind == "pan":
        angles[:, 0], angles[:, 1] = np.radians(25) * share, np.radians(3) * np.sin(time / 20)
    return turns(angles), centres


def project(points: Floats, rotations: Floats, centres: Floats) -> Floats:
    """[points, frames, 2]: `points` are [points, 3] or [points, frames, 3]; NaN behind the camera."""
    if points.ndim == 2:
        points = points[:, None]
    local = np.einsum("fij,pfj->pfi", rotations, points - centres)
    with np.errstate(invalid="ignore", divide="ignore"):
        flat = local[..., :2] / local[..., 2:] * FOCAL + (WIDTH / 2, HEIGHT / 2)
    flat[local[..., 2] < 0.2] = np.nan
    return flat


def make(
    kind: str,
    seed: int,
    *,
    tracks: int = 150,
    frames: int = 60,
    noise: float = 0.1,
    movers: int = 1,
    moving: float = 0.0,
    radius: float = 130.0,
    bad: float = 0.0,
    plane: float = 0.0,
    cut: int = 0,
    along: str = "",
) -> Shot:
    """`moving`: the share of the tracks on `movers` objects of `radius` pixels. `bad`: the share that slides or jumps.
    `plane`: the share of the set on one wall. `cut`: the frame with which another set begins. `along`: objects move
    the same way as the camera, as ALONG says."""
    rng = np.random.default_rng([seed, KINDS.index(kind), tracks, frames])
    rotations, centres = camera(kind, frames, rng)
    silhouettes, objects = [], []
    for index in range(movers if moving else 0):
        count = round(tracks * moving / movers)
        if along:
            points, silhouette = _beside(rng, rotations, centres, count, radius, ALONG[along])
        else:
            points, silhouette = _object(rng, rotations, centres, count, radius, index)
        objects.append(points)
        silhouettes.append(silhouette)
    rows: list[Floats] = []
    wanted = tracks - sum(map(len, objects))
    while len(rows) < wanted:
        start = int(rng.integers(0, frames))
        low, high = (0, frames) if not cut else ((0, cut) if start < cut else (cut, frames))
        pixel = rng.uniform((0.03 * WIDTH, 0.03 * HEIGHT), (0.97 * WIDTH, 0.97 * HEIGHT))
        depth = rng.uniform(6, 15) if kind == "orbit" else np.exp(rng.uniform(np.log(3), np.log(40)))
        ray = rotations[start].T @ (*((pixel - (WIDTH / 2, HEIGHT / 2)) / FOCAL), 1.0)
        if rng.random() < plane:
            depth = (12.0 + 0.2 * centres[start, 0] - centres[start, 2]) / (ray[2] - 0.2 * ray[0])
        seen = project((ray * depth + centres[start])[None], rotations, centres)[0]
        hidden = np.zeros(frames, bool)
        for where, size in silhouettes:
            hidden |= np.linalg.norm(seen - where, axis=1) < size
        row = _alive(seen, start, hidden, low, high)
        if row is not None:
            rows.append(row)
    for points in objects:
        for seen in project(points, rotations, centres):
            row = _alive(seen, frames // 2, np.zeros(frames, bool), 0, frames)
            if row is not None:
                rows.append(row)
    positions = np.array(rows)
    positions += rng.normal(0, noise, positions.shape)
    is_mover = np.arange(len(rows)) >= wanted
    is_bad = rng.random(len(rows)) < bad
    for index in np.flatnonzero(is_bad):
        positions[index] += _defect(rng, np.flatnonzero(np.isfinite(positions[index, :, 0])), frames)
    return Shot(positions, rotations, centres, is_mover, is_bad)


def _alive(seen: Floats, start: int, hidden: NDArray[np.bool_], low: int, high: int) -> Floats | None:
    with np.errstate(invalid="ignore"):
        inside = (seen > 4).all(1) & (seen < (WIDTH - 4, HEIGHT - 4)).all(1) & ~hidden
    inside[:low] = inside[high:] = False
    if not inside[start]:
        return None
    before, after = np.flatnonzero(~inside[:start]), np.flatnonzero(~inside[start:])
    first = int(before[-1]) + 1 if len(before) else 0
    end = start + int(after[0]) if len(after) else len(seen)
    if end - first < min(LEAST, len(seen)):
        return None
    row = np.full_like(seen, np.nan)
    row[first:end] = seen[first:end]
    return row


def _object(
    rng: np.random.Generator, rotations: Floats, centres: Floats, count: int, radius: float, index: int
) -> tuple[Floats, tuple[Floats, Floats]]:
    """Points [count, frames, 3] of a rigid body that moves in the picture, and its silhouette: centre, radius."""
    share = np.linspace(0, 1, len(rotations))
    side = (-1, 1)[index % 2]
    begin = np.array((WIDTH / 2, HEIGHT / 2)) + rng.uniform(-1, 1, 2) * (0.2 * WIDTH, 0.15 * HEIGHT)
    begin[0] += side * 0.1 * WIDTH * (index > 0)
    path = begin + np.outer(share, rng.uniform(-1, 1, 2) * (0.25 * WIDTH, 0.12 * HEIGHT))
    path += np.stack([12 * np.sin(share * rng.uniform(4, 9)), 12 * np.sin(share * rng.uniform(4, 9))], 1)
    depth = rng.uniform(5, 9) * (1 + 0.15 * np.sin(share * rng.uniform(1, 4)))
    local = np.concatenate([(path - (WIDTH / 2, HEIGHT / 2)) / FOCAL, np.ones((len(share), 1))], 1) * depth[:, None]
    middle = np.einsum("fji,fj->fi", rotations, local) + centres
    body = rng.normal(size=(count, 3))
    body *= (rng.uniform(0, 1, (count, 1)) ** (1 / 3) / np.linalg.norm(body, axis=1, keepdims=True)) * radius
    body *= np.mean(depth) / FOCAL
    turned = turns(np.outer(share, rng.uniform(-0.8, 0.8, 3)))
    return np.einsum("fij,pj->pfi", turned, body) + middle, (path, np.full(len(share), radius * 0.9))


def _beside(
    rng: np.random.Generator,
    rotations: Floats,
    centres: Floats,
    count: int,
    radius: float,
    profile: Callable[[Floats], Floats],
) -> tuple[Floats, tuple[Floats, Floats]]:
    """As `_object`, of a body that moves without turning along the way of the camera."""
    middle = len(rotations) // 2
    begin = np.array((WIDTH / 2, HEIGHT / 2)) + rng.uniform(-1, 1, 2) * (0.2 * WIDTH, 0.15 * HEIGHT)
    depth = rng.uniform(5, 9)
    ray = np.array([*((begin - (WIDTH / 2, HEIGHT / 2)) / FOCAL), 1.0])
    gone = profile(np.linspace(0, 1, len(rotations)))
    way = rotations[middle].T @ ray * depth + centres[middle]
    way = way + np.outer((gone - gone[middle]) * SPEED, centres[-1] - centres[0])
    body = rng.normal(size=(count, 3))
    body *= (rng.uniform(0, 1, (count, 1)) ** (1 / 3) / np.linalg.norm(body, axis=1, keepdims=True)) * radius
    seen = project(way[None], rotations, centres)[0]
    return body[:, None] * depth / FOCAL + way, (seen, np.full(len(rotations), radius * 0.9))


def _defect(rng: np.random.Generator, live: NDArray[np.intp], frames: int) -> Floats:
    """[frames, 2]: how far a bad track is off."""
    off = np.zeros((frames, 2))
    at = int(rng.integers(live[0] + 2, live[-1]))
    angle = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)])
    if rng.random() < 0.5:
        off[at:] = way * np.exp(rng.uniform(np.log(2), np.log(50)))
    else:
        slide = np.cumsum(rng.normal(1, 0.5, frames - at))[:, None] * np.exp(rng.uniform(np.log(0.1), np.log(2)))
        off[at:] = way * slide
    return off
