# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws a strip on the cache line of the Clip Editor: the state of each frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import blf
import bpy

from ..bridge.open_file import open_file
from ..bridge.preferences import preferences
from ..bridge.review.problems import review_of
from ..bridge.sessions import overview
from ..bridge.tracking import live
from ..core.model.ranges import FrameRanges
from ..core.review.timeline import Kind, Segment, dashes, segments, spans

if TYPE_CHECKING:
    from bpy.types import Context, MovieClip

# in pixels at a scale of 1
BOTTOM = 8  # the height of Blender's cache line
HEIGHT = 8
BORDER = 1  # at the top, so that the strip stands out from a light plate
DASH = 4
NARROWEST = 2  # the least width of a segment: a single frame stays visible
LABEL_SIZE = 11  # the font of the current frame's number on the cache line

BACKGROUND = (0.10, 0.10, 0.10, 0.90)
COLOURS = {  # Blender uses others there: blue and violet for the cache, yellow, green and red for markers and solves
    Kind.UNTRACKED: (0.22, 0.22, 0.22, 1.00),
    Kind.DUE: (0.55, 0.55, 0.55, 1.00),
    Kind.TRACKED: (0.16, 0.62, 0.56, 1.00),
    Kind.THIN: (0.95, 0.75, 0.30, 1.00),  # half as high
    Kind.ABSENT: (0.45, 0.80, 0.76, 1.00),  # dashed
    Kind.PROBLEM: (1.00, 0.42, 0.10, 1.00),
    # failed, tracked, approved and suspect also differ in brightness, for eyes that see no red or green
    Kind.APPROVED: (0.52, 0.77, 0.52, 1.00),
    Kind.SUSPECT: (1.00, 0.88, 0.35, 1.00),
    Kind.FAILED: (1.00, 0.22, 0.30, 1.00),
}


class Strip:
    """The strip of one region, cached for its next redraw."""

    def __init__(self, based_on: tuple[object, ...], parts: list[Segment], scene: tuple[int, int]) -> None:
        self.based_on = based_on
        self.parts = parts
        self.scene = scene  # first and last frame
        self.gap: tuple[float, float] | None = None  # the left and right ends of the current frame's number
        self.batches: list[tuple[Any, tuple[float, ...]]] = []  # each with its colour


class _Strips(dict[int, Strip]):
    """The strips of the regions, by the address of each."""


_MAX_STRIPS = 16  # more regions than that include closed editors
_handle: Any = None


def _running(clip: MovieClip) -> live.LivePass | None:
    """The running pass, if it tracks the clip."""
    running = live.running()
    return running if running is not None and running.shot.clip == clip else None


def _version(clip: MovieClip) -> object:
    """A value that changes with the recorded frames, during a pass as often as its tracks; None without frames."""
    running = _running(clip)
    if running is not None:
        return running.shot.session.path, running.run.plan.number, running.run.displayed_frame
    seen = overview.last_overview(clip)
    return (seen, review_of(clip)) if len(seen.tracked) else None


class _Frames(NamedTuple):
    """Sets of clip frames."""

    tracked: FrameRanges
    requested: FrameRanges
    problems: FrameRanges  # the frames of lost tracks
    thin: FrameRanges = FrameRanges()
    absent: FrameRanges = FrameRanges()
    approved: FrameRanges = FrameRanges()
    suspect: FrameRanges = FrameRanges()
    failed: FrameRanges = FrameRanges()


def _frames(clip: MovieClip) -> _Frames:
    """The frames of the clip's session; during a pass from memory.

    A verdict of its review takes the place of the signs that a frame may be bad.
    """
    running = _running(clip)
    if running is not None:
        session = running.shot.session
        review = session.review
        verdicts = review.approved, review.warned, review.failed
        lost = _without(FrameRanges.of(session.lost.frames), verdicts)
        return _Frames(session.session.tracked_frames, session.requested, lost, FrameRanges(), FrameRanges(), *verdicts)
    seen, view = overview.last_overview(clip), review_of(clip)
    verdicts = view.approved, view.warned, view.failed
    absent = FrameRanges([*seen.missing_frames.ranges(), *seen.undone_frames.ranges()])
    problems, thin = _without(seen.problems, verdicts), _without(seen.thin, verdicts)
    return _Frames(seen.tracked, seen.requested, problems, thin, absent, *verdicts)


