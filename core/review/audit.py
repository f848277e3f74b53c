# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit: every flag about the tracks of a session, from their markers alone or with a solve."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from enum import StrEnum
from typing import NamedTuple, TypeVar

import numpy as np

from ..model.flags import Flag, FlagKind, Severity, worst_first
from . import measures
from .correlation import Read, correlation
from .drift import drift
from .epipolar import LEAST_TRACKS as LEAST_FOR_E
from .epipolar import Opinion, opinions
from .jumps import NEIGHBOURHOOD, REACH, event_flags, judge, jump_flags
from .lens import Lens, undistorted
from .measures import runs
from .motion import Motion
from .regression import Indices
from .reprojection import Solve, reprojection
from .settings import Settings
from .shutter import estimated, inner, unrolled
from .transfer import LEAST_TRACKS, Transfer, transfer

T = TypeVar("T")
CAMERA = "Camera"
"""Blender's name of the tracking object whose tracks the camera is solved from."""
LOCAL = frozenset({FlagKind.JUMP, FlagKind.POSSIBLE_JUMP, FlagKind.SWAP, FlagKind.FRAME_EVENT})
"""The flags that `audit_frames` finds: they depend on the `REACH` frames around them only."""


class Level(StrEnum):
    """How thorough an audit is."""

    QUICK = "quick"  # all but E: seconds for a million markers
    FULL = "full"  # E confirms jumps and finds DRIFT and STRAY: about 10 ms a frame


class Result(NamedTuple):
    """The flags, the worst first, and the share of a frame of the rolling shutter that was taken out of a full audit:
    0 without one."""

    flags: list[Flag]
    rolling: float


def audit(
    motion: Motion,
    settings: Settings | None = None,
    *,
    level: Level = Level.QUICK,
    lens: Lens | None = None,
    rolling: float | None = None,
    solve: Solve | None = None,
    progress: Callable[[float], object] | None = None,
) -> list[Flag]:
    """The flags of the whole motion, worst first. `progress` gets the share done; an exception of it ends the audit.

    A full audit needs the `lens`, which undistorts, and `rolling`, the share of its rolling shutter: it estimates what
    is not given. A `solve` adds ERROR.
    """
    steps = audit_steps(motion, settings, level=level, lens=lens, rolling=rolling, solve=solve)
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            return end.value.flags
        if progress:
            progress(share)


def audit_steps(
    motion: Motion,
    settings: Settings | None = None,
    *,
    level: Level = Level.QUICK,
    lens: Lens | None = None,
    rolling: float | None = None,
    solve: Solve | None = None,
    read: Read | None = None,
) -> Generator[float, None, Result]:
    """The work of `audit` in steps of some milliseconds, each of which yields the share done. Close it to stop.

    `read` gives the pictures, and adds CORRELATION of a motion with corners; its steps take as long as one picture.
    """
    settings = settings or Settings()
    found: list[Flag] = []
    most = 1.0 if read is None else 0.2  # the pictures take longer than all else
    parts = list(motion.parts())
    camera = next((part for part in parts if any(track.object == CAMERA for track in part.tracks)), None)
    if camera is None and parts:
        camera = max(parts, key=len)
    if rolling is None:
        rolling = (yield from _scaled(estimated(camera), 0.0, 0.02 * most)) if camera and level is Level.FULL else 0.0
    total, done = max(1, len(motion)) / most, 0
    for part in parts:
        is_solved = solve is not None and (len(parts) == 1 or part.tracks[0].object == solve.object)
        work = _part(part, settings, level, lens, rolling, part is camera, solve if is_solved else None)
        low, done = done, done + len(part)
        found += yield from _scaled(work, low / total, done / total)
    found += measures.duplicates(motion, settings)
    if read is not None:
        found += yield from _scaled(correlation(motion, settings, read), most, 1.0)
    return Result(worst_first(found), rolling)


def audit_frames(
    motion: Motion,
    frames: Iterable[int],
    settings: Settings | None = None,
    *,
    level: Level = Level.QUICK,
    lens: Lens | None = None,
    rolling: float = 0.0,
) -> list[Flag]:
    """The `LOCAL` flags that touch these clip frames, the same as those of an `audit` of the whole at this level.

    The motion needs to hold the markers of these frames and of 2 REACH frames on each side only (`Motion.of(...,
    between=...)`). After an edit of a marker on frame f ask for f - REACH to f + REACH. A full audit needs the `lens`
    and the `rolling` of the whole: what `lens.estimated` and `shutter.estimated` say of it, if they are not known.
    """
    settings = settings or Settings()
    asked = np.unique(np.array(list(frames), np.intp))
    found: list[Flag] = []
    for part in motion.parts():
        still = unrolled(part, rolling)
        moved = _finish(transfer(still, settings, _around(part, asked, REACH)))
        opinion: Opinion | None = None
        if level is Level.FULL:
            straight = _straight(still, lens, rolling)
            opinion = _finish(opinions(straight, settings, _around(part, asked, REACH - NEIGHBOURHOOD)))
        verdict = judge(part, settings, moved, opinion, is_rolling=bool(rolling))
        median = measures.medians(part, measures.displacements(part))
        found += jump_flags(still, settings, moved, opinion, verdict)
        found += event_flags(part, settings, moved, verdict, median)
    return worst_first(flag for flag in found if _touches(flag, asked))


