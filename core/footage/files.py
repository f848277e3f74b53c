# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage on disk, and which file holds which frame: clip frame 1 is the first file of an image sequence."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from ..errors import FootageUnusable
from ..model.counting import Counting, timeline_start
from ..storage.folder import is_foreign
from .names import NUMBER_LIMIT, Numbered, Pattern, numbered, pattern, run_of, shape, split_range

_STILLS = ("png", "jpg", "jpeg", "jp2", "j2c", "exr", "tif", "tiff", "dpx", "cin", "tga", "bmp", "sgi", "rgb", "bw")
IMAGE_SUFFIXES = frozenset(f".{kind}" for kind in (*_STILLS, "hdr", "webp", "psd"))
_PICTURES = frozenset(
    {".dng", ".arw", ".cr2", ".cr3", ".nef", ".raf", ".orf", ".rw2", ".heic", ".avif", ".svg", ".gif"}
)
"""What Blender reads no sequences of; it is named only where there is nothing else."""


_FROM_ONE = Counting()


@dataclass(frozen=True)
class Footage:
    """A movie, or an image sequence whose files are `head` + number + `tail`, numbered from `number`."""

    first: Path
    source: str  # MOVIE or SEQUENCE
    head: str = ""
    digits: int = 0  # that a number has at least
    tail: str = ""
    number: int = 1
    count: int = 0  # files from the first to the last number, whether they are there or not; 0 for a movie
    counting: Counting = _FROM_ONE
    asked: tuple[int, int] | None = None
    """The first and the last number of a range that was named with it."""
    apart: tuple[int, ...] = ()
    """The numbers of files that are named alike and lie too far off to belong to it, such as a slate."""

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

    def named(self, number: int) -> str:
        """The name of the file with that number."""
        return f"{self.head}{number:0{self.digits}d}{self.tail}"

    @cached_property
    def _start(self) -> str:
        return os.path.join(self.first.parent, self.head)

    def seen_from(self, named: Path, offset: int) -> Footage:
        """The same files as a clip of Blender counts them whose path is `named`, with that `frame_offset`."""
        one = numbered(named.name) if self.digits else None
        if one is None:
            return self
        number = one.number + offset
        count = self.count + self.number - number
        return replace(self, number=number, count=count, digits=len(one.digits), asked=None, apart=())

    def words(self, frame: int) -> str:
        """A clip frame for people, with its file: “Frame 1003 (plate.1003.exr)”."""
        return f"Frame {self.counting.shown(frame)} ({self.file(frame).name})"


def find_footage(path: str | os.PathLike[str]) -> Footage:
    """The footage at `path`: a movie, any file of an image sequence, or the folder of one sequence.

    A sequence may be written as this trade does: `plate.####.exr`, `plate.%04d.exr`, `plate.1001-1200.exr`, or with the
    range behind it, “plate.####.exr 1001-1200”. Raises FootageUnusable.
    """
    check_system(path)
    path = Path(os.path.abspath(path))
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeError:
        raise FootageUnusable(f"The path {str(path)!r} is not valid text: rename it", path) from None
    try:
        return _found(path)
    except OSError as error:
        raise FootageUnusable(f"{path} cannot be read: {error.strerror or error}", path) from error


class Named(NamedTuple):
    """What a path names, before it is looked for."""

    path: str  # without a range behind it
    pattern: Pattern | None  # if it stands for many pictures, such as plate.####.exr
    asked: tuple[int, int] | None  # the first and the last number of the range in it


def named(path: str | os.PathLike[str]) -> Named:
    """How `find_footage` takes a path; whatever is there under just this name is no pattern and has no range."""
    text = os.fspath(path)
    if os.path.exists(text):
        return Named(text, None, None)
    text, asked = split_range(text)
    name = PureWindowsPath(text).name if is_foreign(text) else os.path.basename(text)
    found = None
    if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not os.path.exists(text):
        found = pattern(name)
    if found is not None and asked is None and found.first is not None and found.last is not None:
        asked = found.first, found.last
    return Named(text, found, asked)


def check_system(path: str | os.PathLike[str]) -> None:
    """Raise FootageUnusable for a path that only another system can have."""
    text = os.fspath(path)
    if is_foreign(text):
        raise FootageUnusable(
            f"{text} is a path of Windows, which this system does not have: name the footage as it is found here",
            Path(text),
        )


