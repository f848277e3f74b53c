# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the footage at a path and names the file of each frame: clip frame 1 is the first file of a sequence."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from ..errors import FootageUnusable, PictureUnusable
from ..model.counting import Counting, timeline_start
from ..storage.folder import is_foreign
from .names import NUMBER_LIMIT, Numbered, Pattern, numbered, parse_pattern, range_of, shape, split_range

_STILLS = ("png", "jpg", "jpeg", "jp2", "j2c", "exr", "tif", "tiff", "dpx", "cin", "tga", "bmp", "sgi", "rgb", "bw")
IMAGE_SUFFIXES = frozenset(f".{kind}" for kind in (*_STILLS, "hdr", "webp", "psd"))
_UNREAD = frozenset({".dng", ".arw", ".cr2", ".cr3", ".nef", ".raf", ".orf", ".rw2", ".heic", ".avif", ".svg", ".gif"})
"""Suffixes of pictures that Blender opens as no sequence; a folder with nothing else gets an error of its own."""

_FROM_ONE = Counting()


@dataclass(frozen=True)
class Footage:
    """A movie, or an image sequence whose files are `head` + number + `tail`, numbered from `number`."""

    first: Path
    source: str  # MOVIE or SEQUENCE
    head: str = ""
    digits: int = 0  # the least number of digits
    tail: str = ""
    number: int = 1
    count: int = 0  # numbers from the first to the last file, missing files included; 0 for a movie
    counting: Counting = _FROM_ONE
    requested: tuple[int, int] | None = None
    """The first and the last number of the range in the path."""
    outliers: tuple[int, ...] = ()
    """The numbers of files with the same head and tail that lie too far off to belong to it, such as a slate."""

    @property
    def name(self) -> str:
        """The name of the movie, or of the sequence without its number."""
        return self.head.rstrip("_-. ") or self.first.parent.name if self.source == "SEQUENCE" else self.first.stem

    def file(self, frame: int) -> Path:
        """The file that holds clip frame `frame`."""
        return Path(self.path(frame))

    def path(self, frame: int) -> str:
        """As `file`, for each step of a run: a text costs much less than a Path."""
        if self.source == "MOVIE" or not self.digits:
            return os.fspath(self.first)
        return f"{self._start}{self.number + frame - 1:0{self.digits}d}{self.tail}"

    def file_name(self, number: int) -> str:
        """The name of the file with this number."""
        return f"{self.head}{number:0{self.digits}d}{self.tail}"

    @cached_property
    def _start(self) -> str:
        return os.path.join(self.first.parent, self.head)

    def as_clip(self, path: Path, offset: int) -> Footage:
        """The same files, numbered as in a Blender clip with this file path and `frame_offset`."""
        first = numbered(path.name) if self.digits else None
        if first is None:
            return self
        number = first.number + offset
        count = self.count + self.number - number
        return replace(self, number=number, count=count, digits=len(first.digits), requested=None, outliers=())

    def label(self, frame: int) -> str:
        """The displayed number of a clip frame with its file: “Frame 1003 (plate.1003.exr)”."""
        return f"Frame {self.counting.shown(frame)} ({self.file(frame).name})"

    def unusable(self, frame: int, fault: str) -> FootageUnusable:
        """The error for the file of a clip frame; its message is the frame's label and `fault`."""
        return FootageUnusable(f"{self.label(frame)} {fault}", self.file(frame), frame)

    def damaged(self, frame: int, fault: str) -> PictureUnusable:
        """As `unusable`, for a picture that may be replaced."""
        return PictureUnusable(f"{self.label(frame)} {fault}", self.file(frame), frame)


def find_footage(path: str | os.PathLike[str]) -> Footage:
    """The footage at `path`: a movie, any file of an image sequence, or the folder of one sequence.

    `path` may be a pattern: `plate.####.exr`, `plate.%04d.exr`, `plate.1001-1200.exr`, or have a range behind it,
    “plate.####.exr 1001-1200”. Raises FootageUnusable.
    """
    check_system(path)
    path = Path(os.path.abspath(path))
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeError:
        raise FootageUnusable(f"The path {str(path)!r} is not valid text: rename it", path) from None
    try:
        text, pattern, requested = parse_path(path)
        return replace(_find(Path(text), pattern), requested=requested)
    except OSError as error:
        raise FootageUnusable(f"{path} cannot be read: {error.strerror or error}", path) from error


class FootagePath(NamedTuple):
    """A path to footage in its parts."""

    path: str  # without a range behind it
    pattern: Pattern | None  # of a path such as plate.####.exr
    requested: tuple[int, int] | None  # the first and the last number of the range in the path


def parse_path(path: str | os.PathLike[str]) -> FootagePath:
    """Part a path as `find_footage` does; the path of an existing file is no pattern and has no range."""
    text = os.fspath(path)
    if os.path.exists(text):
        return FootagePath(text, None, None)
    text, requested = split_range(text)
    name = PureWindowsPath(text).name if is_foreign(text) else os.path.basename(text)
    found = None
    if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not os.path.exists(text):
        found = parse_pattern(name)
    if found is not None and requested is None and found.first is not None and found.last is not None:
        requested = found.first, found.last
    return FootagePath(text, found, requested)


