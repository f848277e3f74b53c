# SPDX-License-Identifier: GPL-3.0-or-later
"""Nuke's .chan: a line for each frame, `frame tx ty tz rx ry rz [vertical field of view]`.

Angles are degrees, y is up, the camera looks along -z. The file does not say the order of its angles: Nuke takes that
of its camera, ZXY unless somebody chose another. It has no size of the picture, no principal point and no distortion.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import CameraFileInvalid
from ..model.ranges import FRAME_LIMIT
from ..model.wording import short
from .camera import (
    CameraMove,
    Pose,
    convert_yup_to_zup_position,
    convert_yup_to_zup_rotation,
    convert_zup_to_yup_position,
    convert_zup_to_yup_rotation,
)
from .rotation import Vector, continuous, matrix_of

DEFAULT_ORDER = "ZXY"
SIZE_LIMIT = 64 << 20  # bytes
LINE_LIMIT = 4096  # bytes; eight numbers of 17 digits take 200
LINES_LIMIT = 200_000  # two hours
_PARTS_LIMIT = 32  # of a frame
_PART_OFF = 0.01  # of a part: how far a frame may be from a whole number of parts
_VALUE_LIMIT = 1e9
_NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,4})?\Z")
_OTHERS = "Houdini and Maya write .chan files without frame numbers: export this one from Nuke"


class ChanFrame(NamedTuple):
    """A line as it stands: y up. `rotation`: angles about x, y and z, degrees; `field_of_view`: vertical, degrees."""

    frame: float
    position: Vector
    rotation: Vector
    field_of_view: float | None


def import_nuke_chan(path: str | os.PathLike[str]) -> list[ChanFrame]:
    """The frames of a .chan file of Nuke, ascending. Raises CameraFileInvalid, which names the line at fault."""
    path = Path(path)
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise CameraFileInvalid(path, "it is no file: name a .chan file")
        if found.st_size > SIZE_LIMIT:
            raise CameraFileInvalid(path, f"it is larger than {SIZE_LIMIT >> 20} MiB, so it is no camera")
        with open(path, "rb") as file:
            lines = dict(_frames(path, file))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise CameraFileInvalid(path, getattr(error, "strerror", None) or str(error)) from error
    if not lines:
        raise CameraFileInvalid(path, "it has no frames: export the camera again")
    _check_frames(path, lines)
    return sorted(lines.values())


def read_chan(path: str | os.PathLike[str], order: str = DEFAULT_ORDER) -> CameraMove:
    """The camera in Blender's world, its angles taken in this order. Raises CameraFileInvalid."""
    poses = (
        Pose(
            found.frame,
            convert_yup_to_zup_position(found.position),
            convert_yup_to_zup_rotation(matrix_of(found.rotation, order)),
            found.field_of_view,
        )
        for found in import_nuke_chan(path)
    )
    return CameraMove(tuple(poses), order)


def write_chan(move: CameraMove) -> bytes:
    """The content of a .chan file, with angles in the order of the move and continuous from frame to frame."""
    angles = continuous([convert_zup_to_yup_rotation(pose.rotation) for pose in move.poses], move.order)
    lines: list[str] = []
    for pose, rotation in zip(move.poses, angles, strict=True):
        values = [*convert_zup_to_yup_position(pose.position), *rotation]
        values += [] if pose.field_of_view is None else [pose.field_of_view]
        lines.append(" ".join([_number(pose.frame).rstrip("0").rstrip("."), *map(_number, values)]))
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def _number(value: float) -> str:
    """Fixed decimals: 9 of them keep a picture of 8K right to a thousandth of a pixel."""
    text = f"{value:.9f}"
    return text.removeprefix("-") if float(text) == 0.0 else text


def _frames(path: Path, file: BinaryIO) -> Iterator[tuple[int, ChanFrame]]:
    """The number of each line that has a frame, from 1 on, and its content. Raises CameraFileInvalid."""
    columns = first = 0
    for number, line in enumerate(_lines(path, file), 1):
        words = line.split(b"#", 1)[0].split()
        if not words:
            continue
        values = [_value(path, word, number) for word in words]
        if len(values) not in (7, 8):
            raise CameraFileInvalid(path, _columns_words(len(values)), number)
        if columns and len(values) != columns:
            reason = f"it has {len(values)} columns, but line {first} has {columns}: export the camera again"
            raise CameraFileInvalid(path, reason, number)
        columns, first = len(values), first or number
        if abs(values[0]) > FRAME_LIMIT:
            raise CameraFileInvalid(path, f"{values[0]:g} is not a frame: they go up to {FRAME_LIMIT}", number)
        angle = values[7] if columns == 8 else None
        if angle is not None and not 0.0 < angle < 180.0:
            reason = f"{angle:g} is not a vertical field of view: that is between 0 and 180 degrees. {_OTHERS}"
            raise CameraFileInvalid(path, reason, number)
        yield number, ChanFrame(values[0], _vector(values[1:4]), _vector(values[4:7]), angle)
        if number > LINES_LIMIT:
            raise CameraFileInvalid(path, f"it has more than {LINES_LIMIT:,} lines, so it is no camera")


def _lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """The lines, one at a time: a file may be of any size, and have no line ends at all."""
    number = 0
    while line := file.readline(LINE_LIMIT + 1):
        number += 1
        if len(line) > LINE_LIMIT:
            raise CameraFileInvalid(path, f"it is longer than {LINE_LIMIT} characters, so it is no frame", number)
        yield line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def _value(path: Path, word: bytes, number: int) -> float:
    if not _NUMBER.match(word):
        shown = short(word.decode("utf-8", "replace"))
        hint = "write decimals with a point" if b"," in word else "a line has a frame and six or seven numbers"
        raise CameraFileInvalid(path, f"“{shown}” is not a number: {hint}", number)
    value = float(word)
    if not math.isfinite(value) or abs(value) > _VALUE_LIMIT:
        raise CameraFileInvalid(path, f"“{short(word.decode())}” is too large", number)
    return value


def _columns_words(count: int) -> str:
    if count == 2:
        return "it has two columns, a frame and a value, as mmSolver writes them: export a camera, which has 7 or 8"
    words = f"it has {count} column{'s' * (count != 1)}; a camera has 7 or 8"
    return f"{words}. {_OTHERS}" if count == 6 or count > 8 else words


def _vector(values: Sequence[float]) -> Vector:
    x, y, z = values
    return x, y, z


def _check_frames(path: Path, lines: dict[int, ChanFrame]) -> None:
    """Raise CameraFileInvalid if the first column does not count frames: each once, and whole or equal parts."""
    seen: dict[float, int] = {}
    for number, found in lines.items():
        if found.frame in seen:
            words = f"frame {found.frame:g} is in line {seen[found.frame]} already: remove one. {_OTHERS}"
            raise CameraFileInvalid(path, words, number)
        seen[found.frame] = number
    if all(frame == int(frame) for frame in seen):
        return
    frames = sorted(seen)
    parts = round(1.0 / max(min((b - a for a, b in pairwise(frames)), default=1.0), 1.0 / _PARTS_LIMIT))
    for frame, number in seen.items():
        if abs(frame * parts - round(frame * parts)) > _PART_OFF:
            raise CameraFileInvalid(path, f"{frame:g} in the first column counts no frames. {_OTHERS}", number)
