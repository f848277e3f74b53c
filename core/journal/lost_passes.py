# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes that lost all their tracks or too many: on which frame, and which frames have no tracks as a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..model.counting import Counting
from ..model.ranges import FrameRanges
from ..model.types import Outcome, PassSummary


class LostPass(NamedTuple):
    """A pass that lost all its tracks before the end, on frames that no other pass has covered."""

    frame: int  # the first clip frame on which no track was followed
    missing: FrameRanges  # the clip frames from there to the end of the pass without a followed track


def lost_passes(passes: Sequence[PassSummary], tracked: FrameRanges) -> list[LostPass]:
    """The lost passes of a session, in their order; `tracked` are all recorded frames.

    A pass that reached its end without a track is lost there. Of several lost passes the one that came farthest stands
    for the frames behind it.
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
    """The lost passes with missing frames in the clip frames from `start` to `end`, as `track` takes them.

    None stands for the end of the clip.
    """
    if direction == "backward":
        low, high = end, start
    else:
        low, high = (None, end) if direction == "both" else (start, end)
    return [
        entry
        for entry in lost
        if any((high is None or a <= high) and (low is None or b >= low) for a, b in entry.missing.ranges())
    ]


def _missing(entry: PassSummary, tracked: FrameRanges, followed: FrameRanges) -> FrameRanges:
    missing = FrameRanges()
    if entry.last_frame != entry.end:
        missing = tracked.missing(*sorted((entry.last_frame + entry.direction, entry.end)))
        if not len(missing):
            return missing  # other passes have tracked these
    if entry.last_frame not in followed:
        missing.add(entry.last_frame)
    return missing


def lost_words(lost: Sequence[LostPass], counting: Counting) -> str:
    """Where all tracks were lost and which frames have none, a sentence without full stop; empty for no loss."""
    if not lost:
        return ""
    where = " and ".join(dict.fromkeys(f"at frame {counting.shown(entry.frame)}" for entry in lost))
    missing = FrameRanges()
    for entry in lost:
        missing.update(entry.missing)
    return f"All tracks were lost {where}: no track was followed on {counting.spans(missing)}"


def shortage_words(passes: Sequence[PassSummary], counting: Counting) -> str:
    """Where and why the last pass paused by itself, a sentence without full stop; empty if it did not."""
    last = passes[-1] if passes else None
    if last is None or last.outcome is not Outcome.PAUSED or not last.detail:
        return ""
    return f"Paused at frame {counting.shown(last.last_frame)}: {last.detail}"


def lost_fields(lost: Sequence[LostPass], counting: Counting) -> dict[str, int | None]:
    """The first loss of all tracks as JSON fields: the clip frame and its displayed number."""
    frame = lost[0].frame if lost else None
    return {"lost_at": frame, "shown_lost_at": None if frame is None else counting.shown(frame)}
