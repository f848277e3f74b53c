# SPDX-License-Identifier: GPL-3.0-or-later
"""Size and checksum of every file of the footage: read once, saved with the sessions, and compared on a resume."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import struct
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from ..errors import SessionUnreadable, UsageError
from ..storage.files import (
    copy_file,
    encode_document,
    existing_document,
    make_folder,
    read_document,
    replace_file,
)
from ..storage.folder import SessionFolder
from .files import Footage
from .frames import check_same_size, check_whole, read_sample

_ENTRY = struct.Struct("<QI")  # size in bytes, checksum of the samples
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class FootageDetails:
    """For each frame (for a movie: once) the size of its file in bytes and a checksum of samples.

    `size` is that of the pictures in pixels, (0, 0) for a movie; sessions do not store it.
    """

    entries: tuple[tuple[int, int], ...]
    fingerprint: str
    size: tuple[int, int] = (0, 0)
    frame_count: int = 0


def describe(footage: Footage) -> FootageDetails:
    """Read a little of every file. Raises FootageUnusable if a file is missing, empty, damaged or of another size."""
    files = describing(footage)
    while True:
        try:
            next(files)
        except StopIteration as end:
            return end.value


def describing(footage: Footage) -> Generator[None, None, FootageDetails]:
    """As `describe`, file by file: yields after each one, so that the caller can go on later."""
    if footage.source == "MOVIE":
        return _details((read_sample(footage, 1).entry,), frame_count=0)
    entries: list[tuple[int, int]] = []
    first = before = read_sample(footage, 1)
    for frame in range(1, footage.count + 1):
        sample = read_sample(footage, frame) if frame > 1 else first
        check_same_size(footage, frame, sample.picture, first.picture)
        if sample.has_suspect_zeros(before):
            check_whole(footage, frame)  # tells a hole from darkness
        if frame == 2 and before.has_suspect_zeros(sample):
            check_whole(footage, 1)
        entries.append(sample.entry)
        before = sample
        yield
    picture = first.picture
    assert picture is not None  # the footage is no movie
    return _details(
        tuple(entries),
        size=(picture.width, picture.height),
        frame_count=footage.count,
    )


def _details(entries: tuple[tuple[int, int], ...], **details: Any) -> FootageDetails:
    packed = b"".join(_ENTRY.pack(*entry) for entry in entries)
    return FootageDetails(entries, hashlib.blake2b(packed, digest_size=16).hexdigest(), **details)


def save_details(folder: SessionFolder, footage: Footage, details: FootageDetails) -> None:
    """Save the details in the session folder, unless their file exists. Raises StorageFailed."""
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


def copy_details(old: SessionFolder, new: SessionFolder, fingerprint: str) -> None:
    """Copy the saved details with this fingerprint, if there are any, unless they exist. Raises OSError."""
    path = existing_document(old.footage(fingerprint))
    target = existing_document(new.footage(fingerprint))
    if is_fingerprint(fingerprint) and os.path.exists(path) and not os.path.exists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_file(path, target.with_name(path.name))


def is_fingerprint(text: str) -> bool:
    """Whether the text has the form of a fingerprint, which is a file name."""
    return _FINGERPRINT.fullmatch(text) is not None


def load_details(folder: SessionFolder, fingerprint: str) -> FootageDetails:
    """The saved details with this fingerprint.

    Raises SessionUnreadable, and UsageError if the text is no fingerprint.
    """
    if not fingerprint:
        raise UsageError("The files of the session were not looked at yet: resume it, or open its .blend file")
    if not is_fingerprint(fingerprint):
        raise UsageError(f"{fingerprint[:40]!r} is not the fingerprint of footage")
    path = existing_document(folder.footage(fingerprint))
    content = read_document(path)
    try:
        unpack = zlib.decompressobj()
        packed = unpack.decompress(base64.b64decode(str(content["files"])), 1 << 28)
        entries = tuple((size, checksum) for size, checksum in _ENTRY.iter_unpack(packed))
        found = _details(entries, frame_count=len(entries))
    except (KeyError, ValueError, binascii.Error, zlib.error, struct.error) as error:
        raise SessionUnreadable(path, "it is damaged, so start a fresh session") from error
    if found.fingerprint != fingerprint or not entries:
        raise SessionUnreadable(path, "it is damaged, so start a fresh session")
    return found
