# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures going from footage to a camera: what a refinement takes beside the solves of Blender, and whole shots beside
Blender's own way, with one process that tracks and with two."""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from pathlib import Path

from tracking_sessions.bridge.solve.solver import BlenderSolver
from tracking_sessions.commands.terminal import quiet_blender
from tracking_sessions.core.solve.refining import Refinement
from tracking_sessions.core.solve.solver import Attempt, Solution
from tracking_sessions.tests.core.solve.shots import lens, make
from tracking_sessions.tools.accuracy.kinds import KINDS
from tracking_sessions.tools.accuracy.shot import shot
from tracking_sessions.tools.accuracy.solved import by_blender, by_command
from tracking_sessions.tools.bench_figures import Report

TRACKS = 200
LIMIT = 1800.0  # seconds for one way


class Timed:
    """A solver that counts its solves and their seconds."""

    def __init__(self, solver: BlenderSolver) -> None:
        self._solver = solver
        self.solves, self.seconds = 0, 0.0

    def solve(self, attempt: Attempt) -> Solution:
        self.solves += 1
        begun = time.perf_counter()
        try:
            return self._solver.solve(attempt)
        finally:
            self.seconds += time.perf_counter() - begun


def measure_solve(folder: Path, frames: int, frames_of_shots: int, report: Report) -> None:
    """A refinement over so many frames, then shots of so many, tracked and solved."""
    _measure_refinement(frames, report)
    print(f"From footage to a camera, {frames_of_shots} frames of 960x540, seconds:", flush=True)
    for name in ("orbit", "walk"):
        made = shot(name, 1, folder / name, kind=replace(KINDS[name], frames=frames_of_shots))
        theirs, one, two = by_blender(made, LIMIT), by_command(made, LIMIT, 1), by_command(made, LIMIT, 2)
        seconds = f"Blender's own way {theirs.seconds:.1f}, ours {one.seconds:.1f}, with --jobs 2 {two.seconds:.1f}"
        print(f"  {name}: {seconds}; ours takes {one.seconds / theirs.seconds:.1f} times as long", flush=True)
        report.target(f"{name}, error", one.error, 0.5, " px")
        report.target(f"{name}, path", one.score(made).path * 100, 0.5, " %")


def _measure_refinement(frames: int, report: Report) -> None:
    made = make("walk", 1, tracks=TRACKS, frames=frames, bad=0.1)
    motion = made.motion()
    print(f"Refinement of {len(motion.tracks)} tracks by {frames:,} frames, {len(motion):,} markers:", flush=True)
    with quiet_blender(), BlenderSolver.on(motion, 36.0) as blender:
        solver, peak, begun = Timed(blender), _peak(), time.perf_counter()
        for _ in Refinement(motion, solver, lens(), is_focal_known=True).steps():
            pass
        seconds = time.perf_counter() - begun
    print(f"  {solver.solves} solves of Blender's, {solver.seconds:.1f} s")
    report.target("filter, pairs and rounds beside them", seconds - solver.seconds, 60, " s")
    report.target("memory, at the most", _peak() - peak, 400, " MB")


def _peak() -> float:
    """The largest resident memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
