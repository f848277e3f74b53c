# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats of cameras, one module each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..model.wording import short
from . import chan
from .camera import CameraMove


@dataclass(frozen=True, slots=True)
class Format:
    """`read` takes the path of a file and the order of its Euler angles, `write` gives the content of a file. `name`:
    as on the command line; `title`: of menus."""

    name: str
    title: str
    suffix: str
    read: Callable[[Path, str], CameraMove]
    write: Callable[[CameraMove], bytes]


FORMATS = (Format("chan", "Nuke", ".chan", chan.read_chan, chan.write_chan),)
NAMES = tuple(format.name for format in FORMATS)


def format_of(path: Path, name: str = "") -> Format:
    """The format of this name, else the one that the suffix of the file tells. Raises UsageError."""
    for format in FORMATS:
        if format.name == name or (not name and path.suffix.lower() == format.suffix):
            return format
    known = ", ".join(format.suffix for format in FORMATS)
    raise UsageError(f"{short(path.name)} has no known format: name a file that ends in {known}")
