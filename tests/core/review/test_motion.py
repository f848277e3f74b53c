# SPDX-License-Identifier: GPL-3.0-or-later
"""The markers of a journal as an audit reads them."""

from __future__ import annotations

import numpy as np
import pytest

from tracking_sessions.core.journal.head import Head
from tracking_sessions.core.journal.records import MarkersRecord, TracksRecord
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.tests.core.review.shots import KEYED, MUTED, SIZE, Journal, dolly


def test_the_motion_of_a_head_has_its_live_markers_in_pixels() -> None:
    journal = Journal()
    journal.add(3, "Camera", lock=True)
    journal.add(7, "Car", motion_model="Affine")
    journal.put(3, 5, 0.25, 0.5, flags=KEYED)
    journal.put(3, 6, 0.5, 0.75, flags=MUTED)
    journal.put(7, 5, 1.0, 0.0, size=0.1)
    head = Head()
    head.apply(TracksRecord(tuple(journal.tracks.values())))
    for number in journal.tracks:
        head.apply(MarkersRecord(number, journal.rows(number)))
    motion = Motion.of(head, SIZE)
    assert [(track.number, track.object, track.is_locked, track.is_shaped) for track in motion.tracks] == [
        (3, "Camera", True, False),
        (7, "Car", False, True),
    ]
    assert motion.track.tolist() == [0, 1] and motion.frame.tolist() == [5, 5]
    assert motion.x.tolist() == [-480, 960] and motion.y.tolist() == [0, -540]
    assert motion.is_keyed.tolist() == [True, False]
    assert motion.corners is not None and motion.corners[1, 2] == pytest.approx((192, 108))


def test_only_the_frames_asked_for_are_read() -> None:
    journal = Journal(dolly(5, 40))
    motion = Motion.of(journal, SIZE, between=(10, 20))
    assert motion.frames.tolist() == list(range(10, 21)) and len(motion) == 55


def test_the_parts_of_a_motion_are_its_tracking_objects() -> None:
    journal = Journal(dolly(5, 10))
    journal.packed[6] = journal.packed[5]
    rows = journal.packed.pop(2)
    journal.add(2, "Car")
    journal.packed[2] = rows
    parts = list(Motion.of(journal, SIZE).parts())
    assert [[track.number for track in part.tracks] for part in parts] == [[1, 3, 4, 5], [2]]
    assert [len(part) for part in parts] == [40, 10]
    assert parts[1].x == pytest.approx(Motion.of(journal, SIZE, object="Car").x)


def test_a_table_has_the_tracks_of_its_columns_and_nothing_outside_them() -> None:
    positions = dolly(4, 10)
    positions[1, :5] = positions[2, 3:] = np.nan
    motion = Motion.of_positions(positions, SIZE)
    table = motion.table(-1, 3)
    assert table.track.tolist() == [0, 2, 3] and np.isnan(table.x[:, 0]).all() and np.isfinite(table.x[:, 1:]).all()
    assert motion.table(8, 12).marker[:, 2:].tolist() == [[-1, -1]] * 3


def test_of_two_markers_of_one_track_on_one_frame_the_last_one_counts() -> None:
    journal = Journal(dolly(1, 3))
    twice = journal.rows(1) + Journal(dolly(1, 3) + 5).rows(1)
    journal.rows = lambda track: twice  # type: ignore[method-assign]
    motion = Motion.of(journal, SIZE)
    assert len(motion) == 3 and motion.x == pytest.approx(dolly(1, 3)[0, :, 0] + 5 - 960, abs=0.01)
