# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of pictures: Blender's rule for numbers, and the patterns for a whole sequence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracking_sessions.core.errors import FootageUnusable
from tracking_sessions.core.footage.details import describe
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.footage.names import numbered, parse_pattern, range_of, sequence_name, split_range
from tracking_sessions.tests.core.grey import grey_png


def make(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(grey_png(name.encode()))
    return folder


def numbers(first: int, last: int, width: int = 4) -> list[str]:
    return [f"plate.{number:0{width}d}.png" for number in range(first, last + 1)]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("plate.1001.exr", ("plate.", "1001", ".exr")),
        ("sh010_v002.0101.exr", ("sh010_v002.", "0101", ".exr")),
        ("0001.png", ("", "0001", ".png")),
        ("p_0007_left.tif", ("p_", "0007", "_left.tif")),
        ("A001_C002_0815XY.0000099.dpx", ("A001_C002_0815XY.", "0000099", ".dpx")),
        ("cam_1700000000.jpg", ("cam_", "1700000000", ".jpg")),
        ("t.2147483647.png", ("t.", "2147483647", ".png")),
        ("t.000000000000000000012.png", ("t.", "000000000000000000012", ".png")),
        ("v2.mov1", ("v", "2", ".mov1")),
        ("a\nb1.png", ("a\nb", "1", ".png")),
        ("t.2147483648.png", None),
        ("t.17000000000.png", None),
        ("t." + "9" * 5000 + ".png", None),
        ("still.png", None),
        ("٣.png", None),  # a digit, but no ASCII one
        ("", None),
    ],
)
def test_the_last_group_of_digits_is_the_number(name: str, parts: tuple[str, str, str] | None) -> None:
    one = numbered(name)
    assert one == parts
    if one is not None:
        assert "".join(one) == name


@pytest.mark.parametrize(
    ("names", "named", "count"),
    [
        (numbers(1, 12), "plate.0001.png", 12),
        ([f"p_{number:03d}.png" for number in range(996, 1004)], "p_996.png", 8),
        ([f"p_{number:03d}.png" for number in range(996, 1004)], "p_1003.png", 8),
        (numbers(9998, 10005), "plate.9998.png", 8),
        (numbers(9998, 10005), "plate.10005.png", 8),
        ([f"cam_{number}.png" for number in range(1700000000, 1700000005)], "cam_1700000002.png", 5),
        ([f"t.{number}.png" for number in range(2147483645, 2147483649)], "t.2147483645.png", 3),
        ([f"{number}.png" for number in range(8, 12)], "11.png", 4),
        ([f"{number:02d}.png" for number in range(98, 103)], "98.png", 5),
        ([*numbers(1, 5), *numbers(1, 5, 2)], "plate.0003.png", 5),  # two widths are two sequences
        ([*numbers(1, 5), *numbers(1, 7, 2)], "plate.03.png", 7),
        (["plate.0000.png", *numbers(1001, 1010)], "plate.1004.png", 10),  # a slate
        (["plate.0001.png", *numbers(86400, 86410)], "plate.86405.png", 11),
        ([*numbers(1001, 1010), "plate.9999.png"], "plate.1001.png", 10),
        (["shot-001.png", "shot-002.png"], "shot-001.png", 2),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_a_sequence_is_found_from_any_of_its_files(tmp_path: Path, names: list[str], named: str, count: int) -> None:
    folder = make(tmp_path, *names)
    footage = find_footage(folder / named)
    assert footage.count == describe(footage).frame_count == count
    assert all(footage.file(frame).exists() for frame in range(1, count + 1))
    assert named in [footage.file(frame).name for frame in range(1, count + 1)]


@pytest.mark.slow
def test_ten_thousand_frames_outgrow_their_digits(tmp_path: Path) -> None:
    for number in range(1, 10006):
        (tmp_path / f"plate.{number:04d}.png").touch()
    for name in ("plate.0001.png", "plate.10005.png", "plate.5000.png"):
        footage = find_footage(tmp_path / name)
        assert (footage.first.name, footage.count, footage.file(10005).name) == (
            "plate.0001.png",
            10005,
            "plate.10005.png",
        )


@pytest.mark.parametrize("hole", [(3, 3), (3, 5)])
def test_a_gap_in_the_middle_means_missing_files(tmp_path: Path, hole: tuple[int, int]) -> None:
    low, high = hole
    footage = find_footage(make(tmp_path, *numbers(1, low - 1), *numbers(high + 1, 20)))
    assert footage.count == 20
    with pytest.raises(FootageUnusable, match=rf"Frame {low} \(plate.000{low}.png\) is missing") as raised:
        describe(footage)
    assert raised.value.frame == low


def test_a_slate_is_an_outlier_and_may_be_named_itself(tmp_path: Path) -> None:
    folder = make(tmp_path, "plate.0000.png", *numbers(1001, 1006))
    footage = find_footage(folder)
    assert (footage.first.name, footage.count, footage.outliers) == ("plate.1001.png", 6, (0,))
    assert find_footage(folder / "plate.0000.png").count == 1


@pytest.mark.parametrize("name", ["plate.-005.png", "-5.png", "plate_-0001.png"])
def test_numbers_below_0_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FootageUnusable, match="a number below 0, which Blender takes for") as raised:
        find_footage(make(tmp_path, name) / name)
    assert name in str(raised.value) and "number the files from 0 or 1 on" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "requested"),
    [
        ("plate.####.png", None),
        ("plate.@@@@.png", None),
        ("plate.#.png", None),
        ("plate.%04d.png", None),
        ("plate.%d.png", None),
        ("plate.1001-1006.png", (1001, 1006)),
        ("plate.1003-1004.png", (1003, 1004)),
        ("plate.[1001-1006].png", (1001, 1006)),
        ("plate.1001-1006####.png", (1001, 1006)),
        ("plate.####.png 1002-1005", (1002, 1005)),
        ("plate.%04d.png 1002-1005", (1002, 1005)),
    ],
)
def test_a_pattern_names_a_sequence(tmp_path: Path, name: str, requested: tuple[int, int] | None) -> None:
    make(tmp_path, *numbers(1001, 1006), "other.1001.png", "plate.0100.png")
    footage = find_footage(tmp_path / name)
    assert (footage.first.name, footage.count, footage.requested) == ("plate.1001.png", 6, requested)


