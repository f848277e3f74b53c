# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytes of packed markers, and the functions that cut, number, test, spread and sort them.

A row is one packed marker; `rows` are several, concatenated. No other module knows the layout of a row.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from struct import Struct

from ..model.ranges import FRAME_LIMIT

MARKER = Struct("<IiI14f")
"""One marker: track id, clip frame, flags, then float32 bits: co (2), pattern_corners (8), search_min (2),
search_max (2), as in Blender: co in 0..1 of the frame from its lower left, the rest relative to co."""
MARKER_SIZE = MARKER.size
MUTED, KEYED, GUARDED = 1, 2, 4
"""Flags of a marker. GUARDED, only in frame records: a muted, keyed copy is on the next frame of the pass."""

# The columns of a row, in its 32-bit words
WORDS = MARKER_SIZE // 4
TRACK, FRAME, FLAGS = (slice(word, None, WORDS) for word in range(3))
"""Slices of the words of many rows: the numbers of the tracks, the frames, the flags."""
CO, CORNERS, SEARCH_MIN, SEARCH_MAX = slice(3, 5), slice(5, 13), slice(13, 15), slice(15, 17)
"""Slices of the words of one row: Blender's values of these names."""


def width_of(place: slice) -> int:
    """The number of values at `place` of a row."""
    return place.stop - place.start


def column_of(place: slice, index: int) -> slice:
    """The slice of the words of many rows with value `index` of those at `place`."""
    return slice(place.start + index, None, WORDS)


def bytes_of(place: slice) -> slice:
    """The slice of the bytes of one row with the words at `place`."""
    return slice(4 * place.start, 4 * place.stop)


_HEAD = Struct("<IiI")
_CO = Struct("<2f")
_VALUES = Struct("<14f")
_HEADS = Struct(f"{_HEAD.format}{MARKER_SIZE - _HEAD.size}x")
_ROW = Struct(f"{MARKER_SIZE}s")
_FRAME_HIGH_BYTE, _FLAGS_BYTE = 7, 8


def head_of(row: bytes) -> tuple[int, int, int]:
    """Track id, clip frame and flags of a row."""
    return _HEAD.unpack_from(row)


def track_of(row: bytes) -> int:
    """The track id of a row."""
    return int.from_bytes(row[:4], "little")


def frame_of(row: bytes) -> int:
    """The clip frame of a row."""
    return int.from_bytes(row[4:8], "little", signed=True)


def flags_of(row: bytes) -> int:
    """The flags of a row."""
    return row[_FLAGS_BYTE]


def is_muted(row: bytes) -> bool:
    return bool(row[_FLAGS_BYTE] & MUTED)


def values_of(row: bytes) -> bytes:
    """The row without track, frame and flags: equal for markers of equal shape and position."""
    return row[_HEAD.size :]


def position_of(row: bytes) -> tuple[float, float]:
    """The `co` of a row: x and y in 0..1 of the frame."""
    return _CO.unpack_from(row, _HEAD.size)


def with_head(row: bytes, track: int, frame: int, flags: int) -> bytes:
    """The values of the row under another track id, clip frame and flags."""
    return _HEAD.pack(track, frame, flags) + row[_HEAD.size :]


def moved_to(row: bytes, x: float, y: float) -> bytes:
    """The row at this `co`, 0..1 of the frame from its lower left."""
    return row[: _HEAD.size] + _CO.pack(x, y) + row[_HEAD.size + _CO.size :]


def blended(row: bytes, other: bytes, share: float) -> bytes:
    """The row with all its values moved by `share`, 0 to 1, of the way to those of the other one."""
    values, others = _VALUES.unpack_from(row, _HEAD.size), _VALUES.unpack_from(other, _HEAD.size)
    mixed = (value + share * (end - value) for value, end in zip(values, others, strict=True))
    return row[: _HEAD.size] + _VALUES.pack(*mixed)


# Many rows


def count_rows(rows: bytes) -> int:
    return len(rows) // MARKER_SIZE


def row_at(rows: bytes, index: int) -> bytes:
    return rows[index * MARKER_SIZE : (index + 1) * MARKER_SIZE]


