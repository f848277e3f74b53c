# SPDX-License-Identifier: GPL-3.0-or-later
"""A second reader of stored solves, written from docs/format.md alone, to test those of the extension."""

import json
import struct
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import yaml


class Stored(NamedTuple):
    document: dict[str, Any]
    cameras: dict[int, tuple[list[tuple[float, ...]], float]]  # rows, error
    bundles: dict[int, tuple[tuple[float, ...], float]]
    errors: dict[int, dict[int, float]]


def read(path: Path) -> Stored:
    text = path.read_bytes()
    document = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    assert list(document)[-1] == "checksum"
    assert int(document["checksum"], 16) == crc32(text[: text.rindex(b"checksum")])
    data = path.with_suffix(".bin").read_bytes()
    assert document["data"]["size"] == len(data) and int(document["data"]["checksum"], 16) == crc32(data)

    magic, version, size = struct.unpack_from("<8sHH", data)
    c, b, t, m, head = struct.unpack_from("<5I", data, 12)
    assert (magic, version, size, head) == (b"TSSOLVED", 1, 32, crc32(data[:28]))
    assert len(data) == 36 + 108 * c + 36 * b + 8 * t + 8 * m
    assert struct.unpack("<I", data[-4:])[0] == crc32(data[:-4])
    assert (document["data"]["cameras"], document["data"]["bundles"], document["data"]["markers"]) == (c, b, m)

    at = 32
    cameras, bundles, errors = {}, {}, {}
    for _ in range(c):
        frame, *numbers = struct.unpack_from("<i13d", data, at)
        cameras[frame] = ([tuple(numbers[0:4]), tuple(numbers[4:8]), tuple(numbers[8:12])], numbers[12])
        at += 108
    for _ in range(b):
        track, x, y, z, error = struct.unpack_from("<I4d", data, at)
        bundles[track] = ((x, y, z), error)
        at += 36
    lengths = [struct.unpack_from("<II", data, at + 8 * n) for n in range(t)]
    at += 8 * t
    for track, length in lengths:
        errors[track] = dict(struct.unpack_from("<if", data, at + 8 * n) for n in range(length))
        at += 8 * length
    assert at == len(data) - 4
    return Stored(document, cameras, bundles, errors)