@pytest.mark.parametrize("name", ["plate.#####.png", "plate.%05d.png", "other.####.png", "plate.2001-2010.png"])
def test_a_pattern_without_files_is_refused(tmp_path: Path, name: str) -> None:
    make(tmp_path, *numbers(1001, 1006))
    with pytest.raises(FootageUnusable, match="has no pictures named as") as raised:
        find_footage(tmp_path / name)
    assert name in str(raised.value)


def test_a_file_of_that_name_comes_before_a_pattern(tmp_path: Path) -> None:
    make(tmp_path, "plate.1001-1006.png", "plate.1001-1007.png")
    footage = find_footage(tmp_path / "plate.1001-1006.png")
    assert (footage.count, footage.requested) == (2, None)


@pytest.mark.parametrize("name", ["plate.####.exr", "plate.%04d.exr", "plate.1001.exr", "plate.1001-1200.exr"])
def test_all_names_of_a_sequence_are_equal(name: str) -> None:
    assert sequence_name(name) == "plate.#.exr"
    assert sequence_name(f"{name} 1001-1200") == "plate.#.exr"


@pytest.mark.parametrize(
    "name", ["", "#", "%", "%d", "-", "1-2", "[", "[1-2", "a 1-", "1-2 3-4", "%99999d.png", "\0#.png"]
)
def test_no_name_upsets_the_parser(name: str, tmp_path: Path) -> None:
    split_range(name), parse_pattern(name), numbered(name), sequence_name(name)
    with pytest.raises(FootageUnusable):
        find_footage(tmp_path / f"x{name}")


def test_a_number_of_another_width_is_not_of_the_sequence() -> None:
    files = [parts for name in ("p08.png", "p9.png", "p10.png", "p11.png") if (parts := numbered(name))]
    assert range_of(files[2], files) == (8, 11, 2, ())  # 09 is missing
    assert range_of(files[1], files) == (9, 11, 1, ())
