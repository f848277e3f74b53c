# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the best solve of a session."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

COVERED = 0.9
"""The least share of the highest camera coverage with which a solve is compared."""


def best_solve(solves: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The best of the solves, which are ordered by age, oldest first; None if there are none.

    The best solve has the lowest `average_error` (pixels). A small error on few frames makes no good camera: of solves
    with a `camera_coverage` (0..1) only those that reach `COVERED` of the highest are compared. Of equals, and of
    solves without an error, the last is the best. Errors of 0 or less are ignored: Blender has 0 without a camera.
    """
    known = [solve for solve in solves if _number(solve, "average_error", 0.0) > 0.0]
    widest = max((_number(solve, "camera_coverage", 0.0) for solve in known), default=0.0)
    wide = [solve for solve in known if _number(solve, "camera_coverage", widest) >= COVERED * widest]
    if wide:
        return min(reversed(wide), key=lambda solve: float(solve["average_error"]))
    return solves[-1] if solves else None


def _number(solve: dict[str, Any], key: str, default: float) -> float:
    """The finite number at `key`, else `default`."""
    value = solve.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    try:
        return float(value) if math.isfinite(value) else default
    except OverflowError:
        return default