def _found(path: Path) -> Footage:
    if path.is_dir():
        return _only_sequence(path)
    if path.exists():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return _sequence(path, os.listdir(path.parent))
        return Footage(path, "MOVIE")
    text, asked = split_range(str(path))
    if asked is not None:
        return replace(_found(Path(text)), asked=asked)
    wanted = pattern(path.name)
    if wanted is not None and path.suffix.lower() in IMAGE_SUFFIXES and path.parent.is_dir():
        return _matching(path, wanted)
    raise FootageUnusable(f"There is no footage at {path}: check the path, or put the files back", path)


def _matching(path: Path, wanted: Pattern) -> Footage:
    """The sequence that a pattern stands for."""
    names = sorted(name for name in os.listdir(path.parent) if wanted.matches(name))
    inside = [name for name in names if wanted.contains(name)]
    if not inside:
        where = f" with the numbers {wanted.first} to {wanted.last}" if wanted.first is not None and names else ""
        raise FootageUnusable(f"{path.parent} has no pictures named as {path.name}{where}: check the path", path)
    found = _sequence(path.with_name(_in_the_longest(inside)), names)
    if wanted.first is not None and wanted.last is not None:
        found = replace(found, asked=(wanted.first, wanted.last))
    return found


def _only_sequence(folder: Path) -> Footage:
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    images = [name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise FootageUnusable(f"There are no images in {folder}{_others(names)}", folder)
    groups: dict[tuple[str, str], list[str]] = {}
    for name in images:
        one = numbered(name)
        if one is not None:
            groups.setdefault((one.head, one.tail), []).append(name)
    found = [_sequence(folder / _in_the_longest(group), group) for group in groups.values()]
    if len(found) > 1:
        if all(one.count == 1 for one in found):
            check_followed(found[0])
        named = ", ".join(sorted(one.first.name for one in found)[:5])
        raise FootageUnusable(
            f"{folder} holds more than one sequence ({named}): name a file of the one you mean", folder
        )
    return found[0] if found else _sequence(folder / images[0], images)


def _others(names: Sequence[str]) -> str:
    """What is there in place of images, and what to do."""
    kinds = Counter(Path(name).suffix.lower() for name in names)
    unread = [(count, kind) for kind, count in kinds.items() if kind in _PICTURES]
    if unread:
        count, kind = max(unread)
        return f" that Blender reads ({count:,} {kind} file{'s' * (count != 1)}): convert them, to EXR or PNG say"
    return ": name a movie, an image, or the folder of images"


def _in_the_longest(names: Iterable[str]) -> str:
    """A name that lies in the longest run of those that are named alike."""
    ones = [one for name in names if (one := numbered(name)) is not None]
    by_number = {one.number: one for one in ones}
    best: tuple[int, Numbered] | None = None
    for number, one in sorted(by_number.items()):
        if number - 1 not in by_number:
            length = next(n for n in range(1, len(by_number) + 1) if number + n not in by_number)
            if best is None or length > best[0]:
                best = length, one
    assert best is not None
    return "".join(best[1])


def _sequence(path: Path, names: Iterable[str]) -> Footage:
    """The sequence that the image `path` is part of, among the `names` of its folder."""
    one = numbered(path.name)
    if one is None:
        return Footage(path, "SEQUENCE", path.stem, 0, path.suffix, 0, 1)
    if one.is_negative:
        raise FootageUnusable(
            f"{path.name} has a number below 0, which Blender takes for {one.number}: number the files from 0 or 1 on",
            path,
        )
    run = run_of(one, (other for name in names if (other := numbered(name)) is not None))
    first = path.with_name(f"{one.head}{run.low:0{run.width}d}{one.tail}")
    count = run.high - run.low + 1
    counting = Counting(timeline_start(run.low, count))
    return Footage(first, "SEQUENCE", one.head, run.width, one.tail, run.low, count, counting=counting, apart=run.apart)


def check_followed(footage: Footage) -> None:
    """Raise FootageUnusable for a single picture, saying why if the files beside it look like a sequence with it."""
    path = footage.first
    try:
        beside = [name for name in os.listdir(path.parent) if shape(name) == shape(path.name) and name != path.name]
    except OSError:
        beside = []
    if not beside:
        raise FootageUnusable(f"{path.name} is a single picture: there is nothing to follow in it", path)
    one = numbered(path.name)
    many = f"{path.name} and {len(beside)} more beside it look like a sequence, but"
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        words = f"Blender opens a {path.suffix} file as a movie of one frame: convert them, to EXR or PNG say"
    elif one is not None:
        words = (
            f"Blender takes the last number of a name for the frame (here {one.digits}): rename the files, "
            "or link them under other names, so that the frame stands last"
        )
    else:
        words = f"Blender follows no numbers over {NUMBER_LIMIT}: number them from 1 or 1001 on"
    raise FootageUnusable(f"{many} {words}", path)
