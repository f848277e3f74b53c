# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips for the tests, the demo and the bench: rendered shots with known true positions.

A rendered shot is a set of flat, textured surfaces that face a moving camera at several depths, so there is parallax.
Inside this module positions are pixels from the upper left, (0, 0) being the outer corner of the first pixel; public
positions are 0..1 from the lower left, as in Blender. Frames count from 1.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracking_sessions.tests.pictures import link, write_png
from tracking_sessions.tests.textures import Floats, ball, bezel, bricks, finish, mosaic, planks, resample, smooth_noise

Camera = tuple[float, float, float]

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass
class Surface:
    """A flat texture facing the camera: its upper left corner in pixels as seen by the camera at (0, 0, 0)."""

    left: float
    top: float
    depth: float  # the wall is at 1
    texture: Floats
    later: Floats | None = None  # the texture from frame `switch` on
    switch: int = 0
    fall: Callable[[int], float] | None = None  # pixels that the surface has fallen by a frame; only the ball falls

    def changed(self, frame: int) -> bool:
        """Whether it shows its later texture."""
        return self.later is not None and frame >= self.switch

    def box(self, camera: Camera, frame: int, centre: tuple[float, float]) -> tuple[float, float, float, float]:
        """Left, top, width and height in the frame."""
        scale = self.depth / (self.depth - camera[2])
        left = (self.left - centre[0] - camera[0] / self.depth) * scale + centre[0]
        top = (self.top - centre[1] - camera[1] / self.depth) * scale + centre[1]
        if self.fall:
            top += self.fall(frame)
        return left, top, self.texture.shape[1] * scale, self.texture.shape[0] * scale


@dataclass(frozen=True)
class Start:
    """A track to set in frame 1. `kind`: 'survives', 'leaves' (through the border), 'lost' (covered or changed)."""

    name: str
    kind: str
    co: tuple[float, float]


