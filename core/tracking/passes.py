# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans the passes of a run: the frame where it starts and the tracks that it follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..errors import NothingToTrack
from ..journal.records import JournalRecord
from ..journal.replay import PassProgress, Replay
from ..journal.rows import KEYED, flags_of, is_muted, split_rows
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
    """The number of tracks that take no part at first, or at all, because the artist has tracked them on."""
    is_tracked_on: bool = False
    """Whether the artist has tracked on all tracks: the first step then closes the pass."""
    joins: Mapping[int, frozenset[int]] = {}
    """The tracks that join the first pass later, by the clip frame on which their newer markers end."""

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
    ranges: Sequence[tuple[int, int]],
    tracks: Sequence[int],
    known: Replay,
    *,
    object: str,
    blender: str,
    followed: int = 0,
) -> Plan:
    """New passes over `ranges` (first and last clip frame of each), from the same frame on. `followed` as in `Pass`."""
    first = 1 + max(known.passes, default=0)
    passes = [
        Pass(number, start, end, tuple(tracks), object, blender, followed)
        for number, (start, end) in enumerate(ranges, first)
    ]
    return Plan(passes, passes[0].start, frozenset(tracks))


def resume(
    known: Replay, found: Edits, counting: Counting, *, object: str, blender: str, number: int | None = None
) -> Plan | None:
    """The unfinished pass of that number, or else the first of `known.unfinished`, and the passes planned to follow it.

    None if there is none. Tracks with a new marker of the artist on the frame of the pass take part again. Tracks with
    newer markers ahead join where these end, unless they got lost there: the run would overwrite them. Without other
    tracks the pass resumes where the first of them joins, or, if none does, the first step closes it. Raises
    NothingToTrack.
    """
    chosen = [progress for progress in known.unfinished if number is None or progress.plan.number == number]
    if not chosen:
        return None
    progress = chosen[0]
    planned = [
        replace(following, number=place, tracks=found.existing(following.tracks), object=object, blender=blender)
        for place, following in enumerate(progress.then, 1 + max(known.passes))
    ]
    following: list[Pass] = []
    done: set[int] = set()
    for plan in planned:
        ahead = tracked_ahead(plan.tracks, found, progress, known, plan.start, plan.end)
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
    frame = progress.frame
    changed = found.edited | progress.edited.keys()
    existing = frozenset(found.existing(plan.tracks))
    alive = frozenset(
        number
        for number in existing & (progress.followed | changed)
        if not (progress.steps or number in changed) or _is_live(found.rows[number], frame)
    )
    ahead = tracked_ahead(existing & changed, found, progress, known, frame, plan.end)
    alive -= ahead.keys()
    if progress.alive and not alive and not ahead:
        raise NothingToTrack(
            f"The markers on frame {counting.shown(frame)}, where the pass stopped, are gone: track from another frame"
        )
    joins: dict[int, frozenset[int]] = {}
    for number, at in ahead.items():
        if at != plan.end and not _is_lost(found.rows[number], at + plan.direction):
            joins[at] = joins.get(at, frozenset()) | {number}
    if ahead and not alive:
        frame = min(joins, key=lambda at: abs(at - frame)) if joins else plan.end
        alive = joins.pop(frame, frozenset())
    left_out = len(done | ahead.keys() - alive)
    return Plan([plan, *following], frame, alive, True, left_out, bool(ahead) and not alive, joins)


def _is_live(rows: bytes, frame: int) -> bool:
    row = split_rows(rows).get(frame)
    return row is not None and not is_muted(row)


def _is_lost(rows: bytes, frame: int) -> bool:
    """Whether a tracker lost the track on the frame: the marker is muted, and no border, which would be keyed."""
    row = split_rows(rows).get(frame)
    return row is not None and is_muted(row) and not flags_of(row) & KEYED


def tracked_ahead(
    numbers: Iterable[int], found: Edits, progress: PassProgress, known: Replay, frame: int, end: int
) -> dict[int, int]:
    """The tracks that were tracked on between `frame` and `end` since the last step of the pass.

    Each with its farthest frame. Compares the markers at that step with those in the clip, recorded or among the edits
    `found`.
    """
    far: dict[int, int] = {}
    for number in numbers:
        if number in found.edited or number in progress.edited:
            before = progress.edited.get(number, known.markers.get(number, {}))
            at = tracked_on(split_rows(found.rows[number]), before, frame, end)
            if at is not None:
                far[number] = at
    return far