def with_row(rows: bytes, index: int, row: bytes) -> bytes:
    """The rows with `row` inserted before the one at `index`."""
    at = index * MARKER_SIZE
    return rows[:at] + row + rows[at:]


def each_row(rows: bytes) -> Iterator[bytes]:
    return (row for (row,) in _ROW.iter_unpack(rows))


def heads_of(rows: bytes) -> Iterator[tuple[int, int, int]]:
    """Track id, clip frame and flags of each row."""
    return _HEADS.iter_unpack(rows)


def place_of(rows: bytes, frame: int) -> int:
    """The index of the marker on the frame, or of the first one behind it, among those of one track by frame."""
    words = memoryview(rows).cast("i")
    return bisect_left(range(count_rows(rows)), frame, key=lambda index: words[index * WORDS + FRAME.start])


def tracks_of(rows: bytes) -> array[int]:
    """The track id of each row."""
    return array("I", rows)[TRACK]


def frames_of(rows: bytes) -> array[int]:
    """The clip frame of each row."""
    return array("i", rows)[FRAME]


def positions_of(rows: bytes) -> bytes:
    """The `co` of each row, one after the other."""
    words = array("i", rows)
    positions = array("i", bytes(count_rows(rows) * 4 * width_of(CO)))
    for index in range(width_of(CO)):
        positions[index :: width_of(CO)] = words[column_of(CO, index)]
    return positions.tobytes()


def equal_at_start(one: bytes, other: bytes, size: int) -> int:
    """The number of equal items of `size` bytes at the beginning of both."""
    low, high = 0, min(len(one), len(other)) // size
    if one == other:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if one[low * size : middle * size] == other[low * size : middle * size]:
            low = middle
        else:
            high = middle - 1
    return low


def equal_at_end(one: bytes, other: bytes, size: int) -> int:
    """The number of equal items of `size` bytes at the end of both."""
    low, high = 0, min(len(one), len(other)) // size
    if one == other:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        part, other_part = (data[len(data) - middle * size : len(data) - low * size] for data in (one, other))
        if part == other_part:
            low = middle
        else:
            high = middle - 1
    return low


def has_impossible_frame(rows: bytes) -> bool:
    """Whether a clip frame is beyond FRAME_LIMIT, 2**24. First looks for a highest byte other than that of 0 and -1."""
    suspects = rows[_FRAME_HIGH_BYTE::MARKER_SIZE].strip(b"\x00\xff")
    return bool(suspects) and max(map(abs, frames_of(rows))) > FRAME_LIMIT


def all_flags_of(rows: bytes) -> bytes:
    """The flags of each row."""
    return rows[_FLAGS_BYTE::MARKER_SIZE]


def with_flags(rows: bytes, flags: bytes) -> bytes:
    """The rows, whose flags are 0, with these flags, a byte for each row."""
    changed = bytearray(rows)
    changed[_FLAGS_BYTE::MARKER_SIZE] = flags
    return bytes(changed)


def split_rows(rows: bytes) -> dict[int, bytes]:
    """The rows of one track by frame."""
    return dict(zip(frames_of(rows), each_row(rows), strict=True))


def join_rows(rows: Mapping[int, bytes]) -> bytes:
    """The rows of one track, by frame, concatenated in the order of the frames."""
    return b"".join(row for _, row in sorted(rows.items()))


def renumbered(rows: bytes, track: int) -> bytes:
    """The rows of one track with another track number."""
    if not rows or track_of(rows) == track:
        return rows
    words = array("I", rows)
    words[TRACK] = array("I", [track]) * count_rows(rows)
    return words.tobytes()


def spread_rows(rows: bytes, direction: int, markers: dict[int, dict[int, bytes]]) -> None:
    """Write the rows of a step into `markers[track][frame]`.

    A GUARDED row adds the muted, keyed copy on the next frame with which Blender ends a tracked segment.
    """
    for row in each_row(rows):
        track, frame, flags = _HEAD.unpack_from(row)
        mine = markers.setdefault(track, {})
        if flags & GUARDED:
            values = row[_HEAD.size :]
            mine[frame + direction] = _HEAD.pack(track, frame + direction, MUTED | KEYED) + values
            mine[frame] = _HEAD.pack(track, frame, flags & ~GUARDED) + values
        else:
            mine[frame] = row
