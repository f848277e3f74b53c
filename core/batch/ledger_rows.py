# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a batch as types, and how they lie in the rows of the ledger, which are not believed unseen."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PureWindowsPath
from typing import Any, TypeVar, cast

from ..errors import LedgerUnreadable, UsageError
from ..footage.files import IMAGE_SUFFIXES, parse_path
from ..footage.names import numbered
from ..model.types import SESSION_ID
from ..storage.folder import is_foreign

SHOT_LIMIT = 100_000  # of one batch
DIRECTIONS = ("forward", "backward", "both")
FRAME_LIMIT = 1 << 31
_TEXT_LIMIT = 8_192  # characters of a path or a name
_JSON_LIMIT = 262_144  # characters of settings
_ERROR_LIMIT = 4_000
_E = TypeVar("_E", bound=StrEnum)


class BatchStatus(StrEnum):
    """How far a batch is. One that is IN_PROGRESS without a live lease was interrupted."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    PAUSED = "paused"


class ShotStatus(StrEnum):
    """How far a shot of a batch is."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"  # it was tried, and trying again may help
    SKIPPED = "skipped"  # it cannot be used as it is (exit code 3)
    LOST = "lost"  # all its tracks were lost before the end of what was asked

    @property
    def is_final(self) -> bool:
        return self not in (ShotStatus.PENDING, ShotStatus.PROCESSING)


UNFINISHED = frozenset({BatchStatus.IN_PROGRESS, BatchStatus.PAUSED})


def final_status(shots: Iterable[ShotStatus]) -> BatchStatus | None:
    """What a batch with these shots has come to: FAILED if every one failed, else COMPLETED; None if some are to do.

    A skipped shot has not failed: nobody could have tracked it. Nor has a lost one: it was tracked as far as it goes.
    """
    seen = set(shots)
    if not seen or not all(status.is_final for status in seen):
        return None
    return BatchStatus.FAILED if seen == {ShotStatus.FAILED} else BatchStatus.COMPLETED


@dataclass(frozen=True)
class ShotSpec:
    """One shot as asked.

    Paths are absolute, or those of another system as they were given. Frames are numbers as people see them. None and
    empty texts: what `track` takes then.
    """

    footage: str
    name: str = ""
    clip: str = ""
    start: int | None = None
    end: int | None = None
    direction: str = "forward"
    detect: bool = False
    tracks: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def range(self) -> tuple[int | None, int | None]:
        """From and to which number it is to be tracked, if that was said, or its footage names a range."""
        asked = parse_path(self.footage).requested
        if asked is None or self.start is not None or self.end is not None:
            return self.start, self.end
        return (asked[1], asked[0]) if self.direction == "backward" else asked

    @property
    def title(self) -> str:
        """A name for people: that of a sequence is without its number."""
        said = parse_path(self.footage)
        path = PureWindowsPath(said.path) if is_foreign(said.path) else Path(said.path)
        of = said.pattern or (numbered(path.name) if path.suffix.lower() in IMAGE_SUFFIXES else None)
        if of is not None:
            return self.name or of.head.rstrip("_-. ") or path.parent.name
        return self.name or path.stem or self.footage


@dataclass(frozen=True)
class ShotRow:
    """A shot of a batch as it stood when it was read. Times are ISO 8601 in UTC, or empty."""

    id: int
    batch: str
    number: int  # 1 is the first of the batch
    spec: ShotSpec
    status: ShotStatus
    session: str = ""  # id of its session, once it is known
    error: str = ""  # why it failed or was skipped, or what its last crash was
    attempts: int = 0  # children started for it
    crashes: int = 0  # crashes since it last made progress
    started: str = ""  # when it was first claimed
    ended: str = ""  # when it was finished


@dataclass(frozen=True)
class BatchRow:
    """A batch as it stood when it was read. `config` is what its maker wanted kept (jobs, crashes allowed, …)."""

    id: str
    name: str
    status: BatchStatus
    config: dict[str, Any]
    root: str  # the real path of its session folder
    created: str
    modified: str

    @property
    def is_unfinished(self) -> bool:
        return self.status in UNFINISHED


@dataclass(frozen=True)
class FootageKey:
    """What tells footage apart without reading it: a file of a sequence, any other, and its folder are the same."""

    folder: str
    files: str  # with # for the number of a frame; empty for all that the folder holds
    clip: str  # the clip in a .blend; empty for whichever it has

    @classmethod
    def of(cls, spec: ShotSpec) -> FootageKey:
        if is_foreign(spec.footage):
            return cls(spec.footage, "", spec.clip)
        said = parse_path(spec.footage)
        path = Path(os.path.normcase(os.path.realpath(said.path)))
        suffix = path.suffix.lower()
        of = said.pattern or (numbered(path.name) if suffix in IMAGE_SUFFIXES else None)
        if of is not None:
            return cls(str(path.parent), os.path.normcase(f"{of.head}#{of.tail}"), "")
        if suffix in IMAGE_SUFFIXES:
            return cls(str(path.parent), path.name, "")
        if os.path.isdir(path) or not suffix:
            return cls(str(path), "", "")
        return cls(str(path.parent), path.name, spec.clip if suffix == ".blend" else "")

    def overlaps(self, other: FootageKey) -> bool:
        """Whether both can mean the same clip."""
        return (
            self.folder == other.folder
            and (self.files == other.files or not (self.files and other.files))
            and (self.clip == other.clip or not (self.clip and other.clip))
        )


BATCHES = "SELECT id, name, status, config, root, created, modified FROM batches"

