# SPDX-License-Identifier: GPL-3.0-or-later
"""Which features of a picture become tracks: as many as a solve wants, the strongest, and spread over the picture.

The picture, without the margin in which no pattern fits, is cut into a grid. Each part in turn gives its strongest
feature, then its second one, and so on; a much weaker feature waits some turns, so that grain in an empty sky takes no
place from a corner of a house, while the soft half of a picture gets its tracks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WANTED = 100
"""Features for a whole picture. A solve needs 8 that are common to its keyframes, and in a minute of footage nine in
ten get lost; artists take 80 to 150 for an automatic track. At 0.55 ms for a marker and step, these cost about as much
as reading a frame of 1920x1080."""
EACH = 2  # features that each part is to give
SETBACK = 2  # turns that a feature waits for each level that it is weaker


@dataclass(frozen=True)
class Candidate:
    """A feature that was found: its place, 0..1 from the lower left, and its level, 0 for the strongest ones."""

    x: float
    y: float
    level: int = 0


@dataclass(frozen=True)
class Layout:
    """How features are to lie in a picture; lengths are in pixels. It follows the size of the picture."""

    width: int
    height: int
    margin: int  # in which there is to be none: a pattern there would be cut off, or leave the picture at once
    distance: int  # that two have to keep
    wanted: int  # 0 where no pattern fits into the picture
    columns: int
    rows: int

    @classmethod
    def of(cls, width: int, height: int, pattern: float) -> Layout:
        """The layout for a picture and patterns of that many pixels.

        Two features keep half the distance that they would have if all were spread evenly, but not less than half a
        pattern, so that a small picture has room for fewer.
        """
        margin = max(math.ceil(pattern / 2) + 1, max(width, height) // 120)  # 16 at 1920, as Blender has it
        distance = max(math.ceil(pattern / 2), round(math.sqrt(width * height / WANTED) / 2))
        across, up = width - 2 * margin, height - 2 * margin
        if across < 1 or up < 1:
            return cls(width, height, margin, distance, 0, 1, 1)
        wanted = min(WANTED, max(1, across * up // (2 * distance * distance)))
        parts = wanted / EACH
        rows = max(1, round(math.sqrt(parts * up / across)))
        return cls(width, height, margin, distance, wanted, max(1, round(parts / rows)), rows)

    @property
    def parts(self) -> int:
        return self.columns * self.rows

    def part(self, one: Candidate) -> int:
        """The number of the part of the picture that the feature lies in."""
        column = self._step(one.x * self.width, self.width, self.columns)
        return self._step(one.y * self.height, self.height, self.rows) * self.columns + column

    def _step(self, at: float, length: int, steps: int) -> int:
        within = max(1, length - 2 * self.margin)
        return min(max(int((at - self.margin) / within * steps), 0), steps - 1)

    def parts_with(self, features: Iterable[Candidate]) -> int:
        """How many parts of the picture have one of the features."""
        return len({self.part(one) for one in features})

    def add(self, candidates: list[Candidate], found: Iterable[Candidate]) -> None:
        """Add to the candidates what was found and keeps its distance from all of them."""
        nearest = (self.distance - 0.5) ** 2  # the places come from whole pixels through 0..1
        places = [(one.x * self.width, one.y * self.height) for one in candidates]
        known = {(one.x, one.y) for one in candidates}  # most of them, and quicker to find
        for one in found:
            x, y = one.x * self.width, one.y * self.height
            if (one.x, one.y) not in known and all((x - a) ** 2 + (y - b) ** 2 >= nearest for a, b in places):
                candidates.append(one)
                places.append((x, y))

    def choose(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The features to keep, of candidates that are sorted with the strongest first, in the order of their turns."""
        return [one for _, one in self._in_turn(candidates)]

    def is_settled(self, candidates: Sequence[Candidate], level: int) -> bool:
        """Whether candidates of `level` and weaker ones, if there were any more, could not be kept."""
        kept = self._in_turn(candidates)
        return len(kept) == self.wanted and (not kept or kept[-1][0] <= SETBACK * level)

    def _in_turn(self, candidates: Sequence[Candidate]) -> list[tuple[int, Candidate]]:
        """The kept ones with their turns. Of those with the same turn the strongest comes first."""
        before: Counter[int] = Counter()
        turns: list[tuple[int, Candidate]] = []
        for one in candidates:
            part = self.part(one)
            turns.append((before[part] + SETBACK * one.level, one))
            before[part] += 1
        return sorted(turns, key=lambda pair: pair[0])[: self.wanted]
