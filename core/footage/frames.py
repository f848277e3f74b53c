# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of one frame: reads a little or all of it, and raises if the picture is missing, empty or damaged.

Blender crashes on a missing or truncated reference image and loses every track on a missing frame, so each file is
checked before the tracker reads it. Frames are clip frames: 1 is the first file of an image sequence.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import NamedTuple

from ..errors import FootageUnusable, PictureUnusable
from .files import Footage
from .pictures.file import Picture, PictureDamaged, PictureFile, read_at
from .pictures.formats import inspect, inspect_whole

_SAMPLE = 4096  # bytes read at the beginning, in the middle and at the end of a file
_MOVIE_SAMPLES = 64
_PROBES = 16  # probes for holes in a file, plus one
_SMALL = 126 << 10  # bytes of a file up to which twice as many probes hit every missing page
_NOTHING = bytes(32)


class FrameSample(NamedTuple):
    """A sample of the file of one frame: `entry` is its size in bytes and the checksum of the bytes read."""

    entry: tuple[int, int]
    picture: Picture | None  # None for a movie
    zeros: tuple[bool, ...]  # for each probe, whether it read only zeros

    def has_suspect_zeros(self, neighbour: FrameSample) -> bool:
        """Whether a probe read only zeros where the file of the frame next to it has data."""
        if len(self.zeros) != len(neighbour.zeros):
            return any(self.zeros)
        return any(here and not there for here, there in zip(self.zeros, neighbour.zeros, strict=True))


def read_sample(footage: Footage, frame: int) -> FrameSample:
    """Read a little of the file of a frame. Raises FootageUnusable if it is missing, empty or damaged."""
    path = footage.path(frame)
    is_movie = footage.source == "MOVIE"
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            size = os.fstat(descriptor).st_size
            samples = [read_at(descriptor, at, _SAMPLE) for at in _offsets(size, _MOVIE_SAMPLES if is_movie else 3)]
            if size == 0:
                raise _empty(footage, frame)
            picture = None if is_movie else inspect(PictureFile(descriptor, size, samples[0]))
            zeros = () if is_movie else _zeros(descriptor, size)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise missing(footage, frame) from None
    except OSError as error:
        raise FootageUnusable(f"{path} cannot be read: {error.strerror or error}", Path(path), frame) from error
    except PictureDamaged as error:
        raise _damaged(footage, frame, error) from error
    checksum = 0
    for sample in samples:
        checksum = zlib.crc32(sample, checksum)
    return FrameSample((size, checksum), picture, zeros)


def _offsets(size: int, count: int) -> list[int]:
    """The offsets of `count` samples, spread over a file of `size` bytes."""
    return sorted({max(0, (size - _SAMPLE) * i // (count - 1)) for i in range(count)})


def _zeros(descriptor: int, size: int) -> tuple[bool, ...]:
    """For each probe of the file, whether it reads only zeros."""
    length = len(_NOTHING)
    if size > _SMALL:
        return tuple(read_at(descriptor, size * i // _PROBES, length) == _NOTHING for i in range(1, _PROBES))
    data = read_at(descriptor, 0, size)
    return tuple(data.startswith(_NOTHING, size * i // (2 * _PROBES)) for i in range(1, 2 * _PROBES))


def check_same_size(footage: Footage, frame: int, picture: Picture | None, first: Picture | None) -> None:
    """Raise FootageUnusable if the size or the data window of the picture differs from the first picture's."""
    assert picture is not None and first is not None
    if picture[:2] != first[:2]:
        raise footage.unusable(
            frame,
            f"is {picture.width}x{picture.height} pixels, the first one {first.width}x{first.height}: "
            "render it again in the size of the others",
        )
    if (picture.left, picture.top) != (first.left, first.top):
        raise footage.unusable(
            frame,
            f"has a data window that begins at {picture.left}, {picture.top}, that of the first one at {first.left}, "
            f"{first.top}, and Blender shows nothing else: render all with the same window",
        )


def picture_of(footage: Footage, frame: int) -> Picture | None:
    """The size and kind of the picture of a frame; None for a movie. Raises FootageUnusable."""
    return read_sample(footage, frame).picture


def check_whole(footage: Footage, frame: int) -> None:
    """Read all of the picture of a frame, which takes some milliseconds. Raises FootageUnusable."""
    if footage.source == "MOVIE":
        return
    neighbours = [footage.file(number) for number in (frame - 1, frame + 1) if 1 <= number <= footage.count]
    try:
        if os.stat(footage.path(frame)).st_size == 0:
            raise _empty(footage, frame)
        inspect_whole(footage.file(frame), neighbours)
    except FileNotFoundError:
        raise missing(footage, frame) from None
    except OSError as error:
        path = footage.file(frame)
        raise FootageUnusable(f"{path} cannot be read: {error.strerror or error}", path, frame) from error
    except PictureDamaged as error:
        raise _damaged(footage, frame, error) from error


def unreadable(footage: Footage, frame: int) -> PictureUnusable:
    """The error for a picture that passes every check here and that Blender cannot read."""
    return footage.damaged(frame, "cannot be read by Blender: copy or render it again")


def missing(footage: Footage, frame: int) -> FootageUnusable:
    """The error for a frame without a file."""
    return footage.unusable(
        frame, f"is missing in {footage.first.parent}: put it back, Blender cannot track over a gap"
    )


def _empty(footage: Footage, frame: int) -> PictureUnusable:
    return footage.damaged(frame, "is an empty file: put the footage back")


def _damaged(footage: Footage, frame: int, error: PictureDamaged) -> PictureUnusable:
    return footage.damaged(frame, f"{error}: copy or render it again")
