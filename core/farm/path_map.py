# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules by which the paths of one machine become those of another, in the form of OpenJD.

    {"version": "pathmapping-1.0", "path_mapping_rules": [
        {"source_path_format": "WINDOWS", "source_path": "P:\\\\show", "destination_path": "/mnt/show"}]}

Source: the section Path Mapping of “How Jobs Are Run” in the OpenJD specifications, 2023-09.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any, cast

from ..errors import ManifestInvalid, SessionUnreadable
from ..storage.files import read_plain

VERSION = "pathmapping-1.0"
_LIMIT = 1000  # rules
_EXAMPLE = (
    '{"version": "pathmapping-1.0", "path_mapping_rules": [{"source_path_format": "WINDOWS", '
    '"source_path": "P:\\\\show", "destination_path": "/mnt/show"}]}'
)


def path_like(path: str, *others: str) -> PurePath:
    """The path, joined with others, in the form that it has: of Windows if it names a drive or a share."""
    is_windows = path[1:2] == ":" or path.startswith("\\\\")
    return (PureWindowsPath if is_windows else PurePosixPath)(path, *others)


@dataclass(frozen=True)
class _Rule:
    source: PurePath
    destination: str

    def applied(self, path: str) -> str | None:
        """The path at the destination; None if it does not lie below the source."""
        try:
            rest = type(self.source)(path).relative_to(self.source)
        except ValueError:
            return None
        return str(path_like(self.destination, *rest.parts))


class PathMap:
    """The rules. That with the longest source that fits a path counts, and paths without such a rule stay."""

    def __init__(self, rules: Sequence[_Rule] = ()) -> None:
        self._rules = sorted(rules, key=lambda rule: len(rule.source.parts), reverse=True)

    @classmethod
    def read(cls, path: Path, *, may_lack: bool = False) -> PathMap:
        """Raises ManifestInvalid, with an example, if the file cannot be read as rules.

        `may_lack`: it may hold an empty object, which an OpenJD session without rules writes.
        """
        try:
            content = read_plain(path)
        except SessionUnreadable as error:
            raise ManifestInvalid(f"{path} cannot be read as rules for paths: {error.reason}") from error
        if may_lack and content == {}:
            return cls()
        fields = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
        rules = fields.get("path_mapping_rules", [] if fields.get("version") == VERSION else None)
        if fields.get("version", VERSION) != VERSION or not isinstance(rules, list):
            raise ManifestInvalid(f"{path} has no rules for paths, such as {_EXAMPLE}")
        listed = cast("list[object]", rules)
        if len(listed) > _LIMIT:
            raise ManifestInvalid(f"{path} has more than {_LIMIT} rules for paths")
        return cls([_rule(rule, f"Rule {number} in {path}") for number, rule in enumerate(listed, 1)])

    def __bool__(self) -> bool:
        return bool(self._rules)

    def __call__(self, path: str) -> str:
        return next((found for rule in self._rules if (found := rule.applied(path)) is not None), path)


def _rule(content: object, where: str) -> _Rule:
    fields = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
    kind = {"POSIX": PurePosixPath, "WINDOWS": PureWindowsPath}.get(str(fields.get("source_path_format")))
    source, destination = fields.get("source_path"), fields.get("destination_path")
    if kind is None or not isinstance(source, str) or not isinstance(destination, str) or not source or not destination:
        raise ManifestInvalid(f"{where} is none: it needs what this has: {_EXAMPLE}")
    return _Rule(kind(source), destination)
