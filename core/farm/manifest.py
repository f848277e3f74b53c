# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a submission: its shots, so that a job of a farm carries a number and no list of paths.

A text file in UTF-8. The first line is the head; each further line is a shot, in the order of their numbers from 1:

    {"manifest": 1, "id": "20260131-101500-5f0c2d1e", "name": "seq 010", "created": "2026-01-31T10:15:00Z",
     "root": "/show/sessions", "shots": 240}                                              (in one line)
    {"index": 1, "shot": {"footage": "/show/010/plate.####.exr", "detect": true}}
    {"index": 2, "shot": {…}, "root": "/show/sessions/020"}

`shot` has the options of `ShotSpec` that differ from their defaults. `root` is the session folder, that of the head
unless the shot has its own. Paths are those of the machine that has submitted; rules beside the manifest, or those of
the engine, map them on others. A task bisects the file for its line: it reads some dozen blocks, however many shots
there are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..batch.shots import SHOT_LIMIT
from ..errors import ManifestInvalid, UsageError
from ..storage.files import replace_file
from ..storage.folder import SessionFolder
from ..tracking.plan import ShotSpec
from .path_map import PathMap

FILE = "shots.jsonl"
RULES = "paths.json"
"""The rules for paths beside the manifest, which each task applies that has none of its own."""
VERSION = 1
_LINE = 1 << 20  # bytes of a line, at most
_BLOCK = 1 << 13  # bytes that are read line by line, where bisecting further would save nothing


@dataclass(frozen=True)
class FarmShot:
    """A shot of a manifest, with its session folder as this machine sees it."""

    index: int
    spec: ShotSpec
    root: Path


@dataclass(frozen=True)
class Head:
    """The head of a manifest: `root` is the session folder as this machine sees it."""

    id: str
    name: str
    created: str
    root: Path
    count: int


def write_manifest(path: Path, head: Head, shots: Sequence[FarmShot]) -> None:
    """Write shots numbered from 1. Raises StorageFailed, or UsageError for more of them than a manifest holds."""
    if not 0 < len(shots) <= SHOT_LIMIT:
        raise UsageError(f"A submission has 1 to {SHOT_LIMIT} shots, not {len(shots)}: part it")
    first = {"manifest": VERSION, "id": head.id, "name": head.name, "created": head.created}
    lines = [json.dumps({**first, "root": str(head.root), "shots": len(shots)})]
    for shot in shots:
        line: dict[str, Any] = {"index": shot.index, "shot": shot.spec.to_json()}
        lines.append(json.dumps(line if shot.root == head.root else {**line, "root": str(shot.root)}))
    replace_file(path, "\n".join([*lines, ""]).encode())


class Manifest:
    """A manifest as a task reads it. Raises ManifestInvalid for what is none, from every method."""

    def __init__(self, path: Path, rules: Path | None = None) -> None:
        """`rules`: a file with rules for paths; if it has any, they replace those beside the manifest."""
        self.path = path
        self.folder = path.parent
        self._map = PathMap.read(rules, may_lack=True) if rules else PathMap()
        with self._open() as file:
            self.head = self._head(file)
        beside = self.folder / RULES
        if not self._map and beside.exists() and not self._is_seen_as_written():
            self._map = PathMap.read(beside)
            self.head = replace(self.head, root=Path(self._map(str(self.head.root))))

    @classmethod
    def of(cls, root: Path, id: str) -> Manifest:
        """The manifest of a submission in a session folder."""
        return cls(SessionFolder(root).farm(id) / FILE)

    def shot(self, index: int) -> FarmShot:
        """The shot of this number. Raises UsageError if there is none."""
        if not 1 <= index <= self.head.count:
            raise UsageError(f"{self.path} has the shots 1 to {self.head.count}, and no {index}")
        with self._open() as file:
            self._head(file)
            low, high = file.tell(), os.fstat(file.fileno()).st_size
            while high - low > _BLOCK:  # the line begins in [low, high)
                middle = (low + high) // 2
                file.seek(middle)
                file.readline(_LINE)  # the rest of a line
                start, line = file.tell(), file.readline(_LINE)
                if start < high and line and self._fields(line).get("index", index) <= index:
                    low = start
                else:
                    high = middle + 1
            file.seek(low)
            while line := file.readline(_LINE):
                fields = self._fields(line)
                if fields.get("index") == index:
                    return self._shot(fields)
                if file.tell() > high + _LINE:
                    break
        raise self._invalid(f"it has no shot {index}, though it is said to have {self.head.count}")

    def shots(self) -> Iterator[FarmShot]:
        """All of its shots."""
        with self._open() as file:
            self._head(file)
            for number in range(1, self.head.count + 1):
                fields = self._fields(file.readline(_LINE))
                if fields.get("index") != number:
                    raise self._invalid(f"line {number + 1} is not that of shot {number}")
                yield self._shot(fields)

    def _is_seen_as_written(self) -> bool:
        """Whether the paths are those of this machine, as they are on the one that has submitted."""
        try:
            return os.path.samefile(SessionFolder(self.head.root).farm(self.head.id), self.folder)
        except (OSError, ValueError):
            return False

    def _open(self) -> BinaryIO:
        try:
            return open(self.path, "rb")
        except FileNotFoundError:
            words = "it is not there. This machine may see its folder under another path: name rules for paths"
            raise self._invalid(words) from None
        except OSError as error:
            raise self._invalid(error.strerror or str(error)) from error

    def _head(self, file: BinaryIO) -> Head:
        fields = self._fields(file.readline(_LINE))
        if fields.get("manifest") != VERSION:
            raise self._invalid("it is none, or one of a later version")
        texts = [fields.get(key) for key in ("id", "name", "created", "root")]
        count = fields.get("shots")
        if not all(isinstance(text, str) for text in texts) or not isinstance(count, int):
            raise self._invalid("its first line is damaged")
        id, name, created, root = cast("list[str]", texts)
        return Head(id, name, created, Path(self._map(root)), min(count, SHOT_LIMIT))

    def _fields(self, line: bytes) -> dict[str, Any]:
        try:
            content: object = json.loads(line)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise self._invalid("a line in it is damaged or cut")
        return cast("dict[str, Any]", content)

    def _shot(self, fields: dict[str, Any]) -> FarmShot:
        index, root = fields["index"], fields.get("root")
        try:
            spec = ShotSpec.from_json(fields.get("shot")).with_paths(self._map)
        except ValueError as error:
            raise self._invalid(f"shot {index}: {error}") from None
        return FarmShot(index, spec, Path(self._map(root)) if isinstance(root, str) else self.head.root)

    def _invalid(self, reason: str) -> ManifestInvalid:
        return ManifestInvalid(f"{self.path} cannot be read as the manifest of a submission: {reason}")
