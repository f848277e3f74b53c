# SPDX-License-Identifier: GPL-3.0-or-later
"""The markers of a session that a solve begins with, as Blender's solver takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from ..model.types import TrackData
from ..review.motion import Motion, Tracks
from ..review.regression import Floats


def camera_motion(source: Tracks, size: tuple[int, int], object: str, between: tuple[int, int] | None = None) -> Motion:
    """The live markers of the tracking object, with the offsets of their tracks, without tracks that have no weight.

    Weights that are animated count as they are stored. `size`: of the picture, pixels. `between`: only those on clip
    frames from the first to the last of these.
    """
    motion = Motion.of(source, size, object=object, between=between)
    known = [source.tracks[track.number].settings for track in motion.tracks]
    kept = np.array([_number(settings.get("weight"), 1.0) > 0.0 for settings in known], bool)
    offsets = np.array([_offset(settings.get("offset")) for settings in known], np.float64).reshape(-1, 2) * size
    mine = kept[motion.track]
    track = motion.track[mine]
    return Motion(
        size,
        [one for one, is_kept in zip(motion.tracks, kept, strict=True) if is_kept],
        (np.cumsum(kept) - 1)[track],
        motion.frame[mine],
        motion.x[mine] + offsets[track, 0],
        motion.y[mine] + offsets[track, 1],
        motion.is_keyed[mine],
    )


def weights(tracks: Mapping[int, TrackData], motion: Motion) -> Floats:
    """[tracks]: the weight of each track of the motion, above 0 to 1."""
    stored = (_number(tracks[track.number].settings.get("weight"), 1.0) for track in motion.tracks)
    return np.clip(np.array(list(stored), np.float64), 0.0, 1.0)


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else default


def _offset(value: object) -> tuple[float, float]:
    """An offset as Blender has it, 0..1 of the picture; nothing for what is no offset."""
    parts = cast("Sequence[object]", value) if isinstance(value, list | tuple) else ()
    return (_number(parts[0], 0.0), _number(parts[1], 0.0)) if len(parts) == 2 else (0.0, 0.0)
