# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated shots: points in space, seen by a camera that moves, as tracks in pixels.

Pictures have 1920x1080 pixels, y up from the lower left, and the focal length is 1920 pixels. World units are those
of the scene: points lie 2 to 60 units away, the camera looks along z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH, HEIGHT, FOCAL = 1920, 1080, 1920.0
CORNER = float(np.hypot(WIDTH, HEIGHT) / 2)
BARREL = 18.0  # pixels of barrel distortion in the corners
K1 = -BARREL / CORNER * (FOCAL / CORNER) ** 2
"""The coefficient of Blender's polynomial model, by which a corner moves BARREL pixels inwards."""

CAMERAS = ("dolly", "hand-held", "orbit", "pan", "locked", "zoom", "rolling", "near", "wall")
WALL, ON_WALL = 40.0, 0.8
"""Where the wall stands along z, and the share of the points on it."""


@dataclass
class Scene:
    """A shot without defects. `positions`: float64 [tracks, frames, 2], pixels with distortion and noise, NaN: dead.

    `points` [tracks, 3]: what the tracks follow. `rotations` [frames, 3, 3] and `centres` [frames, 3] of the cameras,
    world to camera; `focal` [frames], pixels; `k1` of Blender's polynomial model for a focal length of FOCAL.
    """

    name: str
    positions: Floats
    points: Floats
    rotations: Floats
    centres: Floats
    focal: Floats
    k1: float

    def seen(self, points: Floats) -> Floats:
        """[points, frames, 2]: where the camera sees the points [points, 3], pixels without noise."""
        rolling = 0.5 if self.name == "rolling" else 0.0
        return project(points, self.rotations, self.centres, self.focal, self.k1, rolling)

    def hop(self, track: int, frame: int, shift: Floats) -> Floats:
        """[frames, 2]: how far off a track is that follows another point, as deep, `shift` pixels away on a frame."""
        point, turned = self.points[track], self.rotations[frame]
        depth = (turned @ (point - self.centres[frame]))[2]
        other = point + turned.T @ (*(shift * depth / self.focal[frame]), 0.0)
        here, there = self.seen(np.array([point, other]))
        return there - here

    def undistort(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """The lens of an audit: pixels from the centre, without the distortion."""
        right, up = x / FOCAL, y / FOCAL
        for _ in range(20):
            grown = 1 + self.k1 * (right * right + up * up)
            right, up = x / FOCAL / grown, y / FOCAL / grown
        return right * FOCAL, up * FOCAL


def make(camera: str, *, seed: int, tracks: int = 100, frames: int = 300, noise: float = 0.05, k1: float = K1) -> Scene:
    """The shot of this seed. `tracks` are alive on each frame: one that leaves the picture is followed by a new one."""
    rng = np.random.default_rng([seed, CAMERAS.index(camera), tracks])
    rotations, centres, focal = _path(camera, frames, rng)
    scene = Scene(camera, np.zeros(0), np.zeros(0), rotations, centres, focal, k1)
    nearest, farthest = (0.5 if camera == "near" else 2.0), 60.0
    rows: list[Floats] = []
    points: list[Floats] = []
    due = [0] * tracks
    while due:
        start = due.pop()
        pixel = rng.uniform((0.02 * WIDTH, 0.02 * HEIGHT), (0.98 * WIDTH, 0.98 * HEIGHT))
        depth = np.exp(rng.uniform(np.log(nearest), np.log(farthest)))
        ray = rotations[start].T @ (*((pixel - (WIDTH / 2, HEIGHT / 2)) / focal[start]), 1.0)
        if camera == "wall" and rng.random() < ON_WALL:
            depth = (WALL - centres[start][2]) / ray[2]
        point = ray * depth + centres[start]
        seen = scene.seen(point[None])[0]
        inside = (seen > 4).all(1) & (seen < (WIDTH - 4, HEIGHT - 4)).all(1)
        after = np.flatnonzero(~inside[start:])
        end = start + int(after[0]) if len(after) else frames
        if end - start < 8:
            due.append(start)  # this point leaves at once: another one
            if start >= frames - 8:
                due.pop()
            continue
        row = np.full((frames, 2), np.nan)
        row[start:end] = seen[start:end]
        rows.append(row)
        points.append(point)
        if end < frames:
            due.append(end)
    scene.positions, scene.points = np.array(rows), np.array(points)
    scene.positions += rng.normal(0, noise, scene.positions.shape)
    return scene


def project(
    points: Floats, rotations: Floats, centres: Floats, focal: Floats, k1: float, rolling: float = 0.0
) -> Floats:
    """[points, frames, 2]: where the cameras see the points [points, 3] or [points, frames, 3]; NaN behind them.

    `rolling`: the share of a frame that passes from the first line to the last one.
    """
    if points.ndim == 2:
        points = points[:, None]
    seen = _seen(points, rotations, centres, focal, k1)
    if rolling:
        last = len(rotations) - 1
        before = np.maximum(np.arange(last + 1) - 1, 0), np.minimum(np.arange(last + 1) + 1, last)
        earlier, later = (_seen(points, rotations[other], centres[other], focal[other], k1) for other in before)
        part = rolling * (0.5 - seen[..., 1] / HEIGHT)
        for _ in range(2):  # where the line is that sees the point
            share = part[..., None]
            moved = seen + share * (later - earlier) / 2 + share**2 * (later + earlier - 2 * seen) / 2
            part = rolling * (0.5 - moved[..., 1] / HEIGHT)
        seen = moved
    return seen


def _seen(points: Floats, rotations: Floats, centres: Floats, focal: Floats, k1: float) -> Floats:
    local = np.einsum("fij,pfj->pfi", rotations, points - centres)
    with np.errstate(invalid="ignore", divide="ignore"):
        flat = local[..., :2] / local[..., 2:]
        flat[local[..., 2] < 0.2] = np.nan
    radius = (flat * flat).sum(-1) * (focal[:, None].T / FOCAL) ** 2
    return flat * (1 + k1 * radius)[..., None] * focal[:, None] + (WIDTH / 2, HEIGHT / 2)


def _turns(angles: Floats) -> Floats:
    """[frames, 3, 3]: rotations by pan, tilt and roll [frames, 3], radians."""
    (sa, sb, sc), (ca, cb, cc) = np.sin(angles.T), np.cos(angles.T)
    one, zero = np.ones_like(sa), np.zeros_like(sa)
    pan = np.array([[ca, zero, -sa], [zero, one, zero], [sa, zero, ca]])
    tilt = np.array([[one, zero, zero], [zero, cb, -sb], [zero, sb, cb]])
    roll = np.array([[cc, -sc, zero], [sc, cc, zero], [zero, zero, one]])
    return np.einsum("ijf,jkf,klf->fil", roll, tilt, pan)


def _shake(rng: np.random.Generator, frames: int, size: float, lag: float) -> Floats:
    """[frames, 3]: noise of the deviation `size` with a correlation time of `lag` frames."""
    keep = np.exp(-1 / lag)
    values = rng.normal(0, size, (frames, 3))
    for frame in range(1, frames):
        values[frame] = keep * values[frame - 1] + np.sqrt(1 - keep**2) * values[frame]
    return values


def _path(camera: str, frames: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    time = np.arange(frames, dtype=np.float64)
    angles, centres, focal = np.zeros((frames, 3)), np.zeros((frames, 3)), np.full(frames, FOCAL)
    if camera in {"dolly", "zoom", "wall"}:
        centres[:, 2] = 0.03 * time
        centres[:, 0] = 0.02 * time + 0.5 * np.sin(time / 60)
        angles[:, 0], angles[:, 1] = 0.06 * np.sin(time / 70), 0.02 * np.sin(time / 45)
        if camera == "zoom":
            focal = FOCAL * 1.8 ** (time / frames)
    elif camera in {"hand-held", "rolling", "near"}:
        centres[:, 2] = 0.03 * time
        centres[:, 1] = 0.03 * np.sin(time / 4)
        centres += _shake(rng, frames, 0.006, 4.0)
        wander = np.sin(time[:, None] / (35, 50, 80) + rng.uniform(0, 2 * np.pi, 3))
        angles = _shake(rng, frames, np.radians(0.3), 2.0) + np.radians(2.0) * wander
    elif camera == "orbit":
        turn = time * np.radians(90 / 300)
        centres[:, 0], centres[:, 2] = 10 * np.sin(turn), 10 - 10 * np.cos(turn)
        angles[:, 0] = -turn
    elif camera == "pan":
        angles[:, 0] = np.radians(40) * time / 300
        angles += _shake(rng, frames, np.radians(0.15), 2.0)
    return _turns(angles), centres, focal


def shaken(rotations: Floats, sizes: Floats, seed: int) -> Floats:
    """The rotations, each turned by random angles of these deviations in radians."""
    angles = np.random.default_rng([seed, 4]).normal(size=(len(rotations), 3)) * sizes[:, None]
    return np.einsum("fij,fjk->fik", _turns(angles), rotations)
