# SPDX-License-Identifier: GPL-3.0-or-later
"""The binary file of a solve: cameras, bundles and errors of markers, as in docs/format.md."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..model.ranges import FRAME_LIMIT
from .solve import Bundle, Camera

SIZE_LIMIT = 1 << 30  # bytes; a thousand tracks on 10,000 frames take 80 MB
_MAGIC = b"TSSOLVED"
_HEADER = struct.Struct("<8sHHIIIII")  # magic, version, size of the header, four counts, crc32 of what stands before
_CAMERA = struct.Struct("<i12dd")  # clip frame, matrix, error
_BUNDLE = struct.Struct("<I3dd")  # track, position, error
_TRACK = struct.Struct("<II")  # track, number of its markers
_MARKER = struct.Struct("<if")  # clip frame, error
_CHECKSUM = struct.Struct("<I")
_VERSION = 1
_FAR = 1e9
"""Units of a solve: no camera and no bundle lies farther away."""
_TURNED = 1e-3
"""How far the product of two columns of a rotation may be from 0 or 1; Blender's are float32, so 1e-6."""

MarkerErrors = Mapping[int, tuple[tuple[int, float], ...]]


class Arrays(NamedTuple):
    """The long parts of a `Solve`."""

    cameras: tuple[Camera, ...]
    bundles: tuple[Bundle, ...]
    marker_errors: MarkerErrors


def encode_arrays(arrays: Arrays) -> bytes:
    """The file. Raises ValueError for what `decode_arrays` would refuse."""
    cameras, bundles, errors = arrays
    _check(arrays)
    counts = (len(cameras), len(bundles), len(errors), sum(map(len, errors.values())))
    head = _HEADER.pack(_MAGIC, _VERSION, _HEADER.size, *counts, 0)[: -_CHECKSUM.size]
    parts = [head, _CHECKSUM.pack(zlib.crc32(head))]
    try:
        parts += [_CAMERA.pack(camera.frame, *camera.matrix, camera.error) for camera in cameras]
        parts += [_BUNDLE.pack(bundle.track, *bundle.position, bundle.error) for bundle in bundles]
        parts += [_TRACK.pack(track, len(found)) for track, found in errors.items()]
        parts += [_MARKER.pack(*marker) for found in errors.values() for marker in found]
    except (struct.error, OverflowError) as error:
        raise ValueError(f"a number is out of range: {error}") from error
    body = b"".join(parts)
    if len(body) + _CHECKSUM.size > SIZE_LIMIT:
        raise ValueError(f"it is larger than {SIZE_LIMIT >> 20} MiB")
    return body + _CHECKSUM.pack(zlib.crc32(body))


def decode_arrays(data: bytes) -> Arrays:
    """The content of an untrusted file. Raises ValueError, in words."""
    if len(data) < _HEADER.size + _CHECKSUM.size:
        raise ValueError("it is cut")
    magic, version, size, *counts, checksum = _HEADER.unpack_from(data)
    if magic != _MAGIC or size != _HEADER.size or checksum != zlib.crc32(data[: _HEADER.size - _CHECKSUM.size]):
        raise ValueError("its header is damaged")
    if version != _VERSION:
        raise ValueError(f"it was written by a newer version ({version}); update the extension")
    forms = (_CAMERA, _BUNDLE, _TRACK, _MARKER)
    sizes = [form.size * count for form, count in zip(forms, counts, strict=True)]
    if _HEADER.size + sum(sizes) + _CHECKSUM.size != len(data):
        raise ValueError("its counts do not fit its size; it may have been cut")
    if _CHECKSUM.unpack_from(data, len(data) - _CHECKSUM.size)[0] != zlib.crc32(data[: -_CHECKSUM.size]):
        raise ValueError("its checksum differs: bytes of it have changed")
    parts: list[memoryview] = []
    at = _HEADER.size
    for length in sizes:
        parts.append(memoryview(data)[at : at + length])
        at += length
    cameras = tuple(Camera(row[0], row[1:13], row[13]) for row in _CAMERA.iter_unpack(parts[0]))
    bundles = tuple(Bundle(row[0], row[1:4], row[4]) for row in _BUNDLE.iter_unpack(parts[1]))
    arrays = Arrays(cameras, bundles, dict(_marker_errors(parts[2], parts[3], counts[3])))
    if len(arrays.marker_errors) != counts[2]:
        raise ValueError("a track has two lists of errors")
    _check(arrays)
    return arrays


def _marker_errors(
    tracks: memoryview, markers: memoryview, count: int
) -> Iterator[tuple[int, tuple[tuple[int, float], ...]]]:
    rows: list[tuple[int, float]] = list(_MARKER.iter_unpack(markers))
    at = 0
    for track, length in _TRACK.iter_unpack(tracks):
        if length > count - at:
            raise ValueError("it counts more errors of markers than it has")
        yield track, tuple(rows[at : at + length])
        at += length
    if at != count:
        raise ValueError("it has errors of markers that belong to no track")


def _check(arrays: Arrays) -> None:
    """Raise ValueError for what no solve has."""
    cameras, bundles, errors = arrays
    _check_frames((camera.frame for camera in cameras), "cameras")
    for camera in cameras:
        if len(camera.matrix) != 12 or not is_rigid(camera.matrix):
            raise ValueError(f"the camera on clip frame {camera.frame} is turned and placed in no possible way")
        _check_error(camera.error, f"the camera on clip frame {camera.frame}")
    if len({bundle.track for bundle in bundles}) != len(bundles):
        raise ValueError("a track has two points")
    for bundle in bundles:
        if len(bundle.position) != 3 or not all(abs(value) <= _FAR for value in bundle.position):  # also refuses NaN
            raise ValueError(f"the point of track {bundle.track} lies nowhere")
        _check_error(bundle.error, f"the point of track {bundle.track}")
    for track, found in errors.items():
        _check_frames((frame for frame, _ in found), f"the markers of track {track}")
        for frame, error in found:
            _check_error(error, f"the marker of track {track} on clip frame {frame}")


def _check_frames(frames: Iterable[int], what: str) -> None:
    before = -FRAME_LIMIT - 1
    for frame in frames:
        if not before < frame <= FRAME_LIMIT:
            raise ValueError(f"the frames of {what} do not ascend, or are impossible")
        before = frame


def _check_error(error: float, what: str) -> None:
    if not 0.0 <= error <= _FAR:  # also refuses NaN
        raise ValueError(f"{what} has an impossible error")


def is_rigid(matrix: tuple[float, ...]) -> bool:
    """Whether this is a rotation and a position that a camera can have."""
    if not all(math.isfinite(value) and abs(value) <= _FAR for value in matrix):
        return False
    a, b, c = (matrix[column::4][:3] for column in range(3))
    products = [sum(x * y for x, y in zip(one, other, strict=True)) for one, other in ((a, b), (b, c), (a, c))]
    lengths = [sum(x * x for x in one) - 1.0 for one in (a, b, c)]
    volume = (
        a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])
    )
    return volume > 0.0 and all(abs(value) <= _TURNED for value in (*products, *lengths))
