# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats whose header, or a table behind it, gives the length of the file."""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Sequence
from sys import byteorder

from .file import CUT, HALF_WRITTEN, LARGEST, Picture, PictureDamaged, PictureFile, check_size

DPX = (b"SDPX", b"XPDS")
CINEON = (b"\x80\x2a\x5f\xd7", b"\xd7\x5f\x2a\x80")
BMP = b"BM"
SGI = b"\x01\xda"
HDR = (b"#?RADIANCE", b"#?RGBE")
WEBP = b"RIFF"
_WEBP_PIXELS = (b"VP8 ", b"VP8L", b"ANMF")
PSD = b"8BPS"
TGA_TYPES = frozenset({1, 2, 3, 9, 10, 11})
_TGA_RLE = 8
_HDR_HEAD = 64 << 10  # bytes of the header lines, at most
_CINEON_HEAD = 712  # bytes, at least
_CHANNELS = 56  # of a PSD, at most; an SGI has 4
_COMPONENTS = {50: 3, 51: 4, 52: 4, 100: 2, 101: 3, 102: 3, 103: 4}  # of a DPX descriptor; else 1
_SMALL = 128 << 10  # bytes of a run-length encoded file up to which each check walks all its runs
_RESOLUTION = re.compile(rb"\n\n([-+][XY]) (\d{1,6}) ([-+][XY]) (\d{1,6})\n")


def _need(file: PictureFile, end: int) -> None:
    if end > file.size:
        raise PictureDamaged(CUT)


def _check_channels(count: int) -> None:
    if not 0 < count <= _CHANNELS:
        raise PictureDamaged(f"says that it has {count} channels, which no picture has")


def _numbers(form: str, data: bytes) -> Sequence[int]:
    """Big-endian whole numbers; `form` is the type code of an `array`."""
    numbers = array(form, data)
    if byteorder == "little":
        numbers.byteswap()
    return numbers


