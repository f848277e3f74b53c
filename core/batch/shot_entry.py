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
    camera      true: go from footage to a camera, which finds and tracks features by itself, on all frames
    focal       with camera: the focal length of the lens, if it is known, in millimetres
    sensor      with camera: the width of the sensor in millimetres

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
from ..tracking.plan import OPTIONS, SHARED, Kind, Option, ShotSpec, Taker, json_text

_FRAMES = (*(option.name for option in OPTIONS if option.kind is Kind.FRAME), "range")


def _keys(options: Iterable[Option]) -> tuple[str, ...]:
    """The keys of these options, with `range` behind start and end."""
    names = [option.name for option in options]
    names.insert(1 + names.index("end"), "range")
    return tuple(names)


KEYS = _keys(OPTIONS)
DEFAULTS = _keys(SHARED)
"""The keys of `defaults`: all but those that tell one shot from another."""


def _keys_of(taker: Taker) -> tuple[str, ...]:
    """The keys that mean something to one command only."""
    keys = tuple(option.name for option in OPTIONS if option.taker is taker)
    return (*keys, "range") if taker is Taker.TRACK else keys


def check_keys(fields: Iterable[object], known: Sequence[str], where: str) -> None:
    for key in fields:
        if key not in known:
            near = difflib.get_close_matches(str(key)[:40].lower(), known, 1)
            hint = f"; did you mean “{near[0]}”?" if near else "."
            raise ManifestInvalid(f"{where}: “{str(key)[:40]}” is not known{hint} There are {', '.join(known)}")


def merge_defaults(own: Mapping[str, Any], defaults: Mapping[str, Any], folder: Path, where: str) -> dict[str, Any]:
    """The defaults of a list in `folder`, `own` before those of the command line."""
    check_keys(own, DEFAULTS, where)
    merged = _merged(own, defaults)
    shot_spec({"footage": "."}, merged, folder, where)
    return merged


def shot_spec(entry: object, defaults: Mapping[str, Any], folder: Path, where: str) -> ShotSpec:
    """The shot of an entry of a list in `folder`; messages name the entry `where`."""
    if not isinstance(entry, Mapping):
        raise ManifestInvalid(f"{where} is no mapping with its footage, such as “footage: shots/010/plate_0001.png”")
    own = cast("Mapping[str, Any]", entry)
    check_keys(own, KEYS, where)
    footage = _Entry(own, folder, where).values(OPTIONS[:1]).get("footage")
    if not footage:
        raise ManifestInvalid(f"{where}: it needs its footage: a movie, an image sequence, or a .blend")
    has_range = parse_path(footage).requested is not None
    shot = _Entry(_merged(own, _meant(own, defaults), has_range=has_range), folder, where)
    spec = ShotSpec(**shot.values(OPTIONS))
    if spec.clip and not spec.is_blend:
        raise shot.invalid("“clip” names a clip of a .blend, and its footage is none")
    start, end = shot.frames(spec)
    spec = replace(spec, start=start, end=end)
    if words := spec.contradiction:
        raise shot.invalid(words)
    return spec


def _meant(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults without those of another kind of shot, if the entry itself says whether it wants a camera."""
    wants = entry.get("camera")
    others = () if wants is None else _keys_of(Taker.TRACK if wants else Taker.CAMERA)
    return {key: value for key, value in defaults.items() if key not in others}


def _merged(entry: Mapping[str, Any], defaults: Mapping[str, Any], *, has_range: bool = False) -> dict[str, Any]:
    """`entry` over the defaults: any frame in it replaces all default frames, each setting replaces its own default.

    `has_range`: its footage names a range.
    """
    has_frames = has_range or any(entry.get(key) is not None for key in _FRAMES)
    merged = {key: value for key, value in defaults.items() if not (has_frames and key in _FRAMES)}
    merged |= {key: value for key, value in entry.items() if value is not None}
    if isinstance(defaults.get("settings"), dict) and isinstance(entry.get("settings"), dict):
        merged["settings"] = {**defaults["settings"], **entry["settings"]}
    return merged


@dataclass(frozen=True)
class _Entry:
    """The values of one shot, which its methods check."""

    fields: Mapping[str, Any]
    folder: Path
    where: str

    def invalid(self, words: str) -> ManifestInvalid:
        return ManifestInvalid(f"{self.where}: {words}")

    def values(self, options: Iterable[Option]) -> dict[str, Any]:
        """The values of those options that it has."""
        return {option.name: self._value(option) for option in options if self.fields.get(option.name) is not None}

    def _value(self, option: Option) -> Any:
        value = self.fields[option.name]
        if option.kind is Kind.CHOICE and isinstance(value, str):
            value = value.strip() or option.choices[0]
        try:
            option.check(value)
            if option.kind is Kind.SETTINGS:
                json_text(value)
        except ValueError as error:
            raise self.invalid(str(error)) from None
        if option.kind not in (Kind.TEXT, Kind.PATH):
            return value
        if not value.isprintable():
            raise self.invalid(f"{option.name} {value[:40]!r} holds characters that cannot be shown")
        text = value.strip()
        if option.kind is Kind.TEXT or not text or is_foreign(text):
            return text  # of a path of another system the shot reports that this system has none such
        return os.path.normpath(self.folder / text)

    def frames(self, spec: ShotSpec) -> tuple[int | None, int | None]:
        """The frames to track from and to, in the numbers of the footage."""
        start, end, is_backward = spec.start, spec.end, spec.direction == "backward"
        if self.fields.get("range") is not None:
            if (start, end) != (None, None):
                raise self.invalid("it has both “range” and “start” or “end”: one of them is enough")
            first, last = self._range()
            return (last, first) if is_backward else (first, last)
        if start is not None and end is not None and ((end > start) if is_backward else (end < start)):
            words = f"tracking {spec.direction} from frame {start} cannot end on frame {end}: swap start and end"
            raise self.invalid(words)
        return start, end

    def _range(self) -> tuple[int, int]:
        value = self.fields["range"]
        try:
            ranges = list(FrameRanges.parse(str(value)).ranges())
        except ValueError:
            ranges = []
        if len(ranges) != 1 or not 0 <= ranges[0][0] <= ranges[0][1] <= FRAME_LIMIT or isinstance(value, bool):
            raise self.invalid(f"range {str(value)[:40]!r} is no range of frames, such as 1001-1120")
        return ranges[0]
