# SPDX-License-Identifier: GPL-3.0-or-later
"""One shot of a list: a mapping of values that anybody may have written, checked and made into a `ShotSpec`.

The keys of a shot:

    footage     a movie, an image sequence (any file of it, its folder, or a name for all of it such as plate.####.exr,
                plate.%04d.exr, plate.1001-1200.exr, “plate.####.exr 1001-1200”), or a .blend; the only required key
    name        for people; by default that of the footage
    clip        which clip of the .blend
    start, end  frames to track from and to, as --start and --end of `track`: the numbers that people see
    range       both in one, lower frame first: “12-120”; tracked backward it starts at the end
    direction   forward, backward or both
    detect      true: find features on the start frame
    tracks      a file of start positions
    settings    a mapping of settings of tracks; in CSV as JSON

Relative paths start from the folder of the list. All functions raise ManifestInvalid.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ..errors import ManifestInvalid
from ..footage.files import parse_path
from ..model.ranges import FRAME_LIMIT, FrameRanges
from ..storage.folder import is_foreign
from ..tracking.plan import OPTIONS, SHARED, Kind, Option, ShotSpec, check_text, json_text

_FRAMES = (*(option.name for option in OPTIONS if option.kind is Kind.FRAME), "range")


def _keys(options: Iterable[Option]) -> tuple[str, ...]:
    """The keys of these options, with `range` behind start and end."""
    names = [option.name for option in options]
    names.insert(1 + names.index("end"), "range")
    return tuple(names)


KEYS = _keys(OPTIONS)
DEFAULTS = _keys(SHARED)
"""The keys of `defaults`: all but those that tell one shot from another."""


def check_keys(fields: Iterable[object], known: Sequence[str], where: str) -> None:
    for key in fields:
        if key not in known:
            near = difflib.get_close_matches(str(key)[:40].lower(), known, 1)
            hint = f"; did you mean “{near[0]}”?" if near else "."
            raise ManifestInvalid(f"{where}: “{str(key)[:40]}” is not known{hint} There are {', '.join(known)}")


def merge_defaults(own: Mapping[str, Any], defaults: Mapping[str, Any], folder: Path, where: str) -> dict[str, Any]:
    """The defaults of a list in `folder`, `own` before those of the command line."""
    check_keys(own, DEFAULTS, where)
    merged = _merged(own, defaults, where)
    shot_spec({"footage": "."}, merged, folder, where)
    return merged


def shot_spec(entry: object, defaults: Mapping[str, Any], folder: Path, where: str) -> ShotSpec:
    """The shot of an entry of a list in `folder`; messages name the entry `where`."""
    if not isinstance(entry, Mapping):
        raise ManifestInvalid(f"{where} is no mapping with its footage, such as “footage: shots/010/plate_0001.png”")
    own = cast("Mapping[str, Any]", entry)
    check_keys(own, KEYS, where)
    footage = _Entry(own, folder, where).path("footage")
    has_range = parse_path(footage).requested is not None
    shot = _Entry(_merged(own, defaults, where, has_range=has_range), folder, where)
    if not footage:
        raise shot.invalid("it needs its footage: a movie, an image sequence, or a .blend")
    spec = ShotSpec(**{option.name: shot.value(option) for option in OPTIONS})
    if spec.clip and Path(footage).suffix.lower() != ".blend":
        raise shot.invalid("“clip” names a clip of a .blend, and its footage is none")
    start, end = shot.frames(spec.direction)
    return replace(spec, start=start, end=end)


def _merged(
    entry: Mapping[str, Any], defaults: Mapping[str, Any], where: str, *, has_range: bool = False
) -> dict[str, Any]:
    """`entry` over the defaults: any frame in it replaces all default frames, each setting replaces its own default.

    `has_range`: its footage names a range.
    """
    has_frames = has_range or any(entry.get(key) is not None for key in _FRAMES)
    merged = {key: value for key, value in defaults.items() if not (has_frames and key in _FRAMES)}
    merged |= {key: value for key, value in entry.items() if value is not None}
    if isinstance(defaults.get("settings"), Mapping) and entry.get("settings") is not None:
        merged["settings"] = {**defaults["settings"], **_Entry(entry, Path(), where).mapping("settings")}
    return merged


@dataclass(frozen=True)
class _Entry:
    """The values of one shot; each method checks one of them."""

    fields: Mapping[str, Any]
    folder: Path
    where: str

    def invalid(self, words: str) -> ManifestInvalid:
        return ManifestInvalid(f"{self.where}: {words}")

    def value(self, option: Option) -> Any:
        match option.kind:
            case Kind.PATH:
                return self.path(option.name)
            case Kind.FRAME:
                return self.frame(option.name)
            case Kind.SWITCH:
                return self.switch(option.name)
            case Kind.SETTINGS:
                return self.mapping(option.name)
            case Kind.CHOICE:
                chosen = self.text(option.name) or option.choices[0]
                if chosen not in option.choices:
                    raise self.invalid(f"{option.name} {chosen[:40]!r} is none of {', '.join(option.choices)}")
                return chosen
            case Kind.TEXT:
                return self.text(option.name)

    def text(self, key: str) -> str:
        value = self.fields.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.invalid(
                f"{key} {str(value)[:40]} is no text: put it in quotes (YAML takes 010 for the number 8)"
            )
        try:
            check_text(value)
        except ValueError as error:
            raise self.invalid(f"{key}: {error}") from None
        if not value.isprintable():
            raise self.invalid(f"{key} {value[:40]!r} holds characters that cannot be shown")
        return value.strip()

    def path(self, key: str) -> str:
        value = self.text(key)
        if is_foreign(value):
            return value  # the shot reports that this system has no such path
        return os.path.normpath(self.folder / value) if value else ""

    def switch(self, key: str) -> bool:
        value = self.fields.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self.invalid(f"{key} is true or false, not {str(value)[:40]!r}")

    def mapping(self, key: str) -> dict[str, Any]:
        value = self.fields.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in cast("dict[object, Any]", value)):
            raise self.invalid(f"{key} is no mapping, such as {{motion_model: Affine}} (in CSV as JSON)")
        content = cast("dict[str, Any]", value)
        try:
            json_text(content)
        except ValueError as error:
            raise self.invalid(f"{key}: {error}") from None
        return dict(content)

    def frames(self, direction: str) -> tuple[int | None, int | None]:
        """The frames to track from and to, in the numbers of the footage."""
        if self.fields.get("range") is not None:
            if any(self.fields.get(key) is not None for key in ("start", "end")):
                raise self.invalid("it has both “range” and “start” or “end”: one of them is enough")
            first, last = self._range()
            return (last, first) if direction == "backward" else (first, last)
        start, end = self.frame("start"), self.frame("end")
        if start is not None and end is not None and ((end > start) if direction == "backward" else (end < start)):
            raise self.invalid(f"tracking {direction} from frame {start} cannot end on frame {end}: swap start and end")
        return start, end

    def frame(self, key: str) -> int | None:
        value = self.fields.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= FRAME_LIMIT:
            raise self.invalid(f"{key} {str(value)[:40]!r} is no frame number: those are whole and not negative")
        return value

    def _range(self) -> tuple[int, int]:
        value = self.fields["range"]
        try:
            ranges = list(FrameRanges.parse(str(value)).ranges())
        except ValueError:
            ranges = []
        if len(ranges) != 1 or not 0 <= ranges[0][0] <= ranges[0][1] <= FRAME_LIMIT or isinstance(value, bool):
            raise self.invalid(f"range {str(value)[:40]!r} is no range of frames, such as 1001-1120")
        return ranges[0]