def _need_film(
    file: PictureFile, at: int, picture: Picture, values: int, bits: int, packing: int, length: int = 0
) -> None:
    """Check that the pixels of a DPX or Cineon lie in the file, from the offset `at` on. Raises PictureDamaged.

    A row has `values` values of `bits` bits each. SMPTE 268M: rows of whole 32-bit words; 10 bits three to a word,
    unless the values are packed without gaps. Some files lack the padding of the last row, and some programs
    (OpenImageIO) pad no row: such a file has the `length` that its header gives.
    """
    if bits == 10 and packing:
        row = last = -(-values // 3) * 4
    elif (bits == 12 and packing) or bits == 16:
        row = last = values * 2
    else:
        row, last = -(-values * bits // 32) * 4, -(-values * bits // 8)
    if length == at + last * picture.height:
        _need(file, length)
    else:
        _need(file, at + row * (picture.height - 1) + last)


def inspect_dpx(file: PictureFile) -> Picture:
    """SMPTE 268M. Raises PictureDamaged."""
    order = ">" if file.head.startswith(b"SDPX") else "<"
    width, height = struct.unpack(order + "II", file.read(772, 8))
    check_size(width, height)
    descriptor, _, _, bits, packing, encoding, at = struct.unpack(order + "BBBBHHI", file.read(800, 12))
    if at in (0, 0xFFFFFFFF):
        (at,) = struct.unpack(order + "I", file.read(4, 4))
    _need(file, at + 1)
    picture = Picture(width, height, is_float=True)
    if encoding == 0:  # no runs
        (length,) = struct.unpack(order + "I", file.read(16, 4))
        _need_film(file, at, picture, width * _COMPONENTS.get(descriptor, 1), bits, packing, length)
    return picture


def inspect_cineon(file: PictureFile) -> Picture:
    """Kodak's “Cineon Image File Format”, draft 1.7. Raises PictureDamaged."""
    order = ">" if file.head.startswith(CINEON[0]) else "<"
    (at,) = struct.unpack(order + "I", file.read(4, 4))
    if at < _CINEON_HEAD:
        raise PictureDamaged(HALF_WRITTEN)
    components = file.read(193, 1)[0]
    bits = file.read(198, 1)[0]
    width, height = struct.unpack(order + "II", file.read(200, 8))
    check_size(width, height)
    packing = file.read(681, 1)[0] & 0x7F
    picture = Picture(width, height, is_float=True)
    _need_film(file, at, picture, width * (components or 3), bits or 10, packing)
    return picture


def inspect_bmp(file: PictureFile) -> Picture:
    """Windows and OS/2 bitmaps. Raises PictureDamaged."""
    at, head = struct.unpack("<II", file.read(10, 8))
    if head == 12:  # OS/2
        width, height, _, bits = struct.unpack("<HHHH", file.read(18, 8))
        compression = size = 0
    else:
        width, height, _, bits, compression, size = struct.unpack("<iiHHII", file.read(18, 20))
    height = abs(height)  # below 0: the first row is the top one
    check_size(width, height)
    if at < 14 + head:
        raise PictureDamaged(HALF_WRITTEN)
    if compression in (1, 2, 4, 5):  # runs, or an embedded JPEG or PNG
        _need(file, at + max(1, size))
    else:  # Blender refuses a file without the padding of the last row
        _need(file, at + -(-width * bits // 32) * 4 * height)
    return Picture(width, height)


def is_tga(file: PictureFile) -> bool:
    """Whether the file may be a TGA, which has no signature at the beginning."""
    if len(file.head) < 18:
        return False
    _, maps, kind, _, _, _, _, _, width, height, bits, _ = struct.unpack("<BBBHHBHHHHBB", file.head[:18])
    return maps <= 1 and kind in TGA_TYPES and bits in (8, 15, 16, 24, 32) and width > 0 and height > 0


def inspect_tga(file: PictureFile, *, whole: bool = False) -> Picture:
    """Truevision's TGA 2.0. Raises PictureDamaged."""
    id_size, _, kind, _, colours, colour_bits, _, _, width, height, bits, _ = struct.unpack(
        "<BBBHHBHHHHBB", file.read(0, 18)
    )
    check_size(width, height)
    at = 18 + id_size + colours * -(-colour_bits // 8)
    pixel = -(-bits // 8)
    if not kind & _TGA_RLE:
        _need(file, at + width * height * pixel)
    else:
        _need(file, at + -(-width * height // 128) * (1 + pixel))
        if file.size <= (LARGEST if whole else _SMALL):
            _walk_tga(file, at, width * height, pixel)
    return Picture(width, height)


def _walk_tga(file: PictureFile, at: int, pixels: int, pixel: int) -> None:
    data, size = file.whole(), file.size
    while pixels > 0:
        if at >= size:
            raise PictureDamaged(CUT)
        count = (data[at] & 0x7F) + 1
        at += 1 + (pixel if data[at] & 0x80 else count * pixel)
        pixels -= count
    _need(file, at)


def inspect_sgi(file: PictureFile) -> Picture:
    """Silicon Graphics' image file format, version 1.0. Raises PictureDamaged."""
    storage, depth, dimension, width, height, channels = struct.unpack(">BBHHHH", file.read(2, 10))
    height, channels = height if dimension > 1 else 1, channels if dimension > 2 else 1
    check_size(width, height)
    _check_channels(channels)
    if not storage:
        _need(file, 512 + width * height * channels * depth)
    else:
        rows = height * channels
        table = _numbers("I", file.read(512, 8 * rows))
        if not all(table):
            raise PictureDamaged(HALF_WRITTEN)
        _need(file, max(map(sum, zip(table[:rows], table[rows:], strict=True))))
    return Picture(width, height, is_float=depth > 1)


def inspect_hdr(file: PictureFile, *, whole: bool = False) -> Picture:
    """Radiance RGBE. Only a walk over all rows finds a missing row. Raises PictureDamaged."""
    found = _RESOLUTION.search(file.head) or _RESOLUTION.search(file.read(0, min(file.size, _HDR_HEAD)))
    if found is None:
        raise PictureDamaged(CUT if file.size <= len(file.head) else "is damaged (it does not say its size)")
    sizes = int(found[2]), int(found[4])
    height, width = sizes if found[1].endswith(b"Y") else sizes[::-1]
    check_size(width, height)
    at = found.end()
    columns = sizes[1]
    is_flat = not 8 <= columns <= 0x7FFF or file.read(at, 2) != b"\x02\x02"
    if not is_flat:
        _need(file, at + sizes[0] * (4 + 4 * 2 * -(-columns // 127)))
    if file.size <= (LARGEST if whole else _SMALL):
        _walk_hdr(file, at, sizes[0], columns)
    return Picture(width, height, is_float=True)


def _walk_hdr(file: PictureFile, at: int, rows: int, columns: int) -> None:
    data, size = file.whole(), file.size
    for _ in range(rows):
        head = data[at : at + 4]
        if head[:2] != b"\x02\x02" or int.from_bytes(head[2:], "big") != columns:
            at = _walk_flat_row(data, at, columns)
            continue
        at += 4
        left = 4 * columns
        while left > 0 and at < size:
            count = data[at]
            if count == 0:
                raise PictureDamaged(HALF_WRITTEN)
            at += 2 if count > 128 else 1 + count
            left -= count - 128 if count > 128 else count
        if left > 0 or at > size:
            raise PictureDamaged(CUT)


def _walk_flat_row(data: bytes, at: int, columns: int) -> int:
    """The offset behind a row of plain pixels, in which 1 1 1 n repeats the pixel before."""
    shift = 0
    while columns > 0:
        pixel = data[at : at + 4]
        if len(pixel) < 4:
            raise PictureDamaged(CUT)
        at += 4
        if pixel[:3] == b"\x01\x01\x01":
            columns -= pixel[3] << shift
            shift += 8
        else:
            columns -= 1
            shift = 0
    return at


def inspect_webp(file: PictureFile) -> Picture:
    """RIFF with WEBP in it (Google's “WebP Container Specification”). Raises PictureDamaged."""
    size, kind, first = struct.unpack("<I4s4s", file.read(4, 12))
    if kind != b"WEBP":
        raise PictureDamaged("is no picture")
    _need(file, 8 + size)
    _walk_riff(file, 8 + size)
    if first == b"VP8X":
        data = file.read(24, 6)
        width, height = 1 + int.from_bytes(data[:3], "little"), 1 + int.from_bytes(data[3:], "little")
    elif first == b"VP8L":
        bits = int.from_bytes(file.read(21, 4), "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif first == b"VP8 ":
        start, width, height = struct.unpack("<3sHH", file.read(23, 7))
        if start != b"\x9d\x01\x2a":
            raise PictureDamaged(HALF_WRITTEN)
        width, height = width & 0x3FFF, height & 0x3FFF
    else:
        raise PictureDamaged(HALF_WRITTEN)
    check_size(width, height)
    return Picture(width, height)


def _walk_riff(file: PictureFile, end: int) -> None:
    at = 12
    has_pixels = False
    while at + 8 <= end:
        kind, size = struct.unpack("<4sI", file.read(at, 8))
        if not kind.strip(b" ").isalnum():
            raise PictureDamaged(HALF_WRITTEN)
        has_pixels = has_pixels or kind in _WEBP_PIXELS
        at += 8 + size + size % 2
        if at > end + 1:
            raise PictureDamaged(CUT)
    if not has_pixels:
        raise PictureDamaged(HALF_WRITTEN)


def inspect_psd(file: PictureFile) -> Picture:
    """Adobe's “Photoshop File Formats Specification”: the merged picture is the last section. Raises PictureDamaged."""
    (version,) = struct.unpack(">H", file.read(4, 2))
    channels, height, width, depth = struct.unpack(">HIIH", file.read(12, 12))
    check_size(width, height)
    _check_channels(channels)
    at = 26
    for wide in (False, False, version == 2):  # colours, resources, layers
        (length,) = struct.unpack(">Q" if wide else ">I", file.read(at, 8 if wide else 4))
        at += (8 if wide else 4) + length
    (compression,) = struct.unpack(">H", file.read(at, 2))
    at += 2
    if compression == 0:
        _need(file, at + -(-width * depth // 8) * height * channels)
    elif compression == 1:
        rows = height * channels
        size = 4 if version == 2 else 2
        sizes = _numbers("I" if version == 2 else "H", file.read(at, rows * size))
        if not all(sizes):
            raise PictureDamaged(HALF_WRITTEN)
        _need(file, at + rows * size + sum(sizes))
    else:
        _need(file, at + 1)
    return Picture(width, height, is_float=depth > 8)