def _without(frames: FrameRanges, verdicts: tuple[FrameRanges, ...]) -> FrameRanges:
    for judged in verdicts:
        frames = frames.without(judged)
    return frames


def strip_in(context: Context) -> Strip | None:
    """The strip of the region, the cached one if nothing has changed; None if the region shows none."""
    space, region = context.space_data, context.region
    if space.clip is None or space.mode != "TRACKING" or space.view != "CLIP" or not preferences().has_strip:
        return None
    version = _version(space.clip)
    if version is None:
        return None
    scene = context.scene.frame_start, context.scene.frame_end
    clip_start = space.clip.frame_start
    scale = context.preferences.system.ui_scale or 1.0  # 0 without a window
    based_on = (version, scene, clip_start, region.width, scale)
    strips = open_file.view(_Strips)
    strip = strips.get(region.as_pointer())
    if strip is None or strip.based_on != based_on:
        columns = int(region.width / (NARROWEST * scale))
        frames = _frames(space.clip)._asdict()
        parts = segments(**frames, scene=scene, clip_start=clip_start, columns=columns)
        if len(strips) > _MAX_STRIPS:
            strips.clear()
        strip = strips[region.as_pointer()] = Strip(based_on, parts, scene)
    return strip


def _draw() -> None:
    import gpu  # raises without a window
    from gpu_extras.batch import batch_for_shader

    context = bpy.context
    strip = strip_in(context)
    if strip is None:
        return
    width, scale = context.region.width, context.preferences.system.ui_scale
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    gap = _label(context.space_data.clip_user.frame_current, strip.scene, width, scale)
    if strip.gap != gap:
        strip.gap = gap
        strip.batches = []
        placed = spans(strip.parts, scene=strip.scene, width=width, gap=gap)
        low, high = BOTTOM * scale, (BOTTOM + HEIGHT) * scale
        tops = {Kind.THIN: low + HEIGHT * scale / 2}
        boxes = [([place for ends in placed.values() for place in ends], high, BACKGROUND)]
        for kind, ends in placed.items():
            shown = dashes(ends, DASH * scale) if kind is Kind.ABSENT else ends
            boxes.append((shown, tops.get(kind, high - BORDER * scale), COLOURS[kind]))
        for ends, top, colour in boxes:
            corners = [corner for a, b in ends for corner in ((a, low), (b, low), (b, top), (a, top))]
            triangles = [(i + a, i + a + 1, i + 3) for i in range(0, len(corners), 4) for a in (0, 1)]
            strip.batches.append((batch_for_shader(shader, "TRIS", {"pos": corners}, indices=triangles), colour))
    shader.bind()
    gpu.state.blend_set("ALPHA")
    for batch, colour in strip.batches:
        shader.uniform_float("color", colour)
        batch.draw(shader)
    gpu.state.blend_set("NONE")


def _label(frame: int, scene: tuple[int, int], width: int, scale: float) -> tuple[float, float]:
    """The left and right ends, in pixels, of Blender's number of the current frame."""
    blf.size(0, LABEL_SIZE * scale)
    words = blf.dimensions(0, str(frame))[0]
    frame_width = width / (scene[1] - scene[0] + 1)
    left = int((frame - scene[0]) * frame_width)
    middle = left + round(frame_width / 2)
    beside = (left, left + words + 6)
    centred = (middle - words / 2 - 4 * scale, middle + words / 2 + 4 * scale)
    if bpy.app.version < (4, 4):
        return beside
    if bpy.app.version >= (5, 0):
        return centred
    return min(beside[0], centred[0]), max(beside[1], centred[1])  # 4.4 and 4.5 place the number in either way


def register() -> None:
    global _handle
    _handle = bpy.types.SpaceClipEditor.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    global _handle
    if _handle is not None:
        bpy.types.SpaceClipEditor.draw_handler_remove(_handle, "WINDOW")
        _handle = None
