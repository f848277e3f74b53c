# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG: chunks with checksums from the signature to IEND (https://www.w3.org/TR/png/, section 5)."""

from __future__ import annotations

import struct
import zlib

from .file import CUT, HALF_WRITTEN, Picture, PictureDamaged, PictureFile, check_size

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">I4s")
_SMALL = 128 << 10  # bytes of a file up to which each check compares all its checksums
_PIECE = 1 << 20
_HEADS = 500  # chunks of one length whose heads are read in larger files, about
_CHECKED = 4096  # bytes of a chunk up to which larger files have its checksum compared as well


def inspect(file: PictureFile) -> Picture:
    """Walk the chunks up to IEND; bytes may follow it. Raises PictureDamaged."""
    return _walk(file, whole=file.size <= _SMALL)


def inspect_whole(file: PictureFile) -> None:
    """Compare the checksums of all chunks. Raises PictureDamaged."""
    _walk(file, whole=True)


def _walk(file: PictureFile, *, whole: bool) -> Picture:
    data = file.whole() if file.size <= _SMALL else b""
    at = len(SIGNATURE)
    has_pixels = False
    picture = None
    while True:
        head = data[at : at + 8] if data else file.read(at, 8)
        if len(head) < 8:
            raise PictureDamaged(CUT)
        length, kind = _HEAD.unpack(head)
        end = at + 12 + length
        if not kind.isalpha():
            raise PictureDamaged(HALF_WRITTEN)
        if end > file.size:
            raise PictureDamaged(CUT)
        if whole or length <= _CHECKED:
            stored = data[end - 4 : end] if data else file.read(end - 4, 4)
            if _checksum(file, data, at + 4, end - 4) != int.from_bytes(stored, "big"):
                raise PictureDamaged(f"is damaged (its chunk {kind.decode()} at byte {at} has a wrong checksum)")
        if picture is None:
            if kind != b"IHDR" or length != 13:
                raise PictureDamaged("is damaged (it does not begin with IHDR)")
            width, height, depth = struct.unpack(">IIB", file.read(at + 8, 9))
            check_size(width, height)
            picture = Picture(width, height, is_float=depth == 16)
        has_pixels = has_pixels or kind == b"IDAT"
        if kind == b"IEND":
            if not has_pixels:
                raise PictureDamaged("has no pixels in it")
            return picture
        at = end
        if kind == b"IDAT" and not (whole or data) and length > _CHECKED:
            at = file.skip_equal(at, head, 12 + length, _HEADS)


def _checksum(file: PictureFile, data: bytes, start: int, end: int) -> int:
    if data:
        return zlib.crc32(data[start:end])
    checksum = 0
    for at in range(start, end, _PIECE):
        checksum = zlib.crc32(file.read(at, min(_PIECE, end - at)), checksum)
    return checksum
