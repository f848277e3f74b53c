# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the shots of `kinds.py`, each into a folder of its own with its pictures and their true cameras."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from tracking_sessions.core.solve.solve import VerdictKind
from tracking_sessions.tests.pictures import write_png
from tracking_sessions.tools.accuracy.kinds import KINDS, SENSOR, Kind
from tracking_sessions.tools.accuracy.mipmaps import Floats
from tracking_sessions.tools.accuracy.paths import PATHS
from tracking_sessions.tools.accuracy.paths import Path as CameraPath
from tracking_sessions.tools.accuracy.raster import Rays, View, draw, rays, straight
from tracking_sessions.tools.accuracy.sets import build
from tracking_sessions.tools.accuracy.surfaces import Doubles, Set

BLURRED = 7
"""Moments of an open shutter, the mean of which is the picture."""
TRUTH = "truth.json"
DRAWING = ("mipmaps", "surfaces", "raster", "paths", "sets", "shot")
"""The modules that draw."""
CONVERT = Path(__file__).with_name("jpeg.py")


@dataclass
class Truth:
    """What is known of a shot. Camera axes are Blender's: x right, y up, looking along -z.

    `folder`: of the pictures. `matrices` [frames, 3, 4]: camera to world; NaN where a frame has none. `focal` [frames]:
    pixels of the width. `size`: pixels. `distortion`: Blender's polynomial coefficients, for the focal length of the
    frame. `expected`: the right verdicts, the first one foremost. `is_reconstruction`: whether the cameras are another
    program's work. With a rolling shutter the cameras are those of the middle line.
    """

    name: str
    folder: Path
    size: tuple[int, int]
    matrices: Doubles
    focal: Doubles
    distortion: tuple[float, ...]
    is_lens_known: bool
    expected: tuple[VerdictKind, ...]
    sensor: float = SENSOR
    is_reconstruction: bool = False
    settings: dict[str, object] = field(default_factory=dict[str, object])

    @property
    def frames(self) -> int:
        return len(self.matrices)

    @property
    def millimetres(self) -> float:
        """The focal length of the first frame."""
        return float(self.focal[0] * self.sensor / self.size[0])

    def project(self, points: Doubles, frame: int) -> Doubles:
        """[n, 2]: where the camera of frame 1, 2, … sees points [n, 3] of the world, pixels from the lower left; NaN
        for those behind it."""
        matrix, focal = self.matrices[frame - 1], self.focal[frame - 1]
        local = (points - matrix[:, 3]) @ matrix[:, :3]
        with np.errstate(divide="ignore", invalid="ignore"):
            flat = np.where(local[:, 2:] < 0, local[:, :2] / -local[:, 2:], np.nan)
        square = (flat * flat).sum(1)[:, None]
        share = 1 + sum(k * square ** (power + 1) for power, k in enumerate(self.distortion))
        return flat * share * focal + np.array(self.size) / 2

    def straighten(self, pixels: Doubles, indices: np.ndarray) -> Doubles:
        """[n, 2]: pixels [n, 2] from the lower left, each of the frame with its index, as rays: x and y in camera axes
        for z = -1, without distortion."""
        flat = (pixels - np.array(self.size) / 2) / self.focal[indices, None]
        radius = np.hypot(*flat.T)
        return flat * (straight(radius, self.distortion) / np.maximum(radius, 1e-12))[:, None]

    def write(self) -> None:
        values = asdict(self) | {"matrices": _listed(self.matrices), "focal": self.focal.tolist()}
        del values["folder"]
        (self.folder / TRUTH).write_text(json.dumps(values), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Truth:
        values = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
        values["matrices"] = np.array(
            [[np.nan] * 12 if matrix is None else matrix for matrix in values["matrices"]], np.float64
        ).reshape(-1, 3, 4)
        values["focal"] = np.array(values["focal"], np.float64)
        values["expected"] = tuple(VerdictKind(value) for value in values["expected"])
        values |= {"size": tuple(values["size"]), "distortion": tuple(values["distortion"])}
        return cls(folder=folder, **values)


def _listed(matrices: Doubles) -> list[list[float] | None]:
    return [matrix.ravel().tolist() if np.isfinite(matrix).all() else None for matrix in matrices]


def is_rendered(folder: Path, seed: int, kind: Kind) -> bool:
    """Whether the folder has this very shot."""
    kept = json.loads((folder / TRUTH).read_text(encoding="utf-8"))["settings"]
    return kept == json.loads(json.dumps(_settings(seed, kind)))


def _settings(seed: int, kind: Kind) -> dict[str, object]:
    """All that the pixels follow from."""
    digest = hashlib.sha256(b"".join(Path(__file__).with_name(f"{name}.py").read_bytes() for name in DRAWING))
    return {"seed": seed, "source": digest.hexdigest()[:16], **asdict(kind)}


class Scene:
    """A shot before its pictures are rendered: `kind`, and from a time in frames to cameras and surfaces."""

    def __init__(self, name: str, kind: Kind, seed: int) -> None:
        self.name, self.kind, self.seed = name, kind, seed
        self._parts = [self._part(0), self._part(1)] if kind.cut else [self._part(0)]

    def _part(self, number: int) -> tuple[CameraPath, Set]:
        kind = self.kind
        key = [self.seed, sum(ord(letter) << (5 * place) for place, letter in enumerate(self.name[:10])), number]
        rng = np.random.default_rng(key)
        path = PATHS[kind.path](rng, kind.frames)
        return path, build(rng, kind.set, kind.textures, kind.movers, kind.frames, is_lit=kind.is_lit)

    def _at(self, index: float) -> tuple[CameraPath, Set]:
        return self._parts[-1 if self.kind.cut and index >= self.kind.frames // 2 - 0.5 else 0]

    def cameras(self) -> Doubles:
        """[frames, 3, 4]: in Blender's axes."""
        made: list[Doubles] = []
        for index in range(self.kind.frames):
            turns, centres = self._at(index)[0](np.array([float(index)]))
            made.append(np.concatenate([turns[0] * (1.0, -1.0, -1.0), centres[0][:, None]], axis=1))
        return np.array(made)

    def focal(self) -> Doubles:
        """[frames]: pixels."""
        share = np.arange(self.kind.frames) / max(1, self.kind.frames - 1)
        return self.kind.size[0] * self.kind.focal / SENSOR * self.kind.zoom**share

    def picture(self, index: int, lens: Rays) -> Floats:
        """The frame, float32 [lines, columns, 3], 0..1, as long as its shutter is open."""
        kind = self.kind
        if not kind.shutter:
            return self._moment(index, float(index), lens)
        offsets = kind.shutter * ((np.arange(BLURRED) + 0.5) / BLURRED - 0.5)
        total = self._moment(index, index + float(offsets[0]), lens)
        for offset in offsets[1:]:
            total += self._moment(index, index + float(offset), lens)
        return total / BLURRED

    def _moment(self, index: int, time: float, lens: Rays) -> Floats:
        path, seen = self._at(index)
        lines = self.kind.size[1]
        times = np.array([time])
        if self.kind.rolling:
            times = time + self.kind.rolling * ((np.arange(lines) + 0.5) / lines - 0.5)
        return draw(seen.at(time), View(*path(times)), lens)


def shot(
    name: str,
    seed: int,
    folder: Path | str,
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    kind: Kind | None = None,
) -> Truth:
    """Render the kind of this name into `folder`, as PNG or as JPEG, with its truth; the same arguments give the same
    pixels. `frames` and `size` are those of the kind unless given; `kind`: another one than that of KINDS.

    Raises KeyError for an unknown name. JPEG needs bpy.
    """
    kind = kind or KINDS[name]
    kind = replace(kind, frames=frames or kind.frames, size=size or kind.size)
    scene = Scene(name, kind, seed)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 7])
    width, height = kind.size
    grain = rng.normal(0.5, kind.noise, (height + 64, width + 64, 3)).astype(np.float32)  # 0.5: rounds
    shifts = rng.integers(0, 64, (kind.frames, 2))
    light = 1 + kind.flicker * rng.uniform(-1, 1, kind.frames)
    focal = scene.focal()
    lens = rays(kind.size, focal[0], kind.distortion)
    for index in range(kind.frames):
        if focal[index] != lens.focal:
            lens = rays(kind.size, focal[index], kind.distortion)
        image = scene.picture(index, lens)
        image *= np.float32(255 * kind.contrast * light[index])
        image += np.float32(110 * (1 - kind.contrast))
        y, x = shifts[index]
        image += grain[y : y + height, x : x + width]
        write_png(folder / f"{name}_{index + 1:04d}.png", np.clip(image, 0, 255, out=image).astype(np.uint8))
    if kind.jpeg:
        command = [sys.executable, CONVERT, folder, str(kind.jpeg)]
        subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL)
    truth = Truth(
        name, folder, kind.size, scene.cameras(), focal, kind.distortion, kind.is_lens_known, kind.expected,
        settings=_settings(seed, kind),
    )  # fmt: skip
    truth.write()
    return truth
