# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks for the tests of an audit: points in space before a moving camera, with 0.05 pixels of noise."""

from __future__ import annotations

from struct import pack

import numpy as np
from numpy.typing import NDArray

from tracking_sessions.core.journal.rows import KEYED, MARKER, MUTED
from tracking_sessions.core.model.types import TrackData
from tracking_sessions.core.review.motion import Motion

SIZE = (1920, 1080)
Floats = NDArray[np.float64]


def dolly(tracks: int = 40, frames: int = 60, *, seed: int = 1, noise: float = 0.05, speed: float = 0.02) -> Floats:
    """[tracks, frames, 2]: pixels of points 3 to 30 units away, seen by a camera that moves right and turns."""
    rng = np.random.default_rng(seed)
    depth = np.exp(rng.uniform(np.log(3), np.log(30), (tracks, 1)))
    x, y = (rng.uniform(-part, part, (tracks, 1)) * depth for part in (0.35, 0.2))
    time = np.arange(frames)
    turn = 0.03 * np.sin(time / 40)
    x, z = x - speed * time, depth - 0.3 * speed * time
    x, z = x * np.cos(turn) - z * np.sin(turn), x * np.sin(turn) + z * np.cos(turn)
    seen = np.stack([960 + 1920 * x / z, 540 + 1920 * y / z], -1)
    return seen + rng.normal(0, noise, seen.shape)


def pan(tracks: int = 40, frames: int = 60, *, seed: int = 2, zoom: float = 1.0) -> Floats:
    """The same seen by a camera that only turns, and zooms by the factor `zoom`."""
    rng = np.random.default_rng(seed)
    x, y = (rng.uniform(-part, part, (tracks, 1)) for part in (0.35, 0.2))
    time = np.arange(frames)
    turn, focal = 0.1 * time / frames, 1920 * zoom ** (time / frames)
    x, z = x * np.cos(turn) - np.sin(turn), x * np.sin(turn) + np.cos(turn)
    seen = np.stack([960 + focal * x / z, 540 + focal * y / z], -1)
    return seen + rng.normal(0, 0.05, seen.shape)


def motion(positions: Floats, **options: object) -> Motion:
    return Motion.of_positions(positions, SIZE, **options)  # type: ignore[arg-type]


class Journal:
    """The tracks of a journal as `Motion.of` reads them."""

    def __init__(self, positions: Floats | None = None, **settings: object) -> None:
        self.tracks: dict[int, TrackData] = {}
        self.packed: dict[int, dict[int, bytes]] = {}
        for number, track in enumerate(() if positions is None else positions, 1):
            self.add(number, **settings)
            for frame, (x, y) in enumerate(track, 1):
                if np.isfinite(x):
                    self.put(number, frame, x / SIZE[0], y / SIZE[1])

    def add(self, number: int, object: str = "Camera", **settings: object) -> None:
        self.tracks[number] = TrackData(number, object, f"Track.{number}", dict(settings))
        self.packed[number] = {}

    def put(self, track: int, frame: int, x: float, y: float, *, flags: int = 0, size: float = 0.01) -> None:
        corners = (-size, -size, size, -size, size, size, -size, size)
        self.packed[track][frame] = MARKER.pack(track, frame, flags, x, y, *corners, -0.1, -0.1, 0.1, 0.1)

    def mark(self, track: int, frame: int, flags: int) -> None:
        row = self.packed[track][frame]
        self.packed[track][frame] = row[:8] + pack("<I", flags) + row[12:]

    def rows(self, track: int) -> bytes:
        return b"".join(row for _, row in sorted(self.packed[track].items()))


__all__ = ["KEYED", "MUTED", "SIZE", "Journal", "dolly", "motion", "pan"]
