# SPDX-License-Identifier: GPL-3.0-or-later
"""JUMP, POSSIBLE_JUMP, SWAP and FRAME_EVENT, from what T and E say of each marker."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..model.flags import Flag, FlagKind, Severity
from .epipolar import Opinion
from .measures import chosen_runs, runs, segments
from .motion import Motion
from .regression import Bools, Floats, Indices
from .settings import Settings
from .shutter import ROUNDS
from .transfer import ENOUGH_TRACKS, FEW_TRACKS, Transfer, predicted

NEIGHBOURHOOD = 15
"""Frames on each side that tell whether T can be trusted on a frame."""
QUIET_SHARE, QUIET_FRAMES = 0.25, 3
"""The share of the frames of the neighbourhood, and frames more, on which flags of T do not yet mean a shaking camera:
that makes it flag some on most frames, in places that are not wrong. A step is seen on two frames, a spike on three."""
LONG = 7
"""Frames: one jump reaches no farther, so that a longer run is reported as a run."""
REPEATED = 0.01
"""Pixels: the median displacement on a repeated frame, where the tracker finds each pattern where it was."""
MOST_SWAPPED = 100
"""Jumps on one frame: each of more is not compared with each other one."""
LEAP = 10.0
"""How many times the median displacement of the frames before and behind that of a cut is, or of dropped frames."""
REACH = NEIGHBOURHOOD + 2 * LONG + ROUNDS
"""An edit of a marker changes no jump on frames that are farther away."""


class Verdict(NamedTuple):
    """[markers]: whether it is a jump, or a possible one; what T and E exceed their thresholds by, times, 0 where they
    cannot tell. [columns]: whether something happened to the whole frame, and the percent of tracks that T flags."""

    is_jump: Bools
    is_possible: Bools
    ratio: Floats
    confirmed: Floats
    is_event: Bools
    share: Floats


def judge(
    motion: Motion, settings: Settings, moved: Transfer, opinion: Opinion | None, *, is_rolling: bool = False
) -> Verdict:
    """What T and, if it was asked, E say together. `is_rolling`: the shutter was taken out of the positions, which
    leaves T too little to be believed alone where E was asked."""
    column = motion.column
    with np.errstate(invalid="ignore"):
        ratio = moved.ratio
        is_off = ratio > 1
        # T2 tells what a shaking camera does to the corners of the picture; it needs many tracks
        is_off_twice = is_off & ((moved.second > 1) | (moved.tested < ENOUGH_TRACKS)[column])
        flagged = np.bincount(column[is_off], minlength=len(motion.frames))
        share = flagged / np.maximum(moved.tested, 1)
        is_event = (share > settings.event_share) & (moved.tested >= ENOUGH_TRACKS)
        is_event |= _torn(motion, settings, moved)
        confirmed = np.zeros(len(motion)) if opinion is None else np.nan_to_num(opinion.ratio)
        is_agreed = is_off_twice & (confirmed > 1)
        is_asked = np.zeros(len(motion.frames), bool)
        if opinion is not None:
            is_asked[column[np.isfinite(opinion.distance)]] = True
        trusted = _trusted(motion, column[is_off_twice & ~is_agreed], column[is_agreed], is_asked)
        if is_rolling:
            trusted &= ~is_asked
        is_alone = is_off_twice & trusted[column] & (moved.tested >= FEW_TRACKS)[column]
        is_sure = is_agreed | (is_alone & ~_bends(motion, settings, moved))
        for run in chosen_runs(motion, confirmed > 1):
            # a longer one is no jump but DRIFT or STRAY, and one that T does not see at all is none
            if len(run) <= LONG and not np.nanmax(np.append(moved.residual[run], 0)) < settings.jump:
                is_sure[run] = True
    near = is_event.copy()  # an event reaches the frames beside it
    is_next = np.diff(motion.frames) == 1
    near[1:] |= is_event[:-1] & is_next
    near[:-1] |= is_event[1:] & is_next
    is_sure &= ~near[column]
    is_possible = is_off_twice & ~is_sure & ~near[column]
    return Verdict(is_sure, is_possible, np.nan_to_num(ratio), confirmed, is_event, share * 100)


def _torn(motion: Motion, settings: Settings, moved: Transfer) -> Bools:
    """[columns]: whether the tracks of a frame do not fit together, though those of the frames around do."""
    is_torn = np.zeros(len(motion.frames), bool)
    with np.errstate(invalid="ignore"):
        suspects = np.flatnonzero((moved.scale > settings.event) & (moved.tested >= ENOUGH_TRACKS))
    for column in suspects:
        low, high = np.searchsorted(
            motion.frames, motion.frames[column] + np.array([-NEIGHBOURHOOD, NEIGHBOURHOOD + 1])
        )
        around = moved.scale[low:high]
        around = np.sort(around[np.isfinite(around)])
        is_torn[column] = moved.scale[column] > settings.event_noise * around[(len(around) - 1) // 2]
    return is_torn


def _trusted(motion: Motion, alone: Indices, agreed: Indices, is_asked: Bools) -> Bools:
    """[columns]: whether T can be trusted in the neighbourhood where E does not confirm it: it flags markers on few
    frames or, where E was asked, hardly on more without it than with it. `alone`, `agreed`: the columns of the flagged
    markers that E does not confirm, and of those that it confirms."""
    low = np.searchsorted(motion.frames, motion.frames - NEIGHBOURHOOD)
    high = np.searchsorted(motion.frames, motion.frames + NEIGHBOURHOOD, side="right")
    counts: list[Indices] = []
    for columns in (alone, agreed):
        is_flagged = np.zeros(len(motion.frames), bool)
        is_flagged[columns] = True
        total = np.append(0, np.cumsum(is_flagged))
        counts.append(total[high] - total[low])
    few = QUIET_SHARE * (high - low) + QUIET_FRAMES
    return counts[0] <= np.where(is_asked, np.maximum(counts[1], QUIET_FRAMES), few - counts[1])


def _bends(motion: Motion, settings: Settings, moved: Transfer) -> Bools:
    """[markers]: whether the residual may be the bent path of a near and fast point: small beside its parallax, and
    about the same on the frames before and behind."""
    order, follows = segments(motion)
    total, count = np.zeros((2, len(order))), np.zeros(len(order))
    for values, sums in zip((moved.x[order], moved.y[order]), total, strict=True):
        for there, here in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
            beside = np.where(follows[1:], values[there], np.nan)
            is_known = np.isfinite(beside)
            sums[here] += np.where(is_known, beside, 0.0)
            count[here] += is_known / 2
    mean = total / np.maximum(count, 1)
    off = np.zeros((2, len(order)))
    off[:, order] = mean
    x, y = moved.x - off[0], moved.y - off[1]
    known = np.zeros(len(order))
    known[order] = count
    is_single = np.sqrt(x * x + y * y) > np.maximum(moved.threshold, 0.6 * moved.residual)
    return (moved.residual <= settings.jump_parallax_sure * moved.parallax) & ~(is_single & (known > 0))


class _Jump(NamedTuple):
    flag: Flag
    track: int  # index


def jump_flags(
    motion: Motion, settings: Settings, moved: Transfer, opinion: Opinion | None, verdict: Verdict
) -> list[Flag]:
    """One flag for each jump, swap or run of jumps."""
    order, follows = segments(motion)
    place = np.empty(len(order), np.intp)
    place[order] = np.arange(len(order))
    found: list[_Jump] = []
    for kind, chosen in (
        (FlagKind.JUMP, verdict.is_jump),
        (FlagKind.POSSIBLE_JUMP, verdict.is_possible),
    ):
        if not chosen.any():
            continue
        for run in chosen_runs(motion, chosen):
            found.append(_jump(motion, kind, run, moved, opinion, verdict, order, follows, place))
    return _swapped(motion, settings, found, moved)


def _jump(
    motion: Motion,
    kind: FlagKind,
    run: Indices,
    moved: Transfer,
    opinion: Opinion | None,
    verdict: Verdict,
    order: Indices,
    follows: Bools,
    place: Indices,
) -> _Jump:
    """The jump of neighbouring markers of one track."""
    peak = int(run[int(np.argmax(verdict.ratio[run]))])
    value, limit = float(moved.residual_at(peak)), float(moved.threshold[peak])
    if opinion is not None and verdict.ratio[peak] <= 1:  # E alone has found it
        worst = int(run[int(np.argmax(verdict.confirmed[run]))])
        value, limit = float(opinion.distance[worst]), float(opinion.threshold[worst])
        peak = int(run[len(run) // 2])  # the pairs on both sides of a jump see it
    at = int(place[peak])
    first, last = run[0], run[-1]
    if len(run) <= LONG:
        first = last = peak
        # a step leaves the opposite residual on the other side of the break, a spike half of it on both sides
        before = _opposite(moved, peak, order[at - 1]) if follows[at] else 0.0
        behind = _opposite(moved, peak, order[at + 1]) if at + 1 < len(order) and follows[at + 1] else 0.0
        if behind - before > 0.5:
            first = last = order[at + 1]
    severity = Severity.ERROR if kind is FlagKind.JUMP else Severity.NOTE
    if motion.is_keyed[run].any():  # often the artist's own correction
        severity = Severity(max(0, severity - 1))
    track = int(motion.track[peak])
    frames = motion.frames[np.searchsorted(motion.starts, (first, last), side="right") - 1]
    flag = Flag(
        kind,
        severity,
        motion.tracks[track].number,
        int(frames[0]),
        int(frames[1]),
        value,
        limit,
        "px",
    )
    return _Jump(flag, track)


def _opposite(moved: Transfer, marker: int, other: int) -> float:
    """The part of the residual of `marker` that the `other` one has in the opposite direction."""
    x, y = moved.x[marker], moved.y[marker]
    part = -(x * moved.x[other] + y * moved.y[other]) / max(x * x + y * y, 1e-12)
    return float(np.nan_to_num(part))


def _swapped(motion: Motion, settings: Settings, found: list[_Jump], moved: Transfer) -> list[Flag]:
    """The flags, two steps of one frame as a SWAP if each track goes on where the other one's path leads."""
    frames: dict[int, list[int]] = {}
    for index, jump in enumerate(found):
        if jump.flag.kind is FlagKind.JUMP and jump.flag.first == jump.flag.last:
            frames.setdefault(jump.flag.first, []).append(index)
    flags: list[Flag | None] = [jump.flag for jump in found]
    for frame, indices in frames.items():
        if not 2 <= len(indices) <= MOST_SWAPPED:
            continue
        column = motion.column_of(frame)
        tracks = np.array([found[index].track for index in indices])
        # the break is before this frame, or behind it if the residual is larger there
        off = np.minimum(*(_exchanged(motion, tracks, moved, at) for at in (column, column + 1)))
        off = np.maximum(off, off.T)
        np.fill_diagonal(off, np.inf)
        free = set(range(len(indices)))
        while free:
            one = min(free)
            free.remove(one)
            rest = sorted(free)
            if not rest:
                break
            other = rest[int(np.argmin(off[one, rest]))]
            if off[one, other] > settings.swap:
                continue
            free.remove(other)
            mine, theirs = found[indices[one]].flag, found[indices[other]].flag
            flags[indices[one]] = replace(
                mine,
                kind=FlagKind.SWAP,
                severity=max(mine.severity, theirs.severity),
                other=theirs.track,
                value=max(mine.value, theirs.value),
                threshold=max(mine.threshold, theirs.threshold),
            )
            flags[indices[other]] = None
    return [flag for flag in flags if flag is not None]


