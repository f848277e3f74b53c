# SPDX-License-Identifier: GPL-3.0-or-later
"""What the files of footage say about themselves: size, rate, depth, colour, time code, camera and lens.

Only headers are read. A damaged header gives what is sound in it, with a remark; `core.footage.check` judges files.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .files import Footage, find_footage
from .movies import read_movie
from .pictures.file import PictureDamaged, PictureFile, read_at
from .pictures.formats import HEAD, inspect
from .pictures.headers import READERS
from .pictures.tags import LARGEST_RATE, Tags

_LARGEST_SIZE = 65_536  # pixels of a side
_MOST_FRAMES = 1 << 24
_MOST_BITS = 64


@dataclass(frozen=True)
class Metadata:
    """The metadata of footage; 0 and empty texts are unknown.

    `source`: SEQUENCE or MOVIE. `size`: pixels, the data window of an EXR. `pixel_aspect`: width to height of a pixel.
    `start`: the displayed number of the first frame. `bits`: of a channel. `time_code`: of the first frame. `tags`: of
    camera and lens, by name with its unit. `remarks`: what of the headers could not be read, in sentences.
    """

    path: Path
    source: str
    format: str = ""
    size: tuple[int, int] = (0, 0)
    pixel_aspect: float = 0.0
    fps: float = 0.0
    frames: int = 0
    start: int = 1
    bits: int = 0
    is_float: bool = False
    codec: str = ""
    colour_space: str = ""
    time_code: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    remarks: tuple[str, ...] = ()

    def content(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {**asdict(self), "path": str(self.path), "size": list(self.size), "remarks": list(self.remarks)}

    def depth_words(self) -> str:
        if not self.bits:
            return ""
        return f"{self.bits} bits{' of floating point' if self.is_float else ''} per channel"


def extract_metadata(path: str | os.PathLike[str] | Footage) -> Metadata:
    """The metadata of the footage at a path, as `find_footage` takes it. Raises FootageUnusable if there is none."""
    footage = path if isinstance(path, Footage) else find_footage(path)
    tags, remarks = Tags(), list[str]()
    try:
        descriptor = os.open(footage.first, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            size = os.fstat(descriptor).st_size
            file = PictureFile(descriptor, size, read_at(descriptor, 0, min(size, HEAD)))
            _read(file, tags, footage, remarks)
        finally:
            os.close(descriptor)
    except OSError as error:
        remarks.append(f"{footage.first.name} cannot be read: {error.strerror or error}")
    is_sequence = footage.source == "SEQUENCE"
    return Metadata(
        path=footage.first,
        source=footage.source,
        format=tags.format or footage.first.suffix.lstrip(".").upper(),
        size=tags.size if all(0 < side <= _LARGEST_SIZE for side in tags.size) else (0, 0),
        pixel_aspect=tags.aspect,
        fps=tags.fps,
        frames=footage.count if is_sequence else tags.frames if 0 < tags.frames <= _MOST_FRAMES else 0,
        start=footage.counting.start,
        bits=tags.bits if tags.bits <= _MOST_BITS else 0,
        is_float=tags.is_float,
        codec=tags.codec,
        colour_space=tags.colour_space,
        time_code=tags.time_code,
        tags=tags.camera,
        remarks=tuple(remarks),
    )


def get_frame_rate(path: str | os.PathLike[str] | Footage) -> float:
    """The frames per second that the files say, 0 if they say nothing. Raises FootageUnusable without footage."""
    return extract_metadata(path).fps


def is_rate(value: object) -> bool:
    """Whether this can be frames per second."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= LARGEST_RATE


def _read(file: PictureFile, tags: Tags, footage: Footage, remarks: list[str]) -> None:
    name = footage.first.name
    try:
        if footage.source == "MOVIE":
            if not read_movie(file, tags):
                remarks.append(f"The header of {name} is of a kind that is not read here: Blender knows more")
            return
        for signatures, reader in READERS:
            if file.head.startswith(signatures):
                reader(file, tags)
                break
    except PictureDamaged as error:
        remarks.append(f"The header of {name} {error}")
    except (struct.error, IndexError, ValueError, OverflowError):
        remarks.append(f"The header of {name} is damaged")
    if footage.source == "SEQUENCE":
        _inspect(file, tags, name, remarks)


def _inspect(file: PictureFile, tags: Tags, name: str, remarks: list[str]) -> None:
    """The size as Blender sees it."""
    try:
        picture = inspect(file)
    except PictureDamaged as error:
        if not remarks:
            remarks.append(f"{name} {error}")
        return
    tags.size = picture.width, picture.height
    tags.is_float = tags.is_float or (picture.is_float and not tags.bits)
