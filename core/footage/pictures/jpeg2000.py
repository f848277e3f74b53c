# SPDX-License-Identifier: GPL-3.0-or-later
"""JPEG 2000: a codestream up to EOC, in boxes or alone (ITU-T T.800, annexes A and I)."""

from __future__ import annotations

import struct

from .file import CUT, HALF_WRITTEN, Picture, PictureDamaged, PictureFile, check_size

SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
CODESTREAM = b"\xff\x4f\xff\x51"  # SOC and SIZ
_TILE, _END = 0xFF90, 0xFFD9  # SOT, EOC
_TAIL = 4096


def inspect(file: PictureFile) -> Picture:
    """Walk the boxes and the tile-parts to the end of the codestream. Raises PictureDamaged."""
    if file.head.startswith(CODESTREAM):
        return _codestream(file, 0, file.size)
    at = 0
    while True:
        length, kind = struct.unpack(">I4s", file.read(at, 8))
        head = 8
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(at + 8, 8))
            head = 16
        end = file.size if length == 0 else at + length
        if not (32 <= kind[0] < 127) or end < at + head:
            raise PictureDamaged(HALF_WRITTEN)
        if end > file.size:
            raise PictureDamaged(CUT)
        if kind == b"jp2c":
            return _codestream(file, at + head, end)
        at = end


def _codestream(file: PictureFile, at: int, end: int) -> Picture:
    if file.read(at, 4) != CODESTREAM:
        raise PictureDamaged(HALF_WRITTEN)
    right, bottom, left, top = struct.unpack(">IIII", file.read(at + 8, 16))
    check_size(right - left, bottom - top)
    (components,) = struct.unpack(">H", file.read(at + 40, 2))
    depth = (file.read(at + 42, 1)[0] & 0x7F) + 1 if components else 8
    picture = Picture(right - left, bottom - top, is_float=depth > 8)
    at += 2
    while True:
        marker, length = struct.unpack(">HH", file.read(at, 4)) if at + 4 <= end else (*_last(file, at, end), 0)
        if marker == _END:
            return picture
        if marker == _TILE:
            (part,) = struct.unpack(">I", file.read(at + 6, 4))
            if part == 0:  # the last tile-part: it reaches to EOC
                return _to_the_end(file, at, end, picture)
            if part < 14:
                raise PictureDamaged(HALF_WRITTEN)
            at += part
        elif marker >> 8 != 0xFF or length < 2:
            raise PictureDamaged(HALF_WRITTEN)
        else:
            at += 2 + length
        if at > end:
            raise PictureDamaged(CUT)


def _last(file: PictureFile, at: int, end: int) -> tuple[int]:
    if at + 2 > end:
        raise PictureDamaged(CUT)
    return struct.unpack(">H", file.read(at, 2))


def _to_the_end(file: PictureFile, at: int, end: int, picture: Picture) -> Picture:
    tail = max(at, end - _TAIL)
    if file.read(tail, end - tail).rfind(b"\xff\xd9") < 0:
        raise PictureDamaged(CUT)
    return picture
