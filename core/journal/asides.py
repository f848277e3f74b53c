# SPDX-License-Identifier: GPL-3.0-or-later
"""The states that were set aside: the clip went back behind them, by undo or in a file saved earlier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model.ranges import FrameRanges
from .chain import Position
from .coverage import Coverage
from .records import Reason

ASIDES_KEPT = 5


@dataclass
class Aside:
    """A state that was set aside: the one at `position`, whose tracks had the live frames `frames`."""

    position: Position
    reason: Reason
    frames: Mapping[int, FrameRanges]
    gone_back: set[int] = field(default_factory=set[int])
    """The tracks that are in an earlier state now."""
    changed: set[int] = field(default_factory=set[int])
    """The tracks that the artist has changed since."""

    @property
    def in_question(self) -> set[int]:
        """The tracks that changed on both sides."""
        return self.gone_back & self.changed

    def lacking(self, now: Mapping[int, FrameRanges]) -> tuple[int, FrameRanges]:
        """How many tracks get live frames if the state is restored, and all these frames; `now` are the live ones."""
        return Coverage.of({n: self.frames[n] for n in self.gone_back & self.frames.keys()}).beyond(now)


class Asides:
    """The newest states that were set aside and neither restored nor, after undo, tracked on from; oldest first."""

    def __init__(self) -> None:
        self.entries: list[Aside] = []
        self.is_leading_away = False
        """Whether the records that come lead from the last of them back to an earlier state."""

    def set_aside(self, position: Position, reason: Reason, coverage: Coverage) -> None:
        """The state at `position`, which has this coverage, is set aside; the records that follow lead away from it."""
        frames = {number: FrameRanges(ranges.ranges()) for number, ranges in coverage.frames.items()}
        self.entries = [*self.entries[-ASIDES_KEPT + 1 :], Aside(position, reason, frames)]
        self.is_leading_away = True

    def touch(self, tracks: Iterable[int]) -> None:
        """Markers or settings of the tracks were recorded."""
        numbers = set(tracks)
        for aside in self.entries:
            is_this = aside is self.entries[-1] and self.is_leading_away
            (aside.gone_back if is_this else aside.changed).update(numbers)

    def end_of_way(self) -> None:
        """Another event comes: the session is in the earlier state."""
        self.is_leading_away = False

    def open_pass(self, tracks: Iterable[int]) -> None:
        """A pass begins: the artist goes on without the states that undo took."""
        self.end_of_way()
        self.entries = [aside for aside in self.entries if aside.reason is not Reason.UNDO]
        self.touch(tracks)

    def restore(self, position: Position) -> None:
        """The state at `position` was restored."""
        self.entries = [aside for aside in self.entries if aside.position != position]

    # In a session file, where `live` has the form of a coverage

    def to_list(self) -> list[dict[str, Any]]:
        return [
            {
                **aside.position._asdict(),
                "reason": aside.reason.value,
                "live": str(Coverage.of(aside.frames)),
                "gone_back": str(FrameRanges.of(aside.gone_back)),
                "changed": str(FrameRanges.of(aside.changed)),
            }
            for aside in self.entries
        ]
