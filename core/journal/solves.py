# SPDX-License-Identifier: GPL-3.0-or-later
"""The solves of a session as the journal has them, and which is the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from ..model.ranges import FRAME_LIMIT

COVERED = 0.9
"""The least share of the highest camera coverage with which a solve is compared."""
SOLVED = "solved"
OF_A_KIND = ("tripod", "static")
"""Verdicts on a camera that is good for what it is."""
LIMITED = ("low_parallax", "focal_undetermined")
"""Verdicts on a camera that is good for some work only."""
_BY = "best_by"
_HIGHEST = 1e9


class SolveEntry(NamedTuple):
    """A solve in figures, whoever has recorded it: what it does not say is empty or 0.

    `error`: pixels; `focal`: millimetres; `cameras`: how many of the `frames` have one; `keyframes`: clip frames.
    `best_by`: the person who takes it for the best, empty if the system does not tell who; None: nobody does.
    """

    id: str
    verdict: str
    reason: str
    error: float
    cameras: int
    frames: int
    tracks_kept: int
    tracks_made: int
    focal: float
    keyframes: tuple[int, int]
    created: str
    best_by: str | None

    @classmethod
    def of(cls, solve: Mapping[str, Any]) -> SolveEntry:
        def count(key: str) -> int:
            return int(_bounded(solve.get(key)))

        keys: object = solve.get("keyframes")
        pair = [int(_bounded(key)) for key in cast("list[object]", keys)] if isinstance(keys, list) else []
        frames = (pair[0], pair[1]) if len(pair) == 2 and all(0 < key <= FRAME_LIMIT for key in pair) else (0, 0)
        by = solve.get(_BY)
        return cls(
            id=str(solve.get("id", "")),
            verdict=str(solve.get("verdict") or ""),
            reason=str(solve.get("reason") or ""),
            error=_bounded(solve.get("average_error")),
            cameras=count("cameras"),
            frames=count("frames"),
            tracks_kept=count("tracks_kept"),
            tracks_made=count("tracks_made"),
            focal=_bounded(solve.get("focal_length")),
            keyframes=frames,
            created=str(solve.get("created") or ""),
            best_by=None if by is None else str(by),
        )


def _bounded(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _HIGHEST:
        return 0.0
    return float(value)


def marked(solves: Sequence[Mapping[str, Any]], id: str, who: str) -> list[dict[str, Any]]:
    """The solves with a note that `who` takes the one of this id for the best, in place of any other note."""
    return [unmarked(solve) | ({_BY: who} if solve["id"] == id else {}) for solve in solves]


def unmarked(solve: Mapping[str, Any]) -> dict[str, Any]:
    """The solve without a note that somebody takes it for the best."""
    return {key: value for key, value in solve.items() if key != _BY}


def best_solve(solves: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The best of the solves, which are ordered by age, oldest first; None if there are none.

    That is the one that a person has marked; of several, as after a merge, the last. Else the figures decide: a solve
    is a camera if its `average_error` (pixels) is above 0 (Blender has 0 without a camera) and its `camera_coverage`
    (0..1) is not 0. Of the cameras those with the best `verdict` are compared: `solved`, then `OF_A_KIND`, then
    `LIMITED` and those without a verdict, then the others. Of them the best has the lowest error. A small error on few
    frames makes no good camera: of solves with a coverage only those that reach `COVERED` of the highest are compared.
    Of equals the last is the best, and so it is of solves that say nothing of an error.
    """
    by_hand = [solve for solve in solves if solve.get(_BY) is not None]
    if by_hand:
        return by_hand[-1]
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
