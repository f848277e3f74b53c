# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks on features of a picture, whatever the picture: sharp or soft, of any contrast and size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
from mathutils import Vector

from ...core.errors import ClipChanged, FootageUnusable, NothingToTrack
from ...core.model.counting import Counting
from ...core.tracking.features import Candidate, Layout
from ..clip.editor import ClipEditor
from ..clip.movie_clip import clip_size, footage_of
from .clearer_copy import clearer_copy
from .working_set import OBJECT_NAME, remove_leftovers

if TYPE_CHECKING:
    from bpy.types import MovieTrackingObject

THRESHOLDS = (0.1, 0.003, 0.0001)
"""What Blender is asked for, one after the other as far as needed. It takes nothing below the last. What it measures
goes with the fourth power of contrast, so each is for 2.4 times less of that."""

ENOUGH = 0.9  # of those wanted: for so few more no copy is made


@dataclass(frozen=True)
class Detection:
    """What was found on a frame."""

    features: list[Candidate]
    layout: Layout
    threshold: str
    """The lowest one that was needed, and where."""

    def words(self, number: int) -> str:
        """A sentence on it; `number` is the frame as people count it."""
        found = len(self.features)
        return (
            f"Found {found} feature{'s' * (found != 1)} on frame {number} in {self.layout.parts_with(self.features)} "
            f"of {self.layout.parts} parts of the picture (threshold {self.threshold})."
        )


def place_features(editor: ClipEditor, frame: int, pattern: float | None = None) -> Detection:
    """Make tracks on the features of clip frame `frame`, selected, in the active object of the clip.

    `pattern` is the size in pixels that their patterns will have, that of the clip's settings if None. Raises
    NothingToTrack if the picture has no texture or no room, FootageUnusable if it cannot be read.
    """
    clip = editor.clip
    pattern = clip.tracking.settings.default_pattern_size if pattern is None else pattern
    found = detect(editor, frame, pattern)
    if not found.layout.wanted:
        width, height = clip_size(clip)
        raise NothingToTrack(
            f"Patterns of {pattern:g} pixels do not fit into a picture of {width}x{height}: name a smaller size with "
            "--set pattern_size=N"
        )
    if not found.features:
        raise NothingToTrack(
            f"No features were found on frame {Counting(clip.frame_start).shown(frame)}: its picture has no texture to "
            "follow. Name a frame that has some with --start, or positions with --tracks"
        )
    tracks = clip.tracking.objects.active.tracks
    for one in found.features:
        track = tracks.new(name="Track", frame=frame)
        track.markers[0].co = one.x, one.y
        track.select = True
    return found


def detect(editor: ClipEditor, frame: int, pattern: float) -> Detection:
    """Look for features on clip frame `frame` that patterns of `pattern` pixels fit on; the clip stays as it is.

    Blender's threshold is lowered until weaker features could not be kept any more. Where its lowest one gives too
    few, a clearer copy of the picture gives more. Raises FootageUnusable.
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


def _search(
    editor: ClipEditor, frame: int, layout: Layout, candidates: list[Candidate], level: int = 0, shrink: int = 1
) -> float:
    """Add what is found in a picture, or in a copy that is smaller by `shrink`; returns the lowest threshold used.

    The candidates of the highest threshold have that level. If they settle the choice no lower one is tried.
    """
    width, height = (length * shrink for length in clip_size(editor.clip))
    x, y = width / layout.width, height / layout.height  # of the picture's last pixels a copy may lack some
    margin, distance = math.ceil(layout.margin / shrink), math.ceil(layout.distance / shrink)
    threshold = 0.0
    for step, threshold in enumerate(THRESHOLDS, level):
        found = _found_by_blender(editor, frame, threshold, margin, distance)
        layout.add(candidates, [Candidate(place.x * x, place.y * y, step) for place in found])
        if layout.is_settled(candidates, step + 1):
            break
    return threshold


def _found_by_blender(editor: ClipEditor, frame: int, threshold: float, margin: int, distance: int) -> list[Vector]:
    """Where Blender finds features, the strongest first.

    It removes no track but with its markers on screen, so they are made in a tracking object that goes as a whole.
    Of features that are too near to each other it keeps the stronger one, and it makes the weakest track first: so
    what a lower threshold gives begins with what a higher one gave.
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
            number = Counting(clip.frame_start).shown(frame)
            raise FootageUnusable(
                f"Blender cannot read frame {number} ({path.name}): copy or render it again, or begin on another frame "
                "with --start",
                path,
                frame,
            ) from error
        return [track.markers[0].co.copy() for track in reversed(scratch.tracks)]


@contextmanager
def _own_object(editor: ClipEditor, frame: int) -> Iterator[MovieTrackingObject]:
    """A tracking object for the time being, active, with the editor on clip frame `frame`."""
    clip = editor.clip
    tracking = clip.tracking
    remove_leftovers(clip)
    active = tracking.objects.active
    shown = editor.space.clip_user.frame_current
    scratch = tracking.objects.new(OBJECT_NAME)
    try:
        tracking.objects.active = scratch
        editor.space.clip_user.frame_current = frame + clip.frame_start - 1
        yield scratch
    finally:
        editor.space.clip_user.frame_current = shown
        tracking.objects.active = active
        remove_leftovers(clip)
