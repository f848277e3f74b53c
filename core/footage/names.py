# SPDX-License-Identifier: GPL-3.0-or-later
"""How the pictures of a sequence are named: by Blender's rule, and as this trade writes all of them at once.

Blender takes the last group of digits of a name for the frame, however long it is, as long as the number is at most
2,147,483,647, and prints the numbers of the others with at least as many digits as the first one has
(`BLI_path_sequence_decode` and `BLI_path_sequence_encode`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

NUMBER_LIMIT = (1 << 31) - 1
_NUMBER = re.compile(r"(.*?)([0-9]+)([^0-9]*)\Z", re.DOTALL)
_NEGATIVE = re.compile(r"(?:\A|[._])-\Z")  # before a number: what else stands before a hyphen makes it a hyphen
# plate.####.exr, plate.@@@@.exr, plate.%04d.exr, and each with a range before it: plate.1001-1200####.exr
_PATTERN = re.compile(r"(?:(?P<a>[0-9]+)-(?P<b>[0-9]+))?(?:#+|@+|%0?(?P<width>[0-9]?)d)")
# plate.1001-1200.exr, plate.[1001-1200].exr
_RANGE = re.compile(r"(?P<open>\[?)(?P<a>[0-9]+)-(?P<b>[0-9]+)(?P<close>\]?)")
# “plate.####.exr 1001-1200”, as file dialogs of compositors give it
_BEHIND = re.compile(r"(?P<path>.*\S)\s+(?P<a>[0-9]+)-(?P<b>[0-9]+)\Z", re.DOTALL)


class Numbered(NamedTuple):
    """A name in its parts: `head` + `digits` + `tail`."""

    head: str
    digits: str
    tail: str

    @property
    def number(self) -> int:
        return int(self.digits)

    @property
    def is_negative(self) -> bool:
        """Whether a person would read the number as one below 0; Blender does not."""
        return _NEGATIVE.search(self.head) is not None


class Pattern(NamedTuple):
    """All pictures of a sequence, or those from number `first` to `last`. `width` is 0 if any will do."""

    head: str
    width: int
    tail: str
    first: int | None = None
    last: int | None = None

    def matches(self, name: str) -> bool:
        """Whether the name of a file is that of a picture of the sequence, in or out of the range."""
        one = numbered(name)
        if one is None or (one.head, one.tail) != (self.head, self.tail):
            return False
        return not self.width or one.digits == f"{one.number:0{self.width}d}"

    def contains(self, name: str) -> bool:
        """The same within the range."""
        one = numbered(name)
        return (
            one is not None
            and self.matches(name)
            and (self.first is None or self.first <= one.number)
            and (self.last is None or one.number <= self.last)
        )


def numbered(name: str) -> Numbered | None:
    """The parts of a file's name; None if Blender finds no number in it."""
    stem, suffix = os.path.splitext(name)
    match = _NUMBER.match(stem)
    if match is None or len(match[2].lstrip("0")) > 10 or int(match[2]) > NUMBER_LIMIT:
        return None
    return Numbered(match[1], match[2], match[3] + suffix)


def shape(name: str) -> str:
    """The name with # for each number in it: pictures that follow each other have the same, whichever number counts."""
    stem, suffix = os.path.splitext(name)
    return re.sub(r"[0-9]+", "#", stem) + suffix


def sequence_name(name: str) -> str:
    """The name of a picture, or a pattern for all, with # for its last number: the same for all of a sequence."""
    name, _ = split_range(name)
    found = pattern(name)
    if found is not None:
        return f"{found.head}#{found.tail}"
    stem, suffix = os.path.splitext(name)
    return re.sub(r"[0-9]+", "#", stem[::-1], count=1)[::-1] + suffix


def pattern(name: str) -> Pattern | None:
    """What a name such as `plate.####.exr`, `plate.%04d.exr` or `plate.1001-1200.exr` stands for; None for others."""
    stem, suffix = os.path.splitext(name)
    found = list(_PATTERN.finditer(stem))
    if found:
        match = found[-1]
        signs = match[0][match.end("b") - match.start() :] if match["b"] else match[0]
        width = int(match["width"] or 0) if signs.startswith("%") else len(signs) if len(signs) > 1 else 0
    else:
        found = [one for one in _RANGE.finditer(stem) if bool(one["open"]) == bool(one["close"])]
        if not found or re.search(r"[0-9]", stem[found[-1].end() :]):  # 010-020_plate.1001.exr is one picture
            return None
        match = found[-1]
        width = len(match["a"]) if match["a"].startswith("0") else 0
    ends = (int(match["a"]), int(match["b"])) if match["a"] else (None, None)
    return Pattern(stem[: match.start()], width, stem[match.end() :] + suffix, *ends)


def split_range(path: str) -> tuple[str, tuple[int, int] | None]:
    """A path and the range of frames behind it, as in “plate.####.exr 1001-1200”, if there is one."""
    match = _BEHIND.match(path)
    return (path, None) if match is None else (match["path"], (int(match["a"]), int(match["b"])))


class Run(NamedTuple):
    """The numbers of a sequence: from `low` to `high`, printed with at least `width` digits; some may be missing.

    `apart` are numbers of files that are named alike and lie far off, such as a slate.
    """

    low: int
    high: int
    width: int
    apart: tuple[int, ...] = ()


_FAR = 10  # a hole is no lapse if it is longer than this, and longer than what lies behind it


def run_of(named: Numbered, others: Iterable[Numbered]) -> Run:
    """The sequence that the name is part of, among those of `others` with the same head and tail.

    A hole in the numbers is taken for missing files, unless what lies beyond it is far off and less than the hole.
    """
    digits = {one.digits for one in others if (one.head, one.tail) == (named.head, named.tail)} | {named.digits}
    width = _width(named.digits, digits)
    numbers = sorted({number for number in map(int, digits) if f"{number:0{width}d}" in digits})
    at = numbers.index(named.number)
    low = _before_a_gap(numbers[at::-1])
    high = _before_a_gap(numbers[at:])
    return Run(low, high, width, tuple(number for number in numbers if not low <= number <= high))


def _width(digits: str, all_of_them: Iterable[str]) -> int:
    """With how many digits at least the numbers are printed of which `digits` is one."""
    if digits.startswith("0"):
        return len(digits)
    padded = {len(one) for one in all_of_them if one.startswith("0") and len(one) > 1}
    return max((width for width in padded if width <= len(digits)), default=1)


def _before_a_gap(numbers: Sequence[int]) -> int:
    """The last of the numbers, ascending or descending, before a hole beyond which the others are far off."""
    for index in range(1, len(numbers)):
        hole = abs(numbers[index] - numbers[index - 1]) - 1
        if hole > max(_FAR, len(numbers) - index):
            return numbers[index - 1]
    return numbers[-1]
