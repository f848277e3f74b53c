# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the known defects a measure finds, and what else it flags."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tracking_sessions.core.model.flags import Flag, FlagKind
from tracking_sessions.tools.truth.defects import Defective, lives
from tracking_sessions.tools.truth.scenes import Floats

LEAST = 3.0
"""Pixels: smaller jumps are injected too, and neither counted as missed nor as false."""
WITHIN = 40
"""Frames from the begin of a drift within which it has to be found."""
CLEANED = 10
"""Frames: Filter Tracks first deletes the tracks that have fewer."""
THRESHOLD = 5.0
"""Pixels: the default of Filter Tracks."""


@dataclass
class Score:
    """Counts over shots: defects, those found, runs of false flags, flagged clean markers, clean markers."""

    defects: int = 0
    found: int = 0
    runs: int = 0
    flagged: int = 0
    clean: int = 0

    def add(self, other: Score) -> None:
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def recall(self) -> float:
        return self.found / max(1, self.defects)

    @property
    def precision(self) -> float:
        return self.found / max(1, self.found + self.runs)

    @property
    def false(self) -> float:
        return self.flagged / max(1, self.clean)

    def __str__(self) -> str:
        return f"{self.recall:.2f} / {self.precision:.2f} / {self.false:.3%}"


def flagged(flags: Iterable[Flag], shape: tuple[int, ...], kinds: set[FlagKind]) -> np.ndarray:
    """[tracks, frames]: the markers that flags of these kinds name, whose tracks are numbered from 1."""
    found = np.zeros(shape, bool)
    for flag in flags:
        if flag.kind in kinds:
            for track in {flag.track, flag.other} - {0}:
                found[track - 1, max(flag.first - 1, 0) : flag.last] = True
    return found


def score_jumps(found: np.ndarray, made: Defective) -> Score:
    """A jump is found by a flag on its frame or beside it."""
    score = _false(found, made)
    for defect in made.defects:
        if defect.size >= LEAST:
            near = found[:, defect.frame - 1 : defect.frame + 2].any(1)
            score.defects += 1
            score.found += bool(near[defect.track] or (defect.other >= 0 and near[defect.other]))
    return score


def score_drift(found: np.ndarray, made: Defective) -> Score:
    """A drift is found by a flag within WITHIN frames of its begin."""
    score = _false(found, made)
    for defect in made.defects:
        score.defects += 1
        score.found += bool(found[defect.track, defect.frame : defect.frame + WITHIN + 1].any())
    return score


def score_tracks(found: set[int], made: Defective, tested: int) -> Score:
    """Of whole tracks, by index: each false one is a run."""
    wrong = {defect.track for defect in made.defects}
    return Score(len(wrong), len(wrong & found), len(found - wrong), len(found - wrong), tested - len(wrong))


def _false(found: np.ndarray, made: Defective) -> Score:
    clean = np.isfinite(made.positions[..., 0]) & ~made.dirty
    false = found & clean
    runs = int(false[:, 0].sum() + (false[:, 1:] & ~false[:, :-1]).sum())
    return Score(0, 0, runs, int(false.sum()), int(clean.sum()))


def filter_tracks(positions: Floats) -> np.ndarray:
    """[tracks, frames]: the markers for which Blender's Filter Tracks would select their track.

    As `scripts/startup/bl_operators/clip.py` has it: the displacement from the frame before, less the mean of those of
    all tracks with both markers, is longer than the threshold.
    """
    first, last = lives(positions)
    kept = last - first + 1 >= CLEANED
    moved = np.full(positions.shape, np.nan)
    moved[:, 1:] = np.diff(positions, axis=1)
    moved[~kept] = np.nan
    count = np.isfinite(moved[..., 0]).sum(0)
    mean = np.nansum(moved, axis=0) / np.maximum(count, 1)[:, None]
    with np.errstate(invalid="ignore"):
        return np.sqrt(((moved - mean) ** 2).sum(2)) > THRESHOLD
