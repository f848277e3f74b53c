# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of a picture, read a few bytes at a time, and what can be wrong with it."""

from __future__ import annotations

import os
from typing import NamedTuple

CUT = "is cut off"
HALF_WRITTEN = "is only partly written"
LARGEST = 1 << 28  # bytes that are read at once, at most
_READS = 1 << 18  # what takes more has no end


class PictureDamaged(ValueError):
    """The picture cannot be read. The message goes on a sentence that begins with its name, such as “is cut off”."""


class Picture(NamedTuple):
    """What a file says of its picture: width and height in pixels as Blender opens it.

    `left` and `top` are those of an EXR data window in its display window, in pixels, 0 in other formats. `is_float`
    tells whether Blender keeps it as floating point, converted to its linear colour space.
    """

    width: int
    height: int
    is_float: bool = False
    left: int = 0
    top: int = 0


class PictureFile:
    """An open file of `size` bytes, at the beginning of which stands `head`."""

    def __init__(self, descriptor: int, size: int, head: bytes) -> None:
        self.size = size
        self.head = head
        self._descriptor = descriptor
        self._reads = 0

    def read(self, at: int, count: int) -> bytes:
        """So many bytes from that offset on. Raises PictureDamaged if the file has not so many, and OSError."""
        if at < 0 or at + count > self.size:
            raise PictureDamaged(CUT)
        if at + count <= len(self.head):
            return self.head[at : at + count]
        self._reads += 1
        if self._reads > _READS or count > LARGEST:
            raise PictureDamaged("is damaged (it points to more than a picture has)")
        data = read_at(self._descriptor, at, count)
        if len(data) < count:  # it is getting shorter this moment
            raise PictureDamaged(CUT)
        return data

    def behind_equal(self, at: int, head: bytes, step: int, most: int) -> int:
        """Where the first thing begins that does not begin with `head`, of those that begin every `step` bytes.

        There are hundreds of chunks in a PNG, so this is `read` without what it costs. Where there are more than `most`
        only every second is looked at, or every third.
        """
        count, descriptor, begin = len(head), self._descriptor, at
        stride = step * (1 + (self.size - at) // step // most)
        while _pread(descriptor, count, at) == head:
            at += stride
        at = max(begin, at - stride)
        while _pread(descriptor, count, at) == head:
            at += step
        return at

    def whole(self) -> bytes:
        """All of it, in a file that is larger than any plate's the beginning."""
        return self.read(0, min(self.size, LARGEST))


def _pread_elsewhere(descriptor: int, count: int, at: int) -> bytes:
    """As os.pread, for Windows."""
    os.lseek(descriptor, at, os.SEEK_SET)
    return os.read(descriptor, count)


_pread = getattr(os, "pread", _pread_elsewhere)


def read_at(descriptor: int, at: int, count: int) -> bytes:
    """Up to so many bytes of the open file from that offset on. Raises OSError."""
    parts: list[bytes] = []
    while count > 0:  # at most 2 GB come at once
        data = _pread(descriptor, count, at)
        if not data:
            break
        parts.append(data)
        at += len(data)
        count -= len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def check_size(width: int, height: int) -> None:
    """Raise PictureDamaged for what no picture has: Blender takes at most 65,536 pixels in a direction."""
    if not (0 < width <= 65_536 and 0 < height <= 65_536):
        raise PictureDamaged(f"says that it is {width}x{height} pixels, which no picture is")
