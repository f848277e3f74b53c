# SPDX-License-Identifier: GPL-3.0-or-later
"""Which markers and tracks a round of a refinement leaves out. Caps keep a wrong solve from emptying a frame.

A bad track mostly tracks well for most of its life, so a stretch is muted before a track is dropped: that keeps 2 to
30 % more tracks, and the path was better in nine of ten shots with known cameras.
"""

from __future__ import annotations

import numpy as np

from ..review.measures import chosen_runs
from ..review.motion import Motion
from ..review.regression import NORMAL_MAD, Bools, Floats
from .filtering import median_and_mad

LEAST_ERROR, MADS = 1.0, 5.0
"""A marker is muted from this error on, pixels of the reference width, or median and so many deviations, if larger."""
WORST = 0.1
"""Of all markers at most so many a round."""
OF_A_FRAME, LEAST_LIVE = 0.25, 15
"""Of those of a frame at most so many a round, and never so many that fewer stay. Without this cap one badly placed
camera lost its tracks from 49 to 10."""
SHORTEST = 5
"""Markers on neighbouring frames: what is left of a track in shorter stretches goes as well."""
DROP_ERROR, DROP_MADS, DROP_SHARE = 0.3, 3.0, 0.15
"""A track is dropped from this mean error on, or median and so many deviations, of the tracks at most so many a round.
It lowers the error by 5 to 30 %, but not always that of the path."""
DROP_LIVE = 25
"""Live tracks that stay on each frame if tracks are dropped."""


def muted(motion: Motion, used: Bools, errors: Floats, unit: float) -> Bools:
    """[markers]: those of the used ones to mute. `unit`: pixels of the footage in one of the reference width."""
    known = used & ~np.isnan(errors)
    values = errors[known & np.isfinite(errors)]
    middle, deviation = median_and_mad(values)
    limit = max(LEAST_ERROR * unit, middle + MADS * NORMAL_MAD * deviation)
    free = ~np.array([track.is_locked for track in motion.tracks], bool)[motion.track]
    wrong = np.flatnonzero(known & free & (errors > limit))
    wrong = wrong[np.lexsort((wrong, -errors[wrong]))][: int(WORST * used.sum())]
    found = np.zeros(len(motion), bool)
    column = motion.column
    live = np.bincount(column[used], minlength=len(motion.frames))
    room = np.minimum((OF_A_FRAME * live).astype(np.intp), live - LEAST_LIVE)
    order = np.argsort(column[wrong], kind="stable")  # the worst of each frame first
    of_frame = column[wrong[order]]
    counts = np.bincount(of_frame, minlength=len(room))
    rank = np.arange(len(order)) - (np.cumsum(counts) - counts)[of_frame]
    found[wrong[order[rank < room[of_frame]]]] = True
    live -= np.bincount(column[found], minlength=len(live))
    touched = np.zeros(len(motion.tracks), bool)
    touched[motion.track[found]] = True
    for run in chosen_runs(motion, used & ~found & touched[motion.track]):
        if len(run) < SHORTEST and (live[column[run]] > LEAST_LIVE).all():
            found[run] = True
            live[column[run]] -= 1
    return found


def dropped(motion: Motion, used: Bools, errors: Floats, unit: float) -> tuple[Bools, Floats, float]:
    """[tracks]: those to drop, the mean error of each, and what is allowed, pixels of the footage."""
    count = len(motion.tracks)
    known = used & np.isfinite(errors)
    totals = np.bincount(motion.track[known], weights=errors[known], minlength=count)
    counts = np.bincount(motion.track[known], minlength=count)
    means = totals / np.maximum(counts, 1)
    middle, deviation = median_and_mad(means[counts > 0])
    limit = max(DROP_ERROR * unit, middle + DROP_MADS * NORMAL_MAD * deviation)
    locked = np.array([track.is_locked for track in motion.tracks], bool)
    wrong = np.flatnonzero((counts > 0) & (means > limit) & ~locked)
    wrong = wrong[np.lexsort((wrong, -means[wrong]))][: int(DROP_SHARE * (counts > 0).sum())]
    found = np.zeros(count, bool)
    column, track = motion.column, motion.track
    live = np.bincount(column[used], minlength=len(motion.frames))
    mine = np.flatnonzero(used)
    mine = mine[np.argsort(track[mine], kind="stable")]
    ends = np.searchsorted(track[mine], np.arange(count + 1))
    for index in wrong:
        columns = column[mine[ends[index] : ends[index + 1]]]
        if (live[columns] > DROP_LIVE).all():
            found[index] = True
            live[columns] -= 1
    return found, means, limit
