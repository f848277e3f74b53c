# SPDX-License-Identifier: GPL-3.0-or-later
"""Which solve of a session is the best one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

COVERED = 0.9
"""The share of the widest solve's cameras that another needs for its error to be compared with that one's."""


def best_solve(solves: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The best of the solves, which are in the order in which they were made; None if there are none.

    It is the one with the lowest `average_error` (pixels) of those that say it. A small error on few frames is no good
    camera: where `camera_coverage` (0..1) is said, only solves that reach `COVERED` of the highest one are compared.
    Of equals, and where no solve says its error, it is the last. An error that is not above 0 says nothing: that is
    what Blender has where there is no camera.
    """
    known = [one for one in solves if (_number(one.get("average_error")) or 0.0) > 0.0]
    widest = max((_number(one.get("camera_coverage")) or 0.0 for one in known), default=0.0)
    wide = [one for one in known if (_coverage(one, widest)) >= COVERED * widest]
    if wide:
        return min(reversed(wide), key=lambda one: float(one["average_error"]))
    return solves[-1] if solves else None


def _coverage(solve: dict[str, Any], unsaid: float) -> float:
    said = _number(solve.get("camera_coverage"))
    return unsaid if said is None else said


def _number(value: object) -> float | None:
    """The value if it is a number that can be compared."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
