# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the shots of a submission stand, from their states and their sessions, whatever the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ..batch.shots import ShotStatus
from ..errors import JournalDamaged, ManifestInvalid, SessionUnreadable
from ..recording.manager import load_session
from ..storage.folder import SessionFolder
from .manifest import FarmShot, Manifest
from .states import SILENCE, State, States


class Stand(StrEnum):
    """Where a shot stands; the final ones as in a batch."""

    WAITING = "waiting"  # no task was begun
    RUNNING = "running"
    INTERRUPTED = "interrupted"  # its task was stopped, or has shown no sign of life
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    LOST = "lost"
    NO_CAMERA = "no_camera"


RETRIED = frozenset({Stand.WAITING, Stand.INTERRUPTED, Stand.FAILED, Stand.SKIPPED})
"""What is worth another try. Where all tracks were lost or the camera was judged, another try gives the same."""


@dataclass(frozen=True)
class Standing:
    """A shot of a submission, and where it stands."""

    shot: FarmShot
    stand: Stand
    state: State
    tracked: int  # frames
    total: int  # frames; 0 if it is not known yet


def standings(manifest: Manifest) -> Iterator[Standing]:
    """Where each shot stands, in their order. Raises ManifestInvalid.

    It reads a file for each shot that was begun, and the session of each that runs.
    """
    states = States(manifest.folder)
    begun, now = states.begun(), states.now()
    for shot in manifest.shots():
        state, alive = states.read(shot.index) if shot.index in begun else (State(shot.index), 0.0)
        stand = _stand(state, now - alive)
        if stand is Stand.INTERRUPTED and state.segments:
            stand = _stand_of_segments(Path(state.segments))
        tracked, total = _frames(shot.root, state.session) if stand is Stand.RUNNING else state.frames
        yield Standing(shot, stand, state, tracked, total)


def _stand(state: State, silent: float) -> Stand:
    """`silent`: seconds since the last sign of life."""
    if state.status.is_final:
        return Stand(state.status.value)
    if state.status is ShotStatus.PROCESSING:
        return Stand.RUNNING if silent < SILENCE else Stand.INTERRUPTED
    return Stand.INTERRUPTED if state.started else Stand.WAITING


def _stand_of_segments(manifest: Path) -> Stand:
    """RUNNING as long as no segment is known to be interrupted, as the farm has the others, and the task after them."""
    try:
        found = {standing.stand for standing in standings(Manifest(manifest))}
    except ManifestInvalid:
        return Stand.INTERRUPTED
    return Stand.INTERRUPTED if Stand.INTERRUPTED in found and Stand.RUNNING not in found else Stand.RUNNING


def _frames(root: Path, session: str) -> tuple[int, int]:
    """The frames of a session that are tracked, and all; 0 while it cannot be read."""
    if not session:
        return 0, 0
    try:
        progress = load_session(SessionFolder(root).session_file(session)).progress
    except (SessionUnreadable, JournalDamaged):
        return 0, 0
    return progress["tracked_frames"], progress["total_frames"]


def counts(found: Iterable[Standing]) -> Counter[Stand]:
    return Counter(standing.stand for standing in found)
