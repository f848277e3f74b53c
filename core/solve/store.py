# SPDX-License-Identifier: GPL-3.0-or-later
"""The solves of a session on disk: `solves/<session>/<solve>.yaml`, and `<solve>.bin` beside it.

The binary file is written first and the document last: a solve without its document is none.
"""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import SessionUnreadable, SolveUnreadable, StorageFailed, UsageError
from ..model.types import SESSION_ID, SOLVE_ID
from ..storage.files import (
    DOCUMENT_LIMIT,
    SUFFIXES,
    document_suffix,
    existing_document,
    make_folder,
    read_document,
    replace_file,
    sync_folder,
)
from ..storage.folder import SessionFolder
from .arrays import SIZE_LIMIT, Arrays, decode_arrays, encode_arrays
from .document import Data, check_bytes, decode_solve, encode_solve
from .solve import Solve

BINARY_SUFFIX = ".bin"
_NUMBERED = re.compile(r"solve-([1-9]\d{0,8})(?:[.-]|\Z)", re.ASCII)


@dataclass(frozen=True, slots=True)
class StoredSolve:
    """A solve as its document tells it: `header` has no cameras, bundles and errors of markers, but `cameras`,
    `bundles` and `markers` count them."""

    path: Path
    header: Solve
    cameras: int
    bundles: int
    markers: int


def new_solve_id(folder: SessionFolder, session_id: str, known: Iterable[str] = ()) -> str:
    """An id such as `solve-3`, higher than those of the files and of `known`, the ids in the journal.

    Only the owner of the session may make one. Raises StorageFailed.
    """
    names = [*_names(folder.solves(session_id)), *known]
    numbers = [int(match[1]) for match in map(_NUMBERED.match, names) if match is not None]
    return f"solve-{max(numbers, default=0) + 1}"


def write_solve(folder: SessionFolder, session_id: str, solve: Solve) -> Path:
    """Store the solve; returns the path of its document.

    Errors of markers are rounded to float32, and figures that are not finite are left out. Whatever fails, or kills
    the process, leaves the whole solve or none. Raises StorageFailed, UsageError if there is a solve with this id, and
    ValueError, with nothing stored, for values that `read_solve` would refuse.
    """
    path = solve_file(folder, session_id, solve.id)
    if os.path.exists(existing_document(path)):
        raise UsageError(f"{path} is stored already: a solve is never overwritten")
    packed = encode_arrays(Arrays(solve.cameras, solve.bundles, solve.marker_errors))
    markers = sum(map(len, solve.marker_errors.values()))
    data = Data(len(packed), zlib.crc32(packed), len(solve.cameras), len(solve.bundles), markers)
    document = encode_solve(solve, data, path.suffix)
    if len(document) > DOCUMENT_LIMIT:
        raise ValueError(f"its document would be larger than {DOCUMENT_LIMIT >> 20} MiB")
    place = path.parent
    make_folder(place)
    try:
        sync_folder(place.parent)
    except OSError as error:
        raise StorageFailed(place, error) from error
    binary = path.with_suffix(BINARY_SUFFIX)
    try:
        replace_file(binary, packed)
        replace_file(path, document)
    except StorageFailed:
        for half in (path, binary):  # the document may stand there without its folder being safe
            try:
                os.unlink(half)
            except OSError:
                pass  # it was not written, or the disk is gone; without its document the solve is none
        raise
    return path


def solve_file(folder: SessionFolder, session_id: str, solve_id: str) -> Path:
    """The document of a solve, with the suffix for this Python; see `existing_document` for the other.

    Raises UsageError if the id cannot be the name of a file, as those that scripts record.
    """
    if not SESSION_ID.match(session_id) or not SOLVE_ID.match(solve_id):
        raise UsageError(f"{solve_id[:80]!r} is not the id of a stored solve")
    return folder.solves(session_id) / f"{solve_id}{document_suffix()}"


def read_solve(path: Path) -> Solve:
    """The solve of this document; its id is the name of the file. Raises SolveUnreadable, naming the file at fault."""
    header, data = _read_document(path)
    binary = path.with_suffix(BINARY_SUFFIX)
    content = _read_limited(binary, min(data.size, SIZE_LIMIT))
    if len(content) != data.size:
        raise SolveUnreadable(binary, "it has another size than its document says; it may have been cut")
    if zlib.crc32(content) != data.checksum:
        raise SolveUnreadable(binary, "its checksum differs from that in its document")
    try:
        arrays = decode_arrays(content)
    except ValueError as error:
        raise SolveUnreadable(binary, str(error)) from error
    found = (len(arrays.cameras), len(arrays.bundles), sum(map(len, arrays.marker_errors.values())))
    if found != (data.cameras, data.bundles, data.markers):
        raise SolveUnreadable(path, "its counts are not those of the file beside it")
    return replace(header, **arrays._asdict())


def list_solves(folder: SessionFolder, session_id: str) -> list[StoredSolve | SolveUnreadable]:
    """The stored solves of a session, oldest first, from their documents and the sizes of the files beside them; those
    that cannot be read, as errors, come last. Raises StorageFailed if the folder cannot be read."""
    place = folder.solves(session_id)
    found: list[StoredSolve] = []
    errors: list[SolveUnreadable] = []
    for name in _names(place):
        path = place / name
        if path.suffix not in SUFFIXES or name.startswith("."):
            continue
        try:
            header, data = _read_document(path)
            _check_size(path.with_suffix(BINARY_SUFFIX), data.size)
        except SolveUnreadable as error:
            errors.append(error)
        else:
            found.append(StoredSolve(path, header, data.cameras, data.bundles, data.markers))
    return [*sorted(found, key=_age), *errors]


def _age(stored: StoredSolve) -> tuple[str, int, str]:
    match = _NUMBERED.match(stored.header.id)
    return stored.header.created, int(match[1]) if match else 0, stored.header.id


def _names(place: Path) -> list[str]:
    try:
        return sorted(os.listdir(place))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageFailed(place, error) from error


def _read_document(path: Path) -> tuple[Solve, Data]:
    encoded = _read_limited(path, DOCUMENT_LIMIT)
    try:
        content = read_document(path)
        check_bytes(encoded, content)
        return decode_solve(content, path.stem)
    except SessionUnreadable as error:
        raise SolveUnreadable(path, error.reason) from error
    except ValueError as error:
        raise SolveUnreadable(path, str(error)) from error


def _read_limited(path: Path, limit: int) -> bytes:
    """The content of a regular file, of one that is larger the first `limit` + 1 bytes. Raises SolveUnreadable."""
    _check_regular(path)
    try:
        with open(path, "rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise SolveUnreadable(path, error.strerror or str(error)) from error


def _check_size(path: Path, size: int) -> None:
    if _check_regular(path) != size:
        raise SolveUnreadable(path, "it has another size than its document says; it may have been cut")


def _check_regular(path: Path) -> int:
    """The size of a regular file: a pipe or device would never end. Raises SolveUnreadable."""
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise SolveUnreadable(path, getattr(error, "strerror", None) or str(error)) from error
    if not stat.S_ISREG(found.st_mode):
        raise SolveUnreadable(path, "it is no file")
    return found.st_size
