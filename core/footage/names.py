# SPDX-License-Identifier: GPL-3.0-or-later
"""File names of a sequence: Blender's rule for numbers, and the patterns that stand for a whole sequence.

Blender takes the last group of digits of a name for the frame, whatever its length, if the number is at most
2,147,483,647, and prints the numbers of the other files with at least as many digits as the first file has
(`BLI_path_sequence_decode` and `BLI_path_sequence_encode`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

NUMBER_LIMIT = (1 << 31) - 1
_NUMBER = re.compile(r"(.*?)([0-9]+)([^0-9]*)\Z", re.DOTALL)
_NEGATIVE = re.compile(r"(?:\A|[._])-\Z")  # a minus before a number; behind any other character it is a hyphen
# plate.####.exr, plate.@@@@.exr, plate.%04d.exr, and each with a range before it: plate.1001-1200####.exr
_PATTERN = re.compile(r"(?:(?P<a>[0-9]+)-(?P<b>[0-9]+))?(?:#+|@+|%0?(?P<width>[0-9]?)d)")
# plate.1001-1200.exr, plate.[1001-1200].exr
_RANGE = re.compile(r"(?P<open>\[?)(?P<a>[0-9]+)-(?P<b>[0-9]+)(?P<close>\]?)")
# “plate.####.exr 1001-1200”, as file dialogs of compositors write it
_TRAILING = re.compile(r"(?P<path>.*\S)\s+(?P<a>[0-9]+)-(?P<b>[0-9]+)\Z", re.DOTALL)


class Numbered(NamedTuple):
    """A file name in its parts: `head` + `digits` + `tail`."""

    head: str
    digits: str
    tail: str

    @property
    def number(self) -> int:
        return int(self.digits)

    @property
    def is_negative(self) -> bool:
        """Whether a person reads the number as negative; Blender does not."""
        return _NEGATIVE.search(self.head) is not None


class Pattern(NamedTuple):
    """All pictures of a sequence, or those from number `first` to `last`. `width` 0 takes any number of digits."""

    head: str
    width: int
    tail: str
    first: int | None = None
    last: int | None = None

    def matches(self, name: str) -> bool:
        """Whether a file of this name belongs to the sequence, in or out of the range."""
        found = numbered(name)
        if found is None or (found.head, found.tail) != (self.head, self.tail):
            return False
        return not self.width or found.digits == f"{found.number:0{self.width}d}"

    def contains(self, name: str) -> bool:
        """Whether a file of this name belongs to the sequence and lies in the range."""
        found = numbered(name)
        return (
            found is not None
            and self.matches(name)
            and (self.first is None or self.first <= found.number)
            and (self.last is None or found.number <= self.last)
        )


def numbered(name: str) -> Numbered | None:
    """The parts of a file name; None if Blender finds no number in it."""
    stem, suffix = os.path.splitext(name)
    match = _NUMBER.match(stem)
    if match is None or len(match[2].lstrip("0")) > 10 or int(match[2]) > NUMBER_LIMIT:
        return None
    return Numbered(match[1], match[2], match[3] + suffix)


def shape(name: str) -> str:
    """The name with # for each number in it: the pictures of a sequence share it, whichever number is the frame."""
    stem, suffix = os.path.splitext(name)
    return re.sub(r"[0-9]+", "#", stem) + suffix


def sequence_name(name: str) -> str:
    """The name of a picture, or a pattern, with # for its last number: all pictures of a sequence share it."""
    name, _ = split_range(name)
    found = parse_pattern(name)
    if found is not None:
        return f"{found.head}#{found.tail}"
    stem, suffix = os.path.splitext(name)
    return re.sub(r"[0-9]+", "#", stem[::-1], count=1)[::-1] + suffix


def parse_pattern(name: str) -> Pattern | None:
    """Read `plate.####.exr`, `plate.%04d.exr` or `plate.1001-1200.exr`; None for any other name."""
    stem, suffix = os.path.splitext(name)
    found = list(_PATTERN.finditer(stem))
    if found:
        match = found[-1]
        signs = match[0][match.end("b") - match.start() :] if match["b"] else match[0]
        width = int(match["width"] or 0) if signs.startswith("%") else len(signs) if len(signs) > 1 else 0
    else:
        found = [match for match in _RANGE.finditer(stem) if bool(match["open"]) == bool(match["close"])]
        if not found or re.search(r"[0-9]", stem[found[-1].end() :]):  # 010-020_plate.1001.exr is one picture
            return None
        match = found[-1]
        width = len(match["a"]) if match["a"].startswith("0") else 0
    ends = (int(match["a"]), int(match["b"])) if match["a"] else (None, None)
    return Pattern(stem[: match.start()], width, stem[match.end() :] + suffix, *ends)


def split_range(path: str) -> tuple[str, tuple[int, int] | None]:
    """A path without the range of numbers behind it, as in “plate.####.exr 1001-1200”, and that range if present."""
    match = _TRAILING.match(path)
    return (path, None) if match is None else (match["path"], (int(match["a"]), int(match["b"])))


class NumberRange(NamedTuple):
    """The numbers of a sequence: from `low` to `high`, printed with at least `width` digits; some may be missing.

    `outliers` are the numbers of files with the same head and tail that lie far off, such as a slate.
    """

    low: int
    high: int
    width: int
    outliers: tuple[int, ...] = ()


_FAR = 10  # missing files; a longer gap ends the sequence if fewer files follow it


def range_of(name: Numbered, others: Iterable[Numbered]) -> NumberRange:
    """The numbers of the sequence of `name`, among those of `others` with the same head and tail.

    A gap in the numbers means missing files, unless it is longer than 10 and than the number of files beyond it.
    """
    digits = {other.digits for other in others if (other.head, other.tail) == (name.head, name.tail)} | {name.digits}
    width = _width(name.digits, digits)
    numbers = sorted({number for number in map(int, digits) if f"{number:0{width}d}" in digits})
    at = numbers.index(name.number)
    low = _before_gap(numbers[at::-1])
    high = _before_gap(numbers[at:])
    return NumberRange(low, high, width, tuple(number for number in numbers if not low <= number <= high))


def _width(digits: str, others: Iterable[str]) -> int:
    """The least number of digits in the numbers of the sequence that has `digits`."""
    if digits.startswith("0"):
        return len(digits)
    padded = {len(other) for other in others if other.startswith("0") and len(other) > 1}
    return max((width for width in padded if width <= len(digits)), default=1)


def _before_gap(numbers: Sequence[int]) -> int:
    """The last number, ascending or descending, before the first gap that ends the sequence."""
    for index in range(1, len(numbers)):
        gap = abs(numbers[index] - numbers[index - 1]) - 1
        if gap > max(_FAR, len(numbers) - index):
            return numbers[index - 1]
    return numbers[-1]
