# SPDX-License-Identifier: GPL-3.0-or-later
"""The costs that a bench compares, and the report of its figures and their targets."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple


class Cost(NamedTuple):
    """Milliseconds per frame: of the clock, and of the processors, which other work on the machine disturbs less."""

    clock: float
    processors: float


def middle(costs: Iterable[Cost]) -> Cost:
    """The median of repeated measurements."""
    clock, processors = zip(*costs, strict=True)
    return Cost(median(clock), median(processors))


def ratio(above: Iterable[Cost], below: Iterable[Cost]) -> Cost:
    """The median ratio of passes that ran in turns, because other work on the machine slows both."""
    pairs = zip(above, below, strict=False)
    return middle(Cost(a.clock / b.clock, a.processors / b.processors) for a, b in pairs)


class Report:
    """Prints the figures and remembers whether a target was missed."""

    def __init__(self) -> None:
        self.missed = 0

    def target(self, figure: str, value: float, limit: float, unit: str, *, at_least: bool = False) -> None:
        holds = value >= limit if at_least else value <= limit
        self.missed += not holds
        sign = ">=" if at_least else "<="
        print(
            f"  {'holds ' if holds else 'MISSED'}  {figure}: {value:.2f}{unit} (target {sign} {limit:g}{unit})",
            flush=True,
        )