def _exchanged(motion: Motion, tracks: Indices, moved: Transfer, column: int) -> Floats:
    """[tracks, tracks]: pixels by which a track that goes on as another one from `column` on would miss the predictions
    of T on that column and on the one before it; inf where a marker is missing."""
    worst = np.zeros((len(tracks), len(tracks)))
    if not 2 <= column < len(motion.frames) - 1:
        return worst + np.inf
    table = motion.table(column - 2, column + 2)
    rows = np.searchsorted(table.track, tracks)
    x, y = table.x[rows], table.y[rows]
    for at, model in ((1, moved.model[:, column - 1]), (2, moved.model[:, column])):
        parts: list[tuple[Floats, Floats, Floats]] = []
        for values in (x, y):
            a, b, c = (
                np.broadcast_to(values[:, i][:, None] if i < 2 else values[:, i][None], worst.shape)
                for i in (at - 1, at, at + 1)
            )
            parts.append(((a + c) / 2, (c - a) / 2, b - (a + c) / 2))
        (mean_x, half_x, off_x), (mean_y, half_y, off_y) = parts
        px, py = predicted(model[:, None, None], (mean_x, mean_y), (half_x, half_y))
        miss = np.sqrt((off_x - px) ** 2 + (off_y - py) ** 2)
        worst = np.maximum(worst, np.where(np.isfinite(miss), miss, np.inf))
    return worst


