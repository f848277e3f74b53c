# SPDX-License-Identifier: GPL-3.0-or-later
"""The caps of the rounds of a refinement: a wrong solve must not empty a frame, nor take a locked track."""

from __future__ import annotations

import numpy as np

from tracking_sessions.core.solve.muting import DROP_LIVE, LEAST_LIVE, OF_A_FRAME, SHORTEST, WORST, dropped, muted
from tracking_sessions.tests.core.solve.shots import make

MOTION = make("orbit", 1, tracks=60).motion()
USED = np.ones(len(MOTION), bool)
QUIET = np.full(len(MOTION), 0.1)


def live(used: np.ndarray) -> np.ndarray:
    return np.bincount(MOTION.column[used], minlength=len(MOTION.frames))


def test_only_what_is_far_off_is_muted() -> None:
    assert not muted(MOTION, USED, QUIET, 1.0).any()
    off = np.where((MOTION.track == 7) & (MOTION.frame > 30) & (MOTION.frame < 40), 3.0, QUIET)
    found = muted(MOTION, USED, off, 1.0)
    assert np.array_equal(found, off > 1.0)
    assert not muted(MOTION, USED, off, 4.0).any()  # pixels of 4K


def test_a_frame_whose_camera_is_wrong_keeps_its_tracks() -> None:
    off = np.where(MOTION.frame == 20, 30.0 + 0.01 * MOTION.track, QUIET)
    found = muted(MOTION, USED, off, 1.0)
    mine = found & (MOTION.frame == 20)
    before = live(USED)[19]
    assert 0 < mine.sum() <= OF_A_FRAME * before
    assert off[mine].min() >= off[(MOTION.frame == 20) & ~mine].max()  # the worst ones
    used = USED
    for _ in range(30):
        used = used & ~muted(MOTION, used, off, 1.0)
    assert live(used)[19] == LEAST_LIVE


def test_no_round_mutes_more_than_its_share_of_all() -> None:
    off = np.where(MOTION.track < 20, 5.0, QUIET)
    found = muted(MOTION, USED, off, 1.0)
    assert 0 < found.sum() <= WORST * len(MOTION)


def test_short_stretches_that_are_left_go_as_well() -> None:
    mine = MOTION.track == 7
    frames = MOTION.frame[mine]
    off = np.where(mine & (MOTION.frame > frames[0] + SHORTEST - 2), 4.0, QUIET)
    found = muted(MOTION, USED, off, 1.0)
    assert np.array_equal(found, mine)


def test_locked_tracks_are_neither_muted_nor_dropped() -> None:
    locked = make("orbit", 1, tracks=60).motion({8})
    off = np.where(locked.track == 7, 9.0, QUIET)
    assert not muted(locked, USED, off, 1.0).any() and not dropped(locked, USED, off, 1.0)[0].any()
    assert muted(MOTION, USED, off, 1.0).any() and dropped(MOTION, USED, off, 1.0)[0].any()


def test_tracks_are_dropped_by_their_mean_error_while_enough_stay() -> None:
    off = np.where(np.isin(MOTION.track, (3, 9)), 0.6, QUIET)
    found, means, limit = dropped(MOTION, USED, off, 1.0)
    assert np.flatnonzero(found).tolist() == [3, 9] and means[3] > limit >= 0.3
    few = np.isin(MOTION.track, np.arange(DROP_LIVE))
    assert not dropped(MOTION, few, off, 1.0)[0].any()
