# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes and links picture files, and converts real footage to PNG."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

MIRE2 = Path("/usr/share/visp-images-data/ViSP-images/mire-2")


def write_png(path: str | os.PathLike[str], image: Pixels) -> None:
    """Write a uint8 image, HxWx3 (RGB) or HxW (grey), as PNG. A file already there is replaced, never written into:
    it may be a hard link to other frames."""
    height, width = image.shape[:2]
    rows = np.zeros((height, 1 + image[0].size), np.uint8)
    rows[:, 0] = 2  # filter Up: the difference to the line above makes noisy pictures a quarter smaller
    rows[:, 1:] = np.diff(image.reshape(height, -1), axis=0, prepend=np.uint8(0))
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if image.ndim == 3 else 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    Path(path).unlink(missing_ok=True)
    Path(path).write_bytes(data)


def read_pgm(path: str | os.PathLike[str]) -> Pixels:
    """Read a binary 8-bit PGM, plain or gzipped, as HxW."""
    data = Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    header = re.match(rb"P5(?:\s+#.*)*\s+(\d+)\s+(\d+)\s+(\d+)\s", data)
    if not header or int(header[3]) > 255:
        raise ValueError(f"{path} is not a binary 8-bit PGM")
    width, height = int(header[1]), int(header[2])
    return np.frombuffer(data, np.uint8, width * height, header.end()).reshape(height, width)


def mire2(folder: str | os.PathLike[str]) -> list[Path]:
    """Convert Debian's mire-2 sequence (501 grey frames, 384x288, GPL-2) to mire2_0001.png … in `folder`.

    Raises FileNotFoundError when the Debian package is not installed.
    """
    sources = sorted(MIRE2.glob("image.*.pgm*"))
    if not sources:
        raise FileNotFoundError(f"{MIRE2} has no frames: install the Debian package visp-images-data")
    Path(folder).mkdir(parents=True, exist_ok=True)
    targets = [Path(folder, f"mire2_{number:04d}.png") for number in range(1, len(sources) + 1)]
    for source, target in zip(sources, targets, strict=True):
        write_png(target, read_pgm(source))
    return targets


def link(source: Path, target: Path) -> None:
    """Make `target` the same picture as `source`: a hard link, else a symbolic one, else a copy."""
    target.unlink(missing_ok=True)
    for attempt in (os.link, lambda _, to: os.symlink(source.name, to)):
        try:
            return attempt(source, target)
        except OSError:  # a file system without such links
            continue
    shutil.copy(source, target)
