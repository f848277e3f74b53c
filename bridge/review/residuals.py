# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a track is, on each frame, from where the other tracks say: the measure T of an audit, for a curve.

T compares all tracks at once, so one computation serves the curve of each track until a marker changes. It runs a
slice at a time, and only for a clip whose curve is drawn.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import bpy

from ...core.journal.head import Head
from ..clip.editor import redraw
from ..clip.movie_clip import clip_size
from ..open_file import open_file
from ..sessions.recording import known_recording

if TYPE_CHECKING:
    from bpy.types import MovieClip

SLICE, PAUSE = 0.01, 0.05  # seconds of work per tick, and between two ticks


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Of one track on the clip frames `frames`: pixels off, and the threshold there; only where T can tell."""

    frames: list[int] = field(default_factory=list[int])
    residuals: list[float] = field(default_factory=list[float])
    thresholds: list[float] = field(default_factory=list[float])


class _Computed:
    """The curves of one clip, and those that are being computed."""

    def __init__(self) -> None:
        self.rows: dict[int, bytes] = {}  # of all tracks, as they were
        self.motion: Any = None
        self.transfer: Any = None
        self.curves: dict[int, Curve] = {}
        self.work: Generator[None, None, None] | None = None


class _AllComputed(dict[int, _Computed]):
    """By clip (`session_uid`)."""


def curve_of(clip: MovieClip, number: int) -> Curve | None:
    """The curve of the track of this number: that of its markers before the last change until the new one is there."""
    recording = known_recording(clip)
    known = open_file.view(_AllComputed).setdefault(clip.session_uid, _Computed())
    if recording is not None and recording.session is not None and _has_changed(known.rows, recording.head):
        known.rows = {track: recording.head.rows(track) for track in recording.head.tracks}
        known.work = _computing(known, recording.head, clip_size(clip))
    if known.work is not None and not bpy.app.timers.is_registered(go_on):
        bpy.app.timers.register(go_on, first_interval=PAUSE)
    if known.transfer is None:
        return None
    if number not in known.curves:
        known.curves[number] = _curve(known.motion, known.transfer, number)
    return known.curves[number]


def _has_changed(rows: Mapping[int, bytes], head: Head) -> bool:
    """Whether a track has other markers; the head makes new bytes for these only."""
    return len(rows) != len(head.tracks) or any(head.rows(number) is not rows.get(number) for number in head.tracks)


def go_on() -> float | None:
    """A timer: compute for a while; returns the seconds until the next tick, None at the end."""
    until = time.perf_counter() + SLICE
    for known in open_file.view(_AllComputed).values():
        while known.work is not None:
            if next(known.work, known) is known:
                known.work = None
                redraw(bpy.context)
            if time.perf_counter() >= until:
                return PAUSE
    return None


def _computing(known: _Computed, head: Head, size: tuple[int, int]) -> Generator[None, None, None]:
    from ...core.review.motion import Motion
    from ...core.review.settings import Settings
    from ...core.review.transfer import transfer

    motion = Motion.of(head, size)
    steps = transfer(motion, Settings())
    while True:
        yield
        try:
            next(steps)
        except StopIteration as end:
            known.motion, known.transfer, known.curves = motion, end.value, {}
            return


def _curve(motion: Any, transfer: Any, number: int) -> Curve:
    import numpy as np

    place = next((i for i, track in enumerate(motion.tracks) if track.number == number), -1)
    mine = np.flatnonzero((motion.track == place) & np.isfinite(transfer.threshold))
    found = motion.frame[mine], transfer.residual[mine], transfer.threshold[mine]
    return Curve(*(column.tolist() for column in found))


def points(
    curve: Curve, *, scene: tuple[int, int], clip_start: int, width: float, top: float
) -> list[list[tuple[float, float]]]:
    """The curve on a strip of `width` pixels, in runs of neighbouring frames, each of two points at least.

    x: pixels; y: how many times the threshold the residual is, `top` at most. Of the frames of one pixel the worst
    counts, so that one bad frame among ten thousand is seen.
    """
    scale = width / (scene[1] - scene[0] + 1)
    runs: list[list[tuple[float, float]]] = []
    before = None
    for frame, residual, threshold in zip(curve.frames, curve.residuals, curve.thresholds, strict=True):
        shown = frame + clip_start - 1
        if not scene[0] <= shown <= scene[1]:
            continue
        x, y = (shown - scene[0] + 0.5) * scale, min(top, residual / threshold if threshold > 0 else 0.0)
        if before != frame - 1:
            runs.append([])
        before = frame
        run = runs[-1]
        if run and x - run[-1][0] < 1.0:
            run[-1] = run[-1][0], max(run[-1][1], y)
        else:
            run.append((x, y))
    return [run if len(run) > 1 else [run[0], (run[0][0] + max(1.0, scale), run[0][1])] for run in runs]


def register() -> None:
    """Nothing to do: the first drawing of a curve starts the timer."""


def unregister() -> None:
    if bpy.app.timers.is_registered(go_on):
        bpy.app.timers.unregister(go_on)