SHOTS = (
    "SELECT shots.id, batch, number, footage, shots.name, clip, first, last, direction, detect, tracks, settings,"
    " shots.status, session, error, attempts, crashes, started, ended, root"
    " FROM shots JOIN batches ON batches.id = batch"
)

NEEDED = (
    "SELECT session, batch FROM batches JOIN shots ON batch = batches.id"
    " WHERE session != '' AND batches.status NOT IN ('completed', 'failed') ORDER BY batches.rowid"
)


class Rows:
    """Makes rows of the ledger at `path` into what they stand for. Methods raise LedgerUnreadable for nonsense.

    `root`: the real path of the session folder now; relative paths start from there. With `is_apart` the ledger lies
    in none, and each batch has the one that it was made in.
    """

    def __init__(self, path: Path, root: str, *, is_apart: bool = False) -> None:
        self._path = path
        self._root = root
        self._is_apart = is_apart

    def batch(self, row: tuple[object, ...]) -> BatchRow:
        """A row of `BATCHES`."""
        id, name, status, config, root, created, modified = row
        return BatchRow(
            id=self.id(id),
            name=self._text(name),
            status=self._enum(status, BatchStatus),
            config=self._mapping(config),
            root=self.root(root),
            created=self._text(created),
            modified=self._text(modified),
        )

    def shot(self, row: tuple[object, ...]) -> ShotRow:
        """A row of `SHOTS`."""
        id, batch, number, footage, name, clip, first, last, direction, detect, tracks, settings = row[:12]
        status, session, error, attempts, crashes, started, ended, root = row[12:]
        direction = self._text(direction)
        if direction not in DIRECTIONS:
            raise self._nonsense(direction)
        spec = ShotSpec(
            footage=self._place(footage, root),
            name=self._text(name),
            clip=self._text(clip),
            start=None if first is None else self._number(first),
            end=None if last is None else self._number(last),
            direction=direction,
            detect=bool(self._number(detect)),
            tracks=self._place(tracks, root) if tracks else "",
            settings=self._mapping(settings),
        )
        return ShotRow(
            id=self._number(id),
            batch=self.id(batch),
            number=self._number(number, 1, SHOT_LIMIT),
            spec=spec,
            status=self._enum(status, ShotStatus),
            session=self.id(session) if session else "",
            error=self._text(error),
            attempts=self._number(attempts),
            crashes=self._number(crashes),
            started=self._text(started),
            ended=self._text(ended),
        )

    def _nonsense(self, value: object) -> LedgerUnreadable:
        return LedgerUnreadable(self._path, f"{str(value)[:80]!r} in it makes no sense; it is damaged")

    def _text(self, value: object) -> str:
        if not isinstance(value, str) or "\0" in value:
            raise self._nonsense(value)
        return value

    def id(self, value: object) -> str:
        """The id of a batch or a session: they become names of files and folders."""
        text = self._text(value)
        if not SESSION_ID.match(text):
            raise self._nonsense(value)
        return text

    def root(self, stored: object) -> str:
        """The real path of the session folder of a batch, which was `stored` when it was made."""
        if not self._is_apart:
            return self._root
        if not os.path.isabs(self._text(stored)):
            raise self._nonsense(stored)
        return self._text(stored)

    def _number(self, value: object, low: int = 0, high: int = FRAME_LIMIT) -> int:
        if not isinstance(value, int) or not low <= value <= high:
            raise self._nonsense(value)
        return value

    def _enum(self, value: object, kind: type[_E]) -> _E:
        try:
            return kind(self._text(value))
        except ValueError:
            raise self._nonsense(value) from None

    def _mapping(self, value: object) -> dict[str, Any]:
        try:
            content = json.loads(self._text(value))
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise self._nonsense(value)
        return cast("dict[str, Any]", content)

    def _place(self, value: object, root: object) -> str:
        """The absolute path of what lies at `value` as seen from the session folder, which was `root` back then.

        If the folder was moved alone, the footage is where it was; if they were moved together, it went along.
        """
        target, now = self._text(value), self.root(root)
        if is_foreign(target):
            return target
        here = os.path.normpath(os.path.join(now, target))
        if root == now or _is_there(here):
            return here
        there = os.path.normpath(os.path.join(self._text(root), target))
        return there if os.path.isabs(there) and _is_there(there) else here


def _is_there(path: str) -> bool:
    """Whether there is such a file, or for a name that stands for many pictures, its folder."""
    said = parse_path(path)
    return os.path.lexists(said.path) or (said.pattern is not None and os.path.isdir(os.path.dirname(path)))


def stored_text(text: str, what: str) -> str:
    """`text`, if it can be kept. Raises UsageError."""
    try:
        text.encode("utf-8")
    except UnicodeError:
        raise UsageError(f"{what}: {text!r} is not valid text: rename it") from None
    if "\0" in text or len(text) > _TEXT_LIMIT:
        raise UsageError(f"{what}: {text[:40]!r}… is too long, or no text at all")
    return text


def stored_mapping(content: Mapping[str, Any], what: str) -> str:
    """`content` as JSON. Raises UsageError."""
    try:
        text = json.dumps(content, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{what}: its settings hold something that is no plain text or number ({error})") from None
    if len(text) > _JSON_LIMIT:
        raise UsageError(f"{what}: its settings are longer than {_JSON_LIMIT >> 10} KiB")
    return text


def stored_error(text: str) -> str:
    """A message short enough to be kept, whatever bytes a child wrote."""
    return text[:_ERROR_LIMIT].replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
