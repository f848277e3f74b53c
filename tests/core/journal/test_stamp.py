# SPDX-License-Identifier: GPL-3.0-or-later
"""The stamp of a state knows it again, with its track numbers, and no other state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tracking_sessions.core.journal.chain import Position
from tracking_sessions.core.journal.head import Head
from tracking_sessions.core.journal.records import EditRecord, MarkersRecord, TracksRecord, tracks_removed
from tracking_sessions.core.journal.stamp import stamp_of, stamped
from tracking_sessions.core.model.types import TrackData
from tracking_sessions.tests.core.shots import marker

END = Position(3, 5000)
SETTINGS = {"margin": 0, "select": True, "color": [0.5, 0.25, 0.0]}


def head_with(numbers: dict[str, int]) -> Head:
    head = Head()
    for name, number in numbers.items():
        head.apply(TracksRecord((TrackData(number, "Camera", name, dict(SETTINGS)),)))
        head.apply(MarkersRecord(number, b"".join(marker(number, frame, (len(name),)) for frame in range(1, 9))))
    return head


def test_the_state_is_known_under_other_numbers() -> None:
    head = head_with({"B": 7, "A": 9, "Empty": 2, "Gone": 12})
    head.apply(tracks_removed([12]))
    head.apply(MarkersRecord(2, b""))
    seen = head_with({"A": 1, "B": 2, "Empty": 3})
    seen.apply(MarkersRecord(3, b""))
    seen.apply(TracksRecord((replace(seen.tracks[1], settings={**SETTINGS, "select": False}),)))
    found = stamped(seen, stamp_of(head, END), END)
    assert found is not None
    assert found.numbers == head.numbers and found.last_track == 12
    assert all(found.rows(number) == head.rows(number) for number in head.tracks)
    assert stamp_of(found, END) == stamp_of(head, END)


def test_no_other_state_is_taken_for_it() -> None:
    stamp = stamp_of(head_with({"A": 1, "B": 2}), END)
    for record in (
        EditRecord(1, (), marker(1, 3, (9.0,))),
        EditRecord(1, (8,), b""),
        TracksRecord((TrackData(1, "Camera", "A", {**SETTINGS, "margin": 1}),)),
        TracksRecord((TrackData(1, "Camera", "C", SETTINGS),)),
        TracksRecord((TrackData(1, "Object", "A", SETTINGS),)),
        TracksRecord((TrackData(3, "Camera", "New", SETTINGS),)),
        tracks_removed([1]),
    ):
        seen = head_with({"A": 1, "B": 2})
        seen.apply(record)
        assert stamped(seen, stamp, END) is None
    seen = head_with({"A": 1, "B": 2})
    assert stamped(seen, stamp, Position(3, 5001)) is None and stamped(seen, stamp, END) is not None


@pytest.mark.parametrize(
    "stamp", ["", "3 5000", "3 5000 x 2 1 2", "3 5000 00 -2 1 2", "3 5000 00 2 1 1e9", "a b c d e f"]
)
def test_what_is_no_stamp_knows_nothing(stamp: str) -> None:
    assert stamped(head_with({"A": 1, "B": 2}), stamp, END) is None


def test_swapped_numbers_are_another_state() -> None:
    words = stamp_of(head_with({"A": 1, "B": 2}), END).split()
    swapped = " ".join([*words[:4], words[5], words[4]])
    assert stamped(head_with({"A": 1, "B": 2}), swapped, END) is None
