# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws a curve above the strip, with its threshold as a line: in a review how far the active track is from where the
other tracks say, else the error of the chosen solve on each frame."""

from __future__ import annotations

from bisect import bisect_left
from operator import truediv
from typing import TYPE_CHECKING, Any, NamedTuple

import blf
import bpy

from ..bridge.open_file import open_file
from ..bridge.preferences import preferences
from ..bridge.review.problems import review_of
from ..bridge.review.residuals import Curve, curve_of, points
from ..bridge.sessions.recording import known_recording
from ..bridge.solve import solves
from ..bridge.tracking import live
from .strip import BACKGROUND, BOTTOM, COLOURS, HEIGHT, Kind

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip

# in pixels at a scale of 1
LOW = BOTTOM + HEIGHT + 2
TALL = 48
MARGIN = 4
LETTERS = 11
TOP = 4.0
"""How many times the threshold the upper edge stands for, at most."""
LEAST_TOP, ROOM = 2.0, 1.2
"""How many times the threshold, which stays below the words, and the largest error the upper edge of a solve's curve
stands for at least."""
SHADE = (*BACKGROUND[:3], 0.55)
LINE = (0.80, 0.92, 1.00, 1.00)
THRESHOLD = (*COLOURS[Kind.FAILED][:3], 0.90)


class Drawn(NamedTuple):
    """The curve in one region. `runs` are those of `points`; `batches` are made at the first drawing.

    `name`: of the track; of a solve empty. `average`: the error of the solve, pixels. `top`: how many times the
    threshold the upper edge stands for.
    """

    based_on: tuple[object, ...]
    curve: Curve
    runs: list[list[tuple[float, float]]]
    name: str
    average: float
    top: float
    batches: list[tuple[Any, tuple[float, ...]]]  # each with its colour


class _Drawn(dict[int, Drawn]):
    """By the address of the region."""


_MAX_REGIONS = 16  # more than that include closed editors
_handle: Any = None


def _active(clip: MovieClip) -> tuple[int, str]:
    """The number and the name of the active track; 0 without one."""
    recording = known_recording(clip)
    where: Any = clip.tracking.objects.active
    track = where.tracks.active if where is not None else None
    if recording is None or track is None or not track.select:
        return 0, ""
    return recording.head.numbers.get((where.name, track.name), 0), track.name


def curve_in(context: Context) -> Drawn | None:
    """The curve of the region, the cached one if nothing has changed; None if the region shows none."""
    space, region = context.space_data, context.region
    if space.clip is None or space.mode != "TRACKING" or space.view != "CLIP" or not preferences().has_strip:
        return None
    if live.running() is not None:
        return None
    review = review_of(space.clip)
    number, name = _active(space.clip) if review.is_owned and review.id else (0, "")
    average, top = 0.0, TOP
    if number:
        curve = curve_of(space.clip, number)
    else:
        solve = solves.chosen(context)
        curve, average = (solves.curve_of(solve), solve.average_error) if solve is not None else (None, 0.0)
    if curve is None:
        return None
    scene = context.scene.frame_start, context.scene.frame_end
    based_on = curve, name, scene, space.clip.frame_start, region.width, context.preferences.system.ui_scale
    known = open_file.view(_Drawn)
    drawn = known.get(region.as_pointer())
    if drawn is None or drawn.based_on != based_on:
        if len(known) > _MAX_REGIONS:
            known.clear()
        if not name:
            largest = max(map(truediv, curve.residuals, curve.thresholds))
            top = min(TOP, max(LEAST_TOP, ROOM * largest))  # else a good solve would be a line along the edge
        runs = points(curve, scene=scene, clip_start=space.clip.frame_start, width=region.width, top=top)
        drawn = known[region.as_pointer()] = Drawn(based_on, curve, runs, name, average, top, [])
    return drawn


def words(drawn: Drawn, clip_frame: int) -> str:
    """The residual on the clip frame beside its threshold, or the error of the solve beside its average."""
    curve = drawn.curve
    at = bisect_left(curve.frames, clip_frame)
    is_there = at < len(curve.frames) and curve.frames[at] == clip_frame
    if not drawn.name:
        here = f"{curve.residuals[at]:.2f} px here" if is_there else "no camera here"
        return f"Solve: {here}, {drawn.average:.2f} px average, {curve.thresholds[0]:.2g} px at most"
    if not is_there:
        return f"{drawn.name}: not tested here"
    return f"{drawn.name}: {curve.residuals[at]:.2f} of {curve.thresholds[at]:.2f} px"


def _draw() -> None:
    import gpu  # raises without a window
    from gpu_extras.batch import batch_for_shader

    context = bpy.context
    drawn = curve_in(context)
    if drawn is None:
        return
    width, scale = context.region.width, context.preferences.system.ui_scale
    low, tall = LOW * scale, TALL * scale
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    if not drawn.batches:
        line, high = low + tall / drawn.top, low + tall
        parts: list[tuple[Any, list[tuple[float, float]], tuple[float, ...]]] = [
            ("TRI_STRIP", [(0, low), (width, low), (0, high), (width, high)], SHADE),
            ("LINES", [(0, line), (width, line)], THRESHOLD),
        ]
        parts += [("LINE_STRIP", [(x, low + y * tall / drawn.top) for x, y in run], LINE) for run in drawn.runs]
        for kind, corners, colour in parts:
            drawn.batches.append((batch_for_shader(shader, kind, {"pos": corners}), colour))
    shader.bind()
    gpu.state.blend_set("ALPHA")
    for batch, colour in drawn.batches:
        shader.uniform_float("color", colour)
        batch.draw(shader)
    gpu.state.blend_set("NONE")
    frame = context.space_data.clip_user.frame_current - context.space_data.clip.frame_start + 1
    blf.size(0, LETTERS * scale)
    blf.color(0, *LINE)
    blf.position(0, MARGIN * scale, low + tall - (LETTERS + MARGIN) * scale, 0)
    blf.draw(0, words(drawn, frame))


def register() -> None:
    global _handle
    _handle = bpy.types.SpaceClipEditor.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    global _handle
    if _handle is not None:
        bpy.types.SpaceClipEditor.draw_handler_remove(_handle, "WINDOW")
        _handle = None
