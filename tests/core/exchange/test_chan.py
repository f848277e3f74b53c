# SPDX-License-Identifier: GPL-3.0-or-later
"""Nuke's .chan files: right to a thousandth of a pixel, and what is none is refused by its line."""

from __future__ import annotations

import math
import os
import random
from itertools import pairwise
from pathlib import Path

import pytest

from tracking_sessions.core.errors import CameraFileInvalid, UsageError
from tracking_sessions.core.exchange import chan
from tracking_sessions.core.exchange.camera import (
    CameraMove,
    Pose,
    convert_yup_to_zup_position,
    convert_yup_to_zup_rotation,
    convert_zup_to_yup_position,
    convert_zup_to_yup_rotation,
    focal_length,
    move_of,
    vertical_field_of_view,
)
from tracking_sessions.core.exchange.chan import ChanFrame, import_nuke_chan, read_chan, write_chan
from tracking_sessions.core.exchange.formats import FORMATS, format_of
from tracking_sessions.core.exchange.rotation import ORDERS, Rows, Vector, angles_of, continuous, matrix_of
from tracking_sessions.core.solve.placement import Placement, guess_placement
from tracking_sessions.core.solve.solve import Lens
from tracking_sessions.tests.core.exchange import chan_by_hand
from tracking_sessions.tests.core.exchange.chan_by_hand import rotated, turned
from tracking_sessions.tests.core.solve.solves import solved


def apart(a: Rows, b: Rows) -> float:
    return max(abs(x - y) for one, two in zip(a, b, strict=True) for x, y in zip(one, two, strict=True))


def by_hand(angles: Vector, order: str) -> Rows:
    """The matrix of the angles, by quaternions."""
    turn = turned(*angles, order)
    columns = [rotated(turn, axis) for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))]
    x, y, z = zip(*columns, strict=True)
    return x, y, z