class Shot:
    """A rendered clip: `folder`, `files` (one per frame), `frames`, `width`, `height`, `tracks` and their truth."""

    def __init__(
        self, folder: Path, frames: int, width: int, height: int, path: Callable[[int], Camera], surfaces: list[Surface]
    ) -> None:
        self.folder, self.frames, self.width, self.height = folder, frames, width, height
        self.files: list[Path] = []
        self.tracks: list[Start] = []
        self._path, self._surfaces = path, surfaces
        # Half the size of the largest pattern area that tracks are chosen for, 31 pixels or 21 in small frames.
        self._reach = (31 if height >= 300 else 21) / 2 + 2
        self._home: dict[str, int] = {}
        self._start: dict[str, tuple[float, float]] = {}

    def truth(self, name: str, frame: int) -> tuple[float, float]:
        """The true position of a track, 0..1 from the lower left; outside 0..1 when it has left the frame."""
        x, y = self._follow(self._home[name], *self._start[name], frame)
        return x / self.width, 1 - y / self.height

    def visible(self, name: str, frame: int) -> bool:
        """Whether the pattern of the track as it was in frame 1 can be seen, whole, in `frame`."""
        x, y = (np.array([value]) for value in self._start[name])
        return bool(self._seen(self._home[name], x, y, frame)[0] == 0)

    def _boxes(self, frame: int) -> list[tuple[float, float, float, float]]:
        centre = (self.width / 2, self.height / 2)
        return [surface.box(self._path(frame), frame, centre) for surface in self._surfaces]

    def _follow(self, home: int, x: Any, y: Any, frame: int) -> tuple[Any, Any]:
        """Where points (numbers or arrays) of a surface in frame 1 are in `frame`."""
        old, new = self._boxes(1)[home], self._boxes(frame)[home]
        return new[0] + (x - old[0]) * new[2] / old[2], new[1] + (y - old[1]) * new[3] / old[3]

    def _seen(self, home: int, x: Any, y: Any, frame: int) -> NDArray[np.intp]:
        """0 for whole patterns, 1 for patterns that the border cuts, 2 for covered or changed patterns."""
        reach = self._reach
        x, y = self._follow(home, x, y, frame)
        lost = np.zeros(x.shape, bool)
        nearer = zip(self._surfaces[home + 1 :], self._boxes(frame)[home + 1 :], strict=True)
        for surface, (left, top, width, height) in nearer:
            off_x, off_y = abs(x - left - width / 2), abs(y - top - height / 2)
            if surface.fall:  # the ball
                lost |= np.hypot(off_x, off_y) < width / 2 + reach * 1.4
            else:
                lost |= (off_x < width / 2 + reach) & (off_y < height / 2 + reach)
        lost |= self._surfaces[home].changed(frame)
        out = (np.minimum(x, self.width - x) < reach) | (np.minimum(y, self.height - y) < reach)
        return np.where(lost, 2, np.where(out, 1, 0))

    def _hidden(self, home: int, x: Any, y: Any, frame: int) -> NDArray[np.bool_]:
        """Whether each pattern is hidden as a whole."""
        reach = self._reach
        x, y = self._follow(home, x, y, frame)
        hidden = (np.minimum(x, self.width - x) < -reach) | (np.minimum(y, self.height - y) < -reach)
        for left, top, width, height in self._boxes(frame)[home + 1 :]:
            hidden |= np.hypot(x - left - width / 2, y - top - height / 2) < min(width, height) / 2 - reach
        return hidden | self._surfaces[home].changed(frame)

    def render(self, frame: int) -> Floats:
        """The frame without sensor noise, float32 HxWx3 in 0..255."""
        image = np.zeros((self.height, self.width, 3), np.float32)
        for surface, (left, top, width, height) in zip(self._surfaces, self._boxes(frame), strict=True):
            texture = surface.later if surface.later is not None and surface.changed(frame) else surface.texture
            columns = np.arange(max(0, math.floor(left)), min(self.width, math.ceil(left + width)))
            rows = np.arange(max(0, math.floor(top)), min(self.height, math.ceil(top + height)))
            if not len(columns) or not len(rows):
                continue
            x = (columns + 0.5 - left) * (texture.shape[1] / width) - 0.5
            y = (rows + 0.5 - top) * (texture.shape[0] / height) - 0.5
            part = resample(texture, np.clip(x, 0, texture.shape[1] - 1), np.clip(y, 0, texture.shape[0] - 1))
            target = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            target *= 1 - part[..., 3:]
            target += part[..., :3]
        return image

    def write(self, stem: str, seed: int, count: int, noise: float = 1.5) -> None:
        """Render the frames 1 to `count` into `folder`, with sensor noise of that deviation in 0..255."""
        self.folder.mkdir(parents=True, exist_ok=True)
        digits = max(4, len(str(self.frames)))
        self.files = [self.folder / f"{stem}_{frame:0{digits}d}.png" for frame in range(1, self.frames + 1)]
        rng = np.random.default_rng(seed)
        grain = rng.normal(0.5, noise, (self.height + 64, self.width + 64, 3)).astype(np.float32)  # 0.5: rounds
        shifts = rng.integers(0, 64, (count, 2))

        def write_frame(frame: int) -> None:
            x, y = shifts[frame - 1]
            image = self.render(frame)
            image += grain[y : y + self.height, x : x + self.width]
            write_png(self.files[frame - 1], np.clip(image, 0, 255, out=image).astype(np.uint8))

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(write_frame, range(1, count + 1)))

    def choose(self, wanted: dict[str, int], last: int) -> None:
        """Put tracks on the best corners of frame 1, by the fate of their patterns in the frames up to `last`."""
        x, y, score = corners(self.render(1) @ LUMA)
        home = np.zeros(len(x), int)
        inside = np.ones(len(x), bool)
        for index, (left, top, width, height) in enumerate(self._boxes(1)[1:], 1):
            depth_in = np.minimum(width / 2 - abs(x - left - width / 2), height / 2 - abs(y - top - height / 2))
            usable = depth_in > (self._reach if self._surfaces[index].fall is None else math.inf)
            home[depth_in > 0], inside[depth_in > 0] = index, usable[depth_in > 0]
        fate = np.zeros(len(x), int)  # the end of the pattern, as in _seen
        end = np.full(len(x), last + 1)
        away = np.zeros(len(x), bool)  # whether the last frame hides the pattern
        gone = np.full(len(x), 2 * last)  # the first frame that hides it
        for frame in range(1, last + 1):
            for index in range(len(self._surfaces)):
                mine = np.flatnonzero(home == index)
                seen = self._seen(index, x[mine], y[mine], frame)
                first = mine[(fate[mine] == 0) & (seen > 0)]
                fate[first], end[first] = seen[(fate[mine] == 0) & (seen > 0)], frame
                hidden = self._hidden(index, x[mine], y[mine], frame)
                gone[mine[hidden & (gone[mine] > frame)]] = frame
                away[mine] = hidden
        # a slow cover drags the track along instead of losing it; the tracker may find a pattern that comes back
        middle = (end > last * 0.25) & (end < last * 0.8)
        kinds = {"survives": fate == 0, "leaves": (fate == 1) & middle & away, "lost": (fate == 2) & middle}
        kinds["lost"] &= gone < end + 8
        for kind, count in wanted.items():
            good = np.flatnonzero(kinds[kind] & inside & (score > np.quantile(score, 0.25)))
            good = good[np.argsort(-score[good], kind="stable")]
            for number, at in enumerate(spread(x[good], y[good], count, kind), 1):
                name, index = f"{kind.capitalize()}.{number:02d}", good[at]
                self._home[name], self._start[name] = int(home[index]), (float(x[index]), float(y[index]))
                self.tracks.append(Start(name, kind, self.truth(name, 1)))


