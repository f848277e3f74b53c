# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the best solve of a session."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

COVERED = 0.9
"""The least share of the highest camera coverage with which a solve is compared."""


SOLVED = "solved"
OF_A_KIND = ("tripod", "static")
"""Verdicts on a camera that is good for what it is."""
LIMITED = ("low_parallax", "focal_undetermined")
"""Verdicts on a camera that is good for some work only."""


def best_solve(solves: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The best of the solves, which are ordered by age, oldest first; None if there are none.

    A solve is a camera if its `average_error` (pixels) is above 0 (Blender has 0 without a camera) and its
    `camera_coverage` (0..1) is not 0. Of the cameras those with the best `verdict` are compared: `solved`, then
    `OF_A_KIND`, then `LIMITED` and those without a verdict, then the others. Of them the best has the lowest error. A
    small error on few frames makes no good camera: of solves with a coverage only those that reach `COVERED` of the
    highest are compared. Of equals the last is the best, and so it is of solves that say nothing of an error.
    """
    cameras = [solve for solve in solves if _number(solve, "average_error", 0.0) > 0.0 and _covers(solve)]
    highest = min(map(_rank, cameras), default=0)
    known = [solve for solve in cameras if _rank(solve) == highest]
    widest = max((_number(solve, "camera_coverage", 0.0) for solve in known), default=0.0)
    wide = [solve for solve in known if _number(solve, "camera_coverage", widest) >= COVERED * widest]
    if wide:
        return min(reversed(wide), key=lambda solve: float(solve["average_error"]))
    silent = [solve for solve in solves if "average_error" not in solve and _covers(solve)]
    return next(reversed(silent or solves), None)


def _covers(solve: dict[str, Any]) -> bool:
    return _number(solve, "camera_coverage", 1.0) > 0.0


def _rank(solve: dict[str, Any]) -> int:
    """The place of its verdict, 0 the best."""
    verdict = solve.get("verdict", "")
    if verdict == SOLVED:
        return 0
    if verdict in OF_A_KIND:
        return 1
    return 2 if verdict in LIMITED or not isinstance(verdict, str) or not verdict else 3


def _number(solve: dict[str, Any], key: str, default: float) -> float:
    """The finite number at `key`, else `default`."""
    value = solve.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    try:
        return float(value) if math.isfinite(value) else default
    except OverflowError:
        return default
