# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks of Blender's own tracker, on rendered and on real footage."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.tests.footage import make_long, make_shot
from tracking_sessions.tests.pictures import mire2
from tracking_sessions.tools.kill import write_tracks
from tracking_sessions.tools.truth.scenes import Floats

ROOT = Path(__file__).resolve().parent.parent.parent
JUMP, LOST = 0.5, 2.0  # pixels


class Tracked(NamedTuple):
    """`positions` [tracks, frames, 2], pixels from the lower left; `wrong` [tracks, frames]: the markers near which the
    tracker itself has jumped or lost its feature, where the truth is known."""

    name: str
    positions: Floats
    size: tuple[int, int]
    wrong: np.ndarray


def shots(folder: Path) -> Iterator[Tracked]:
    """Rendered shots, whose truth is known, and a real one, all of whose markers count as right."""
    for name, shot in (
        ("rendered, a camera that circles", make_long(folder / "long", 192)),
        ("rendered, a pan, a sixth of the tracks gets covered", make_shot(folder / "shot", 120, 1280, 720, tracks=48)),
    ):
        given = write_tracks(folder / f"{shot.folder.name}.json", shot, 1)
        names, positions, size = tracked(shot.folder, folder, "--tracks", given)
        frames = range(1, positions.shape[1] + 1)
        truth = np.array([[shot.truth(track, frame) for frame in frames] for track in names]) * size
        yield Tracked(name, positions, size, _own_defects(positions - truth))
    try:
        mire2(folder / "mire2")
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return
    _, positions, size = tracked(folder / "mire2", folder, "--detect")
    yield Tracked("real, 384x288", positions, size, np.zeros(positions.shape[:2], bool))


def _own_defects(error: Floats) -> np.ndarray:
    """The markers within two frames of a change of the error by JUMP pixels, and those farther off than LOST pixels."""
    step = np.zeros(error.shape[:2], bool)
    with np.errstate(invalid="ignore"):
        step[:, 1:] = np.sqrt((np.diff(error, axis=1) ** 2).sum(2)) > JUMP
        far = np.sqrt((error**2).sum(2)) > LOST
    wrong = far.copy()
    for shift in range(-2, 3):
        wrong |= np.roll(step, shift, axis=1)
    return wrong


def tracked(footage: Path, folder: Path, *options: str | Path) -> tuple[list[str], Floats, tuple[int, int]]:
    """Track the footage with libmv, in a process of its own: names, positions and the size of the picture."""
    sessions = folder / f"{footage.name}-sessions"
    command = [sys.executable, ROOT, "track", footage, *options, "--root", sessions]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=900)
    (session,) = sessions.glob("sessions/*.yaml")
    with load_session(session) as manager:
        size, replay = manager.session.footage.size, manager.replay()
    motion = Motion.of(replay, size)
    positions = np.full((len(motion.tracks), int(motion.frames[-1]), 2), np.nan)
    positions[motion.track, motion.frame - 1, 0] = motion.x + size[0] / 2
    positions[motion.track, motion.frame - 1, 1] = motion.y + size[1] / 2
    return [replay.tracks[track.number].name for track in motion.tracks], positions, size
