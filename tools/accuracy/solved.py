# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras as a program has solved them for a shot: by Blender's own way, or by the extension's command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.solve.solve import VerdictKind
from tracking_sessions.core.solve.store import read_solve, solve_file
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tools.accuracy.scoring import NOTHING, Score, score
from tracking_sessions.tools.accuracy.shot import Truth
from tracking_sessions.tools.accuracy.surfaces import Doubles
from tracking_sessions.tools.processes import ROOT

BLENDER = Path(__file__).with_name("blender.py")
UNKNOWN_FOCAL, UNKNOWN_SENSOR = 24.0, 35.0
"""Millimetres: what a clip begins with in Blender whose lens nobody has set."""
PICTURES = {".png", ".jpg"}


@dataclass(frozen=True)
class Request:
    """What `blender.py` is asked. `first`: the first of the pictures `names`. `focal`, `sensor`: millimetres. `refine`:
    Blender's names. `is_recipe`: tracks begin in the middle, with stricter settings, instead of Blender's way."""

    first: str
    names: tuple[str, ...]
    size: tuple[int, int]
    focal: float
    sensor: float
    refine: tuple[str, ...]
    is_recipe: bool = False


@dataclass(frozen=True)
class Solved:
    """`frames` [n]: clip frames; `matrices` [n, 3, 4]: camera to the solve's axes, Blender's camera axes. `focal`:
    pixels of the width. `error`: Blender's average error, pixels, NaN without a solve. `kept`, `made`: tracks.
    `verdict`: None where nobody gives one. `tracks` [tracks, frames, 2]: pixels from the lower left, if known."""

    frames: np.ndarray = field(default_factory=lambda: np.zeros(0, np.intp))
    matrices: Doubles = field(default_factory=lambda: np.zeros((0, 3, 4)))
    focal: float = np.nan
    error: float = np.nan
    kept: int = 0
    made: int = 0
    verdict: VerdictKind | None = None
    reason: str = ""
    seconds: float = np.nan
    tracks: Doubles | None = None

    def score(self, truth: Truth) -> Score:
        if not len(self.frames):
            return replace(NOTHING, frames=int(np.isfinite(truth.matrices[:, 0, 0]).sum()))
        return score(self.frames, self.matrices, self.focal, truth.matrices, truth.focal)


def pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in PICTURES)


def by_blender(truth: Truth, limit: float, *, is_recipe: bool = False) -> Solved:
    """Detect, track and solve with Blender's operators; one with a time limit in seconds, after which nothing is
    solved."""
    names = pictures(truth.folder)
    lens = (truth.millimetres, truth.sensor) if truth.is_lens_known else (UNKNOWN_FOCAL, UNKNOWN_SENSOR)
    refine = () if truth.is_lens_known else ("FOCAL_LENGTH",)
    request = Request(
        str(names[0].absolute()), tuple(name.name for name in names), truth.size, *lens, refine, is_recipe
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        asked, result = Path(folder, "request.json"), Path(folder, "result.npz")
        asked.write_text(json.dumps(asdict(request)), encoding="utf-8")
        ended = _run([sys.executable, BLENDER, asked, result], limit)
        seconds = time.monotonic() - began
        if not result.is_file():
            return Solved(reason=ended or "no result", seconds=seconds)
        with np.load(result) as values:
            return Solved(
                values["frames"], values["matrices"], float(values["focal"]), float(values["error"]),
                int(values["points"]), len(values["tracks"]), None, str(values["reason"]), seconds, values["tracks"],
            )  # fmt: skip


def by_command(
    truth: Truth, limit: float, jobs: int = 1, root: Path | None = None, *, tracks_anew: bool = True
) -> Solved:
    """The extension's command `camera`, in a process of its own with a time limit in seconds, and the solve that it has
    stored. Its session stays in the folder `root`, which `tracks_anew` empties first, or nowhere."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        lens = ("--focal", f"{truth.millimetres:.9g}", "--sensor", f"{truth.sensor:.9g}") if truth.is_lens_known else ()
        found = Path(folder, "found.json")
        first, root = pictures(truth.folder)[0].absolute(), (root or Path(folder, "sessions")).absolute()
        if tracks_anew:
            shutil.rmtree(root, ignore_errors=True)
        command = [sys.executable, ROOT, "camera", first, "--json", "--root", root, "--jobs", str(jobs), *lens]
        ended = _run(command, limit, found)
        seconds = time.monotonic() - began
        try:
            said = json.loads(found.read_text(encoding="utf-8"))
        except ValueError:
            return Solved(reason=ended or "no JSON", seconds=seconds)
        with load_session(Path(said["session"])) as manager:
            solve = read_solve(solve_file(SessionFolder.of(manager.path), manager.id, said["solve"]))
    matrices = np.array([camera.matrix for camera in solve.cameras], np.float64).reshape(-1, 3, 4)
    return Solved(
        frames=np.array([camera.frame for camera in solve.cameras], np.intp),
        matrices=matrices,
        focal=solve.lens.focal / solve.lens.sensor * truth.size[0],
        error=said["average_error"] if len(matrices) else np.nan,
        kept=said["tracks_kept"],
        made=said["tracks_made"],
        verdict=VerdictKind(said["verdict"]),
        reason=said["reason"],
        seconds=seconds,
    )


def _run(command: list[str | Path], limit: float, output: Path | None = None) -> str:
    """Run to the end or the limit; what went wrong, or nothing. Standard output goes to the file `output`."""
    with tempfile.TemporaryFile("w+", errors="replace") as errors, open(output or "/dev/null", "w") as printed:
        try:
            code = subprocess.run(command, stdout=printed, stderr=errors, timeout=limit, check=False).returncode
        except subprocess.TimeoutExpired:
            return f"stopped after {limit:g} s"
        errors.seek(0)
        last = [line for line in errors.read().splitlines() if line.strip()][-1:]
    return "" if code == 0 else f"exit code {code}: {' '.join(last)}"