def _touches(flag: Flag, frames: Indices) -> bool:
    at = int(np.searchsorted(frames, flag.first))
    return at < len(frames) and int(frames[at]) <= flag.last


def _around(motion: Motion, frames: Indices, reach: int) -> Indices:
    """The columns of these frames and of those up to `reach` frames away."""
    low = np.searchsorted(motion.frames, frames - reach)
    high = np.searchsorted(motion.frames, frames + reach, side="right")
    marks = np.zeros(len(motion.frames) + 1, np.intp)
    np.add.at(marks, low, 1)
    np.add.at(marks, high, -1)
    return np.flatnonzero(np.cumsum(marks[:-1]) > 0)


def _finish(steps: Generator[float, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _part(
    motion: Motion,
    settings: Settings,
    level: Level,
    lens: Lens | None,
    rolling: float,
    is_camera: bool,
    solve: Solve | None,
) -> Generator[float, None, list[Flag]]:
    """The flags of one tracking object. The shares of the time are about those of a shot of 100 tracks."""
    found: list[Flag] = []
    is_full = level is Level.FULL
    still = unrolled(motion, rolling)
    moved: Transfer = yield from _scaled(transfer(still, settings), 0.0, 0.1 if is_full else 0.8)
    opinion: Opinion | None = None
    straight = still
    if is_full:
        straight = _straight(still, lens, rolling)
        yield 0.15
        opinion = yield from _scaled(opinions(straight, settings, np.arange(len(motion.frames))), 0.15, 0.6)
    verdict = judge(motion, settings, moved, opinion, is_rolling=bool(rolling))
    found += jump_flags(still, settings, moved, opinion, verdict)
    if is_full:
        found += yield from _scaled(drift(straight, settings, verdict.is_jump), 0.6, 0.9)
    displacement = measures.displacements(motion)
    median = measures.medians(motion, displacement)
    yield 0.92
    found += event_flags(motion, settings, moved, verdict, median)
    found += measures.stuck(motion, settings, displacement, median)
    found += measures.shape(motion, settings)
    found += measures.short(motion, settings)
    if is_camera:
        found += measures.thin(motion, settings)
    found += _untested(motion, moved, opinion, is_camera)
    yield 0.95
    if solve is not None:
        found += yield from _scaled(reprojection(motion, solve, settings), 0.95, 1.0)
    return found


def _straight(motion: Motion, lens: Lens | None, rolling: float) -> Motion:
    """The motion as E needs it: without distortion, and without the positions that no shutter could be taken out of."""
    straight = undistorted(motion, lens)
    return inner(straight) if rolling else straight


def _scaled(steps: Generator[float, None, T], low: float, high: float) -> Generator[float, None, T]:
    try:
        while True:
            yield low + (high - low) * next(steps)
    except StopIteration as end:
        return end.value


def _untested(motion: Motion, moved: Transfer, opinion: Opinion | None, is_camera: bool) -> list[Flag]:
    """The frames on which nothing could look for a jump: too few tracks have markers there and on those beside them.

    About the frames alone for the camera's tracks, and about each track of another object.
    """
    tested, least = moved.tested, LEAST_TRACKS
    if opinion is not None:
        judged = np.bincount(motion.column[np.isfinite(opinion.distance)], minlength=len(motion.frames))
        tested = np.where(judged >= LEAST_FOR_E, np.maximum(tested, judged), tested)
    is_untested = tested < least
    if not is_untested.any():
        return []
    found: list[Flag] = []
    if is_camera:
        places = np.flatnonzero(is_untested)
        frames = motion.frames[places]
        for first, last in runs(np.append(False, np.diff(frames) == 1)[: len(frames)]):
            worst = int(tested[places[first : last + 1]].min())
            found.append(_note(0, int(frames[first]), int(frames[last]), worst))
        return found
    frame = motion.frame
    for run in measures.chosen_runs(motion, is_untested[motion.column]):
        worst = int(tested[motion.column[run]].min())
        found.append(_note(motion.tracks[motion.track[run[0]]].number, int(frame[run[0]]), int(frame[run[-1]]), worst))
    return found


def _note(track: int, first: int, last: int, tested: int) -> Flag:
    return Flag(FlagKind.UNTESTED, Severity.NOTE, track, first, last, tested, LEAST_TRACKS, "tracks")
