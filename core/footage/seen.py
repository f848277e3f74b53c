# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen of the files of footage: that they are whole, and whether they have changed since.

Blender crashes on a missing or cut reference image and takes a missing frame for a lost track, so nothing is tracked
before it was checked here. Frames are clip frames: 1 is the first file of an image sequence.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from ..errors import FootageUnusable, UsageError
from ..ranges import FrameRanges
from ..storage import document_suffix, encode_document, existing_document, make_folder, read_document, replace_file
from .files import Footage

_SAMPLE = 4096  # bytes read at the beginning, in the middle and at the end of a file
_MOVIE_SAMPLES = 64
_ENTRY = struct.Struct("<QI")  # size in bytes, checksum of the samples


@dataclass(frozen=True)
class FootageDetails:
    """What was seen of the files: for each frame (for a movie: once) its size in bytes and a checksum of samples.

    `size` is that of the pictures in pixels where the files' headers say it, else (0, 0).
    """

    entries: tuple[tuple[int, int], ...]
    fingerprint: str
    size: tuple[int, int] = (0, 0)
    frame_count: int = 0


def describe(footage: Footage) -> FootageDetails:
    """Read a little of every file. Raises FootageUnusable for what is missing, empty, cut or of another size."""
    if footage.source == "MOVIE":
        entry = _sample(footage.first, 1, _MOVIE_SAMPLES)[0]
        return _details((entry,), (0, 0), 0)
    entries: list[tuple[int, int]] = []
    size = (0, 0)
    for frame in range(1, footage.count + 1):
        path = footage.file(frame)
        entry, head, tail = _sample(path, frame, 3)
        entries.append(entry)
        _check_end(path, frame, head, tail)
        picture = _picture_size(head)
        size = size if any(size) else picture
        if picture != size:
            raise FootageUnusable(
                f"Frame {frame} ({path.name}) is {picture[0]}x{picture[1]} pixels, the first one {size[0]}x{size[1]}: "
                "render it again in the size of the others",
                path,
                frame,
            )
    return _details(tuple(entries), size, footage.count)


def _details(entries: tuple[tuple[int, int], ...], size: tuple[int, int], count: int) -> FootageDetails:
    packed = b"".join(_ENTRY.pack(*entry) for entry in entries)
    return FootageDetails(entries, hashlib.blake2b(packed, digest_size=16).hexdigest(), size, count)


def _sample(path: Path, frame: int, pieces: int) -> tuple[tuple[int, int], bytes, bytes]:
    """The size of the file and a checksum over `pieces` samples spread over it; the first and the last sample."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            samples: list[bytes] = []
            for at in sorted({max(0, (size - _SAMPLE) * i // (pieces - 1)) for i in range(pieces)}):
                file.seek(at)
                samples.append(file.read(_SAMPLE))
    except FileNotFoundError:
        raise _missing(path, frame) from None
    except OSError as error:
        raise FootageUnusable(f"{path} cannot be read: {error.strerror or error}", path, frame) from error
    if size == 0:
        raise FootageUnusable(f"Frame {frame} ({path.name}) is an empty file: put the footage back", path, frame)
    checksum = 0
    for sample in samples:
        checksum = zlib.crc32(sample, checksum)
    return (size, checksum), samples[0], samples[-1]


def _missing(path: Path, frame: int) -> FootageUnusable:
    return FootageUnusable(
        f"Frame {frame} ({path.name}) is missing in {path.parent}: put it back, Blender cannot track over a gap",
        path,
        frame,
    )


def _check_end(path: Path, frame: int, head: bytes, tail: bytes) -> None:
    """Notice a cut PNG or JPEG file by the mark at its end."""
    cut = (head.startswith(b"\x89PNG") and b"IEND" not in tail[-32:]) or (
        head.startswith(b"\xff\xd8\xff") and b"\xff\xd9" not in tail
    )
    if cut:
        raise FootageUnusable(f"Frame {frame} ({path.name}) is cut off: copy or render it again", path, frame)


def _picture_size(head: bytes) -> tuple[int, int]:
    """Width and height in pixels as the head of a PNG file says; (0, 0) for other formats."""
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    return 0, 0


class FootageCheck:
    """Compares the files with what was seen of them when the session was made."""

    def __init__(self, footage: Footage, details: FootageDetails) -> None:
        self.footage = footage
        self.details = details
        self._sizes = [size for size, _ in details.entries]
        self._seen = FrameRanges()

    def frame(self, frame: int) -> None:
        """One look at the file of a frame, cheap enough for each step. Raises FootageUnusable."""
        footage = self.footage
        try:
            size = os.stat(footage.path(frame)).st_size
        except OSError:
            raise _missing(footage.file(frame), frame) from None
        index = 0 if footage.source == "MOVIE" else frame - 1
        if not 0 <= index < len(self._sizes) or size != self._sizes[index]:
            raise _changed(footage.file(frame), frame)

    def frames(self, frames: FrameRanges) -> None:
        """Read a little of the files of `frames`, unless that was done before, and compare. Raises FootageUnusable."""
        if self.footage.source == "MOVIE":
            if _sample(self.footage.first, 1, _MOVIE_SAMPLES)[0] != self.details.entries[0]:
                raise _changed(self.footage.first, None)
            return
        for start, end in frames.ranges():
            for low, high in self._seen.missing(start, end).ranges():
                for frame in range(low, high + 1):
                    self.frame(frame)
                    path = self.footage.file(frame)
                    if _sample(path, frame, 3)[0] != self.details.entries[frame - 1]:
                        raise _changed(path, frame)
                self._seen.add(low, high)


def _changed(path: Path, frame: int | None) -> FootageUnusable:
    what = "The movie" if frame is None else f"Frame {frame} ({path.name})"
    return FootageUnusable(
        f"{what} has changed since the session was made: put the old footage back, or start a fresh session",
        path,
        frame,
    )


def save_details(root: Path, footage: Footage, details: FootageDetails) -> None:
    """Keep what was seen of the files, for later comparison, as `footage/<fingerprint>` under `root`.

    Raises StorageFailed.
    """
    path = root / "footage" / f"{details.fingerprint}{document_suffix()}"
    if os.path.exists(path):
        return
    packed = b"".join(_ENTRY.pack(*entry) for entry in details.entries)
    content = {
        "schema": 1,
        "path": str(footage.first),
        "source": footage.source,
        "frame_count": details.frame_count,
        "size": list(details.size),
        "files": base64.b64encode(zlib.compress(packed)).decode("ascii"),
    }
    make_folder(path.parent)
    replace_file(path, encode_document(content, path.suffix))


def load_details(root: Path, fingerprint: str) -> FootageDetails:
    """What `save_details` kept under that fingerprint. Raises SessionUnreadable, or UsageError for no fingerprint."""
    if not re.fullmatch(r"[0-9a-f]{32}", fingerprint):
        raise UsageError(f"{fingerprint[:40]!r} is not the fingerprint of footage")
    path = existing_document(root / "footage" / f"{fingerprint}{document_suffix()}")
    content = read_document(path)
    try:
        unpack = zlib.decompressobj()
        packed = unpack.decompress(base64.b64decode(str(content["files"])), 1 << 28)
        entries = tuple((size, checksum) for size, checksum in _ENTRY.iter_unpack(packed))
        found = _details(entries, (0, 0), len(entries))
    except (KeyError, ValueError, binascii.Error, zlib.error, struct.error) as error:
        raise UsageError(f"{path} is damaged: start a fresh session") from error
    if found.fingerprint != fingerprint or not entries:
        raise UsageError(f"{path} is damaged: start a fresh session")
    return found
