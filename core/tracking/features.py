# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the features of a picture that become tracks: as many as a solve wants, strong, and spread evenly.

A grid divides the picture, without the margin in which no pattern fits. Each part in turn gives its strongest feature,
then its second, and so on. A much weaker feature waits some turns: so grain in an empty sky takes no track from a
corner of a house, while the soft half of a picture gets its tracks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

WANTED = 100
"""Features for a whole picture. A solve needs 8 that its keyframes share, and in a minute of footage nine in ten get
lost; artists take 80 to 150 for an automatic track. At 0.55 ms for a marker and step, 100 cost about as much as
reading a frame of 1920x1080."""
EACH = 2  # features wanted of each part
APART = 0.7
"""How near a new feature may come to a track that is there, in least distances of two features: less near than these
to each other, so that a track which has drifted between two places does not keep both empty."""
SETBACK = 2  # turns that a feature waits for each weaker level


@dataclass(frozen=True)
class Candidate:
    """A feature that Blender found: its position, 0..1 from the lower left, and its level, 0 for the strongest."""

    x: float
    y: float
    level: int = 0


@dataclass(frozen=True)
class Layout:
    """The grid, the margin and the distances of the features of a picture, in pixels."""

    width: int
    height: int
    margin: int  # without features: a pattern there would be cut off, or leave the picture at once
    distance: int  # least distance of two features
    wanted: int  # features; 0 if no pattern fits into the picture
    columns: int
    rows: int
    taken: tuple[tuple[float, float], ...] = ()
    """The positions of tracks that are there, 0..1: their places need no feature."""

    @classmethod
    def of(cls, width: int, height: int, pattern: float) -> Layout:
        """The layout for a picture and patterns of `pattern` pixels.

        Two features keep half the distance that an even spread would give them, but at least half a pattern, so that
        a small picture takes fewer.
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

    def around(self, taken: Iterable[tuple[float, float]]) -> Layout:
        """The same layout with tracks at these positions, 0..1: it wants features only where they are too few."""
        layout = replace(self, taken=tuple(taken))
        missing = self.parts * EACH - sum(min(count, EACH) for count in layout._there().values())
        return replace(layout, wanted=min(self.wanted, missing))

    def _there(self) -> Counter[int]:
        """The number of tracks in each part."""
        return Counter(self.part(Candidate(x, y)) for x, y in self.taken)

    @property
    def parts(self) -> int:
        return self.columns * self.rows

    def part(self, feature: Candidate) -> int:
        """The number of the part of the picture in which the feature lies."""
        column = self._step(feature.x * self.width, self.width, self.columns)
        return self._step(feature.y * self.height, self.height, self.rows) * self.columns + column

    def _step(self, at: float, length: int, steps: int) -> int:
        within = max(1, length - 2 * self.margin)
        return min(max(int((at - self.margin) / within * steps), 0), steps - 1)

    def parts_with(self, features: Iterable[Candidate]) -> int:
        """The number of parts of the picture with at least one of the features."""
        return len({self.part(feature) for feature in features})

    def add(self, candidates: list[Candidate], found: Iterable[Candidate]) -> None:
        """Add the found features that keep their distance from all candidates, and from the tracks that are there."""
        nearest = (self.distance - 0.5) ** 2  # rounding: positions are whole pixels converted to 0..1
        free = (APART * self.distance) ** 2
        there = [(x * self.width, y * self.height) for x, y in self.taken]
        positions = [(candidate.x * self.width, candidate.y * self.height) for candidate in candidates]
        known = {(candidate.x, candidate.y) for candidate in candidates}  # a quick test that rejects most
        for feature in found:
            x, y = feature.x * self.width, feature.y * self.height
            if (
                (feature.x, feature.y) not in known
                and all((x - a) ** 2 + (y - b) ** 2 >= nearest for a, b in positions)
                and all((x - a) ** 2 + (y - b) ** 2 >= free for a, b in there)
            ):
                candidates.append(feature)
                positions.append((x, y))

    def choose(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The features to keep, in the order of their turns. `candidates` has the strongest first."""
        return [candidate for _, candidate in self._in_turn(candidates)]

    def is_settled(self, candidates: Sequence[Candidate], level: int) -> bool:
        """Whether no further candidate of `level` or weaker could be kept."""
        kept = self._in_turn(candidates)
        return len(kept) == self.wanted and (not kept or kept[-1][0] <= SETBACK * level)

    def _in_turn(self, candidates: Sequence[Candidate]) -> list[tuple[int, Candidate]]:
        """The kept candidates with their turns, within a turn the strongest first."""
        before = self._there()
        turns: list[tuple[int, Candidate]] = []
        for candidate in candidates:
            part = self.part(candidate)
            turns.append((before[part] + SETBACK * candidate.level, candidate))
            before[part] += 1
        return sorted(turns, key=lambda pair: pair[0])[: self.wanted]
