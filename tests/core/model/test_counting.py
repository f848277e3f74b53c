# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames as people count them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.journal.records import FrameRecord
from tracking_sessions.core.model.counting import TIMELINE_END, Counting, timeline_start
from tracking_sessions.core.model.types import Outcome, Pass
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.report.html import export_session_report
from tracking_sessions.tests.core.grey import grey_png
from tracking_sessions.tests.core.shots import make_session

PLATE = Counting(1001)


def test_a_plate_from_1001_has_the_numbers_of_its_files() -> None:
    assert (PLATE.shown(1), PLATE.shown(200), PLATE.clip_frame(1001), PLATE.clip_frame(1)) == (1001, 1200, 1, -999)
    assert PLATE.span(1, 200) == "1001 to 1200" and PLATE.span(3, 3) == "1003"
    assert Counting(0).shown(1) == 0 and Counting().shown(7) == 7


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1-137,140", "1001-1137,1140"),
        ("9-1", "1009-1001"),
        ("5", "1005"),
        ("-1-3", "999-1003"),
        ("", ""),
        ("?", "?"),
        ("1-2-3", "1-2-3"),
    ],
)
def test_ranges_are_counted_in_the_direction_that_they_have(text: str, shown: str) -> None:
    assert PLATE.range(text) == shown


def test_the_error_for_a_wrong_frame_has_displayed_numbers() -> None:
    assert PLATE.outside(-993, 200) == "Frame 7 is outside the clip, which has the frames 1001 to 1200"
    assert PLATE.outside(2, 1) == "Frame 1002 is outside the clip, which has the frame 1001"
    assert PLATE.beside(-999, 200) == "Frame 1 is before the clip, which lies on 1001 to 1200: go to 1001"
    assert PLATE.beside(201, 200) == "Frame 1201 is behind the clip, which lies on 1001 to 1200: go to 1200"


def test_json_has_both_numbers() -> None:
    row = {
        "last_frame": 3,
        "ranges": "1-3",
        "frames": 2,
        "passes": [{"range": "3-1", "last_frame": 2}],
        "lost": {3: ["A"]},
        "tracks": [{"frames": 0, "first": None, "last": None}],
    }
    found = PLATE.described(row)
    assert found == {
        "last_frame": 3,
        "shown_last_frame": 1003,
        "ranges": "1-3",
        "shown_ranges": "1001-1003",
        "frames": 2,
        "passes": [{"range": "3-1", "shown_range": "1003-1001", "last_frame": 2, "shown_last_frame": 1002}],
        "lost": {3: ["A"]},
        "shown_lost": {1003: ["A"]},
        "tracks": [{"frames": 0, "first": None, "shown_first": None, "last": None, "shown_last": None}],
    }


@pytest.mark.parametrize(
    ("number", "count", "start"),
    [
        (1001, 200, 1001),
        (0, 10, 0),
        (TIMELINE_END, 1, TIMELINE_END),
        (TIMELINE_END, 2, 1),
        (2_000_000, 5, 1),
        (-5, 10, 1),
    ],
)
def test_a_clip_begins_where_its_files_do_as_far_as_the_timeline_goes(number: int, count: int, start: int) -> None:
    assert timeline_start(number, count) == start


def test_a_plate_counts_by_its_files_a_movie_and_a_still_from_one(tmp_path: Path) -> None:
    assert find_footage(plate(tmp_path / "plate", 1001)).counting == PLATE
    assert find_footage(plate(tmp_path / "far", TIMELINE_END)).counting == Counting(1)
    for name in ("p.mov", "still.png"):
        (tmp_path / name).write_bytes(grey_png())
        assert find_footage(tmp_path / name).counting == Counting(1)


def plate(folder: Path, first: int) -> Path:
    folder.mkdir()
    for number in range(first, first + 6):
        (folder / f"plate_{number}.png").write_bytes(grey_png(b"%d" % number))
    return folder


def test_a_session_made_without_blender_knows_the_first_number(tmp_path: Path) -> None:
    manager = create_session(plate(tmp_path / "plate", 1001), "010", tmp_path / "sessions")
    assert manager.session.footage.start == 1001 and manager.counting == PLATE


def test_a_session_stores_the_first_frame_of_its_clip(tmp_path: Path) -> None:
    manager = make_session(tmp_path)
    with manager:
        recorder = manager.acquire()
        before = manager.path.read_bytes()
        recorder.set_start(1)
        assert manager.path.read_bytes() == before  # nothing to write
        recorder.set_start(1001)
        recorder.open_pass(Pass(1, 1, 6, ()), (), ())
    assert load_session(manager.path).counting == PLATE


def test_a_session_file_without_the_first_frame_counts_from_1(tmp_path: Path) -> None:
    path = make_session(tmp_path).path
    text, count = re.subn(r"^.*\bstart\b.*\n", "", path.read_text("utf-8"), count=1, flags=re.MULTILINE)
    assert count == 1
    path.write_text(text, "utf-8")
    assert load_session(path).counting == Counting(1)


def test_a_report_has_no_clip_frames(tmp_path: Path) -> None:
    with make_session(tmp_path) as manager:
        manager.acquire().set_start(1001)
        manager.acquire().open_pass(Pass(1, 1, 6, ()), (), ())
        for frame in (2, 3):
            manager.acquire().append(FrameRecord(1, frame, 0, b""))
        manager.acquire().close_pass(1, Outcome.PAUSED)
    html = export_session_report(manager.path, tmp_path / "report.html").read_text("utf-8")
    assert "tracking, at frame 1003" in html and "3 frames: 1001-1003" in html
    assert "<span>frame 1001</span><span>1006</span>" in html
    assert '<td class="n">1001-1006</td><td class="n">1003</td>' in html
