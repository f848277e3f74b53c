# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytes of packed markers, and all that cuts, numbers, tests, spreads and sorts them.

A row is one packed marker; `rows` are several behind each other. No other module knows where a value lies in a row.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from struct import Struct

MARKER = Struct("<IiI14f")
"""One marker: track id, clip frame, flags, then float32 bits: co (2), pattern_corners (8), search_min (2),
search_max (2), as Blender holds them: co in 0..1 of the frame from its lower left, the rest relative to co."""
MARKER_SIZE = MARKER.size
MUTED, KEYED, GUARDED = 1, 2, 4
"""Flags of a marker. GUARDED only in frame records: a muted, keyed copy stands on the next frame of the pass."""

# The columns of a row, in its 32-bit words
WORDS = MARKER_SIZE // 4
TRACK, FRAME, FLAGS = (slice(word, None, WORDS) for word in range(3))
"""Of the words of many rows: the numbers of the tracks, the frames, the flags."""
CO, CORNERS, SEARCH_MIN, SEARCH_MAX = slice(3, 5), slice(5, 13), slice(13, 15), slice(15, 17)
"""Of the words of one row: the values that Blender has under these names."""


def width_of(place: slice) -> int:
    """How many values the words at `place` of a row are."""
    return place.stop - place.start


def column_of(place: slice, index: int) -> slice:
    """Of the words of many rows: the value with this index of those at `place`."""
    return slice(place.start + index, None, WORDS)


def bytes_of(place: slice) -> slice:
    """Of the bytes of one row: the words at `place`."""
    return slice(4 * place.start, 4 * place.stop)


_HEAD = Struct("<IiI")
_HEADS = Struct(f"{_HEAD.format}{MARKER_SIZE - _HEAD.size}x")
_ROW = Struct(f"{MARKER_SIZE}s")
_FLAGS_BYTE = 8


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
    """The row without track, frame and flags: equal for markers of equal shape and place."""
    return row[_HEAD.size :]


def position_of(row: bytes) -> tuple[float, float]:
    """The position of a marker, 0..1 of the frame from its lower left."""
    x, y = memoryview(row).cast("f")[CO]
    return x, y


def with_head(row: bytes, track: int, frame: int, flags: int) -> bytes:
    """The values of the row under another track id, clip frame and flags."""
    return _HEAD.pack(track, frame, flags) + row[_HEAD.size :]


# Many rows


def count_rows(rows: bytes) -> int:
    return len(rows) // MARKER_SIZE


def row_at(rows: bytes, index: int) -> bytes:
    return rows[index * MARKER_SIZE : (index + 1) * MARKER_SIZE]


def with_row(rows: bytes, index: int, row: bytes) -> bytes:
    """The rows with another one before that of the index."""
    at = index * MARKER_SIZE
    return rows[:at] + row + rows[at:]


def each_row(rows: bytes) -> Iterator[bytes]:
    return (row for (row,) in _ROW.iter_unpack(rows))


def heads_of(rows: bytes) -> Iterator[tuple[int, int, int]]:
    """Track id, clip frame and flags of each row."""
    return _HEADS.iter_unpack(rows)


def tracks_of(rows: bytes) -> array[int]:
    """The track id of each row."""
    return array("I", rows)[TRACK]


def frames_of(rows: bytes) -> array[int]:
    """The clip frame of each row."""
    return array("i", rows)[FRAME]


def all_flags_of(rows: bytes) -> bytes:
    """The flags of each row."""
    return rows[_FLAGS_BYTE::MARKER_SIZE]


def split_rows(rows: bytes) -> dict[int, bytes]:
    """The rows of one track by frame."""
    return dict(zip(frames_of(rows), each_row(rows), strict=True))


def join_rows(rows: Mapping[int, bytes]) -> bytes:
    """The rows of one track, given by frame, behind each other in the order of their frames."""
    return b"".join(row for _, row in sorted(rows.items()))


def renumbered(rows: bytes, track: int) -> bytes:
    """The rows of one track as those of the track with another number."""
    words = array("I", rows)
    words[TRACK] = array("I", [track]) * count_rows(rows)
    return words.tobytes()


def spread_rows(rows: bytes, direction: int, markers: dict[int, dict[int, bytes]]) -> None:
    """Put the rows of a step into `markers[track][frame]`.

    A GUARDED one brings the muted, keyed copy on the next frame with which Blender ends a tracked segment.
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
