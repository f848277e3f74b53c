# SPDX-License-Identifier: GPL-3.0-or-later
"""Start positions from a JSON file."""

import json
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.errors import TracksFileInvalid
from tracking_sessions.core.model.counting import Counting
from tracking_sessions.core.tracking.start_positions import StartPosition, read_tracks_file

SETTINGS = ("pattern_match", "motion_model")


def read(path: Path, content: Any, start: int = 1) -> list[StartPosition]:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_tracks_file(path, (200, 100), 10, SETTINGS, Counting(start))


def test_positions_are_read_in_either_unit_with_settings(tmp_path: Path) -> None:
    found = read(
        tmp_path / "tracks.json",
        {
            "tracks": [
                {"co": [0.25, 1]},
                {"name": "Ecke 隅", "frame": 10, "pixels": [50, 100], "pattern_size": 21, "search_size": 71.5},
                {"co": [0, 0], "pattern_match": "PREV_FRAME"},
            ]
        },
    )
    assert found == [
        StartPosition("Track.001", 1, (0.25, 1.0)),
        StartPosition("Ecke 隅", 10, (0.25, 1.0), 21.0, 71.5),
        StartPosition("Track.003", 1, (0.0, 0.0), settings={"pattern_match": "PREV_FRAME"}),
    ]


def test_a_plain_list_is_read(tmp_path: Path) -> None:
    assert len(read(tmp_path / "tracks.json", [{"co": [0.5, 0.5]}])) == 1


GOOD: dict[str, Any] = {"co": [0.5, 0.5]}


def test_a_frame_is_the_displayed_number(tmp_path: Path) -> None:
    path = tmp_path / "tracks.json"
    found = read(path, [GOOD, GOOD | {"frame": 1001}, GOOD | {"frame": 1010}], start=1001)
    assert [position.frame for position in found] == [1, 1, 10]
    assert read(path, [GOOD | {"frame": 0}], start=0)[0].frame == 1
    for frame in (1, 1000, 1011):
        with pytest.raises(TracksFileInvalid, match=f"frame {frame} is not one of the frames 1001 to 1010"):
            read(path, [GOOD | {"frame": frame}], start=1001)


@pytest.mark.parametrize(
    "entry",
    [
        None, [], "x", {}, {"co": None}, {"co": [1]}, {"co": [1, 2, 3]}, {"co": ["0", 0]}, {"co": [True, 0]},
        {"co": [1.5, 0]}, {"co": [-0.1, 0]}, {"pixels": [201, 0]}, {"co": [0, 0], "pixels": [0, 0]},
        GOOD | {"frame": 0}, GOOD | {"frame": 11}, GOOD | {"frame": 1.5}, GOOD | {"frame": True}, GOOD | {"frame": "1"},
        GOOD | {"name": ""}, GOOD | {"name": 5}, GOOD | {"weight": 1}, GOOD | {"pattern_size": -1},
        GOOD | {"pattern_size": 201}, GOOD | {"pattern_size": 50, "search_size": 20}, GOOD | {"search_size": "big"},
    ],
    ids=repr,
)  # fmt: skip
def test_the_error_names_the_wrong_entry(tmp_path: Path, entry: Any) -> None:
    with pytest.raises(TracksFileInvalid, match="Track 2 in"):
        read(tmp_path / "tracks.json", [GOOD, entry])


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"[]", b"null", b"5", b'{"tracks": {}}', b"rubbish", b"\xff", b"[" * 100_000, b'{"tracks": [',
        b'[{"co": [NaN, 0]}]', b'[{"co": [1e999, 0]}]', b'[{"co": [' + b"9" * 5000 + b", 0]}]",
        b"[" + b"{}," * 100_001 + b"{}]",
    ],
    ids=lambda content: repr(content[:12]),
)  # fmt: skip
def test_other_content_than_a_list_of_tracks_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TracksFileInvalid) as raised:
        read(tmp_path / "tracks.json", content)
    assert raised.value.exit_code == 3 and "tracks.json" in str(raised.value)


@pytest.mark.parametrize("path", ["missing.json", ".", "a\0b", "x" * 5000])
def test_an_unreadable_file_is_refused(path: str) -> None:
    with pytest.raises(TracksFileInvalid):
        read_tracks_file(Path(path), (200, 100), 10, SETTINGS, Counting())
