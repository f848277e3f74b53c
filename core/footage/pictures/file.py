# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of a picture, read a few bytes at a time, and the error for a damaged picture."""

from __future__ import annotations

import os
from typing import NamedTuple

CUT = "is cut off"
HALF_WRITTEN = "is only partly written"
LARGEST = 1 << 28  # bytes of one read, at most
_READS = 1 << 18  # reads of one file; a file that needs more is damaged


class PictureDamaged(ValueError):
    """The picture is damaged. The message ends a sentence that begins with its name, such as “is cut off”."""


class Picture(NamedTuple):
    """Width and height of a picture in pixels, as Blender opens it.

    `left` and `top` place an EXR data window in its display window, in pixels; 0 in other formats. `is_float`: Blender
    stores the picture as floating point, converted to its linear colour space.
    """

    width: int
    height: int
    is_float: bool = False
    left: int = 0
    top: int = 0


class PictureFile:
    """An open file of `size` bytes that begins with `head`."""

    def __init__(self, descriptor: int, size: int, head: bytes) -> None:
        self.size = size
        self.head = head
        self._descriptor = descriptor
        self._reads = 0

    def read(self, at: int, count: int) -> bytes:
        """Read `count` bytes from the offset `at`. Raises PictureDamaged if the file ends before, and OSError."""
        if at < 0 or at + count > self.size:
            raise PictureDamaged(CUT)
        if at + count <= len(self.head):
            return self.head[at : at + count]
        self._reads += 1
        if self._reads > _READS or count > LARGEST:
            raise PictureDamaged("is damaged (it points to more than a picture has)")
        data = read_at(self._descriptor, at, count)
        if len(data) < count:  # another process cuts the file
            raise PictureDamaged(CUT)
        return data

    def skip_equal(self, at: int, head: bytes, step: int, most: int) -> int:
        """The offset of the first chunk that does not begin with `head`, of chunks of `step` bytes from `at` on.

        A PNG has hundreds of chunks, so this does without the checks of `read`. It reads about `most` chunks: of more
        it takes every second, or every third.
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
        """Read the whole file, or the first `LARGEST` bytes of a larger one."""
        return self.read(0, min(self.size, LARGEST))


def _pread_elsewhere(descriptor: int, count: int, at: int) -> bytes:
    """os.pread for Windows."""
    os.lseek(descriptor, at, os.SEEK_SET)
    return os.read(descriptor, count)


_pread = getattr(os, "pread", _pread_elsewhere)


def read_at(descriptor: int, at: int, count: int) -> bytes:
    """Read up to `count` bytes of the open file from the offset `at`. Raises OSError."""
    parts: list[bytes] = []
    while count > 0:  # a system call reads at most 2 GB
        data = _pread(descriptor, count, at)
        if not data:
            break
        parts.append(data)
        at += len(data)
        count -= len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def check_size(width: int, height: int) -> None:
    """Raise PictureDamaged for an impossible size: Blender takes at most 65,536 pixels in a direction."""
    if not (0 < width <= 65_536 and 0 < height <= 65_536):
        raise PictureDamaged(f"says that it is {width}x{height} pixels, which no picture is")
