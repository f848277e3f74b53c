# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings into a clip what a solve has left out: muted markers, and tracks without weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.journal.head import Head
from ...core.solve.solve import Solve

if TYPE_CHECKING:
    from bpy.types import MovieClip


def leave_out(clip: MovieClip, head: Head, solve: Solve) -> tuple[int, int]:
    """Mute the markers and take the weight from the tracks that the solve has left out; locked tracks stay.

    `head`: the newest state of the clip's session. Returns how many tracks and markers have changed.
    """
    tracks = markers = 0
    for drop in solve.dropped:
        track = _track(clip, head, drop.track)
        if track is not None and not track.lock and track.weight > 0.0:
            track.weight = 0.0
            tracks += 1
    for mute in solve.muted:
        track = _track(clip, head, mute.track)
        if track is None or track.lock:
            continue
        for frame in range(mute.first, mute.last + 1):
            marker = track.markers.find_frame(frame)
            if marker is not None and not marker.mute:
                marker.mute = True
                markers += 1
    return tracks, markers


def _track(clip: MovieClip, head: Head, number: int) -> Any:
    """The track of this number; None if it is gone."""
    data = head.tracks.get(number)
    where: Any = clip.tracking.objects.get(data.object) if data is not None else None
    return where.tracks.get(data.name) if where is not None and data is not None else None
