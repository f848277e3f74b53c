# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of a picture, read a few bytes at a time, and what can be wrong with it."""

from __future__ import annotations

import os
from typing import NamedTuple

CUT = "is cut off"
HALF_WRITTEN = "is only partly written"


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

    def read(self, at: int, count: int) -> bytes:
        """So many bytes from that offset on. Raises PictureDamaged if the file has not so many, and OSError."""
        if at < 0 or at + count > self.size:
            raise PictureDamaged(CUT)
        if at + count <= len(self.head):
            return self.head[at : at + count]
        data = read_at(self._descriptor, at, count)
        if len(data) < count:  # it is getting shorter this moment
            raise PictureDamaged(CUT)
        return data

    def whole(self) -> bytes:
        """All of it."""
        return self.read(0, self.size)


def read_at(descriptor: int, at: int, count: int) -> bytes:
    """Up to so many bytes of the open file from that offset on. Raises OSError."""
    parts: list[bytes] = []
    while count > 0:  # at most 2 GB come at once
        if hasattr(os, "pread"):
            data = os.pread(descriptor, count, at)
        else:  # Windows
            os.lseek(descriptor, at, os.SEEK_SET)
            data = os.read(descriptor, count)
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
