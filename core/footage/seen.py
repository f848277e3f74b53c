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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import FootageUnusable, PictureUnusable, UsageError
from ..model.ranges import FrameRanges
from ..storage.files import (
    encode_document,
    existing_document,
    make_folder,
    read_document,
    replace_file,
)
from ..storage.folder import SessionFolder
from .files import Footage
from .pictures.file import Picture, PictureDamaged, PictureFile, read_at
from .pictures.look import look, look_whole

_SAMPLE = 4096  # bytes read at the beginning, in the middle and at the end of a file
_MOVIE_SAMPLES = 64
_PROBES = 16  # places in a picture, less one, that are looked at for holes
_SMALL = 126 << 10  # bytes of a file in which twice as many miss no page that is lost
_NOTHING = bytes(32)
_ENTRY = struct.Struct("<QI")  # size in bytes, checksum of the samples


@dataclass(frozen=True)
class FootageDetails:
    """What was seen of the files: for each frame (for a movie: once) its size in bytes and a checksum of samples.

    `size` is that of the pictures in pixels, (0, 0) for a movie; it is not kept with a session.
    """

    entries: tuple[tuple[int, int], ...]
    fingerprint: str
    size: tuple[int, int] = (0, 0)
    frame_count: int = 0


def describe(footage: Footage) -> FootageDetails:
    """Read a little of every file. Raises FootageUnusable for what is missing, empty, damaged or of another size."""
    if footage.source == "MOVIE":
        return _details((_seen(footage, 1).entry,), frame_count=0)
    entries: list[tuple[int, int]] = []
    first = before = _seen(footage, 1)
    for frame in range(1, footage.count + 1):
        seen = _seen(footage, frame) if frame > 1 else first
        _compare(footage, frame, seen.picture, first.picture)
        if seen.may_lack(before):
            check_whole(footage, frame)  # that is a hole, or darkness
        if frame == 2 and before.may_lack(seen):
            check_whole(footage, 1)
        entries.append(seen.entry)
        before = seen
    picture = first.picture
    assert picture is not None  # it is no movie
    return _details(
        tuple(entries),
        size=(picture.width, picture.height),
        frame_count=footage.count,
    )


def _details(entries: tuple[tuple[int, int], ...], **details: Any) -> FootageDetails:
    packed = b"".join(_ENTRY.pack(*entry) for entry in entries)
    return FootageDetails(entries, hashlib.blake2b(packed, digest_size=16).hexdigest(), **details)


class _Seen(NamedTuple):
    """What one file shows: its size and checksum, its picture, and at which of its samples there are zeros only."""

    entry: tuple[int, int]
    picture: Picture | None  # None for a movie
    zeros: tuple[bool, ...]

    def may_lack(self, other: _Seen) -> bool:
        """Whether there are zeros where a picture next to it has something."""
        if len(self.zeros) != len(other.zeros):
            return any(self.zeros)
        return any(here and not there for here, there in zip(self.zeros, other.zeros, strict=True))


def _seen(footage: Footage, frame: int) -> _Seen:
    """Look at the file of a frame. Raises FootageUnusable for what is missing, empty or damaged."""
    path = footage.path(frame)
    is_movie = footage.source == "MOVIE"
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            size = os.fstat(descriptor).st_size
            samples = [read_at(descriptor, at, _SAMPLE) for at in _places(size, _MOVIE_SAMPLES if is_movie else 3)]
            if size == 0:
                raise _empty(footage, frame)
            picture = None if is_movie else look(PictureFile(descriptor, size, samples[0]))
            zeros = () if is_movie else _zeros(descriptor, size)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise _missing(footage, frame) from None
    except OSError as error:
        raise FootageUnusable(f"{path} cannot be read: {error.strerror or error}", Path(path), frame) from error
    except PictureDamaged as error:
        raise _damaged(footage, frame, error) from error
    checksum = 0
    for sample in samples:
        checksum = zlib.crc32(sample, checksum)
    return _Seen((size, checksum), picture, zeros)


