# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots for engines that run here: small footage, what a local run records of it, and submissions of it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tracking_sessions.core.farm.manifest import Manifest
from tracking_sessions.core.farm.states import State, States
from tracking_sessions.core.farm.submission import Resources, Submission
from tracking_sessions.core.farm.submitting import create, submission_of
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.bpy.command_line import ROOT, replay_of, run
from tracking_sessions.tests.footage import make_long
from tracking_sessions.tests.waiting import wait_until
from tracking_sessions.tools.comparison import recorded_frames
from tracking_sessions.tools.kill import write_tracks
from tracking_sessions.tools.kill_batch import lives

LONG, SHORT = 120, 10  # frames
WORKER = (sys.executable, str(ROOT))


def make_plates(folder: Path) -> Path:
    """A folder with `long/` and `short/`, each with start positions beside it. Read-only."""
    for name, frames in (("long", LONG), ("short", SHORT)):
        plate = make_long(folder / name, frames, 320, 180, tracks=8, loop=12)
        write_tracks(folder / f"{name}.json", plate, 1)
    return folder


def spec(plates: Path, name: str) -> ShotSpec:
    return ShotSpec(footage=str(plates / name), tracks=str(plates / f"{name}.json"), name=name)


def made(root: Path, *shots: ShotSpec, worker: Sequence[str] = WORKER, **resources: Any) -> tuple[Manifest, Submission]:
    """A submission of shots, each in a session folder of its own."""
    manifest = create(root, shots, "seq 010", apart=True)
    return manifest, submission_of(manifest, range(1, len(shots) + 1), worker, Resources(**resources))


def state(manifest: Manifest, index: int = 1) -> State:
    return States(manifest.folder).read(index)[0]


def tracked_here(plates: Path, name: str, root: Path) -> Any:
    """The markers that a local run records."""
    run("track", plates / name, "--tracks", plates / f"{name}.json", "--root", root)
    return replay_of(root).markers


def wait_for(root: Path, frames: int) -> None:
    wait_until(lambda: len(recorded_frames(root)) >= frames, f"{frames} recorded frames in {root}")


def _children(pid: int) -> list[int]:
    """Those that any of its threads has started."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, path.read_text("ascii").split())
    return found


def _task_below(pid: int) -> int:
    """The id of the process below `pid` that runs the task of a shot; 0 if there is none."""
    for child in _children(pid):
        with suppress(OSError):
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if words[0] == os.fsencode(sys.executable) and b"task" in words:
                return child
        if found := _task_below(child):
            return found
    return 0


def kill_task(pid: int) -> None:
    """Kill the task below the process `pid`; what it has started dies with it."""
    task = _task_below(pid)
    trackers = _children(task)
    assert task and trackers
    os.kill(task, signal.SIGKILL)
    wait_until(lambda: not any(lives(tracker) for tracker in trackers), "the end of the tracker")


def program(name: str, *places: Path) -> str:
    """The path of a program that these tests need: `make test-farm` has installed it."""
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ["PATH"]]))
    assert found is not None, f"{name} is not installed: run this as make test-farm"
    return found
