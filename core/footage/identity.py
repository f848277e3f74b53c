# SPDX-License-Identifier: GPL-3.0-or-later
"""When two names mean the same footage: the one rule for sessions, for lists of shots and for running batches.

They do if they lead to the same file or to pictures of one sequence, through whatever links and mounts. A copy is other
footage. A folder means what is tracked when it is named: its sequence, whatever else lies in it.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from ..errors import FootageUnusable
from ..storage.folder import is_foreign
from .files import IMAGE_SUFFIXES, find_footage, parse_path
from .names import sequence_name


class FileIdentity:
    """A .blend, a movie, or any picture of a sequence, wherever it lies. The file is looked at once, when needed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_footage(cls, footage: str) -> FileIdentity:
        """The footage of this name, as `find_footage` takes it. Where there is none, the name alone counts."""
        path = Path(parse_path(footage).path)
        if not is_foreign(footage) and path.is_dir():
            try:
                path = find_footage(path).first
            except FootageUnusable:
                pass  # whoever tracks it is told
        return cls(path)

    @cached_property
    def is_there(self) -> bool:
        return _identity(self.path) is not None

    @cached_property
    def keys(self) -> frozenset[object]:
        """Its path, the identity of the file under all its names, and that of the sequence for all its pictures."""
        found: set[object] = {os.path.normcase(self.path), _identity(self.path) or _real(self.path)}
        if self.path.suffix.lower() in IMAGE_SUFFIXES:
            folder = _identity(self.path.parent) or _real(self.path.parent)
            found.add((folder, os.path.normcase(sequence_name(self.path.name))))
        return frozenset(found)

    def same_as(self, other: FileIdentity) -> bool:
        return not self.keys.isdisjoint(other.keys)


def _identity(path: Path) -> object:
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # a session file may hold what is no path
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else _real(path)


def _real(path: Path) -> str:
    try:
        return os.path.normcase(os.path.realpath(path))
    except (OSError, ValueError):
        return os.path.normcase(path)
