# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures tracking beside Blender's own tracker in one run: a frame at any length of a shot, and our share of it.

Also measures the check of the footage, commands over many sessions, the recording of a clip, audits, the shots of a
batch, those of a farm, and solves.
Exit code 1: a figure missed its target.
"""

from __future__ import annotations

import argparse
import os
import platform
import runpy
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).resolve().parent.parent / "__main__.py"))["_load"]()

import bpy

from tracking_sessions.tools.bench_audit import measure_audit
from tracking_sessions.tools.bench_batch import measure_batch
from tracking_sessions.tools.bench_farm import measure_farm
from tracking_sessions.tools.bench_figures import Report
from tracking_sessions.tools.bench_footage import measure_footage
from tracking_sessions.tools.bench_history import measure_history
from tracking_sessions.tools.bench_recording import measure_recording
from tracking_sessions.tools.bench_sessions import measure_sessions
from tracking_sessions.tools.bench_solve import measure_solve
from tracking_sessions.tools.bench_tracking import (
    Clips,
    Plan,
    measure_memory,
    measure_parts,
    measure_restore,
    measure_steps,
    time_parts,
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure tracking against Blender's own tracker.")
    parser.add_argument("--quick", action="store_true", help="a short version: fewer frames, fewer repeats")
    tracking = ["memory", "steps", "parts", "restore"]  # memory: in a young process
    parts = (*tracking, "footage", "sessions", "history", "recording", "audit", "batch", "farm", "solve")
    parser.add_argument("--only", choices=parts, help="measure only this")
    options = parser.parse_args()
    frames = 25
    plan = {10: Plan(frames, 15, 15), 1000: Plan(frames, 3, 3), 4000: Plan(15, 7, 7), 10_000: Plan(5, 1, 15)}
    if options.quick:
        plan = {10: Plan(frames, 5, 5), 4000: Plan(10, 1, 5)}
    repeats = 2 if options.quick else 4
    time_parts()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"Blender {bpy.app.version_string}, {machine}", flush=True)
    report = Report()
    wanted = [options.only] if options.only else list(parts)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, quick = Path(name), options.quick
        alone = {
            "footage": lambda: measure_footage(folder, 400 if quick else 4000, report),
            "sessions": lambda: measure_sessions(folder, 1000 if quick else 10_000, report),
            "history": lambda: measure_history(folder, *((20, 200) if quick else (200, 2000)), report),
            "recording": lambda: measure_recording(folder, *((100, 1000) if quick else (400, 4000)), report),
            "audit": lambda: measure_audit(2000 if quick else 10_000, report),
            "batch": lambda: measure_batch(folder, 100 if quick else 1000, report),
            "farm": lambda: measure_farm(folder, *((10_000, 60) if quick else (100_000, 240)), report),
            "solve": lambda: measure_solve(folder, *((100, 24) if quick else (1000, 90)), report),
        }
        for part in [part for part in alone if part in wanted]:
            wanted.remove(part)
            alone[part]()
        root = Path(name, "sessions")
        if not wanted:
            return 1 if report.missed else 0
        clips = Clips(Path(name), max(plan) + 100)
        for part in wanted:
            if part == "memory":
                measure_memory(clips, root, 200 if options.quick else 1000, report)
            elif part == "steps":
                measure_steps(clips, root, plan, frames, report)
            elif part == "parts":
                measure_parts(clips, root, max(plan), repeats, report)
            else:
                measure_restore(clips, root, 1000 if options.quick else 4000, min(repeats, 3), report)
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
