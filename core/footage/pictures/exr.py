# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenEXR: headers, the table of chunks behind them, and the chunks that it points to.

After “OpenEXR File Layout” and “Technical Introduction to OpenEXR” of the Academy Software Foundation. A renderer
writes the table last: a stopped renderer leaves zeros in the table, a stopped copy leaves chunks behind the end of the
file.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from sys import byteorder

from .file import CUT, HALF_WRITTEN, Picture, PictureDamaged, PictureFile, check_size

SIGNATURE = b"\x76\x2f\x31\x01"
_LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}  # lines of a chunk, by compression
_TILED, _DEEP, _PARTS = 0x200, 0x800, 0x1000  # flags beside the version
_HEADERS = 4 << 20  # bytes of all headers, at most
_CHUNKS = 1 << 20  # of one part, at most
_PROBED = 32  # chunks of a part whose heads are read each time, spread over it
_ALL = 1 << 17  # chunks; no plate has more


@dataclass
class _Part:
    """A part with its header: the attributes by name, as bytes."""

    attributes: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def box(self, name: str) -> tuple[int, int, int, int]:
        """Left, top, width and height of a window, in pixels."""
        try:
            left, top, right, bottom = struct.unpack("<4i", self.attributes[name])
        except (KeyError, struct.error):
            raise PictureDamaged(f"is damaged (its header has no {name})") from None
        return left, top, right - left + 1, bottom - top + 1

    @property
    def is_tiled(self) -> bool:
        return "tiles" in self.attributes

    @property
    def is_deep(self) -> bool:
        return self.attributes.get("type", b"").startswith(b"deep")

    @property
    def lines(self) -> int | None:
        """Lines of one chunk, in a picture of strips; None for an unknown compression."""
        return _LINES.get((self.attributes.get("compression") or b"\xff")[0])

    def chunks(self) -> int | None:
        """The number of chunks; None if the header has no count and the layout is unknown."""
        if len(self.attributes.get("chunkCount", b"")) == 4:
            return struct.unpack("<I", self.attributes["chunkCount"])[0]
        _, _, width, height = self.box("dataWindow")
        if not self.is_tiled:
            return None if self.lines is None else -(-height // self.lines)
        try:
            across, down, mode = struct.unpack("<IIB", self.attributes["tiles"])
        except struct.error:
            return None
        if not across or not down:
            raise PictureDamaged("is damaged (its tiles have no size)")
        columns = [-(-size // across) for size in _levels(width, round_up=mode >> 4 == 1)]
        rows = [-(-size // down) for size in _levels(height, round_up=mode >> 4 == 1)]
        if mode & 0xF == 0:
            return columns[0] * rows[0]
        if mode & 0xF == 1:
            most = max(len(columns), len(rows))
            columns += [1] * (most - len(columns))
            rows += [1] * (most - len(rows))
            return sum(a * b for a, b in zip(columns, rows, strict=True))
        return sum(columns) * sum(rows)


def _levels(size: int, *, round_up: bool) -> list[int]:
    """The sizes of the levels of a mip-map along one side."""
    sizes = [size]
    while size > 1:
        size = (size + round_up) // 2
        sizes.append(size)
    return sizes


def inspect(file: PictureFile) -> Picture:
    """Check headers, tables and the heads of some chunks. Raises PictureDamaged."""
    return _inspect(file, _PROBED)


def inspect_whole(file: PictureFile) -> None:
    """Check the heads of all chunks. Raises PictureDamaged."""
    _inspect(file, _ALL)


def _inspect(file: PictureFile, probed: int) -> Picture:
    (flags,) = struct.unpack("<I", file.read(4, 4))
    parts, at = _headers(file, flags)
    counts = [part.chunks() for part in parts]
    for index, (part, count) in enumerate(zip(parts, counts, strict=True)):
        if count is None:
            break  # the tables of the following parts begin behind this one
        if not 0 < count <= _CHUNKS:
            raise PictureDamaged("is damaged (it says that it has no chunks)")
        table = array("Q", file.read(at, 8 * count))
        if byteorder == "big":
            table.byteswap()
        at += 8 * count
        if not all(table):
            raise PictureDamaged(HALF_WRITTEN)
        _check_chunks(file, part, table, probed, number=index if flags & _PARTS else None)
    left, top, width, height = parts[0].box("dataWindow")
    check_size(width, height)
    display_left, display_top, _, _ = parts[0].box("displayWindow")
    return Picture(width, height, is_float=True, left=left - display_left, top=top - display_top)


def _headers(file: PictureFile, flags: int) -> tuple[list[_Part], int]:
    """The parts, and the offset of the first table."""
    reader = _HeaderReader(file)
    at = 8
    parts: list[_Part] = []
    while True:
        part = _Part()
        while True:
            name, at = reader.text(at)
            if not name:
                break
            _, at = reader.text(at)
            (size,) = struct.unpack("<I", reader.read(at, 4))
            part.attributes[name] = reader.read(at + 4, size)
            at += 4 + size
        if part.attributes:
            parts.append(part)
        if not flags & _PARTS or not part.attributes:
            break
    if not parts:
        raise PictureDamaged(HALF_WRITTEN)
    if flags & _TILED and "tiles" not in parts[0].attributes:
        raise PictureDamaged("is damaged (its header does not say how large its tiles are)")
    return parts, at


class _HeaderReader:
    """Reads the headers in pieces."""

    def __init__(self, file: PictureFile) -> None:
        self._file = file
        self._data = file.head

    def read(self, at: int, count: int) -> bytes:
        if at + count > _HEADERS:
            raise PictureDamaged("is damaged (its header does not end)")
        if at + count > len(self._data):
            self._data = self._file.read(0, min(self._file.size, max(at + count, 2 * len(self._data))))
        if at + count > len(self._data):
            raise PictureDamaged(CUT)
        return self._data[at : at + count]

    def text(self, at: int) -> tuple[str, int]:
        """The text at the offset, up to its zero byte, and the offset behind that."""
        while (end := self._data.find(0, at, at + 256)) < 0:
            if at + 256 <= len(self._data):
                raise PictureDamaged(HALF_WRITTEN)
            if len(self._data) >= self._file.size:
                raise PictureDamaged(CUT)
            self.read(at, min(256, self._file.size - at))
        return self._data[at:end].decode("latin-1"), end + 1


def _check_chunks(file: PictureFile, part: _Part, table: Sequence[int], probed: int, *, number: int | None) -> None:
    """Check that the chunks lie in the file without overlap, and that the heads of some are right.

    Raises PictureDamaged. `number` is that of the part, None in a file of one part.
    """
    if max(table) >= file.size:
        raise PictureDamaged(CUT)
    ordered = sorted(table)
    ordered.append(file.size)
    _, top, _, _ = part.box("dataWindow")
    position = "i12x" if part.is_tiled else "i"
    form = struct.Struct("<" + ("i" if number is not None else "") + position + ("QQ" if part.is_deep else "I"))
    # the last chunk in the file shows a cut
    for index in {table.index(ordered[-2]), *_spread(len(table), probed)}:
        at = table[index]
        head = form.unpack(file.read(at, form.size))
        if number is not None and head[0] != number:
            raise PictureDamaged(HALF_WRITTEN)
        line, *sizes = head[number is not None :]
        if not part.is_tiled and part.lines is not None and line != top + index * part.lines:
            raise PictureDamaged(HALF_WRITTEN)
        end = at + form.size + (8 if part.is_deep else 0) + sum(sizes)
        if not any(sizes):
            raise PictureDamaged(HALF_WRITTEN)
        if end > file.size:
            raise PictureDamaged(CUT)
        # the chunks of several parts may interleave
        if number is None and end > ordered[bisect_right(ordered, table[index])]:
            raise PictureDamaged(HALF_WRITTEN)


def _spread(count: int, most: int) -> Iterator[int]:
    """At most `most` indices, evenly from the first to the last."""
    if count <= most:
        yield from range(count)
    else:
        yield from (i * (count - 1) // (most - 1) for i in range(most))
