# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage to pictures: each makes the bytes of a damaged file from a whole picture of plates.py.

A damage that a format cannot have gives None, such as a damaged table in a format without one.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from tracking_sessions.tests.plates import half_size, picture

PAGE, SECTOR = 4096, 512

Damage = Callable[[bytes], bytes | None]


def cut(parts: int) -> Damage:
    """The first `parts` tenths of the file."""
    return lambda file: file[: len(file) * parts // 10]


def hole(file: bytes) -> bytes:
    """A block of zeros in the middle, as a bad disk or an unfinished copy leaves: a page, in a small file a sector."""
    block = _block(file)
    start = len(file) // 2 // block * block
    return _zeroed(file, start, start + block)


def crooked_hole(file: bytes) -> bytes:
    """Zeros in the middle that begin and end inside a page."""
    size = min(6000, len(file) // 3)
    start = len(file) // 2 - size // 2 + 7
    return _zeroed(file, start, start + size)


def preallocated(file: bytes) -> bytes:
    """Zeros from the middle to the end: half a copy into a file that had its full size from the start."""
    return _zeroed(file, len(file) // 2, len(file))


def no_head(file: bytes) -> bytes:
    """Zeros in the first block."""
    return _zeroed(file, 0, _block(file))


def unfinished(file: bytes) -> bytes | None:
    """The file of a program that died: half of the data, and zeros in the table, which is written last."""
    whole = no_table(file)
    return None if whole is None else whole[: len(file) // 2]


def no_table(file: bytes) -> bytes | None:
    """Zeros in the table of the pixels' offsets."""
    found = _table(file)
    return None if found is None else _zeroed(file, *found)


def half_table(file: bytes) -> bytes | None:
    """Zeros in the second half of a table that has several entries."""
    found = _table(file)
    if found is None or found[1] - found[0] < 16:
        return None
    start, end = found
    return _zeroed(file, start + (end - start) // 16 * 8, end)


def _block(file: bytes) -> int:
    return PAGE if len(file) >= 3 * PAGE else SECTOR


def _zeroed(file: bytes, start: int, end: int) -> bytes:
    return file[:start] + bytes(end - start) + file[end:]


def _table(file: bytes) -> tuple[int, int] | None:
    """The begin and the end of the table, or of the field, with the offsets of the pixels, in bytes."""
    if file[:4] == b"\x76\x2f\x31\x01":
        return _exr_table(file)
    if file[:4] in (b"II*\0", b"MM\0*"):
        return 4, 8
    if file[:4] in (b"II+\0", b"MM\0+"):
        return 8, 16
    if file[:4] in (b"SDPX", b"XPDS", b"\x80\x2a\x5f\xd7"):
        return 4, 8
    if file[:2] == b"BM":
        return 10, 14
    if file[:3] == b"\x01\xda\x01":
        planes, height = struct.unpack(">H", file[10:12])[0], struct.unpack(">H", file[8:10])[0]
        return 512, 512 + 8 * planes * height
    if file[:4] == b"8BPS" and file[38:40] == b"\0\1":
        return 40, 40 + 2 * 3 * struct.unpack(">I", file[14:18])[0]
    if file[:4] == b"RIFF":
        return 4, 8
    return None


def _exr_table(file: bytes) -> tuple[int, int]:
    """All chunk offsets of an EXR, those of all parts."""
    at, parts = 8, bool(struct.unpack("<I", file[4:8])[0] & 0x1000)
    while True:
        while file[at]:
            at = file.index(b"\0", file.index(b"\0", at) + 1) + 1  # behind the name and the type of an attribute
            at += 4 + struct.unpack("<I", file[at : at + 4])[0]
        at += 1
        if not parts or not file[at]:
            break
    start = at + parts
    end, first = start, len(file)
    while end < first:
        first = min(first, struct.unpack("<Q", file[end : end + 8])[0])
        end += 8
    return start, end


# the names are those of the table in docs/footage.md
DAMAGES: dict[str, Damage] = {
    "cut at a tenth": cut(1),
    "cut at half": cut(5),
    "cut at nine tenths": cut(9),
    "last byte missing": lambda file: file[:-1],
    "hole of a block": hole,
    "crooked hole": crooked_hole,
    "zeros from the middle": preallocated,
    "first block zero": no_head,
    "all zeros": lambda file: bytes(len(file)),
    "no table": no_table,
    "half a table": half_table,
    "unfinished": unfinished,
    "64 bytes behind": lambda file: file + b"trailer " * 8,
    "32 KB of zeros behind": lambda file: file + bytes(32768),
    "60 KB behind": lambda file: file + random.Random(5).randbytes(60000),
    "empty": lambda _: b"",
    "text": lambda _: b"The plate has moved to the new server.\n" * 40,
}


def damaged(variant: str, damage: str, frame: int = 1) -> bytes | None:
    """The file of a frame with a damage of DAMAGES or OTHERS; OTHERS are whole pictures of another kind."""
    if damage == "another size":
        return half_size(variant)
    if damage == "a PNG":
        return picture("png-libpng", frame)
    if damage == "a TIFF":
        return picture("tif-lzw", frame)
    return DAMAGES[damage](picture(variant, frame))


OTHERS = ("another size", "a PNG", "a TIFF")
