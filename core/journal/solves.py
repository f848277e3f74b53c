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
    known = [solve for solve in solves if (_number(solve.get("average_error")) or 0.0) > 0.0]
    widest = max((_number(solve.get("camera_coverage")) or 0.0 for solve in known), default=0.0)
    wide = [solve for solve in known if _coverage(solve, widest) >= COVERED * widest]
    if wide:
        return min(reversed(wide), key=lambda solve: float(solve["average_error"]))
    return solves[-1] if solves else None


def _coverage(solve: dict[str, Any], default: float) -> float:
    coverage = _number(solve.get("camera_coverage"))
    return default if coverage is None else coverage


def _number(value: object) -> float | None:
    """The value if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
