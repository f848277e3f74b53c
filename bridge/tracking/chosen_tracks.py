# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracks that a pass follows: the ones that Blender's Track Forwards would track."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.errors import NothingToTrack
from ...core.model.counting import Counting
from ..clip.markers import check_settings

if TYPE_CHECKING:
    from bpy.types import MovieTrackingObject, MovieTrackingTrack, SpaceClipEditor


def chosen_tracks(
    where: MovieTrackingObject, space: SpaceClipEditor, frame: int, counting: Counting
) -> list[MovieTrackingTrack]:
    """The tracks of the tracking object that Track Forwards would track.

    Raises NothingToTrack if none of them can be followed from clip frame `frame`, and ShotUnusable for settings that
    this Blender does not know.
    """
    chosen = [track for track in where.tracks if is_chosen(track, space)]
    if not any(has_usable_marker(track, frame) for track in chosen):
        raise NothingToTrack(why_none(where, space, len(chosen), counting.shown(frame)))
    for track in chosen:
        check_settings(track)
    return chosen


def is_chosen(track: MovieTrackingTrack, space: SpaceClipEditor) -> bool:
    """Whether Track Forwards would track the track: visible, unlocked, and selected by a displayed part."""
    return _is_selected(track, space) and not track.hide and not track.lock


def _is_selected(track: MovieTrackingTrack, space: SpaceClipEditor) -> bool:
    return (
        track.select_anchor
        or (track.select_pattern and space.show_marker_pattern)
        or (track.select_search and space.show_marker_search)
    )


def why_none(where: MovieTrackingObject, space: SpaceClipEditor, chosen: int, number: int) -> str:
    """Why no track of the tracking object can be followed from frame `number` of the timeline, with the remedy."""
    if chosen:
        tracks = "The selected track has no" if chosen == 1 else f"None of the {chosen} selected tracks has an"
        start = "it has" if chosen == 1 else "they have"
        return f"{tracks} enabled marker on frame {number}: start where {start} one, or set one there"
    if not where.tracks:
        return "There are no tracks yet: add markers, or detect features"
    selected = sum(_is_selected(track, space) for track in where.tracks)
    if selected or all(track.hide or track.lock for track in where.tracks):
        tracks = "The selected track is" if selected == 1 else f"All {'selected ' * bool(selected)}tracks are"
        return f"{tracks} hidden or locked: show and unlock the tracks to follow"
    return "No track is selected: select the tracks to follow"


def has_usable_marker(track: MovieTrackingTrack, frame: int) -> bool:
    """Whether the track's marker on the frame, or else the nearest earlier one, is not muted."""
    marker = track.markers.find_frame(frame, exact=False)
    return marker is not None and not marker.mute
