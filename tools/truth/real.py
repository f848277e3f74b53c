# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks of Blender's own tracker, on rendered and on real footage."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.tests.footage import make_long, make_shot
from tracking_sessions.tests.pictures import mire2
from tracking_sessions.tools.truth.scenes import Floats

ROOT = Path(__file__).resolve().parent.parent.parent


def shots(folder: Path) -> Iterator[tuple[str, Floats, tuple[int, int]]]:
    """The name, the positions [tracks, frames, 2] in pixels and the size of the picture of each shot."""
    make_long(folder / "long", 192, tracks=1)
    yield "rendered, 1280x720, a camera that circles", *tracked(folder / "long", folder)
    make_shot(folder / "shot", 120, 1280, 720, tracks=24)
    yield "rendered, 1280x720, a pan with covered and lost tracks", *tracked(folder / "shot", folder)
    try:
        mire2(folder / "mire2")
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return
    yield "real, 384x288, a target before a moving camera", *tracked(folder / "mire2", folder)


def tracked(footage: Path, folder: Path) -> tuple[Floats, tuple[int, int]]:
    """Detect features in the footage and track them with libmv, in a process of its own."""
    sessions = folder / f"{footage.name}-sessions"
    command = [sys.executable, ROOT, "track", footage, "--detect", "--root", sessions]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=900)
    (session,) = sessions.glob("sessions/*.yaml")
    with load_session(session) as manager:
        size = manager.session.footage.size
        motion = Motion.of(manager.replay(), size)
    positions = np.full((len(motion.tracks), int(motion.frames[-1]), 2), np.nan)
    positions[motion.track, motion.frame - 1, 0] = motion.x + size[0] / 2
    positions[motion.track, motion.frame - 1, 1] = motion.y + size[1] / 2
    return positions, size
