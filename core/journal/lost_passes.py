# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes that lost all their tracks on the way: from which frame on, and which frames are not covered for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..model.counting import Counting
from ..model.ranges import FrameRanges
from ..model.types import PassSummary


class LostPass(NamedTuple):
    """A pass of which no track came to the end, and which no other pass has made good."""

    frame: int  # the first clip frame on which no track was followed
    missing: FrameRanges  # the clip frames, from there to the end of the pass, on which none was


def lost_passes(passes: Sequence[PassSummary], tracked: FrameRanges) -> list[LostPass]:
    """The lost ones among the passes of a session, in their order; `tracked` are the frames recorded in all.

    A pass that reached its end without a track is lost there. Where several were lost, the one that came farthest
    stands for the frames behind it.
    """
    followed = FrameRanges()
    for entry in passes:
        followed.add(*_followed(entry))
    found: dict[int, LostPass] = {}
    explained: dict[int, FrameRanges] = {1: FrameRanges(), -1: FrameRanges()}
    lost = [(place, entry) for place, entry in enumerate(passes) if entry.is_lost]
    for place, entry in sorted(lost, key=lambda item: -item[1].direction * item[1].last_frame):
        missing = _missing(entry, tracked, followed)
        known = explained[entry.direction]
        if any(len(known.missing(a, b)) for a, b in missing.ranges()):
            found[place] = LostPass(entry.last_frame, missing)
            known.update(missing)
    return [found[place] for place in sorted(found)]


def _followed(entry: PassSummary) -> tuple[int, int]:
    """The lowest and the highest frame on which a track was followed."""
    reached = entry.last_frame
    if entry.is_lost and reached != entry.start:
        reached -= entry.direction
    return min(entry.start, reached), max(entry.start, reached)


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


def _missing(entry: PassSummary, tracked: FrameRanges, followed: FrameRanges) -> FrameRanges:
    missing = FrameRanges()
    if entry.last_frame != entry.end:
        missing = tracked.missing(*sorted((entry.last_frame + entry.direction, entry.end)))
        if not len(missing):
            return missing  # others went on from there
    if entry.last_frame not in followed:
        missing.add(entry.last_frame)
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
