# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks on features of a picture, whatever the picture: sharp or soft, of any contrast and size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy

from ..core.counting import Counting
from ..core.errors import ClipChanged, FootageUnusable, NothingToTrack
from ..core.spread import Candidate, Layout
from .clip import clip_size, footage_of
from .editor import ClipEditor
from .working_set import OBJECT_NAME, remove_leftovers

if TYPE_CHECKING:
    from bpy.types import MovieTrackingObject

THRESHOLDS = (0.1, 0.01, 0.001, 0.0001)
"""What Blender is asked for, one after the other as far as needed. It takes nothing below the last; a tenth of it is
what 56 % of the contrast leaves of a feature."""


@dataclass(frozen=True)
class Detection:
    """What was found on a frame."""

    features: list[Candidate]
    layout: Layout
    threshold: float
    """The lowest one that was needed."""

    def words(self, number: int) -> str:
        """A sentence on it; `number` is the frame as people count it."""
        found = len(self.features)
        return (
            f"Found {found} feature{'s' * (found != 1)} on frame {number} in {self.layout.parts_with(self.features)} "
            f"of {self.layout.parts} parts of the picture (threshold {self.threshold:g})."
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

    Blender's threshold is lowered until weaker features could not be kept any more. Raises FootageUnusable.
    """
    layout = Layout.of(*clip_size(editor.clip), pattern)
    candidates: dict[tuple[float, float], Candidate] = {}  # by place, the strongest first
    threshold = THRESHOLDS[0]
    for level, threshold in enumerate(THRESHOLDS):
        for place in _found_by_blender(editor, frame, layout, threshold):
            candidates.setdefault(place, Candidate(*place, level))
        if layout.is_settled(list(candidates.values()), level + 1):
            break
    kept = layout.choose(list(candidates.values()))
    return Detection(kept, layout, threshold)


def _found_by_blender(editor: ClipEditor, frame: int, layout: Layout, threshold: float) -> list[tuple[float, float]]:
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
                    threshold=threshold, margin=layout.margin, min_distance=layout.distance, placement="FRAME"
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
        places = [track.markers[0].co for track in scratch.tracks]
        return [(place.x, place.y) for place in reversed(places)]


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
