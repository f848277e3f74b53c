# SPDX-License-Identifier: GPL-3.0-or-later
"""The markers that a solve begins with: weights, offsets, objects and frames count as in Blender."""

from types import SimpleNamespace
from typing import Any

import pytest

from tracking_sessions.core.journal.rows import MARKER, MUTED
from tracking_sessions.core.model.types import TrackData
from tracking_sessions.core.solve.taking_part import camera_motion, weights

SIZE = (1000, 500)


def source(**settings: dict[str, Any]) -> Any:
    """A track for each name, on frames 1 to 4 in the middle of the picture, muted on frame 2."""
    tracks = {
        number: TrackData(number, "Other" if name == "other" else "Camera", name, given)
        for number, (name, given) in enumerate(settings.items(), 1)
    }

    def rows(number: int) -> bytes:
        rest = [0.0] * 12
        return b"".join(MARKER.pack(number, frame, MUTED * (frame == 2), 0.5, 0.5, *rest) for frame in range(1, 5))

    return SimpleNamespace(tracks=tracks, rows=rows)


def test_tracks_without_weight_muted_markers_and_other_objects_take_no_part() -> None:
    motion = camera_motion(source(plain={}, dropped={"weight": 0.0}, half={"weight": 0.5}, other={}), SIZE, "Camera")
    assert [track.number for track in motion.tracks] == [1, 3]
    assert motion.frame.tolist() == [1, 1, 3, 3, 4, 4]


def test_a_track_counts_where_its_offset_puts_it() -> None:
    motion = camera_motion(source(plain={}, beside={"offset": [0.1, -0.2]}), SIZE, "Camera", (1, 1))
    assert motion.x.tolist() == pytest.approx([0.0, 100.0]) and motion.y.tolist() == pytest.approx([0.0, -100.0])
    assert len(motion) == 2


def test_weights_are_those_of_the_tracks_and_hostile_ones_are_1() -> None:
    known = source(plain={}, half={"weight": 0.5}, text={"weight": "x", "offset": "far"}, many={"weight": 7})
    motion = camera_motion(known, SIZE, "Camera")
    assert weights(known.tracks, motion).tolist() == [1.0, 0.5, 1.0, 1.0]
