# SPDX-License-Identifier: GPL-3.0-or-later
"""The passes that a run tracks next: from which frame, and which tracks it follows."""

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
    """The tracks of a tracking object as the clip has them, and how that differs from the records."""

    tracks: dict[int, TrackData]  # all tracks of the object, by number; new ones are numbered
    rows: dict[int, bytes]  # their packed markers
    edited: set[int]  # those whose markers differ
    records: list[JournalRecord]  # of the difference

    def existing(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """Those of the tracks that were not deleted since."""
        return tuple(number for number in numbers if number in self.tracks)


class Plan(NamedTuple):
    """The passes of a run, the first one from clip frame `frame` for the tracks `alive`."""

    passes: list[Pass]
    frame: int
    alive: frozenset[int]
    is_open: bool = False
    """Whether the first pass is open already, so that the run goes on in it."""
    left_out: int = 0
    """Tracks that the artist has tracked on already, so that they take no part."""
    is_tracked_on: bool = False
    """Whether these were all, so that the first step closes the pass."""

    @property
    def frames(self) -> FrameRanges:
        """The clip frames that the passes cover."""
        return FrameRanges((min(one.start, one.end), max(one.start, one.end)) for one in self.passes)


def limited(start: int, end: int, limit: int) -> tuple[int, int]:
    """The range of clip frames, no longer than Frames Limit steps; 0 is no limit."""
    if not limit:
        return start, end
    return start, max(end, start - limit) if end < start else min(end, start + limit)


def begin(
    ranges: Sequence[tuple[int, int]], tracks: Sequence[int], known: Replay, *, object: str, blender: str
) -> Plan:
    """New passes over `ranges` (first and last clip frame of each), which start on the same frame, for the tracks."""
    first = 1 + max(known.passes, default=0)
    passes = [
        Pass(number, start, end, tuple(tracks), object, blender) for number, (start, end) in enumerate(ranges, first)
    ]
    return Plan(passes, passes[0].start, frozenset(tracks))


def resume(known: Replay, found: Edits, counting: Counting, *, object: str, blender: str) -> Plan | None:
    """The pass that was paused or interrupted, and those that were to follow; None if there is none.

    Tracks that the artist has given a new marker on the frame of the pause take part again. Tracks that have got newer
    markers on the frames to come do not: those would be written over. If that leaves none, the pass goes on from the
    frame where the farthest of them stop, or, at its end, is closed with the first step. Raises NothingToTrack.
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
    for one in planned:
        ahead = tracked_ahead(one.tracks, found, known, one.start, one.end)
        done.update(ahead)
        if len(ahead) < len(one.tracks) or not ahead:
            following.append(replace(one, tracks=tuple(number for number in one.tracks if number not in ahead)))
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
    """The pass that is open, and those `following` it, whose tracks in `done` are left out."""
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
    if ahead and not alive:  # the pass goes on from where the farthest of them stop
        frame = (min if plan.backwards else max)(ahead.values())
        alive = frozenset(number for number, at in ahead.items() if at == frame and frame != plan.end)
        is_tracked_on = not alive
    left_out = len(done | ahead.keys() - alive)
    return Plan([plan, *following], frame, alive, True, left_out, is_tracked_on)


def _is_live(rows: bytes, frame: int) -> bool:
    row = split_rows(rows).get(frame)
    return row is not None and not is_muted(row)


def tracked_ahead(numbers: Iterable[int], found: Edits, known: Replay, frame: int, end: int) -> dict[int, int]:
    """Those of the tracks that were tracked on, behind `frame` and up to `end`, by other means, and how far.

    That is told from what has changed since the last step, whether it is recorded by now or among the edits `found`.
    """
    far: dict[int, int] = {}
    for number in numbers:
        if number in found.edited or number in known.edited:
            before = known.edited.get(number, known.markers.get(number, {}))
            at = tracked_on(split_rows(found.rows[number]), before, frame, end)
            if at is not None:
                far[number] = at
    return far
