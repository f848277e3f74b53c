# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender stays usable while 100 tracks are tracked at 1920x1080, after 10 frames and after 4,000.

The test prints the figures that depend on the machine (`pytest -s`) for docs/performance.md, and asserts the others.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.tests.blender.machine import Machine
from tracking_sessions.tests.blender.real import ROOT
from tracking_sessions.tests.footage import Shot, make_long

STARTS = 10, 4000
FRAMES = 30  # to track from each
LOOP = 8  # rendered frames, which the plate repeats


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    folder = tmp_path_factory.mktemp("plate")
    return make_long(folder, max(STARTS) + FRAMES, 1920, 1080, tracks=100, loop=LOOP, noise=0)


def summary(seconds: Iterable[float]) -> str:
    values = sorted(1e3 * value for value in seconds)
    if not values:
        return "none"
    return f"{statistics.median(values):7.2f} {values[int(len(values) * 0.95)]:7.2f} {values[-1]:7.2f}  ({len(values)})"


def report(name: str, start: int, figures: dict[str, Any]) -> None:
    ticks = [tick for tick in figures["ticks"] if tick["steps"]]
    files = [tick for tick in figures["ticks"] if not tick["steps"] and not tick["showing"]]
    catching_up = [tick["took"] for tick in figures["ticks"] if not tick["steps"] and tick["showing"]]
    print(f"\n{name}, {start:,} frames tracked before; ms: median, 95th percentile, maximum (number)")
    for words, values in (
        ("own work of a tick", [tick["own"] for tick in ticks]),
        ("of which the processor", [tick["processor"] for tick in ticks]),
        ("of which waiting for the disk", [tick["disk"] for tick in ticks]),
        ("of which writing markers to the tracks", [tick["showing"] for tick in ticks]),
        ("tick", [tick["took"] for tick in ticks]),
        ("tick for the session file", [tick["took"] for tick in files]),
        ("of which waiting for the disk", [tick["disk"] for tick in files]),
        ("tick that writes pending markers", catching_up),
        ("between two events", [b - a for a, b in pairwise(figures["events"])]),
        ("between two moves of the mouse", [b - a for a, b in pairwise(figures["moves"])]),
        *((f"drawing: {label}", seconds) for label, seconds in figures["drawn"].items()),
    ):
        print(f"{words:>40} {summary(values)}")
    print(f"{'frames that a track waits, at most':>40} {max(tick['late'] for tick in ticks):4}")


def test_blender_stays_usable(machine: Machine, plate: Shot, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "plate")
    (tmp_path / "plate").mkdir()
    for file in plate.files:
        os.link(file, tmp_path / "plate" / file.name)
    paths = {track.name: [plate.truth(track.name, frame) for frame in range(1, LOOP + 1)] for track in plate.tracks}
    plan = {"starts": STARTS, "frames": FRAMES, "tracks": paths}
    (tmp_path / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    shutil.copy(ROOT / "tests" / "blender" / "measure_window.py", tmp_path)
    with machine.window("--python-exit-code", "7", "--python", "measure_window.py") as window:
        result = tmp_path / "figures.json"
        until = time.monotonic() + 300
        while not result.exists() and time.monotonic() < until:
            window.wander()
            assert "Traceback" not in window.log.read_text("utf-8", "replace"), window.log.read_text("utf-8", "replace")
        printed = window.wait_for("measured", 1)
        assert "Traceback" not in printed, printed
        figures = json.loads(result.read_text(encoding="utf-8"))
    own = {}
    for start in STARTS:
        measured = figures[str(start)]
        report(machine.name or "Blender", start, measured)
        ticks = [tick for tick in measured["ticks"] if tick["steps"]]
        assert measured["last_frame"] == start + FRAMES
        panels = {"Session", "Passes", "Lost Tracks", "Sessions", "Review"}
        assert panels | {"Status bar", "Strip"} <= set(measured["drawn"])
        assert len(ticks) >= FRAMES // 2
        for tick in ticks:
            assert all(end < measured["tick"] for end in tick["steps"][:-1]), "a tick began a step after its time"
        gaps = [(a["begun"] + a["took"], b["begun"]) for a, b in pairwise(ticks)]
        heard = [any(end <= at <= begun for at in measured["moves"]) for end, begun in gaps]
        assert sum(heard) > len(heard) // 2, "Blender handles no moves of the mouse between two ticks"
        own[start] = statistics.median(tick["processor"] for tick in ticks)
    few, many = (own[start] for start in STARTS)
    assert many < 1.5 * few + 0.001, "the cost of a tick grows with the frames tracked before"