@pytest.mark.parametrize("order", ORDERS)
def test_angles_turn_about_the_axes_in_the_order_named(order: str) -> None:
    chance = random.Random(order)
    for _ in range(200):
        angles = (chance.uniform(-400, 400), chance.uniform(-400, 400), chance.uniform(-400, 400))
        matrix = matrix_of(angles, order)
        assert apart(matrix, by_hand(angles, order)) < 1e-12
        assert apart(matrix_of(angles_of(matrix, order), order), matrix) < 1e-12


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("second", [90.0, -90.0, 90.0 - 1e-6, -90.0 + 1e-10, 270.0])
def test_a_gimbal_lock_keeps_the_rotation_and_the_last_angle(order: str, second: float) -> None:
    chance = random.Random(order)
    place = "XYZ".index(order[1])
    for _ in range(50):
        angles = [chance.uniform(-180, 180) for _ in range(3)]
        angles[place] = second
        matrix = matrix_of((angles[0], angles[1], angles[2]), order)
        found = angles_of(matrix, order, (10.0, 20.0, 30.0))
        assert apart(matrix_of(found, order), matrix) < 1e-9
        if abs(abs(second) % 180.0 - 90.0) < 1e-9:
            last = "XYZ".index(order[2])
            assert found[last] == pytest.approx((10.0, 20.0, 30.0)[last], abs=1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_angles_go_on_from_frame_to_frame(order: str) -> None:
    """Three turns about each axis, one after the other, and through the lock of the second one."""
    asked = [(5.0, 2.0 * n, -7.0) for n in range(540)] + [(2.0 * n, 15.0, 3.0 - n) for n in range(540)]
    for angles in (asked, [(a[1], a[0], a[2]) for a in asked], [(a[2], a[0], a[1]) for a in asked]):
        found = continuous([matrix_of(one, order) for one in angles[:540]], order)
        assert max(abs(a - b) for p, q in pairwise(found) for a, b in zip(p, q, strict=True)) < 200
        for one, other in zip(angles[:540], found, strict=True):
            assert apart(matrix_of(one, order), matrix_of(other, order)) < 1e-11
    pan = continuous([matrix_of((10.0, 2.0 * n, 0.0), "ZXY") for n in range(540)], "ZXY")
    assert all(found == pytest.approx((10.0, 2.0 * n, 0.0), abs=1e-9) for n, found in enumerate(pan))


def test_axes_are_those_of_blender_and_of_nuke_and_back() -> None:
    assert convert_yup_to_zup_position((1.0, 2.0, 3.0)) == (1.0, -3.0, 2.0)
    assert convert_zup_to_yup_position((1.0, -3.0, 2.0)) == (1.0, 2.0, 3.0)
    level = matrix_of((90.0, 0.0, 0.0), "XYZ")  # a camera of Blender's that looks along y
    assert apart(convert_zup_to_yup_rotation(level), matrix_of((0.0, 0.0, 0.0), "ZXY")) < 1e-12
    turned = matrix_of((12.0, -170.0, 33.0), "ZXY")
    assert apart(convert_zup_to_yup_rotation(convert_yup_to_zup_rotation(turned)), turned) < 1e-12


def test_the_field_of_view_is_that_of_the_picture() -> None:
    lens = Lens(31.0, 36.0, (1920, 1080))
    assert vertical_field_of_view(lens) == pytest.approx(36.18, abs=0.005)  # not 42.32, which the sensor's height has
    assert focal_length(vertical_field_of_view(lens), (1920, 1080), 36.0) == pytest.approx(31.0)
    wide = Lens(40.0, 24.0, (1440, 1080), 1.5)
    half_height = 1080 / 1.5 / 2 / (40.0 / 24.0 * 1440)
    assert math.tan(math.radians(vertical_field_of_view(wide)) / 2) == pytest.approx(half_height)
    assert focal_length(vertical_field_of_view(wide), wide.size, wide.sensor, wide.aspect) == pytest.approx(40.0)


@pytest.mark.parametrize("order", ["ZXY", "XYZ"])
def test_nuke_sees_each_point_where_the_solve_has_it(tmp_path: Path, order: str) -> None:
    solve = solved(40, 30, lens=Lens(31.5, 36.0, (3840, 2160)))
    placement = guess_placement(solve)
    path = tmp_path / "a.chan"
    path.write_bytes(write_chan(move_of(solve, placement, lambda frame: frame + 1000, order)))
    lines = chan_by_hand.read(path, order)
    assert [line.frame for line in lines] == [float(n) for n in range(1003, 1043)]
    worst, count = 0.0, 0
    for camera, line in zip(solve.cameras, lines, strict=True):
        m = camera.matrix
        for bundle in solve.bundles:
            off = [bundle.position[n] - m[4 * n + 3] for n in range(3)]
            x, y, z = (sum(m[4 * row + column] * off[row] for row in range(3)) for column in range(3))
            if z > -0.5:
                continue  # beside the camera, or behind it
            ours = 1920 - 31.5 / 36 * 3840 * x / z, 1080 - 31.5 / 36 * 3840 * y / z
            w = placement.point(bundle.position)
            theirs = chan_by_hand.seen(line, (w[0], w[2], -w[1]), (3840, 2160))
            if 0.0 < ours[0] < 3840.0 and 0.0 < ours[1] < 2160.0:
                worst, count = max(worst, math.dist(ours, theirs)), count + 1
    assert worst < 0.001 and count > 100


def test_a_written_file_is_read_back(tmp_path: Path) -> None:
    move = move_of(solved(5), Placement(), lambda frame: frame)
    path = tmp_path / "a.chan"
    path.write_bytes(write_chan(move))
    again = read_chan(path)
    for one, other in zip(move.poses, again.poses, strict=True):
        assert one.frame == other.frame and other.field_of_view == pytest.approx(one.field_of_view, abs=1e-8)
        assert one.position == pytest.approx(other.position, abs=1e-8) and apart(one.rotation, other.rotation) < 1e-8
    assert write_chan(again) == path.read_bytes()


def test_numbers_are_written_plainly() -> None:
    level = matrix_of((90.0, 0.0, 0.0), "XYZ")
    content = write_chan(CameraMove((Pose(7.0, (-1e-12, 1e-7, 123456.5), level), Pose(7.5, (0.0, 0.0, 0.0), level))))
    first, second = content.decode().splitlines()
    assert first == "7 0.000000000 123456.500000000 -0.000000100 0.000000000 0.000000000 0.000000000"
    assert second.startswith("7.5 ") and content.endswith(b"\n")
    assert write_chan(CameraMove((Pose(100.0, (0.0, 0.0, 0.0), level, 36.5),))).startswith(b"100 ")


def test_files_of_all_kinds_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.chan"
    path.write_bytes(
        b"\xef\xbb\xbf# frame tx ty tz rx ry rz vfov\r\n"
        b"1002\t3.01 2 4.98 -21.24 28.66 0 36.175412 \r\n\r\n"
        b"  1001 3 +2. .5e1 -21.24515 28.64789 0.0 36.175412 # the first\n"
        b"# the end"
    )
    assert import_nuke_chan(path) == [
        ChanFrame(1001.0, (3.0, 2.0, 5.0), (-21.24515, 28.64789, 0.0), 36.175412),
        ChanFrame(1002.0, (3.01, 2.0, 4.98), (-21.24, 28.66, 0.0), 36.175412),
    ]
    pose = read_chan(path).poses[0]
    assert pose.position == (3.0, -5.0, 2.0) and pose.field_of_view == 36.175412
    down, left = math.radians(21.24515), math.radians(28.64789)
    ahead = [-row[2] for row in pose.rotation]
    assert ahead == pytest.approx(
        [-math.sin(left) * math.cos(down), math.cos(left) * math.cos(down), -math.sin(down)], abs=1e-12
    )

    lines = [(n, 0.1 * n, 0.0, 0.0, 0.0, float(n), 0.0) for n in range(1, 4)]
    found = import_nuke_chan(chan_by_hand.write(path, lines))
    assert [one.field_of_view for one in found] == [None] * 3 and found[2].rotation == (0.0, 3.0, 0.0)
    parts = [(1 + n / 4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0) for n in (0, 1, 2, 5, 8)]
    assert [one.frame for one in import_nuke_chan(chan_by_hand.write(path, parts))] == [1.0, 1.25, 1.5, 2.25, 3.0]


GOOD = b"1 0 0 0 0 0 0 40\n"


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", 0, "no frames"),
        (b"# only a comment\n\n", 0, "no frames"),
        (GOOD + b"2 0 0 zero 0 0 0 40\n", 2, "“zero” is not a number"),
        (b"#\n\n" + GOOD + b"2 0,5 0 0 0 0 0 40\n", 4, "with a point"),
        (GOOD + b"2 0 0 nan 0 0 0 40\n", 2, "“nan” is not a number"),
        (GOOD + b"2 0 0 inf 0 0 0 40\n", 2, "“inf”"),
        (GOOD + b"2 0 0 1e999 0 0 0 40\n", 2, "“1e999” is too large"),
        (GOOD + b"2 0 0 1_0 0 0 0 40\n", 2, "“1_0”"),
        (GOOD + "2 0 0 \uff11 0 0 0 40\n".encode(), 2, "“\uff11”"),
        (GOOD + b"2 0 0 \0\xff 0 0 0 40\n", 2, "not a number"),
        (GOOD + b"2 0 0 0 0 0 0\n", 2, "7 columns, but line 1 has 8"),
        (GOOD + b"1e9 0 0 0 0 0 0 40\n", 2, "is not a frame"),
        (GOOD + b"2 0 0 0 0 0 0 0\n", 2, "not a vertical field of view"),
        (GOOD + b"2 0 0 0 0 0 0 180\n", 2, "not a vertical field of view"),
        (GOOD + b"2 0 0 0 0 0 0 40\n1 0 0 0 0 0 0 40\n", 3, "frame 1 is in line 1 already"),
        (b"frame tx ty tz rx ry rz\n" + GOOD, 1, "“frame” is not a number"),
        (b"1 0.5\n2 0.75\n", 1, "mmSolver"),
        (b"0 0 0 0 0 0\n", 1, "Houdini and Maya write .chan files without frame numbers"),
        (b"0.1 0 0 0 0 0 50\n0.1 0 1 0 0 0 50\n", 2, "Houdini"),
        (
            b"0.12 0 0 0 0 0 50\n0.1334 0 1 0 0 0 50\n0.15 0 0 0 0 0 50\n",
            1,
            "0.12 in the first column counts no frames",
        ),
        (b"1 0 0 0 0 0 0 40 1 1\n", 1, "10 columns"),
        (b"7\n", 1, "1 column;"),
        (b"x" * 5000, 1, "longer than 4096"),
        (GOOD + b"#" + b"x" * 5000, 2, "longer than 4096"),
        (b"PK\x03\x04" + bytes(100), 1, "not a number"),
    ],
)
def test_a_malformed_file_is_refused_by_its_line(tmp_path: Path, content: bytes, line: int, words: str) -> None:
    path = tmp_path / "a.chan"
    path.write_bytes(content)
    with pytest.raises(CameraFileInvalid) as raised:
        import_nuke_chan(path)
    assert raised.value.line == line and words in str(raised.value) and str(path) in str(raised.value)
    assert f"line {line}: " in str(raised.value) or not line


def test_a_file_of_any_size_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "a.chan"
    with path.open("wb") as file:
        file.write(GOOD)
        file.truncate(10 << 30)
    with pytest.raises(CameraFileInvalid, match="larger than 64 MiB"):
        import_nuke_chan(path)
    path.write_bytes(b"\n" * (chan.LINES_LIMIT + 10) + GOOD + b"2 0 0 0 0 0 0 40\n")
    with pytest.raises(CameraFileInvalid, match="more than 200,000 lines"):
        import_nuke_chan(path)
    path.unlink()
    for make in (lambda: None, path.mkdir):
        make()
        with pytest.raises(CameraFileInvalid):
            import_nuke_chan(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(CameraFileInvalid, match="no file"):
        import_nuke_chan(path)


def test_a_format_is_known_by_its_suffix_or_its_name() -> None:
    assert format_of(Path("a.CHAN")) is FORMATS[0] and format_of(Path("a.txt"), "chan") is FORMATS[0]
    with pytest.raises(UsageError, match=r"ends in \.chan"):
        format_of(Path("a.fbx"))
