# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes that lost all their tracks on the way: from which frame on, and which frames are not covered for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..model.counting import Counting
from ..model.ranges import FrameRanges
from ..model.types import Outcome

_RANGE = re.compile(r"(-?\d{1,9})-(-?\d{1,9})\Z", re.ASCII)


class LostPass(NamedTuple):
    """A pass of which no track came to the end, and which no other pass has made good."""

    frame: int  # the first clip frame on which no track was followed
    missing: FrameRanges  # the clip frames, from there to the end of the pass, on which none was


class _Ended(NamedTuple):
    """A pass from `start` to `end` that reached `last`, and there had no track left if `is_lost`."""

    start: int
    end: int
    last: int
    is_lost: bool

    @property
    def direction(self) -> int:
        return -1 if self.end < self.start else 1

    @property
    def followed(self) -> tuple[int, int]:
        """The lowest and the highest frame on which a track was followed."""
        reached = self.last - self.direction if self.is_lost and self.last != self.start else self.last
        return min(self.start, reached), max(self.start, reached)


def lost_passes(passes: Sequence[dict[str, Any]], tracked: FrameRanges) -> list[LostPass]:
    """The lost ones among the passes of a session file, in their order; `tracked` are the frames recorded in all.

    A pass that reached its end without a track is lost there. Where several were lost, the one that came farthest
    stands for the frames behind it.
    """
    ended = [one for one in map(_ended, passes) if one is not None]
    followed = FrameRanges()
    for one in ended:
        followed.add(*one.followed)
    found: dict[int, LostPass] = {}
    explained: dict[int, FrameRanges] = {1: FrameRanges(), -1: FrameRanges()}
    lost = [(number, one) for number, one in enumerate(ended) if one.is_lost]
    for number, one in sorted(lost, key=lambda item: -item[1].direction * item[1].last):
        missing = _missing(one, tracked, followed)
        known = explained[one.direction]
        if any(len(known.missing(a, b)) for a, b in missing.ranges()):
            found[number] = LostPass(one.last, missing)
            known.update(missing)
    return [found[number] for number in sorted(found)]


def _ended(one: dict[str, Any]) -> _Ended | None:
    """A pass as the session file has it; None for what makes no sense there."""
    ends = pass_range(one)
    if ends is None:
        return None
    is_empty = one["outcome"] == Outcome.COMPLETE and not one["alive"]
    return _Ended(*ends, int(one["last_frame"]), one["outcome"] == Outcome.LOST or is_empty)


def pass_range(one: dict[str, Any]) -> tuple[int, int] | None:
    """The clip frames from which and to which a pass goes, as the session file has it; None for nonsense."""
    match = _RANGE.match(str(one["range"]))
    return None if match is None else (int(match[1]), int(match[2]))


def lost_of(lost: Sequence[LostPass], start: int | None, end: int | None, direction: str) -> list[LostPass]:
    """Those that matter to who asks for the clip frames from `start` to `end`, as `track` does.

    None stands for as far as the clip goes.
    """
    if direction == "backward":
        low, high = end, start
    else:
        low, high = (None, end) if direction == "both" else (start, end)
    return [
        one
        for one in lost
        if any((high is None or a <= high) and (low is None or b >= low) for a, b in one.missing.ranges())
    ]


def _missing(one: _Ended, tracked: FrameRanges, followed: FrameRanges) -> FrameRanges:
    missing = FrameRanges()
    if one.last != one.end:
        missing = tracked.missing(*sorted((one.last + one.direction, one.end)))
        if not len(missing):
            return missing  # others went on from there
    if one.last not in followed:
        missing.add(one.last)
    return missing


def lost_words(lost: Sequence[LostPass], counting: Counting) -> str:
    """Where all tracks were lost, and what is not covered, as a sentence without its full stop; empty for no loss."""
    if not lost:
        return ""
    where = " and ".join(dict.fromkeys(f"at frame {counting.shown(one.frame)}" for one in lost))
    missing = FrameRanges()
    for one in lost:
        missing.update(one.missing)
    return f"All tracks were lost {where}: no track was followed on {counting.spans(missing)}"


def lost_fields(lost: Sequence[LostPass], counting: Counting) -> dict[str, int | None]:
    """Where all tracks were lost first, for a program to read: the clip frame, and the number that people see there."""
    frame = lost[0].frame if lost else None
    return {"lost_at": frame, "shown_lost_at": None if frame is None else counting.shown(frame)}
