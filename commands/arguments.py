# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments that several commands share."""

from __future__ import annotations

import argparse
import difflib
import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from ..core.errors import ExitCode, LeaseHeld, TrackingSessionError
from ..core.model.wording import short
from ..core.review.person import person
from ..core.storage.lease import LEASE_TIME
from ..core.tracking.plan import COUNT_LIMIT, LENGTH_LIMIT, Kind, Option
from .terminal import say

_T = TypeVar("_T")
_AGE = re.compile(r"(\d{1,6})([dwm])\Z", re.ASCII)
_DAYS = {"d": 1, "w": 7, "m": 30}

FRAMES_COUNT = (
    "Frames are the numbers that you see: those of the files of an image sequence, those of the timeline for a .blend, "
    "and 1, 2, 3 for a movie."
)


class Parser(argparse.ArgumentParser):
    """A parser that suggests a known argument in place of an unknown one."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [name for name in self._option_string_actions if name.startswith("--")]
            close = difflib.get_close_matches(unknown[0].partition("=")[0], options, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(options)}"
            self.error(f"{short(unknown[0])} is not known here: {hint}")
        return parsed, unknown


class NotAllDone(TrackingSessionError):
    """A command did only a part of its work. `results` is the output for that part."""

    def __init__(self, words: str, exit_code: ExitCode, results: Sequence[str]) -> None:
        super().__init__(words)
        self.exit_code = exit_code
        self.results = results


def command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], list[str]], words: str, example: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=words, description=f"{words[0].upper()}{words[1:]}.", epilog=f"Example: tracking_sessions {example}"
    )
    parser.set_defaults(run=run)
    return parser


def add_root(parser: argparse.ArgumentParser, default: str = "tracking_sessions here") -> None:
    parser.add_argument("--root", metavar="DIR", type=Path, help=f"the session folder (default: {default})")


def add_session(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    words = "its id, the beginning of it, or its file"
    words += " (default: the latest interrupted one)" if optional else ""
    parser.add_argument("session", metavar="SESSION", nargs="?" if optional else None, help=words)
    add_root(parser)


def add_db(parser: argparse.ArgumentParser, words: str = "") -> None:
    words = words or "the ledger of batches, if it lies elsewhere (each batch in it keeps its own session folder)"
    parser.add_argument("--db", metavar="FILE", type=Path, help=words)


def add_status(parser: argparse.ArgumentParser, kinds: Sequence[str]) -> None:
    words = f"only those that are {', '.join(kinds[:-1])} or {kinds[-1]}"
    parser.add_argument("-s", "--status", choices=kinds, metavar="S", help=words)


def add_limit(parser: argparse.ArgumentParser, noun: str) -> None:
    parser.add_argument("-n", "--limit", type=positive, metavar="N", help=f"at most N {noun}")


def add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--force", action="store_true", help="do not ask")


def add_who(parser: argparse.ArgumentParser) -> None:
    words = "the person who decides (default: the user of this machine)"
    parser.add_argument("--who", metavar="NAME", default=person(), help=words)


def add_options(parser: argparse._ActionsContainer, options: Sequence[Option], *, shared: bool = False) -> None:
    """Options of a shot; `shared`: defaults for all shots of a batch."""
    for option in options:
        help = option.shared_help if shared else option.help
        match option.kind:
            case Kind.SWITCH:
                parser.add_argument(option.flag, action="store_true", help=help)
            case Kind.SETTINGS:
                how: dict[str, Any] = {"metavar": option.metavar, "type": _setting, "default": [], "help": help}
                parser.add_argument(option.flag, dest=option.name, action="append", **how)
            case Kind.CHOICE:
                parser.add_argument(option.flag, choices=option.choices, help=help)
            case Kind.FRAME:
                # a timeline may begin below 0; only `track` reads it
                number = frame_number if shared else int
                parser.add_argument(option.flag, type=number, metavar=option.metavar, help=help)
            case Kind.COUNT:
                parser.add_argument(option.flag, type=_count, default=0, metavar=option.metavar, help=help)
            case Kind.LENGTH:
                parser.add_argument(option.flag, type=millimetres, metavar=option.metavar, help=help)
            case Kind.PATH:
                parser.add_argument(option.flag, type=_path, metavar=option.metavar, help=help)
            case Kind.TEXT:
                parser.add_argument(option.flag, default="", metavar=option.metavar, help=help)


def given(arguments: argparse.Namespace, options: Sequence[Option]) -> dict[str, Any]:
    """The options of a shot on the command line, by name."""
    values = {option: getattr(arguments, option.name) for option in options}
    values |= {option: dict(value) for option, value in values.items() if option.kind is Kind.SETTINGS}
    return {option.name: value for option, value in values.items() if option.arguments(value)}


def _path(text: str) -> str:
    return str(Path(text))


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no setting: write NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # a word


def add_json(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"{short(text)!r} is no whole number from 1 on")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:10]) <= COUNT_LIMIT):
        raise argparse.ArgumentTypeError(f"{short(text)!r} is no whole number from 0 to {COUNT_LIMIT}")
    return int(text)


def millimetres(text: str) -> float:
    return number(text, LENGTH_LIMIT, "millimetres")


def number(text: str, highest: float, unit: str) -> float:
    """A number above 0. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value <= highest:
        raise argparse.ArgumentTypeError(f"{short(text)!r} is no number of {unit}")
    return value


def age_given(text: str) -> timedelta:
    match = _AGE.match(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{short(text)!r} is no age: write a number and d, w or m, as 7d, 2w or 1m")
    return timedelta(days=int(match[1]) * _DAYS[match[2]])


def frame_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{short(text)!r} is no frame number: those are whole and not negative")
    return int(text)


def patiently(act: Callable[[bool], _T]) -> _T:
    """Call `act(False)`, which takes a lease, then, if another machine owns that, `act(True)`, which waits for it."""
    try:
        return act(False)
    except LeaseHeld as held:
        if not held.elsewhere:
            raise
        say(f"{held.owner} owns it: watching for {LEASE_TIME:g} seconds whether that still works on it.")
    return act(True)
