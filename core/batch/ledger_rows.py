# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches and shots from the rows of the ledger, each value checked, and the values to store."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast

from ..errors import LedgerUnreadable, UsageError
from ..footage.files import parse_path
from ..model.types import SESSION_ID
from ..storage.folder import is_foreign, relative
from ..tracking.plan import ShotSpec, json_text
from .shots import SHOT_LIMIT, BatchRow, BatchStatus, ShotRow, ShotStatus

_ERROR_LIMIT = 4_000
_NUMBER_LIMIT = 1 << 31
_E = TypeVar("_E", bound=StrEnum)

BATCHES = "SELECT id, name, status, config, root, created, modified FROM batches"

_SHOTS = (
    "SELECT shots.id, batch, number, {}, shots.status, session, error, {}, attempts, crashes, started, ended, root"
    " FROM shots JOIN batches ON batches.id = batch"
)
SHOTS = _SHOTS.format("spec", "verdict")
OLD_SPEC = "spec_of(footage, {}name, clip, first, last, direction, detect, tracks, settings)"
"""The ShotSpec in a ledger of schema 1 or 2; the SQL function is `spec_of_columns`."""
SHOTS_3 = _SHOTS.format("spec", "''")
OLD_SHOTS = _SHOTS.format(OLD_SPEC.format("shots."), "''")

NEEDED = (
    "SELECT session, batch FROM batches JOIN shots ON batch = batches.id"
    " WHERE session != '' AND batches.status NOT IN ('completed', 'failed') ORDER BY batches.rowid"
)


class Rows:
    """Decodes rows of the ledger at `path`. Methods raise LedgerUnreadable for nonsense.

    `root`: the real path of the session folder now, from which relative paths start; None if the ledger lies outside of
    it, and each batch names its own session folder.
    """

    def __init__(self, path: Path, root: str | None) -> None:
        self._path = path
        self._root = root

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
        id, batch, number, spec, status, session, error, verdict, attempts, crashes, started, ended, root = row
        return ShotRow(
            id=self._number(id),
            batch=self.id(batch),
            number=self._number(number, 1, SHOT_LIMIT),
            spec=self._spec(spec, root),
            status=self._enum(status, ShotStatus),
            session=self.id(session) if session else "",
            error=self._text(error),
            verdict=self._text(verdict),
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
        """The id of a batch or a session, which becomes the name of a file or folder."""
        text = self._text(value)
        if not SESSION_ID.match(text):
            raise self._nonsense(value)
        return text

    def root(self, stored: object) -> str:
        """The real path of the session folder of a batch; `stored` is that path when the batch was made."""
        if self._root is not None:
            return self._root
        if not os.path.isabs(self._text(stored)):
            raise self._nonsense(stored)
        return self._text(stored)

    def _number(self, value: object, low: int = 0, high: int = _NUMBER_LIMIT) -> int:
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

    def _spec(self, value: object, root: object) -> ShotSpec:
        try:
            spec = ShotSpec.from_json(json.loads(self._text(value)))
        except (ValueError, RecursionError):
            raise self._nonsense(value) from None
        return spec.with_paths(lambda path: self._place(path, root))

    def _place(self, value: str, root: object) -> str:
        """The absolute path of `value`, a path from the session folder, which was `root` when the batch was made.

        If the footage is not beside the session folder now, only that was moved, and the footage is where it was.
        """
        if is_foreign(value):
            return value
        now = self.root(root)
        here = os.path.normpath(os.path.join(now, value))
        if root == now or _exists(here):
            return here
        before = os.path.normpath(os.path.join(self._text(root), value))
        return before if os.path.isabs(before) and _exists(before) else here


def _exists(path: str) -> bool:
    """Whether the file exists, or, for a name that stands for many pictures, its folder."""
    parsed = parse_path(path)
    return os.path.lexists(parsed.path) or (parsed.pattern is not None and os.path.isdir(os.path.dirname(path)))


def stored_spec(spec: ShotSpec, number: int, ledger: Path) -> str:
    """The shot with this number as JSON, with paths from the real folder of the ledger. Raises UsageError."""
    content = spec.with_paths(lambda path: path if is_foreign(path) else relative(ledger, path)).to_json()
    try:
        ShotSpec.from_json(content)  # the ledger holds only shots that it can read
        return json_text(content)
    except ValueError as error:
        raise UsageError(f"Shot {number}: {error}") from None


def spec_of_columns(*columns: object) -> str:
    """The JSON of a shot from the columns of schema 1 and 2; `ShotSpec.from_json` checks it."""
    keys = ("footage", "name", "clip", "start", "end", "direction", "detect", "tracks", "settings")
    content = {key: value for key, value in zip(keys, columns, strict=True) if value is not None}
    content["detect"] = {0: False, 1: True}.get(cast("int", content.get("detect")), content.get("detect"))
    with suppress(ValueError, RecursionError):  # else it stays a text, which is no mapping
        content["settings"] = json.loads(str(content.get("settings")))
    return json.dumps(content, default=lambda _: None)  # bytes are no text


def stored_error(text: str) -> str:
    """A message of a child, cut to the limit, in characters that SQLite stores."""
    return text[:_ERROR_LIMIT].replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
