# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's Track Forwards, with the extension enabled and disabled in turns, in a window.

The test prints the ratios, and the share of the processors' time that the extension's own code takes (`pytest -s`),
for docs/performance.md. They depend on the machine: the test asserts only that each turn is tracked, and that those
with the extension are recorded. TRACKING_SESSIONS_TURNS: how many turns with it are measured, and as many without;
by default one short turn each, which measures nothing.
TRACKING_SESSIONS_THREADS: how many threads Blender's tracker uses, if not one for each core.
"""

from __future__ import annotations

import json
import os
import shutil
from itertools import product
from pathlib import Path
from statistics import median

import pytest

from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.blender.machine import Machine
from tracking_sessions.tests.blender.real import ROOT
from tracking_sessions.tests.footage import Shot, make_long

TURNS = int(os.environ.get("TRACKING_SESSIONS_TURNS", "0"))
STARTS = {10: 60, 4000: 6} if TURNS else {10: 20}  # frames to track from each
THREADS = os.environ.get("TRACKING_SESSIONS_THREADS", "0")  # 0: Blender's default
LOOP = 8  # rendered frames, which the plate repeats


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    folder = tmp_path_factory.mktemp("plate")
    return make_long(folder, max(STARTS) + STARTS[max(STARTS)], tracks=100, loop=LOOP, noise=0)


@pytest.mark.timeout(3600)  # as many turns as are wanted
def test_track_forwards_beside_itself(machine: Machine, plate: Shot, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "plate")
    (tmp_path / "plate").mkdir()
    for file in plate.files:
        os.link(file, tmp_path / "plate" / file.name)
    paths = {track.name: [plate.truth(track.name, frame) for frame in range(1, LOOP + 1)] for track in plate.tracks}
    plan = {"starts": [(start, frames, TURNS or 1) for start, frames in STARTS.items()], "tracks": paths}
    (tmp_path / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    shutil.copy(ROOT / "tests" / "blender" / "beside_window.py", tmp_path)
    with machine.window("-t", THREADS, "--python-exit-code", "7", "--python", "beside_window.py") as window:
        printed = window.wait_for("measured", 1800)
    assert "Traceback" not in printed, printed
    turns = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    for start, frames in STARTS.items():
        ours = [turn for turn in turns if turn["start"] == start]
        assert {turn["last_frame"] for turn in ours} == {start + frames}
        print(f"\n{machine.name or 'Blender'}, {start:,} frames tracked before: ms a frame, off, on, ratio")
        for words, of in product(("clock", "processors"), (median, min)):
            off, on = (of(turn[words] for turn in ours if turn["on"] is is_on) for is_on in (False, True))
            print(f"{of.__name__:>7} {words:>11} {off / frames * 1e3:8.1f} {on / frames * 1e3:8.1f} {on / off:7.3f}")
        shares = [turn["own"] / turn["processors"] for turn in ours if turn["on"]]
        assert all(share > 0 for share in shares)
        print(f"         own {100 * median(shares):.2f} % of the processors' time")
    recorded = [load_session(path) for path in session_files(tmp_path / "tracking_sessions")]
    assert len(recorded) == sum(turn["on"] for turn in turns)
    ended = [(session.passes[-1].start, session.passes[-1].last_frame) for session in recorded]
    assert all(last == start + STARTS[start] for start, last in ended)
