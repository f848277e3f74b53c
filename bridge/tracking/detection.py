# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes tracks on the features of a picture, sharp or soft, of any contrast and size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
from mathutils import Vector

from ...core.errors import Action, ClipChanged, FootageUnusable, NothingToTrack
from ...core.tracking.features import Candidate, Layout
from ..clip.editor import ClipEditor
from ..clip.movie_clip import clip_size, counting_of, footage_of
from .clearer_copy import clearer_copy
from .working_set import OBJECT_NAME, remove_leftovers

if TYPE_CHECKING:
    from bpy.types import MovieTrackingObject

THRESHOLDS = (0.1, 0.003, 0.0001)
"""Blender's thresholds, tried in order as far as needed. Blender accepts nothing below the last. Its measure grows with
the fourth power of contrast, so each threshold finds features of 2.4 times less contrast."""

CLEAR = (0.1, 0.01, 0.001)
"""The thresholds of `detect_clear`. Below the last one Blender looks for 10 s and more where a part of the picture has
no texture, and finds grain."""

ENOUGH = 0.9  # share of the wanted features from which on no copy is made


@dataclass(frozen=True)
class Detection:
    """The features of a frame."""

    features: list[Candidate]
    layout: Layout
    threshold: str
    """The lowest threshold used, and the copy that it was used on."""

    def words(self, number: int) -> str:
        """The result as a sentence; `number` is the displayed frame."""
        found = len(self.features)
        return (
            f"Found {found} feature{'s' * (found != 1)} on frame {number} in {self.layout.parts_with(self.features)} "
            f"of {self.layout.parts} parts of the picture (threshold {self.threshold})."
        )


def place_features(editor: ClipEditor, frame: int, pattern: float | None = None) -> Detection:
    """Make tracks on the features of clip frame `frame`, selected, in the active object of the clip.

    `pattern` is the size of their patterns in pixels; None takes the default of the clip. Raises NothingToTrack if the
    picture has no texture or no room, FootageUnusable if Blender cannot read it.
    """
    clip = editor.clip
    pattern = clip.tracking.settings.default_pattern_size if pattern is None else pattern
    found = detect(editor, frame, pattern)
    if not found.layout.wanted:
        width, height = clip_size(clip)
        raise NothingToTrack(
            f"Patterns of {pattern:g} pixels do not fit into a picture of {width}x{height}", Action.CHOOSE_PATTERN_SIZE
        )
    if not found.features:
        raise NothingToTrack(
            f"No features were found on frame {counting_of(clip).shown(frame)}: its picture has no texture to follow",
            Action.CHOOSE_TEXTURED_START,
            joint=". ",
        )
    tracks = clip.tracking.objects.active.tracks
    for feature in found.features:
        track = tracks.new(name="Track", frame=frame)
        track.markers[0].co = feature.x, feature.y
        track.select = True
    return found


def detect(editor: ClipEditor, frame: int, pattern: float) -> Detection:
    """Find features on clip frame `frame` with room for patterns of `pattern` pixels, without a change to the clip.

    This lowers Blender's threshold until the layout would keep no weaker feature. If the lowest threshold gives too
    few features, a clearer copy of the picture gives more. Raises FootageUnusable.
    """
    layout = Layout.of(*clip_size(editor.clip), pattern)
    candidates: list[Candidate] = []  # the strongest first
    threshold = f"{_search(editor, frame, layout, candidates):g}"
    if len(candidates) < ENOUGH * layout.wanted:
        before = len(candidates)
        with clearer_copy(editor, frame) as copy:
            lowest = 0.0 if copy is None else _search(copy.editor, 1, layout, candidates, len(THRESHOLDS), copy.shrink)
        if copy is not None and len(candidates) > before:
            size = f" at 1/{copy.shrink} of the size" if copy.shrink > 1 else ""
            threshold = f"{lowest:g}, in a copy with {copy.contrast:.3g} times the contrast{size}"
    return Detection(layout.choose(candidates), layout, threshold)


def detect_clear(editor: ClipEditor, frame: int, pattern: float, taken: Sequence[tuple[float, float]]) -> Detection:
    """As `detect`, but only features that are clear enough to be followed with a high correlation.

    And only where the tracks at the positions `taken`, 0..1, are too few. Raises FootageUnusable.
    """
    layout = Layout.of(*clip_size(editor.clip), pattern).around(taken)
    candidates: list[Candidate] = []
    lowest = _search(editor, frame, layout, candidates, thresholds=CLEAR) if layout.wanted else CLEAR[0]
    return Detection(layout.choose(candidates), layout, f"{lowest:g}")


def _search(
    editor: ClipEditor,
    frame: int,
    layout: Layout,
    candidates: list[Candidate],
    level: int = 0,
    shrink: int = 1,
    thresholds: Sequence[float] = THRESHOLDS,
) -> float:
    """Add the features of a picture, or of a copy that is smaller by `shrink`, and return the lowest threshold used.

    The candidates of the highest threshold get the level `level`. Stops at the threshold that settles the choice.
    """
    width, height = (length * shrink for length in clip_size(editor.clip))
    x, y = width / layout.width, height / layout.height  # a copy may lack the last columns and rows of the picture
    margin, distance = math.ceil(layout.margin / shrink), math.ceil(layout.distance / shrink)
    threshold = 0.0
    for step, threshold in enumerate(thresholds, level):
        found = _found_by_blender(editor, frame, threshold, margin, distance)
        layout.add(candidates, [Candidate(position.x * x, position.y * y, step) for position in found])
        if layout.is_settled(candidates, step + 1):
            break
    return threshold


def _found_by_blender(editor: ClipEditor, frame: int, threshold: float, margin: int, distance: int) -> list[Vector]:
    """The positions of the features that Blender finds, the strongest first.

    Blender deletes a track only with its markers on screen, so the tracks go into a temporary tracking object, which
    is removed as a whole. Of two features too close to each other Blender keeps the stronger, and it makes the weakest
    track first: so the list for a lower threshold begins with the list for a higher one.
    """
    clip = editor.clip
    with _own_object(editor, frame) as scratch:
        try:
            with bpy.context.temp_override(window=editor.window, area=editor.area, region=editor.region):
                bpy.ops.clip.detect_features(
                    threshold=threshold, margin=margin, min_distance=distance, placement="FRAME"
                )
        except RuntimeError as error:
            if not editor.is_showing():
                raise ClipChanged(f"Blender cannot detect features in this editor: {error}") from error
            path = footage_of(clip).file(frame)
            number = counting_of(clip).shown(frame)
            raise FootageUnusable(
                f"Blender cannot read frame {number} ({path.name}): copy or render it again",
                path,
                frame,
                Action.BEGIN_ELSEWHERE,
                joint=", or ",
            ) from error
        return [track.markers[0].co.copy() for track in reversed(scratch.tracks)]


@contextmanager
def _own_object(editor: ClipEditor, frame: int) -> Iterator[MovieTrackingObject]:
    """A temporary tracking object, active, with the editor on clip frame `frame`."""
    clip = editor.clip
    tracking = clip.tracking
    remove_leftovers(clip)
    active = tracking.objects.active
    displayed = editor.space.clip_user.frame_current
    scratch = tracking.objects.new(OBJECT_NAME)
    try:
        tracking.objects.active = scratch
        editor.space.clip_user.frame_current = frame + clip.frame_start - 1
        yield scratch
    finally:
        editor.space.clip_user.frame_current = displayed
        tracking.objects.active = active
        remove_leftovers(clip)