def check_system(path: str | os.PathLike[str]) -> None:
    """Raise FootageUnusable for a path of another system."""
    text = os.fspath(path)
    if is_foreign(text):
        raise FootageUnusable(
            f"{text} is a path of Windows, which this system does not have: name the footage as it is found here",
            Path(text),
        )


def _find(path: Path, pattern: Pattern | None) -> Footage:
    if path.is_dir():
        return _only_sequence(path)
    if path.exists():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return _sequence(path, os.listdir(path.parent))
        return Footage(path, "MOVIE")
    if pattern is not None and path.parent.is_dir():
        return _matching(path, pattern)
    raise FootageUnusable(f"There is no footage at {path}: check the path, or put the files back", path)


def _matching(path: Path, pattern: Pattern) -> Footage:
    """The sequence that matches a pattern."""
    names = sorted(name for name in os.listdir(path.parent) if pattern.matches(name))
    inside = [name for name in names if pattern.contains(name)]
    if not inside:
        numbers = f" with the numbers {pattern.first} to {pattern.last}" if pattern.first is not None and names else ""
        raise FootageUnusable(f"{path.parent} has no pictures named as {path.name}{numbers}: check the path", path)
    return _sequence(path.with_name(_in_longest_run(inside)), names)


def _only_sequence(folder: Path) -> Footage:
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    images = [name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise FootageUnusable(f"There are no images in {folder}{_others(names)}", folder)
    groups: dict[tuple[str, str], list[str]] = {}
    for name in images:
        parts = numbered(name)
        if parts is not None:
            groups.setdefault((parts.head, parts.tail), []).append(name)
    found = [_sequence(folder / _in_longest_run(group), group) for group in groups.values()]
    if len(found) > 1:
        if all(sequence.count == 1 for sequence in found):
            refuse_single_picture(found[0])
        firsts = ", ".join(sorted(sequence.first.name for sequence in found)[:5])
        raise FootageUnusable(
            f"{folder} holds more than one sequence ({firsts}): name a file of the one you mean", folder
        )
    return found[0] if found else _sequence(folder / images[0], images)


def _others(names: Sequence[str]) -> str:
    """The end of the message for a folder without images: how to get some."""
    kinds = Counter(Path(name).suffix.lower() for name in names)
    unread = [(count, kind) for kind, count in kinds.items() if kind in _UNREAD]
    if unread:
        count, kind = max(unread)
        return f" that Blender reads ({count:,} {kind} file{'s' * (count != 1)}): convert them, to EXR or PNG say"
    return ": name a movie, an image, or the folder of images"


def _in_longest_run(names: Iterable[str]) -> str:
    """The first name of the longest run of consecutive numbers."""
    by_number = {parts.number: parts for name in names if (parts := numbered(name)) is not None}
    best: tuple[int, Numbered] | None = None
    for number, parts in sorted(by_number.items()):
        if number - 1 not in by_number:
            length = next(n for n in range(1, len(by_number) + 1) if number + n not in by_number)
            if best is None or length > best[0]:
                best = length, parts
    assert best is not None
    return "".join(best[1])


def _sequence(path: Path, names: Iterable[str]) -> Footage:
    """The sequence of the image `path`, among the `names` of its folder. Raises FootageUnusable."""
    parts = numbered(path.name)
    if parts is None:
        return Footage(path, "SEQUENCE", path.stem, 0, path.suffix, 0, 1)
    head, _, tail = parts
    if parts.is_negative:
        raise FootageUnusable(
            f"{path.name} has a number below 0, which Blender takes for {parts.number}: "
            "number the files from 0 or 1 on",
            path,
        )
    low, high, width, outliers = range_of(parts, (other for name in names if (other := numbered(name)) is not None))
    first = path.with_name(f"{head}{low:0{width}d}{tail}")
    count = high - low + 1
    counting = Counting(timeline_start(low, count))
    return Footage(first, "SEQUENCE", head, width, tail, low, count, counting=counting, outliers=outliers)


def refuse_single_picture(footage: Footage) -> None:
    """Raise FootageUnusable for a single picture; explains why the files beside it make no sequence with it."""
    path = footage.first
    try:
        beside = [name for name in os.listdir(path.parent) if shape(name) == shape(path.name) and name != path.name]
    except OSError:
        beside = []
    if not beside:
        raise FootageUnusable(f"{path.name} is a single picture: there is nothing to follow in it", path)
    parts = numbered(path.name)
    many = f"{path.name} and {len(beside)} more beside it look like a sequence, but"
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        words = f"Blender opens a {path.suffix} file as a movie of one frame: convert them, to EXR or PNG say"
    elif parts is not None:
        words = (
            f"Blender takes the last number of a name for the frame (here {parts.digits}): rename the files, "
            "or link them under other names, so that the frame stands last"
        )
    else:
        words = f"Blender follows no numbers over {NUMBER_LIMIT}: number them from 1 or 1001 on"
    raise FootageUnusable(f"{many} {words}", path)
