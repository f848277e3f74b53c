# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot as requested from `track`, from `camera` or in a batch: the table of its options.

A new option is a field of `ShotSpec`. The command lines of `track`, `camera` and `batch run`, the keys of a list of
shots, the ledger and the arguments of a child process all follow from it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path, PureWindowsPath
from typing import Any, cast

from ..footage.files import IMAGE_SUFFIXES, parse_path
from ..footage.names import numbered
from ..model.counting import Counting
from ..model.ranges import FRAME_LIMIT
from ..model.types import SOLVE_NEEDS
from ..storage.folder import is_foreign

DIRECTIONS = ("forward", "backward", "both")
_TEXT_LIMIT = 8_192  # characters of a path or a name
COUNT_LIMIT = 999_999
_JSON_LIMIT = 262_144  # characters of settings
SENSOR = 36.0
"""Millimetres: the width of full frame, against which people give focal lengths."""
LENGTH_LIMIT = 100_000.0  # millimetres


class Kind(StrEnum):
    """The form of an option's value."""

    TEXT = "text"
    PATH = "path"
    FRAME = "frame"  # a displayed number
    COUNT = "count"  # 0 or more
    CHOICE = "choice"
    SWITCH = "switch"
    LENGTH = "length"  # millimetres, above 0
    SETTINGS = "settings"  # names and values


class Taker(StrEnum):
    """The commands that take an option of a shot."""

    BOTH = "both"
    TRACK = "track"
    CAMERA = "camera"
    NEITHER = "neither"  # a batch, which chooses between them


@dataclass(frozen=True)
class Option:
    """One option of a shot. `shared_help` is its help in `batch run`, empty if each shot has a value of its own."""

    kind: Kind
    help: str
    shared_help: str = ""
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    taker: Taker = Taker.TRACK
    name: str = ""

    @property
    def flag(self) -> str:
        return "--set" if self.kind is Kind.SETTINGS else f"--{self.name.replace('_', '-')}"

    def arguments(self, value: Any) -> list[str]:
        """The arguments of a command line for the value; none for None, False and empty values."""
        if value is None or value is False or value in ("", {}) or (self.kind is Kind.COUNT and not value):
            return []
        if self.kind is Kind.SWITCH:
            return [self.flag]
        if self.kind is Kind.SETTINGS:
            return [f"{self.flag}={name}={json.dumps(setting)}" for name, setting in value.items()]
        return [f"{self.flag}={value}"]

    def check(self, value: object) -> None:
        """Raises ValueError, with a message for users, if the value is invalid or too long."""
        match self.kind:
            case Kind.TEXT | Kind.PATH:
                check_text(value, self.name)
            case Kind.FRAME | Kind.COUNT | Kind.LENGTH:
                if words := _number_words(self.kind, value):
                    raise ValueError(f"{self.name} {str(value)[:40]!r} {words}")
            case Kind.CHOICE:
                if value not in self.choices:
                    raise ValueError(f"{self.name} {str(value)[:40]!r} is none of {', '.join(self.choices)}")
            case Kind.SWITCH:
                if not isinstance(value, bool):
                    raise ValueError(f"{self.name} is true or false, not {str(value)[:40]!r}")
            case Kind.SETTINGS:
                if not isinstance(value, dict) or not all(
                    isinstance(name, str) for name in cast("dict[Any, Any]", value)
                ):
                    raise ValueError(f"{self.name} is no mapping, such as {{motion_model: Affine}} (in CSV as JSON)")


def _number_words(kind: Kind, value: object) -> str:
    """Why the value is no number of this kind; empty if it is one."""
    whole = value if isinstance(value, int) and not isinstance(value, bool) else -1
    if kind is Kind.COUNT:
        return "" if 0 <= whole <= COUNT_LIMIT else f"is no whole number from 0 to {COUNT_LIMIT}"
    if kind is Kind.FRAME:
        is_frame = value is None or 0 <= whole <= FRAME_LIMIT
        return "" if is_frame else "is no frame number: those are whole and not negative"
    is_length = value is None or 0 < (value if isinstance(value, float) else whole) <= LENGTH_LIMIT
    return "" if is_length else "is no number of millimetres"


def _option(
    kind: Kind,
    *words: str,
    metavar: str | None = None,
    choices: tuple[str, ...] = (),
    taker: Taker = Taker.TRACK,
    **default: Any,
) -> Any:
    """A field of a dataclass with this option; `default` as in `field`."""
    return field(metadata={"option": Option(kind, *words, metavar=metavar, choices=choices, taker=taker)}, **default)