def _places(size: int, count: int) -> list[int]:
    """Where the samples begin, spread over a file of this size."""
    return sorted({max(0, (size - _SAMPLE) * i // (count - 1)) for i in range(count)})


def _zeros(descriptor: int, size: int) -> tuple[bool, ...]:
    """At which of some places in the file there are zeros only."""
    length = len(_NOTHING)
    if size > _SMALL:
        return tuple(read_at(descriptor, size * i // _PROBES, length) == _NOTHING for i in range(1, _PROBES))
    data = read_at(descriptor, 0, size)
    return tuple(data.startswith(_NOTHING, size * i // (2 * _PROBES)) for i in range(1, 2 * _PROBES))


def _compare(footage: Footage, frame: int, picture: Picture | None, first: Picture | None) -> None:
    """Raise FootageUnusable if the picture is not as large as the first one, or lies elsewhere."""
    assert picture is not None and first is not None
    if picture[:2] != first[:2]:
        raise FootageUnusable(
            f"{footage.words(frame)} is {picture.width}x{picture.height} pixels, the first one "
            f"{first.width}x{first.height}: render it again in the size of the others",
            footage.file(frame),
            frame,
        )
    if (picture.left, picture.top) != (first.left, first.top):
        raise FootageUnusable(
            f"{footage.words(frame)} has a data window that begins at {picture.left}, {picture.top}, that of the first "
            f"one at {first.left}, {first.top}, and Blender shows nothing else: render all with the same window",
            footage.file(frame),
            frame,
        )


def picture_of(footage: Footage, frame: int) -> Picture | None:
    """What the file of a frame says of its picture; None for a movie. Raises FootageUnusable."""
    return _seen(footage, frame).picture


def check_whole(footage: Footage, frame: int) -> None:
    """Read all of the picture of a frame, which takes some milliseconds. Raises FootageUnusable."""
    if footage.source == "MOVIE":
        return
    around = [footage.file(one) for one in (frame - 1, frame + 1) if 1 <= one <= footage.count]
    try:
        if os.stat(footage.path(frame)).st_size == 0:
            raise _empty(footage, frame)
        look_whole(footage.file(frame), around)
    except FileNotFoundError:
        raise _missing(footage, frame) from None
    except OSError as error:
        path = footage.file(frame)
        raise FootageUnusable(f"{path} cannot be read: {error.strerror or error}", path, frame) from error
    except PictureDamaged as error:
        raise _damaged(footage, frame, error) from error


def unreadable(footage: Footage, frame: int) -> PictureUnusable:
    """What to tell of a picture that seems whole and that Blender could not read."""
    words = f"{footage.words(frame)} cannot be read by Blender: copy or render it again"
    return PictureUnusable(words, footage.file(frame), frame)


def _missing(footage: Footage, frame: int) -> FootageUnusable:
    path = footage.file(frame)
    return FootageUnusable(
        f"{footage.words(frame)} is missing in {path.parent}: put it back, Blender cannot track over a gap", path, frame
    )


def _empty(footage: Footage, frame: int) -> PictureUnusable:
    words = f"{footage.words(frame)} is an empty file: put the footage back"
    return PictureUnusable(words, footage.file(frame), frame)


def _damaged(footage: Footage, frame: int, error: PictureDamaged) -> PictureUnusable:
    return PictureUnusable(f"{footage.words(frame)} {error}: copy or render it again", footage.file(frame), frame)


class FootageCheck:
    """Compares the files with what was seen of them when the session was made."""

    def __init__(
        self,
        footage: Footage,
        details: FootageDetails,
        *,
        damaged: Iterable[int] = (),
        can_read: Callable[[Path], bool] | None = None,
    ) -> None:
        """`damaged` are clip frames whose pictures could not be read then: others may have taken their place.

        `can_read` tells whether Blender reads a picture, for when all else says that it is whole.
        """
        self.footage = footage
        self._entries = list(details.entries)
        self._damaged = set(damaged)
        self._can_read = can_read
        self._seen = FrameRanges()

    def frame(self, frame: int) -> None:
        """One look at the file of a frame, cheap enough for each step. Raises FootageUnusable."""
        footage = self.footage
        try:
            size = os.stat(footage.path(frame)).st_size
        except OSError:
            raise _missing(footage, frame) from None
        index = 0 if footage.source == "MOVIE" else frame - 1
        if not 0 <= index < len(self._entries):
            raise self._unknown(frame)
        if size != self._entries[index][0] and not self._is_mended(frame):
            raise self._changed(frame)

    def frames(self, frames: FrameRanges) -> None:
        """Look at the files of `frames`, unless that was done before, and compare. Raises FootageUnusable."""
        if self.footage.source == "MOVIE":
            if _seen(self.footage, 1).entry != self._entries[0]:
                raise self._changed(1)
            return
        for start, end in frames.ranges():
            for low, high in self._seen.missing(start, end).ranges():
                for frame in range(low, high + 1):
                    self.frame(frame)
                    is_same = _seen(self.footage, frame).entry == self._entries[frame - 1]
                    if not is_same and not self._is_mended(frame):
                        raise self._changed(frame)
                self._seen.add(low, high)

    def whole(self, frame: int) -> None:
        """Read all of the picture of a frame, before something is believed that hangs on it. Raises FootageUnusable."""
        if self.footage.source != "MOVIE":
            check_whole(self.footage, frame)

    def read(self, frame: int) -> None:
        """Let Blender read the picture of a frame in a process of its own. Raises FootageUnusable if it cannot."""
        path = self.footage.file(frame)
        if self.footage.source != "MOVIE" and self._can_read is not None and not self._can_read(path):
            raise unreadable(self.footage, frame)

    def _is_mended(self, frame: int) -> bool:
        """Whether the picture was damaged and a whole one of the same size is in its place. Raises FootageUnusable."""
        if frame not in self._damaged:
            return False
        seen, other = _seen(self.footage, frame), _seen(self.footage, 2 if frame == 1 else frame - 1)
        check_whole(self.footage, frame)
        _compare(self.footage, frame, seen.picture, other.picture)
        self._entries[frame - 1] = seen.entry
        return True

    def _changed(self, frame: int) -> FootageUnusable:
        """What to tell of a file that is not the one that was seen: what is wrong with it, if anything is."""
        footage = self.footage
        try:
            check_whole(footage, frame)
        except FootageUnusable as error:
            return error
        what = "The movie" if footage.source == "MOVIE" else footage.words(frame)
        return FootageUnusable(
            f"{what} has changed since the session was made: put the old footage back, or start a fresh session",
            footage.file(frame),
            frame,
        )

    def _unknown(self, frame: int) -> FootageUnusable:
        count = len(self._entries)
        return FootageUnusable(
            f"{self.footage.words(frame)} is not one of the {count} frames that the footage had when the session was "
            "made: start a fresh session",
            self.footage.file(frame),
            frame,
        )


def save_details(folder: SessionFolder, footage: Footage, details: FootageDetails) -> None:
    """Keep what was seen of the files, for later comparison.

    Raises StorageFailed.
    """
    path = folder.footage(details.fingerprint)
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


def load_details(folder: SessionFolder, fingerprint: str) -> FootageDetails:
    """What `save_details` kept under that fingerprint. Raises SessionUnreadable, or UsageError for no fingerprint."""
    if not re.fullmatch(r"[0-9a-f]{32}", fingerprint):
        raise UsageError(f"{fingerprint[:40]!r} is not the fingerprint of footage")
    path = existing_document(folder.footage(fingerprint))
    content = read_document(path)
    try:
        unpack = zlib.decompressobj()
        packed = unpack.decompress(base64.b64decode(str(content["files"])), 1 << 28)
        entries = tuple((size, checksum) for size, checksum in _ENTRY.iter_unpack(packed))
        found = _details(entries, frame_count=len(entries))
    except (KeyError, ValueError, binascii.Error, zlib.error, struct.error) as error:
        raise UsageError(f"{path} is damaged: start a fresh session") from error
    if found.fingerprint != fingerprint or not entries:
        raise UsageError(f"{path} is damaged: start a fresh session")
    return found
