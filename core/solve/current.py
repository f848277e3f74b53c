# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera that a session has already, which spares a solve."""

from __future__ import annotations

import math

from ..errors import SolveUnreadable, UsageError
from ..model.types import SessionStatus
from ..recording.manager import TrackingSessionManager
from ..storage.folder import SessionFolder
from .digest import is_stale
from .solve import Solve
from .store import read_solve, solve_file
from .taking_part import camera_motion

_SAME = 1e-4  # relative: stored values are rounded


def current_solve(
    session: TrackingSessionManager, *, focal: float | None, sensor: float | None, aspect: float
) -> Solve | None:
    """The best solve of the session, whatever its verdict; None if it cannot be read, or another would come of it.

    That is: its markers have changed since, a solve was interrupted, it is of a part of the shot, or of another lens.
    `focal`, `sensor`: millimetres, None if any is right; `aspect`: of a pixel. Raises the errors of reading a session.
    """
    best = session.session.best_solve
    if not best or session.session.status is SessionStatus.SOLVING:
        return None
    try:
        solve = read_solve(solve_file(SessionFolder.of(session.path), session.id, best))
    except (SolveUnreadable, UsageError):
        return None  # a script may have recorded an id without a solve
    lens, asked = solve.lens, list(session.requested.ranges())
    wanted = ((focal, lens.focal), (sensor, lens.sensor), (aspect, lens.aspect))
    if any(one is not None and not math.isclose(one, other, rel_tol=_SAME) for one, other in wanted):
        return None
    if asked and (solve.frames[0] > asked[0][0] or solve.frames[1] < asked[-1][1]):
        return None
    motion = camera_motion(session.replay(), session.session.footage.size, solve.object)
    return None if is_stale(motion, solve) else solve