_SETTINGS_HELP = (
    "a setting of the tracks under Blender's name for it, such as pattern_match=PREV_FRAME or search_size=91; can be "
    "repeated"
)
_FOCAL_HELP = "the focal length of the lens in millimetres, if it is known (default: it is estimated)"
_SENSOR_HELP = f"the width of the sensor in millimetres (default: {SENSOR:g}); without it a focal length means nothing"


@dataclass(frozen=True)
class ShotSpec:
    """One shot as requested. Frames are displayed numbers.

    In a batch paths are absolute, or unchanged if they come from another system. None and empty values stand for the
    defaults of `track`, or of `camera`.
    """

    footage: str = _option(
        Kind.PATH, "a movie, an image sequence (any file of it, or its folder), or a .blend", taker=Taker.BOTH
    )
    name: str = _option(
        Kind.TEXT, "a name for the session (default: that of the footage)", taker=Taker.BOTH, default=""
    )
    clip: str = _option(
        Kind.TEXT, "which clip of the .blend, if it has several", metavar="NAME", taker=Taker.BOTH, default=""
    )
    start: int | None = _option(
        Kind.FRAME,
        "frame to track from (default: the first, or the last when tracking backward; the current one of a .blend)",
        "frame to track from",
        metavar="N",
        default=None,
    )
    end: int | None = _option(
        Kind.FRAME,
        "frame to track to (default: the end of the clip)",
        "frame to track to",
        metavar="N",
        default=None,
    )
    direction: str = _option(
        Kind.CHOICE,
        "both: forward to --end, then backward to the first frame",
        "where to track (default: forward)",
        choices=DIRECTIONS,
        default="forward",
    )
    detect: bool = _option(
        Kind.SWITCH,
        "find features on the start frame if the clip has no tracks: about 100, spread over the picture, with a "
        "threshold as low as it takes",
        "find features where a shot has no tracks (see track --help)",
        default=False,
    )
    tracks: str = _option(
        Kind.PATH, "start positions of tracks", "start positions of tracks", metavar="FILE.json", default=""
    )
    pause_below: int = _option(
        Kind.COUNT,
        f"pause a pass as soon as it follows fewer than N tracks (a camera solve needs {SOLVE_NEEDS}); resume goes on",
        "pause a shot as soon as it follows fewer than N tracks",
        metavar="N",
        default=0,
    )
    settings: Mapping[str, Any] = _option(
        Kind.SETTINGS,
        _SETTINGS_HELP,
        _SETTINGS_HELP,
        metavar="NAME=VALUE",
        default_factory=dict[str, Any],
    )
    camera: bool = _option(
        Kind.SWITCH,
        "go on to a camera",
        "go from footage to a camera, as the command camera does, and say what it is worth",
        taker=Taker.NEITHER,
        default=False,
    )
    focal: float | None = _option(
        Kind.LENGTH, _FOCAL_HELP, f"for --camera: {_FOCAL_HELP}", metavar="MM", taker=Taker.CAMERA, default=None
    )
    sensor: float | None = _option(
        Kind.LENGTH, _SENSOR_HELP, f"for --camera: {_SENSOR_HELP}", metavar="MM", taker=Taker.CAMERA, default=None
    )

    def to_json(self) -> dict[str, Any]:
        """The values by option, without defaults."""
        default = ShotSpec("")
        values = {option.name: getattr(self, option.name) for option in OPTIONS}
        return {name: value for name, value in values.items() if value != getattr(default, name)}

    @classmethod
    def from_json(cls, content: object) -> ShotSpec:
        """The shot from the result of `to_json`. Raises ValueError for anything else, and for unknown options."""
        if not isinstance(content, dict):
            raise ValueError("it is not a mapping")
        values = cast("dict[str, Any]", content)
        for name, value in values.items():
            if name not in _BY_NAME:
                raise ValueError(f"{name} is not an option of a shot")
            _BY_NAME[name].check(value)
        if "footage" not in values:
            raise ValueError("it has no footage")
        return cls(**values)

    def to_arguments(self) -> list[str]:
        """The arguments of a command line for this shot."""
        values = self.to_json()
        options = OPTIONS[1:]
        return [self.footage, *(word for option in options for word in option.arguments(values.get(option.name)))]

    def command_line(self) -> list[str]:
        """The command that does this shot, `track` or `camera`, and its arguments."""
        return ["camera" if self.camera else "track", *replace(self, camera=False).to_arguments()]

    @property
    def contradiction(self) -> str:
        """Why its options make no sense together, for users; empty if they do."""
        given = self.to_json()
        others = Taker.TRACK if self.camera else Taker.CAMERA
        wrong = ", ".join(f"“{option.name}”" for option in OPTIONS if option.taker is others and option.name in given)
        if wrong and self.camera:
            words = "with “camera” it finds and tracks features by itself, on all frames"
            return f"{words}: leave out {wrong}, or say “camera: false”"
        if wrong:
            return f"the lens of a camera means nothing without “camera: true”: add that, or leave out {wrong}"
        if self.camera and parse_path(self.footage).requested is not None:
            return "with “camera” it tracks all frames: name the footage without a range, or say “camera: false”"
        return ""

    def with_paths(self, change: Callable[[str], str]) -> ShotSpec:
        """The shot with `change` applied to each path."""
        return replace(self, **{name: change(path) for name in _PATHS if (path := getattr(self, name))})

    @property
    def is_blend(self) -> bool:
        return self.footage.lower().endswith(".blend")

    @property
    def range(self) -> tuple[int | None, int | None]:
        """The first and last displayed number to track, from the shot or from a range in its footage."""
        requested = parse_path(self.footage).requested
        if requested is None or self.start is not None or self.end is not None:
            return self.start, self.end
        return (requested[1], requested[0]) if self.direction == "backward" else requested

    def clip_range(self, counting: Counting) -> tuple[int | None, int | None]:
        """`range` in clip frames."""
        start, end = (None if number is None else counting.clip_frame(number) for number in self.range)
        return start, end

    @property
    def title(self) -> str:
        """The displayed name; the name of a sequence is without its number."""
        footage = parse_path(self.footage)
        path = PureWindowsPath(footage.path) if is_foreign(footage.path) else Path(footage.path)
        sequence = footage.pattern or (numbered(path.name) if path.suffix.lower() in IMAGE_SUFFIXES else None)
        if sequence is not None:
            return self.name or sequence.head.rstrip("_-. ") or path.parent.name
        return self.name or path.stem or self.footage


