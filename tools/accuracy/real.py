# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage that is not ours, of Debian's visp-images-data, as PNG files with what is known of their cameras."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tracking_sessions.core.solve.solve import VerdictKind
from tracking_sessions.tests.pictures import read_pgm, write_png
from tracking_sessions.tools.accuracy.shot import TRUTH, Truth
from tracking_sessions.tools.accuracy.surfaces import Doubles

IMAGES = Path("/usr/share/visp-images-data/ViSP-images")
COLMAP = Path(__file__).with_name("colmap.py")
CASTLE_FOCAL = 700.0
"""Pixels, as Castle-simu/Config says."""
SOURCES = {
    "castle": "mbt-depth/Castle-simu/Images",  # rendered by somebody else, with the true camera of each frame
    "cube": "cube",  # 80 frames around a cube, lens unknown
    "mire2": "mire-2",  # 501 frames of a box in a hand, before a camera that stands: its background never shifts
    "mbt_cube": "mbt/cube",  # 218 frames of things that a hand moves on a table, before a camera that stands
}
REAL = tuple(SOURCES)


def real(name: str, folder: Path, pycolmap: Path | None) -> Truth | None:
    """The footage, converted unless it is in the folder. None, and a word about it, without the package; without
    `pycolmap` there is no camera to compare that of `cube` with."""
    sources = sorted((IMAGES / SOURCES[name]).glob("*.pgm*"))
    if not sources:
        print(f"{name} is left out: install the Debian package visp-images-data", file=sys.stderr)
        return None
    if (folder / TRUTH).is_file():
        kept = Truth.read(folder)
        if kept.is_reconstruction or name != "cube" or pycolmap is None:
            return kept
    folder.mkdir(parents=True, exist_ok=True)
    for number, source in enumerate(sources, 1):
        write_png(folder / f"{name}_{number:04d}.png", read_pgm(source))
    height, width = read_pgm(sources[0]).shape
    unknown = np.full((len(sources), 3, 4), np.nan)
    truth = Truth(
        name, folder, (width, height), unknown, np.full(len(sources), np.nan), (), False,
        (VerdictKind.SOLVED,),
    )  # fmt: skip
    if name == "castle":
        poses = sorted((IMAGES / "mbt-depth/Castle-simu/CameraPose").glob("*.txt"))
        truth.matrices = np.array([_from_world(np.loadtxt(pose)[:3]) for pose in poses])
        truth.focal[:] = CASTLE_FOCAL
        truth.is_lens_known, truth.expected = True, (VerdictKind.SOLVED,)
    elif name == "cube":
        if pycolmap is not None:
            _reconstruct(truth, pycolmap)
    else:
        truth.matrices[:] = np.eye(4)[:3]
        truth.expected = (VerdictKind.STATIC, VerdictKind.TWO_MOTIONS, VerdictKind.NOT_SOLVED)
    truth.write()
    return truth


def _reconstruct(truth: Truth, pycolmap: Path) -> None:
    """Take the cameras that pycolmap finds from pictures alone as the true ones."""
    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        result = Path(folder, "cameras.json")
        command = [pycolmap, COLMAP, truth.folder, Path(folder, "work"), result]
        subprocess.run(command, check=True, timeout=3600, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = json.loads(result.read_text(encoding="utf-8"))
    for index, name in enumerate(sorted(path.name for path in truth.folder.glob("*.png"))):
        if name in found["cameras"]:
            truth.matrices[index] = _from_world(np.array(found["cameras"][name]))
    truth.focal[:] = found["focal"]
    truth.is_reconstruction = True


def _from_world(matrix: Doubles) -> Doubles:
    """[3, 4]: camera to world in Blender's axes, from world to camera with x right and y down."""
    turn = matrix[:, :3].T
    return np.c_[turn * (1.0, -1.0, -1.0), -turn @ matrix[:, 3]]
