# SPDX-License-Identifier: GPL-3.0-or-later
"""How far solved cameras are from the true ones.

Camera axes are Blender's: x right, y up, looking along -z. Matrices are [n, 3, 4], camera to world.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tracking_sessions.core.solve.solve import VerdictKind
from tracking_sessions.tools.accuracy.surfaces import Doubles


class Limits(NamedTuple):
    """What a camera called solved has to keep: `pixels` and `path`, a share of the path's length. And from where it is
    wrong: `wrong_path`, `wrong_turn`, degrees, and `wrong_focal`, a share of the focal length."""

    pixels: float = 0.5
    path: float = 0.005
    wrong_path: float = 0.01
    wrong_turn: float = 0.5
    wrong_focal: float = 0.03


TRUE = Limits()
RECONSTRUCTED = Limits(path=0.01, wrong_path=0.03, wrong_turn=1.5, wrong_focal=0.1)
"""Where the cameras to compare with are another program's work, and its errors count as well."""
STILL = 1e-3
"""Metres: a camera whose path is shorter does not travel."""


@dataclass(frozen=True)
class Similarity:
    """x -> scale * turn @ x + shift."""

    scale: float
    turn: Doubles
    shift: Doubles

    def __call__(self, points: Doubles) -> Doubles:
        return self.scale * points @ self.turn.T + self.shift


def similarity(points: Doubles, targets: Doubles) -> Similarity:
    """The similarity that takes points [n, 3] nearest to the targets [n, 3], by least squares (Umeyama 1991).

    Raises ValueError for points or targets that all lie in one place.
    """
    middle, aim = points.mean(0), targets.mean(0)
    centred, aimed = points - middle, targets - aim
    variance = (centred**2).sum() / len(points)
    if not variance > 0 or not (aimed**2).sum() > 0:
        raise ValueError("a similarity needs points that differ")
    left, values, right = np.linalg.svd(aimed.T @ centred / len(points))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right)) or 1.0])
    turn = left @ (signs[:, None] * right)
    scale = float((values * signs).sum() / variance)
    return Similarity(scale, turn, aim - scale * turn @ middle)


def mean_turn(turns: Doubles) -> Doubles:
    """The rotation nearest to all of `turns` [n, 3, 3], by least squares over their elements."""
    left, _, right = np.linalg.svd(turns.sum(0))
    return left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right


def angles(turns: Doubles) -> Doubles:
    """[n]: by how many degrees rotations [n, 3, 3] turn. Exact near 0, unlike the arc cosine of the trace."""
    sine = np.linalg.norm(turns - np.eye(3), axis=(1, 2)) / np.sqrt(8.0)
    return np.degrees(2 * np.arcsin(np.minimum(sine, 1.0)))


@dataclass(frozen=True)
class Score:
    """`path`, `worst`: RMS and largest error of the positions after a similarity fit, share of the path's length; NaN
    for a camera that does not travel. `turn`: RMS error of the rotations after the best common one, degrees. `focal`:
    error of the focal length of the middle frame, share. `cameras`, `frames`: solved and true ones."""

    path: float
    worst: float
    turn: float
    focal: float
    cameras: int
    frames: int

    @property
    def travels(self) -> bool:
        return bool(np.isfinite(self.path))


NOTHING = Score(np.nan, np.nan, np.nan, np.nan, 0, 0)


def path_length(matrices: Doubles) -> float:
    """Metres along the positions that are known."""
    centres = matrices[np.isfinite(matrices).all((1, 2)), :, 3]
    return float(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum())


def score(frames: np.ndarray, matrices: Doubles, focal: float, truth: Doubles, true_focal: Doubles) -> Score:
    """Compare cameras of clip frames `frames` [n] with the true ones of all frames [m, 3, 4] and the focal lengths [m],
    pixels. Frames without a true camera are left out."""
    known = np.isfinite(truth).all((1, 2))
    inside = (frames >= 1) & (frames <= len(truth))
    frames, matrices = frames[inside], matrices[inside]
    chosen = known[frames - 1] & np.isfinite(matrices).all((1, 2))
    frames, matrices = frames[chosen], matrices[chosen]
    total = int(known.sum())
    if len(frames) < 3:
        return Score(np.nan, np.nan, np.nan, np.nan, len(frames), total)
    true = truth[frames - 1]
    relative = true[:, :, :3] @ matrices[:, :, :3].transpose(0, 2, 1)
    turn = float(np.sqrt((angles(mean_turn(relative).T @ relative) ** 2).mean()))
    off = float(focal / true_focal[len(true_focal) // 2] - 1)
    length = path_length(truth)
    if length < STILL:
        return Score(np.nan, np.nan, turn, off, len(frames), total)
    try:
        fitted = similarity(matrices[:, :, 3], true[:, :, 3])(matrices[:, :, 3])
    except ValueError:  # cameras that do not move, in truth or as solved
        fitted = np.broadcast_to(true[:, :, 3].mean(0), (len(true), 3))
    errors = np.linalg.norm(fitted - true[:, :, 3], axis=1) / length
    return Score(float(np.sqrt((errors**2).mean())), float(errors.max()), turn, off, len(frames), total)


def is_wrong(verdict: VerdictKind, made: Score, limits: Limits = TRUE) -> bool:
    """Whether a camera is called good that is not: the worst that a solve can do."""
    if verdict not in (VerdictKind.SOLVED, VerdictKind.TRIPOD):
        return False
    is_near = made.turn <= limits.wrong_turn  # a NaN is not
    if verdict is VerdictKind.SOLVED:
        is_near = is_near and made.path <= limits.wrong_path and abs(made.focal) <= limits.wrong_focal
    return not is_near or made.cameras < made.frames


def keeps_target(
    verdict: VerdictKind, error: float, made: Score, expected: tuple[VerdictKind, ...], limits: Limits = TRUE
) -> bool:
    """Whether the verdict is a right one, and a solved camera is as good as promised. `error`: pixels."""
    if verdict not in expected or is_wrong(verdict, made, limits):
        return False
    return verdict is not VerdictKind.SOLVED or (error < limits.pixels and made.path < limits.path)
