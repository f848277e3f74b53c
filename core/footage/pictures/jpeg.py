# SPDX-License-Identifier: GPL-3.0-or-later
"""JPEG: segments up to the first scan, then scans up to EOI (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct

from .file import CUT, HALF_WRITTEN, Picture, PictureDamaged, PictureFile, check_size

SIGNATURE = b"\xff\xd8\xff"
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})  # SOF
_CRASHING = frozenset({0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF})  # Blender ends on these instead of refusing them
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length: TEM, RST
_SCAN, _END = 0xDA, 0xD9
# in a scan FF is followed by 00 (a data byte FF), by RST, or by a filling FF; any other byte makes a marker
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_TAIL = 1024
_PIECE = 1 << 20


def inspect(file: PictureFile) -> Picture:
    """Walk to the first scan and find EOI behind it; bytes may follow EOI. Raises PictureDamaged."""
    picture, at = _head(file)
    tail = max(at, file.size - _TAIL)
    end = file.read(tail, file.size - tail)
    # most files end with EOI or a few bytes later; the scans of any other are read
    if end.rfind(b"\xff\xd9") < 0:
        _walk_scans(file, at)
    return picture


def inspect_whole(file: PictureFile) -> None:
    """Walk the scans to EOI. Raises PictureDamaged."""
    _walk_scans(file, _head(file)[1])


def _head(file: PictureFile) -> tuple[Picture, int]:
    """The picture, and the offset of the first scan's data."""
    at, picture = 2, None
    while True:
        fill, marker = file.read(at, 2)
        if fill != 0xFF or marker in (0x00, _END):
            raise PictureDamaged(HALF_WRITTEN)
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack(">H", file.read(at + 2, 2))
        if length < 2:
            raise PictureDamaged(HALF_WRITTEN)
        if marker in _CRASHING:
            raise PictureDamaged("is a JPEG of a kind that Blender does not read (differential or lossless arithmetic)")
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", file.read(at + 5, 4))
            check_size(width, height)
            picture = Picture(width, height)
        at += 2 + length
        if marker == _SCAN:
            if picture is None:
                raise PictureDamaged("is damaged (it has a scan and no frame)")
            if at >= file.size:
                raise PictureDamaged(CUT)
            return picture, at


def _walk_scans(file: PictureFile, at: int) -> None:
    """Go from marker to marker up to EOI; tables may stand between the scans of a progressive picture."""
    piece, start = b"", at
    while True:
        found = _MARKER.search(piece, at - start) if piece else None
        if found is None:
            # the last byte of a piece may begin a marker
            at = max(at, start + len(piece) - 1)
            if at + 1 >= file.size:
                raise PictureDamaged(CUT)
            start, piece = at, file.read(at, min(_PIECE, file.size - at))
            if _MARKER.search(piece) is None and start + len(piece) >= file.size:
                raise PictureDamaged(CUT)
            continue
        at = start + found.start()
        marker = piece[found.start() + 1]
        if marker == _END:
            return
        if marker in _ALONE:
            at += 2
            continue
        (length,) = struct.unpack(">H", file.read(at + 2, 2))
        at += 2 + max(2, length)
        if at >= start + len(piece):
            start, piece = at, b""
