# SPDX-License-Identifier: GPL-3.0-or-later
"""Solves to store: a camera that walks around some points, and what a solve says of it."""

from __future__ import annotations

import math
import random

from tracking_sessions.core.solve.solve import (
    Bundle,
    Camera,
    Drop,
    Lens,
    Mute,
    Round,
    Solve,
    Verdict,
    VerdictKind,
)


def rotation(x: float, y: float, z: float) -> list[list[float]]:
    """Rz Ry Rx of these angles, degrees."""
    (cx, sx), (cy, sy), (cz, sz) = ((math.cos(a), math.sin(a)) for a in map(math.radians, (x, y, z)))
    return [
        [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz],
        [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz],
        [-sy, sx * cy, cx * cy],
    ]


def camera(frame: int, angles: tuple[float, float, float], place: tuple[float, float, float]) -> Camera:
    rows = rotation(*angles)
    return Camera(frame, tuple(v for row, at in zip(rows, place, strict=True) for v in (*row, at)), 0.01 * frame)


def solved(count: int = 4, points: int = 6, seed: int = 1, **changes: object) -> Solve:
    """A solve of `count` frames, from the third clip frame on."""
    chance = random.Random(seed)
    bundles = tuple(
        Bundle(n * 3 + 1, (chance.uniform(-3, 3), chance.uniform(-1, 1), chance.uniform(-9, -5)), chance.random())
        for n in range(points)
    )
    cameras = tuple(camera(n + 3, (2.0 * n, -3.0 * n, 0.5 * n), (0.1 * n, 0.02 * n, -0.05 * n)) for n in range(count))
    errors = {one.track: tuple((one_frame.frame, 0.125 * n) for n, one_frame in enumerate(cameras)) for one in bundles}
    values: dict[str, object] = {
        "id": "solve-1",
        "created": "2026-01-02T03:04:05Z",
        "blender": "5.0.1",
        "object": "Camera",
        "digest": "00112233",
        "verdict": Verdict(VerdictKind.SOLVED, "0.06 px", "look: “at” it", {"angle": 12.5, "link": 40.0}),
        "lens": Lens(31.5, 36.0, (960, 540), 1.0, (3.25, -1.5), "POLYNOMIAL", (-0.02, 0.001, 0.0)),
        "frames": (3, count + 2),
        "keyframes": (3, 5),
        "refined": ("FOCAL_LENGTH",),
        "average_error": 0.0625,
        "cameras": cameras,
        "bundles": bundles,
        "marker_errors": errors,
        "dropped": (Drop(2, "it fits no motion: 3.5 px"), Drop(5, "")),
        "muted": (Mute(4, 3, 5, 1e-07), Mute(7, 4, 4, 3.25)),
        "rounds": (Round("pairs", 0.5, 4, 8, 30), Round("mute", 0.0625, 4, 6, 24)),
        "tracks_made": 12,
        **changes,
    }
    return Solve(**values)  # type: ignore[arg-type]
