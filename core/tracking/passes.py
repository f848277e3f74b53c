# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans the passes of a run: the frame where it starts and the tracks that it follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..errors import NothingToTrack
from ..journal.records import JournalRecord
from ..journal.replay import PassProgress, Replay
from ..journal.rows import is_muted, split_rows
from ..model.counting import Counting
from ..model.ranges import FrameRanges
from ..model.types import Pass, TrackData
from .reconcile import tracked_on


class Edits(NamedTuple):
    """The tracks of a tracking object in the clip, and their differences from the records."""

    tracks: dict[int, TrackData]  # all tracks of the object, by number; new ones are numbered
    rows: dict[int, bytes]  # their packed markers
    edited: set[int]  # tracks whose markers differ
    records: list[JournalRecord]  # the differences

    def existing(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """The tracks of `numbers` that the clip still has."""
        return tuple(number for number in numbers if number in self.tracks)


class Plan(NamedTuple):
    """The passes of a run. It starts at clip frame `frame` and follows the tracks `alive`."""

    passes: list[Pass]
    frame: int
    alive: frozenset[int]
    is_open: bool = False
    """Whether the run resumes the first pass."""
    left_out: int = 0
    """The number of tracks that take no part, because the artist has tracked them on."""
    is_tracked_on: bool = False
    """Whether the artist has tracked on all tracks: the first step then closes the pass."""

    @property
    def frames(self) -> FrameRanges:
        """The clip frames that the passes cover."""
        return FrameRanges((min(p.start, p.end), max(p.start, p.end)) for p in self.passes)


def ranges(start: int, *ends: int) -> list[tuple[int, int]]:
    """The ranges of clip frames from `start` to each of `ends`, without those of no step."""
    return [(start, end) for end in ends if end != start]


def limited(start: int, end: int, limit: int) -> tuple[int, int]:
    """The range of clip frames, cut to `limit` steps (Frames Limit); 0 is no limit."""
    if not limit:
        return start, end
    return start, max(end, start - limit) if end < start else min(end, start + limit)


def begin(
    ranges: Sequence[tuple[int, int]], tracks: Sequence[int], known: Replay, *, object: str, blender: str
) -> Plan:
    """New passes over `ranges`, each a first and last clip frame; all start on the same frame."""
    first = 1 + max(known.passes, default=0)
    passes = [
        Pass(number, start, end, tuple(tracks), object, blender) for number, (start, end) in enumerate(ranges, first)
    ]
    return Plan(passes, passes[0].start, frozenset(tracks))


def resume(known: Replay, found: Edits, counting: Counting, *, object: str, blender: str) -> Plan | None:
    """The paused or interrupted pass and the passes planned to follow; None if there are none.

    Tracks with a new marker of the artist on the frame of the pause take part again. Tracks with newer markers ahead
    take no part, as the run would overwrite these. Without any other tracks the pass resumes where the farthest of
    them stop, or, at its end, the first step closes it. Raises NothingToTrack.
    """
    progress = known.last_pass
    if progress is None or not (progress.is_open or progress.then):
        return None
    planned = [
        replace(following, tracks=found.existing(following.tracks), object=object, blender=blender)
        for following in progress.then
    ]
    following: list[Pass] = []
    done: set[int] = set()
    for plan in planned:
        ahead = tracked_ahead(plan.tracks, found, known, plan.start, plan.end)
        done.update(ahead)
        if len(ahead) < len(plan.tracks) or not ahead:
            following.append(replace(plan, tracks=tuple(number for number in plan.tracks if number not in ahead)))
    if progress.is_open:
        return _reopened(progress, following, done, known, found, counting, object)
    if following:
        first = following[0]
        return Plan(following, first.start, frozenset(first.tracks), left_out=len(done))
    return Plan(planned[:1], planned[0].end, frozenset(), left_out=len(done), is_tracked_on=True)


def _reopened(
    progress: PassProgress,
    following: Sequence[Pass],
    done: set[int],
    known: Replay,
    found: Edits,
    counting: Counting,
    object: str,
) -> Plan:
    """The open pass and the passes `following` it, which already lack the tracks in `done`."""
    plan = replace(progress.plan, object=object)
    alive = frozenset(found.existing(plan.tracks))
    if progress.steps:
        follow = progress.alive | found.edited | known.edited.keys()
        alive = frozenset(number for number in alive & follow if _is_live(found.rows[number], progress.frame))
    if progress.alive and not alive:
        raise NothingToTrack(
            f"The markers on frame {counting.shown(progress.frame)}, where the pass stopped, are gone: "
            "track from another frame"
        )
    frame = progress.frame
    ahead = tracked_ahead(alive, found, known, frame, plan.end)
    alive -= ahead.keys()
    is_tracked_on = False
    if ahead and not alive:  # resume where the farthest of them stop
        frame = (min if plan.backwards else max)(ahead.values())
        alive = frozenset(number for number, at in ahead.items() if at == frame and frame != plan.end)
        is_tracked_on = not alive
    left_out = len(done | ahead.keys() - alive)
    return Plan([plan, *following], frame, alive, True, left_out, is_tracked_on)


def _is_live(rows: bytes, frame: int) -> bool:
    row = split_rows(rows).get(frame)
    return row is not None and not is_muted(row)


def tracked_ahead(numbers: Iterable[int], found: Edits, known: Replay, frame: int, end: int) -> dict[int, int]:
    """The tracks that the artist has tracked on between `frame` and `end`, each with its farthest frame.

    Compares the markers at the last step with those in the clip, recorded or among the edits `found`.
    """
    far: dict[int, int] = {}
    for number in numbers:
        if number in found.edited or number in known.edited:
            before = known.edited.get(number, known.markers.get(number, {}))
            at = tracked_on(split_rows(found.rows[number]), before, frame, end)
            if at is not None:
                far[number] = at
    return far
