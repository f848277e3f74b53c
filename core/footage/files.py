# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage on disk, and which file holds which frame: clip frame 1 is the first file of an image sequence."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import FootageUnusable

_STILLS = ("png", "jpg", "jpeg", "jp2", "j2c", "exr", "tif", "tiff", "dpx", "cin", "tga", "bmp", "sgi", "rgb", "bw")
IMAGE_SUFFIXES = frozenset(f".{kind}" for kind in (*_STILLS, "hdr", "webp", "psd"))
_DIGITS = re.compile(r"(.*?)(\d+)(\D*)\Z", re.DOTALL)  # the last group of digits of a name, as Blender takes it


@dataclass(frozen=True)
class Footage:
    """A movie, or an image sequence whose files are `head` + number + `tail`, numbered from `number`."""

    first: Path
    source: str  # MOVIE or SEQUENCE
    head: str = ""
    digits: int = 0
    tail: str = ""
    number: int = 1
    count: int = 0  # files from the first to the last number, whether they are there or not; 0 for a movie

    @property
    def name(self) -> str:
        """A name for people: that of the movie, or of the sequence without its number."""
        return self.head.rstrip("_-. ") or self.first.parent.name if self.source == "SEQUENCE" else self.first.stem

    def file(self, frame: int) -> Path:
        """The file that holds clip frame `frame`."""
        return Path(self.path(frame))

    def path(self, frame: int) -> str:
        """As `file`, for each step of a run: text is made much quicker than a Path."""
        if self.source == "MOVIE" or not self.digits:
            return os.fspath(self.first)
        return f"{self._start}{self.number + frame - 1:0{self.digits}d}{self.tail}"

    @cached_property
    def _start(self) -> str:
        return os.path.join(self.first.parent, self.head)

    def shifted(self, offset: int) -> Footage:
        """The same files with `offset` added to the number that clip frame 1 has (Blender's frame_offset)."""
        return Footage(
            self.first, self.source, self.head, self.digits, self.tail, self.number + offset, self.count - offset
        )


def find_footage(path: str | os.PathLike[str]) -> Footage:
    """The footage at `path`: a movie, any file of an image sequence, or the folder of one sequence.

    Raises FootageUnusable.
    """
    path = Path(os.path.abspath(path))
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeError:
        raise FootageUnusable(f"The path {str(path)!r} is not valid text: rename it", path) from None
    try:
        if path.is_dir():
            return _only_sequence(path)
        if not path.exists():
            raise FootageUnusable(f"There is no footage at {path}: check the path, or put the files back", path)
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return _sequence(path, os.listdir(path.parent))
    except OSError as error:
        raise FootageUnusable(f"{path} cannot be read: {error.strerror or error}", path) from error
    return Footage(path, "MOVIE")


def _only_sequence(folder: Path) -> Footage:
    names = sorted(os.listdir(folder))
    images = [name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".")]
    if not images:
        raise FootageUnusable(
            f"There are no images in {folder}: name a movie, an image, or the folder of images", folder
        )
    found: dict[tuple[str, str], Footage] = {}
    for name in images:
        one = _sequence_of(name)
        if one is not None and (one[0], one[2]) not in found:
            found[one[0], one[2]] = _sequence(folder / name, images)
    if len(found) > 1:
        named = ", ".join(sorted(footage.first.name for footage in found.values())[:5])
        raise FootageUnusable(
            f"{folder} holds more than one sequence ({named}): name a file of the one you mean", folder
        )
    return next(iter(found.values())) if found else _sequence(folder / images[0], images)


def sequence_name(name: str) -> str:
    """The name of a picture with # for its last number, so that all pictures of a sequence have the same."""
    stem, suffix = os.path.splitext(name)
    return re.sub(r"\d+", "#", stem[::-1], count=1)[::-1] + suffix


def _sequence_of(name: str) -> tuple[str, str, str] | None:
    stem, suffix = os.path.splitext(name)
    match = _DIGITS.match(stem)
    return (match[1], match[2], match[3] + suffix) if match and len(match[2]) < 10 else None


def _sequence(path: Path, names: Iterable[str]) -> Footage:
    """The sequence that the image `path` is part of, among the `names` of its folder."""
    one = _sequence_of(path.name)
    if one is None:
        return Footage(path, "SEQUENCE", path.stem, 0, path.suffix, 0, 1)
    head, digits, tail = one
    numbers: list[str] = []
    for name in names:
        if name.startswith(head) and name.endswith(tail):
            number = name[len(head) : len(name) - len(tail)]
            if number.isascii() and number.isdigit() and len(number) < 10:
                numbers.append(number)
    # numbers either have leading zeros and one length, or none and count on, such as 99 and 100
    numbers = [n for n in numbers if len(n) == len(digits) or not (_is_padded(n) or _is_padded(digits))]
    if any(_is_padded(n) for n in numbers):
        numbers = [n for n in numbers if len(n) == len(digits)]
    low, high = min(map(int, numbers)), max(map(int, numbers))
    width = min(map(len, numbers))
    first = path.with_name(f"{head}{low:0{width}d}{tail}")
    return Footage(first, "SEQUENCE", head, width, tail, low, high - low + 1)


def _is_padded(number: str) -> bool:
    return len(number) > 1 and number.startswith("0")