def corners(grey: Floats, cell: int = 8) -> tuple[NDArray[np.float64], NDArray[np.float64], Floats]:
    """The best corner of each cell of an image: x, y (pixel centres), smaller eigenvalue (Shi and Tomasi 1994)."""
    dy, dx = np.gradient(grey)
    window = 11

    def box(values: Floats) -> Floats:
        total = np.pad(np.pad(values, window // 2), ((1, 0), (1, 0))).cumsum(0, np.float64).cumsum(1)
        return total[window:, window:] - total[:-window, window:] - total[window:, :-window] + total[:-window, :-window]

    xx, xy, yy = box(dx * dx), box(dx * dy), box(dy * dy)
    score = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    rows, columns = grey.shape[0] // cell, grey.shape[1] // cell
    cells = score[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell).swapaxes(1, 2)
    best = cells.reshape(rows, columns, -1).argmax(2)
    y = (np.arange(rows)[:, None] * cell + best // cell).ravel()
    x = (np.arange(columns)[None, :] * cell + best % cell).ravel()
    return x + 0.5, y + 0.5, score[y, x]


def spread(x: NDArray[np.float64], y: NDArray[np.float64], count: int, kind: str) -> list[int]:
    """The first `count` points in order that are as far from each other as that number allows."""
    distance = 200.0
    while distance > 6:
        chosen: list[int] = []
        free = np.ones(len(x), bool)
        while free.any() and len(chosen) < count:
            chosen.append(int(free.argmax()))
            free &= np.hypot(x - x[chosen[-1]], y - y[chosen[-1]]) >= distance
        if len(chosen) == count:
            return chosen
        distance *= 0.92
    raise ValueError(f"this shot has no room for {count} tracks that it {kind}: make the frame larger")


def set_up(width: int, height: int, seed: int) -> list[Surface]:
    """The scene: a brick wall, flat things in front of it with shadows on the wall, a screen that will change."""
    rng = np.random.default_rng(seed)
    around = height // 4
    right = width * 3 // 5
    wall = bricks(rng, height + 2 * around, width + around + right, height / 16)
    shade = np.ones((*wall.shape[:2], 1), np.float32)
    things: list[Surface] = []
    for kind, left, top, wide, high, depth in (
        (mosaic, 0.01, 0.12, 0.15, 0.36, 0.85),
        (planks, 0.42, 0.62, 0.26, 0.46, 0.78),
        (mosaic, 0.53, 0.08, 0.16, 0.40, 0.90),
        (planks, 0.84, 0.53, 0.21, 0.42, 0.82),
        (mosaic, 1.10, 0.06, 0.16, 0.42, 0.80),
        (bezel, 0.75, 0.10, 0.20, 0.32, 0.88),
        (mosaic, 0.76, 0.115, 0.18, 0.29, 0.88),
    ):
        size = int(height * high), int(width * wide)
        texture = finish(kind(rng, *size, height / 14), rng, 0.22)
        things.append(Surface(width * left, height * top, depth, texture))
        y, x = int(height * (top + 0.03)) + around, int(width * (left + 0.015)) + around
        shade[y : y + size[0], x : x + size[1]] = 0.5
    screen = things[-1]
    high, wide = screen.texture.shape[0] - 2, screen.texture.shape[1] - 2
    static = 128 + 150 * smooth_noise(rng, high, wide, (2.5, 4))  # too fine to look like a tile
    screen.later = finish(np.repeat(np.clip(static, 0, 255), 3, axis=2), rng, 0.1)
    return [Surface(-around, -around, 1.0, finish(wall * shade, rng, 0.3)), *things]


def make_shot(
    folder: str | os.PathLike[str],
    frames: int = 120,
    width: int = 640,
    height: int = 360,
    seed: int = 1,
    tracks: int = 24,
) -> Shot:
    """Write shot_0001.png …: the camera slides right past a wall, a screen goes to static, a ball falls.

    A sixth of the tracks leaves the frame, a sixth gets lost in the middle, the others survive. The same arguments
    give the same pixels. Raises ValueError when the frame has no room for the tracks.
    """
    surfaces = set_up(width, height, seed)
    pan = min(0.22 * width, 5.0 * frames)

    def path(frame: int) -> Camera:
        part = (frame - 1) / max(1, frames - 1)
        ease = part * part * (3 - 2 * part)
        sway_x, sway_y = math.sin(frame / 4.1) + math.sin(frame / 9.7), math.sin(frame / 5.3) + math.sin(frame / 12.1)
        lift = 0.04 * height * math.sin(math.pi * part)
        return pan * ease + 0.003 * height * sway_x, 0.004 * height * sway_y - lift, 0.03 * ease

    screen, half = surfaces[-1], frames // 2
    screen.switch = half + 1
    size = int(0.38 * height)
    rgb, alpha = ball(size)
    rng = np.random.default_rng(seed)

    def fall(frame: int) -> float:
        part = (frame - half - 0.5) / 120  # as fast in a long shot: a slow one would drag tracks along
        return height * (9 * part + 3 * part * abs(part))

    surfaces.append(Surface(0.35 * width, 0.3 * height, 0.6, finish(rgb, rng, 0.18, alpha), fall=fall))
    shot = Shot(Path(folder), frames, width, height, path, surfaces)
    other = tracks // 6
    shot.choose({"survives": tracks - 2 * other, "leaves": other, "lost": other}, frames)
    shot.write("shot", seed, frames)
    return shot


def make_long(
    folder: str | os.PathLike[str],
    frames: int,
    width: int = 1280,
    height: int = 720,
    tracks: int = 100,
    loop: int = 64,
    noise: float = 1.5,
) -> Shot:
    """Write long_0001.png …: `loop` rendered frames in which the camera circles, repeated as links to the same files,
    so that any number of frames takes little disk and time. All tracks survive."""
    reach = 1.2 * loop / math.tau * height / 360  # the wall moves 1.2 px per frame at 360 lines

    def path(frame: int) -> Camera:
        turn = math.tau * (frame - 1) / loop
        return reach * (1 - math.cos(turn)), reach * math.sin(turn), 0.01 * math.sin(turn)

    shot = Shot(Path(folder), frames, width, height, path, set_up(width, height, 1))
    shot.choose({"survives": tracks}, min(loop, frames))
    shot.write("long", 1, min(loop, frames), noise)
    for index in range(loop, frames):
        link(shot.files[index % loop], shot.files[index])
    return shot
