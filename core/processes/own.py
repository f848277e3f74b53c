# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line by which this extension runs one of its commands in another process."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def own_command(blender: str, *words: str, **options: str | float | bool) -> list[str]:
    """The command line: a command with its arguments, then its options, as `flags` takes them.

    `blender`: the program; empty for the Python of this process, whose bpy wheel then tracks.
    """
    begin = [blender, "--background", "--command", (__package__ or "").split(".")[-3]]
    return [*(begin if blender else [sys.executable, str(_ROOT)]), *words, *flags(**options)]


def flags(**options: str | float | bool) -> list[str]:
    """Options by name as arguments; True is a switch."""
    names = {name: name.replace("_", "-") for name in options}
    return [f"--{names[name]}" if value is True else f"--{names[name]}={value}" for name, value in options.items()]
