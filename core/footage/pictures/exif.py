# SPDX-License-Identifier: GPL-3.0-or-later
"""The directories of TIFF 6.0, which EXIF 2.3 uses in JPEG and PNG files too: camera, lens, exposure."""

from __future__ import annotations

import struct
from typing import Any

from .file import PictureDamaged, PictureFile
from .tags import Tags

_FORMATS = {1: "B", 3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 16: "Q"}
_ENTRIES = 512  # of a directory, at most
_BYTES = 4096  # of a value, at most
_CAMERA = {271: "camera make", 272: "camera model", 306: "date", 36867: "date", 42035: "lens make", 42036: "lens model"}
_NUMBERS = {
    33434: "exposure time (s)",
    33437: "f-number",
    34855: "ISO",
    37386: "focal length (mm)",
    41989: "focal length in 35 mm film (mm)",
}
_EXIF, _BITS, _COMPRESSION, _WIDTH, _HEIGHT, _ACROSS, _DOWN = 34665, 258, 259, 256, 257, 282, 283
_SAMPLE_FORMAT, _PROFILE, _SPACE, _PLANE, _PLANE_UNIT, _PIXELS = 339, 34675, 40961, 41486, 41488, 40962
_CODECS = {1: "uncompressed", 5: "LZW", 6: "JPEG", 7: "JPEG", 8: "Deflate", 32946: "Deflate", 32773: "PackBits"}
_UNITS = {2: 25.4, 3: 10.0}  # millimetres


class _Source:
    """Bytes of a file, or of a segment of one, from the first byte of the TIFF header on."""

    def __init__(self, data: bytes | PictureFile) -> None:
        self._data = data

    def read(self, at: int, count: int) -> bytes:
        if count > _BYTES * 8:
            raise PictureDamaged("is damaged")
        if isinstance(self._data, PictureFile):
            return self._data.read(at, count)
        if at < 0 or at + count > len(self._data):
            raise PictureDamaged("is damaged")
        return self._data[at : at + count]


def read_exif(data: bytes | PictureFile, tags: Tags, *, is_picture: bool) -> None:
    """Read the first directory and the EXIF directory that it points to. `is_picture`: of a TIFF, not tags elsewhere.

    Raises PictureDamaged, struct.error, IndexError.
    """
    source = _Source(data)
    order = "<" if source.read(0, 2) == b"II" else ">"
    is_big = struct.unpack(order + "H", source.read(2, 2))[0] == 43
    (at,) = struct.unpack(order + ("Q" if is_big else "I"), source.read(8 if is_big else 4, 8 if is_big else 4))
    found = _directory(source, order, at, is_big=is_big)
    _note(found, tags)
    if is_picture:
        _note_picture(found, tags)
    if isinstance(start := _first(found, _EXIF), int):
        inner = _directory(source, order, start, is_big=is_big)
        _note(inner, tags)
        _note_sensor(inner, tags)
        if _first(inner, _SPACE) == 1 and not tags.colour_space:
            tags.colour_space = "sRGB"


def _note(found: dict[int, Any], tags: Tags) -> None:
    for tag, name in _CAMERA.items():
        if isinstance(found.get(tag), bytes):
            tags.note(name, found[tag])
    for tag, name in _NUMBERS.items():
        value = _first(found, tag)
        if value:
            tags.note(name, value)


def _note_picture(found: dict[int, Any], tags: Tags) -> None:
    bits, form = _first(found, _BITS), _first(found, _SAMPLE_FORMAT)
    tags.bits = bits if isinstance(bits, int) and 0 < bits <= 64 else 1
    tags.is_float = form == 3
    code = _first(found, _COMPRESSION)
    tags.codec = _CODECS.get(int(code), f"compression {code}") if isinstance(code, int) else "uncompressed"
    width, height = _first(found, _WIDTH), _first(found, _HEIGHT)
    if isinstance(width, int) and isinstance(height, int):
        tags.size = width, height
    across, down = _first(found, _ACROSS), _first(found, _DOWN)
    if across and down:
        tags.set_aspect(down / across)
    if _PROFILE in found:
        tags.colour_space = "an ICC profile"


def _note_sensor(found: dict[int, Any], tags: Tags) -> None:
    """The width of the sensor, from the pixels on a length of it."""
    density, unit, width = _first(found, _PLANE), _first(found, _PLANE_UNIT) or 2, _first(found, _PIXELS)
    if density and width and unit in _UNITS:
        sensor = float(width) / float(density) * _UNITS[int(unit)]
        if 0.5 < sensor < 500:
            tags.note("sensor width (mm)", round(sensor, 2))


def _first(found: dict[int, Any], tag: int) -> int | float | None:
    values = found.get(tag)
    return values[0] if isinstance(values, tuple) and values else None  # type: ignore[reportUnknownVariableType]


def _directory(source: _Source, order: str, at: int, *, is_big: bool) -> dict[int, Any]:
    """The values by tag: bytes of a text, a tuple of numbers otherwise; an entry that is damaged is left out."""
    counter, head, size, word, inline = ("Q", 8, 20, "Q", 8) if is_big else ("H", 2, 12, "I", 4)
    (count,) = struct.unpack(order + counter, source.read(at, head))
    found: dict[int, Any] = {}
    for index in range(min(count, _ENTRIES)):
        entry = source.read(at + head + index * size, size)
        tag, kind = struct.unpack_from(order + "HH", entry)
        (number,) = struct.unpack_from(order + word, entry, 4)
        form = _FORMATS.get(kind, "")
        length = number if kind == 2 else number * struct.calcsize(order + form) if form else 0
        if tag == _PROFILE:
            found[tag] = ()
        if tag in found or not 0 < length <= _BYTES:
            continue
        try:
            where = struct.unpack_from(order + word, entry, 4 + inline)[0] if length > inline else -1
            data = entry[4 + inline : 4 + inline + length] if where < 0 else source.read(where, length)
        except (PictureDamaged, struct.error):
            continue
        found[tag] = data if kind == 2 else _numbers(order, form, number, data)
    return found


def _numbers(order: str, form: str, count: int, data: bytes) -> tuple[int | float, ...]:
    values = struct.unpack(order + form * count, data)
    if len(form) == 1:
        return values
    return tuple(values[i] / values[i + 1] if values[i + 1] else 0.0 for i in range(0, len(values), 2))
