# SPDX-License-Identifier: GPL-3.0-or-later
"""A real window with a log of all that stands in the clip, which tells what a kill may cost."""

from __future__ import annotations

import json
import pickle
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tracking_sessions.tests.blender.machine import Machine, Markers, recorded_markers
from tracking_sessions.tests.blender.real import ROOT
from tracking_sessions.tests.blender.screen import Screen

SCRIPTS = ("start_window.py", "recording_window.py", "make_blend.py")
ROW_SIZE = 64


@contextmanager
def recorded(machine: Machine, blend: str = "shot.blend", *more: str) -> Iterator[Screen]:
    """A window with a log of all that stands in the clip; without a name, with a file that was never saved.

    `more` are scripts of this folder, which run beside the log.
    """
    for script in (*SCRIPTS, *more):
        shutil.copy(ROOT / "tests" / "blender" / script, machine.folder)
    first = [blend] if blend else ["--python", "make_blend.py"]
    scripts = [word for script in ("start_window.py", "recording_window.py", *more) for word in ("--python", script)]
    with machine.window(*first, *scripts) as window:
        yield Screen(machine, window, is_saved=bool(blend))


class Stood(NamedTuple):
    """What stood in the clip from a time on."""

    since: float
    markers: Markers


def states(folder: Path) -> list[Stood]:
    """All that stood in the clip, as the log has it."""
    found: list[Stood] = []
    with (folder / "log.bin").open("rb") as file:
        while True:
            try:
                when, state = pickle.load(file)
            except (EOFError, pickle.UnpicklingError):  # killed while it wrote
                return found
            if state is not None:
                found.append(Stood(when, {track: split(rows) for track, rows in state.items()}))


def split(rows: bytes) -> dict[int, bytes]:
    parts = [rows[at : at + ROW_SIZE] for at in range(0, len(rows), ROW_SIZE)]
    return {int.from_bytes(row[:4], "little", signed=True): row for row in parts}


def kill(screen: Screen) -> float:
    """Kill Blender; returns when."""
    when = time.time()
    screen.machine.signal(screen.window, signal.SIGKILL)
    screen.window.wait_until_closed()
    return when


def seen(screen: Screen) -> dict[str, int]:
    """What the panel knows."""
    screen.ask("seen")
    return json.loads((screen.machine.folder / "seen.json").read_text(encoding="utf-8"))


def track_by_key(screen: Screen) -> None:
    screen.point_at_clip()
    screen.window.key("ctrl+t")


def last_frame(markers: Markers) -> int:
    return max(frame for rows in markers.values() for frame, row in rows.items() if not row[4] & 1)


def press(screen: Screen, *keys: str) -> None:
    screen.point_at_clip()
    screen.window.key(*keys)
    screen.settle()


def delay(screen: Screen) -> float:
    """The seconds after which the journal on the disk had what stands in the clip."""
    now = screen.markers()
    on_disk = written(screen, now)
    since = next(stood.since for stood in reversed(states(screen.machine.folder)) if stood.markers == now)
    return on_disk - since


def written(screen: Screen, markers: Markers) -> float:
    """Wait until the journal on the disk has these markers; returns when that was, by time.time."""
    screen.wait_until(lambda: recorded_markers(screen.root) == markers)
    return max(file.stat().st_mtime for file in screen.root.rglob("journal.*"))