def event_flags(motion: Motion, settings: Settings, moved: Transfer, verdict: Verdict, median: Floats) -> list[Flag]:
    """Frames where many tracks jump at once; cuts, since T takes a leap of all tracks for motion; repeated frames.

    `median` [columns]: of the displacements, pixels.
    """
    found: list[Flag] = []
    frames = motion.frames
    is_next = np.append(False, np.diff(frames) == 1)
    limit = settings.event_share * 100
    places = np.flatnonzero(verdict.is_event)
    is_same = np.append(False, (np.diff(places) == 1) & is_next[places[1:]])[: len(places)]
    for first, last in runs(is_same):
        a, b = places[first], places[last]
        value, threshold, unit = float(verdict.share[a : b + 1].max()), limit, "%"
        if value <= limit:  # the tracks do not fit together, so that none of them stands out
            value, threshold, unit = float(moved.scale[a : b + 1].max()), settings.event, "px"
        one, other = int(frames[a]), int(frames[b])
        found.append(Flag(FlagKind.FRAME_EVENT, Severity.WARNING, 0, one, other, value, threshold, unit))
    with np.errstate(invalid="ignore"):
        beside = np.full(len(frames), np.nan)
        beside[1:-1] = np.minimum(median[:-2], median[2:])
        repeated = (median < REPEATED) & (beside > settings.stuck_motion) & is_next
        most = np.full(len(frames), np.nan)
        most[1:-1] = LEAP * np.maximum(np.maximum(median[:-2], median[2:]), settings.stuck_motion)
        leaps = (median > most) & is_next
    for column in np.flatnonzero(leaps):
        frame, value, threshold = int(frames[column]), float(median[column]), float(most[column])
        found.append(Flag(FlagKind.FRAME_EVENT, Severity.WARNING, 0, frame, frame, value, threshold, "px"))
    for column in np.flatnonzero(repeated):
        frame, value = int(frames[column]), float(median[column])
        found.append(Flag(FlagKind.FRAME_EVENT, Severity.WARNING, 0, frame, frame, value, REPEATED, "px"))
    return found
