# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line by which this extension runs one of its commands in another process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGE = (__package__ or "").removesuffix(".core.processes")
_ID = _PACKAGE.rpartition(".")[2]
_IN_BLENDER = _PACKAGE if _PACKAGE != _ID else f"bl_ext.user_default.{_ID}"  # outside, as artists install it
_WORDS = {"--factory-startup": 0, "--offline-mode": 0, "--online-mode": 0, "--addons": 1}
"""Arguments of Blender that decide which extensions it loads and whether it is online, with the number of values."""


def own_command(blender: str, *words: str, **options: str | float | bool) -> list[str]:
    """The command line: a command with its arguments, then its options, as `flags` takes them.

    `blender`: the program; empty for the Python of this process, whose bpy wheel then tracks.
    """
    begin = [blender, "--background", *_loading(sys.argv), "--command", _ID]
    return [*(begin if blender else [sys.executable, str(_ROOT)]), *words, *flags(**options)]


def farm_command(blender: str, extension: str = "") -> list[str]:
    """The command line on another machine, up to the name of a command: with that Blender, which loads this extension
    and no preferences; empty for the Python and the folder of this process.

    `extension`: its name there, such as `bl_ext.system.tracking_sessions`; empty for that of this process.
    """
    if not blender:
        return [sys.executable, str(_ROOT)]
    alone = ["--factory-startup", "--offline-mode", "--addons", extension or _IN_BLENDER]
    return [blender, "--background", *alone, "--command", _ID]


def _loading(arguments: Sequence[str]) -> list[str]:
    """Those of the arguments of this Blender that another one needs to load the same extensions."""
    found: list[str] = []
    for place, word in enumerate(arguments):
        if word in ("--command", "-c", "--"):
            break
        if word in _WORDS:
            found += arguments[place : place + 1 + _WORDS[word]]
    return found


def flags(**options: str | float | bool) -> list[str]:
    """Options by name as arguments; True is a switch."""
    names = {name: name.replace("_", "-") for name in options}
    return [f"--{names[name]}" if value is True else f"--{names[name]}={value}" for name, value in options.items()]
