# SPDX-License-Identifier: GPL-3.0-or-later
"""The first tracks of a shot without a window: start positions, detected features, or the tracks of the .blend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import Action, NothingToTrack, TrackingSessionError, TracksFileInvalid, UsageError
from ...core.model.counting import Counting
from ...core.tracking import passes
from ...core.tracking.plan import ShotSpec
from ...core.tracking.start_positions import StartPosition, read_tracks_file
from ..clip.editor import ClipEditor
from ..clip.markers import SETTINGS
from ..clip.movie_clip import clip_size, counting_of
from .chosen_tracks import is_chosen
from .detection import place_features

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingMarker, MovieTrackingTrack


def place_tracks(editor: ClipEditor, spec: ShotSpec, say: Callable[[str], None]) -> list[tuple[int, int]]:
    """Make the requested tracks, select the tracks to follow, and return the ranges of clip frames to track.

    `say` gets the result of a detection. Raises UsageError, NothingToTrack, FootageUnusable or TracksFileInvalid.
    """
    clip = editor.clip
    counting = counting_of(clip)
    tracks = clip.tracking.objects.active.tracks
    placed: list[StartPosition] = []
    if spec.tracks:
        size = clip_size(clip)
        placed = read_tracks_file(Path(spec.tracks), size, clip.frame_duration, SETTINGS, counting)
        for track in tracks:
            track.select = False
        for position in placed:
            place_track(clip, position)
    start = None if spec.start is None else counting.clip_frame(spec.start)
    if start is None and placed:
        start = placed[0].frame
    if start is None and tracks:
        start = counting.clip_frame(bpy.context.scene.frame_current)
        if not 1 <= start <= clip.frame_duration:
            words = f"{counting.beside(start, clip.frame_duration)} in the file"
            raise UsageError(words, Action.CHOOSE_START, joint=", or ")
    if start is None:
        start = clip.frame_duration if spec.direction == "backward" else 1
    if not 1 <= start <= clip.frame_duration:
        raise UsageError(counting.outside(start, clip.frame_duration))
    ranges = _ranges(spec, start, clip.frame_duration, counting)
    _choose_tracks(editor, spec, start, say)
    return ranges


def _choose_tracks(editor: ClipEditor, spec: ShotSpec, start: int, say: Callable[[str], None]) -> None:
    """Select tracks to follow from clip frame `start`, detect some if requested, and set the requested settings."""
    tracks = editor.clip.tracking.objects.active.tracks
    if not tracks:
        if not spec.detect:
            raise NothingToTrack("The clip has no tracks", Action.ADD_TRACKS)
        found = place_features(editor, start, _pattern_size(spec.settings, clip_size(editor.clip)))
        say(found.words(counting_of(editor.clip).shown(start)))
    if not any(is_chosen(track, editor.space) for track in tracks):
        for track in tracks:
            track.select = not (track.hide or track.lock)
    for track in tracks:
        if is_chosen(track, editor.space):
            _set(editor.clip, track, start, spec.settings, UsageError)


def place_track(clip: MovieClip, position: StartPosition) -> None:
    track = clip.tracking.objects.active.tracks.new(name=position.name, frame=position.frame)
    track.markers[0].co = position.co
    sizes = {"pattern_size": position.pattern_size, "search_size": position.search_size}
    settings = {**{name: size for name, size in sizes.items() if size}, **position.settings}
    _set(clip, track, position.frame, settings, TracksFileInvalid)
    track.select = True


def _set(
    clip: MovieClip,
    track: MovieTrackingTrack,
    frame: int,
    settings: Mapping[str, Any],
    error: type[TrackingSessionError],
) -> None:
    """Set settings of the track, and sizes of its marker on or before clip frame `frame`. Raises `error`."""
    for name, value in settings.items():
        try:
            if name in ("pattern_size", "search_size"):
                marker = track.markers.find_frame(frame, exact=False)
                assert marker is not None  # a track has at least one
                _set_size(marker, name, value, clip_size(clip))
            elif name in SETTINGS:
                setattr(track, name, value)
            else:
                known = ", ".join(sorted((*SETTINGS, "pattern_size", "search_size")))
                raise ValueError(f"it is not a setting of a track; the settings are {known}")
        except (TypeError, ValueError) as problem:
            reason = str(problem).removeprefix("bpy_struct: item.attr = val: ")
            raise error(f"{name} of track “{track.name}”: {reason}") from problem


def _pattern_size(settings: Mapping[str, Any], size: tuple[int, int]) -> float | None:
    """The pattern size of the settings; None if it is missing, or invalid: `_set` refuses it later."""
    pattern = settings.get("pattern_size")
    return pattern if isinstance(pattern, int | float) and 0 < pattern <= max(size) else None


def _set_size(marker: MovieTrackingMarker, name: str, pixels: float, size: tuple[int, int]) -> None:
    if not 0 < pixels <= max(size):
        raise ValueError(f"{pixels} is not a size in pixels")
    x, y = pixels / size[0] / 2, pixels / size[1] / 2
    if name == "pattern_size":
        marker.pattern_corners = ((-x, -y), (x, -y), (x, y), (-x, y))
    else:
        marker.search_min, marker.search_max = (-x, -y), (x, y)


def _ranges(spec: ShotSpec, start: int, last: int, counting: Counting) -> list[tuple[int, int]]:
    """The ranges from the start frame to the end frame, by default the end of the clip in that direction."""
    is_backward = spec.direction == "backward"
    end = counting.clip_frame(spec.end) if spec.end is not None else 1 if is_backward else last
    if spec.direction == "both":
        return passes.ranges(start, end, 1) or [(start, end)]
    if (end > start) if is_backward else (end < start):
        raise UsageError(
            f"Tracking {spec.direction} from frame {counting.shown(start)} cannot end on frame {counting.shown(end)}",
            Action.SWAP_RANGE,
        )
    return [(start, end)]
