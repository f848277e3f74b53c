# SPDX-License-Identifier: GPL-3.0-or-later
"""TIFF and BigTIFF: the first directory, whose strips or tiles must lie in the file (TIFF 6.0, sections 2 to 15)."""

from __future__ import annotations

import struct

from .file import CUT, HALF_WRITTEN, Picture, PictureDamaged, PictureFile, check_size

SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES = 256, 257, 258, 259, 277
_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES = 273, 279, 324, 325
_FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}  # the types BYTE, SHORT, LONG and LONG8
_ENTRIES = 4096  # tags of a directory, at most
_VALUES = 1 << 20  # values of a tag, at most


def inspect(file: PictureFile) -> Picture:
    """Check the first directory and the extent of its strips or tiles. Raises PictureDamaged."""
    order = "<" if file.head.startswith(b"II") else ">"
    is_big = file.head[2:4] in (b"+\x00", b"\x00+")
    tags = _directory(file, order, is_big=is_big)
    width, height = _value(tags, _WIDTH), _value(tags, _HEIGHT)
    check_size(width, height)
    bits = tags.get(_BITS) or (1,)
    offsets, sizes = tags.get(_TILES) or tags.get(_STRIPS) or (), tags.get(_TILE_SIZES) or tags.get(_STRIP_SIZES) or ()
    if not offsets or (len(offsets) != len(sizes) and (sizes or len(offsets) > 1)):
        raise PictureDamaged(HALF_WRITTEN)
    if not sizes:  # old writers give no size for a single strip
        sizes = (1,)
    if not all(offsets) or not all(sizes):
        raise PictureDamaged(HALF_WRITTEN)
    if max(map(sum, zip(offsets, sizes, strict=True))) > file.size:
        raise PictureDamaged(CUT)
    if _value(tags, _COMPRESSION, 1) == 1 and _TILES not in tags and _STRIP_SIZES in tags:
        samples = _value(tags, _SAMPLES, len(bits))
        row = (width * samples * bits[0] + 7) // 8
        if sum(sizes) < row * height:
            raise PictureDamaged(CUT)
    return Picture(width, height, is_float=bits[0] > 8)


def _directory(file: PictureFile, order: str, *, is_big: bool) -> dict[int, tuple[int, ...]]:
    """The values of the tags that the checks use."""
    word, head, size, inline = ("Q", 8, 20, 8) if is_big else ("I", 4, 12, 4)
    width = struct.calcsize(word)
    (at,) = struct.unpack(order + word, file.read(head, width))
    if at == 0:
        raise PictureDamaged(HALF_WRITTEN)
    counter = "Q" if is_big else "H"
    (count,) = struct.unpack(order + counter, file.read(at, struct.calcsize(counter)))
    if not 0 < count <= _ENTRIES:
        raise PictureDamaged(HALF_WRITTEN)
    at += struct.calcsize(counter)
    entries = file.read(at, count * size)
    wanted = {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES}
    tags: dict[int, tuple[int, ...]] = {}
    for start in range(0, len(entries), size):
        tag, kind = struct.unpack_from(order + "HH", entries, start)
        (number,) = struct.unpack_from(order + word, entries, start + 4)
        form = _FORMATS.get(kind)
        if tag not in wanted or tag in tags or form is None:  # the first of repeated tags counts
            continue
        if number > _VALUES:
            raise PictureDamaged(HALF_WRITTEN)
        length = number * struct.calcsize(form)
        where = start + 4 + width
        data = entries[where : where + length]
        if length > inline:
            (offset,) = struct.unpack_from(order + word, entries, where)
            data = file.read(offset, length)
        tags[tag] = struct.unpack(f"{order}{number}{form}", data)
    return tags


def _value(tags: dict[int, tuple[int, ...]], tag: int, default: int | None = None) -> int:
    values = tags.get(tag)
    if values:
        return values[0]
    if default is None:
        raise PictureDamaged(HALF_WRITTEN)
    return default