OPTIONS: tuple[Option, ...] = tuple(replace(entry.metadata["option"], name=entry.name) for entry in fields(ShotSpec))
"""The first is the footage, which a command line takes without a flag."""
TRACK = tuple(option for option in OPTIONS[1:] if option.taker in (Taker.BOTH, Taker.TRACK))
"""The options of `track`."""
CAMERA = tuple(option for option in OPTIONS[1:] if option.taker in (Taker.BOTH, Taker.CAMERA))
"""The options of `camera`."""
LENS = tuple(option for option in CAMERA if option.taker is Taker.CAMERA)
"""The options of a known lens, which `solve` takes as well."""
_PATHS = tuple(option.name for option in OPTIONS if option.kind is Kind.PATH)
_BY_NAME = {option.name: option for option in OPTIONS}
PAUSE_BELOW = _BY_NAME["pause_below"]
"""The one option that a resumed session takes as well."""
SHARED = tuple(option for option in OPTIONS if option.shared_help)
"""Options that `batch run` takes as defaults for all shots."""


def check_text(value: object, subject: str) -> None:
    """Raises ValueError, with a message for users about `subject`, for a text that the ledger cannot store."""
    if not isinstance(value, str):
        raise ValueError(f"{subject} {str(value)[:40]} is no text: put it in quotes (YAML takes 010 for the number 8)")
    try:
        value.encode("utf-8")
    except UnicodeError:
        raise ValueError(f"{subject}: {value!r} is not valid text: rename it") from None
    if "\0" in value or len(value) > _TEXT_LIMIT:
        raise ValueError(f"{subject}: {value[:40]!r}… is too long, or no text at all")


def json_text(content: object) -> str:
    """A mapping as JSON. Raises ValueError, with a message for users, if the ledger cannot store it."""
    try:
        text = json.dumps(content, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"its settings hold something that is no plain text or number ({error})") from None
    if len(text) > _JSON_LIMIT:
        raise ValueError(f"its settings are longer than {_JSON_LIMIT >> 10} KiB")
    return text
