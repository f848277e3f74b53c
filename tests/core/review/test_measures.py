# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags that need no model of the camera, and those after a solve."""

from __future__ import annotations

import numpy as np
import pytest

from tracking_sessions.core.model.flags import Flag, FlagKind, Severity
from tracking_sessions.core.review import reprojection
from tracking_sessions.core.review.audit import audit
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.core.review.reprojection import Solve
from tracking_sessions.core.review.settings import Settings
from tracking_sessions.tests.core.review.shots import KEYED, SIZE, Journal, dolly, motion, pan


def flags(positions: np.ndarray, kind: FlagKind, **settings: float) -> list[Flag]:
    return [flag for flag in audit(motion(positions), Settings(**settings)) if flag.kind is kind]  # type: ignore[arg-type]


def spans(found: list[Flag]) -> list[tuple[int, int, int]]:
    return sorted((flag.track, flag.first, flag.last) for flag in found)


def test_segments_of_few_frames_are_short() -> None:
    positions = dolly(20, 40)
    positions[3, 9:] = np.nan  # 9 frames
    positions[4, 10:] = np.nan  # 10 frames
    positions[5, 15:30] = np.nan  # 15 and 10 frames
    positions[6, 5:12] = np.nan  # 5 and 28 frames
    found = flags(positions, FlagKind.SHORT)
    assert spans(found) == [(4, 1, 9), (7, 1, 5)]
    assert {(flag.value, flag.threshold, flag.unit) for flag in found} == {(9, 10, "frames"), (5, 10, "frames")}


def test_frames_with_few_tracks_are_thin() -> None:
    positions = dolly(20, 40)
    positions[12:, 10:20] = np.nan
    positions[5:, 20:22] = np.nan
    positions[:, 30:33] = np.nan
    found = [flag for flag in flags(positions, FlagKind.THIN) if flag.severity > Severity.NOTE]
    assert spans(found) == [(0, 11, 20), (0, 21, 22), (0, 31, 33)]
    assert {flag.first: (flag.severity, flag.value, flag.threshold) for flag in found} == {
        11: (Severity.WARNING, 12, 16),
        21: (Severity.ERROR, 5, 8),
        31: (Severity.ERROR, 0, 8),
    }


def test_frames_with_all_tracks_in_one_part_are_a_note() -> None:
    positions = 100 + dolly(20, 12) / 10
    (found,) = flags(positions, FlagKind.THIN)
    assert (found.severity, found.unit, found.first, found.last) == (Severity.NOTE, "cells", 1, 12)
    assert flags(dolly(20, 12), FlagKind.THIN) == []


def test_a_track_that_stands_still_while_the_others_move_is_stuck() -> None:
    positions = pan(20, 40)
    positions[3, 10:25] = positions[3, 10]
    positions[4, 10:20] = positions[4, 10]  # nine displacements
    (found,) = flags(positions, FlagKind.STUCK)
    assert spans([found]) == [(4, 11, 25)] and found.value < found.threshold == 0.05
    still = np.repeat(dolly(20, 1), 40, axis=1)
    assert flags(still, FlagKind.STUCK) == []


def test_two_tracks_on_one_feature_are_duplicates() -> None:
    positions = dolly(20, 40)
    positions[7, 20:] = positions[3, 20:] + (1.2, -0.5)
    positions[8, 30:34] = positions[2, 30:34]  # four frames
    positions[7, :2] = np.nan
    (found,) = flags(positions, FlagKind.DUPLICATE)
    assert (found.track, found.other, found.first, found.last) == (8, 4, 21, 40)
    assert found.value == pytest.approx(1.3, abs=0.2)


def test_many_tracks_on_one_point_are_found_in_a_moment() -> None:
    positions = np.full((300, 6, 2), 500.0)
    assert len(flags(positions, FlagKind.DUPLICATE)) >= 299


def test_a_pattern_area_that_has_grown_shrunk_or_turned_over_has_lost_its_shape() -> None:
    journal = Journal(dolly(12, 20), motion_model="Affine")
    for track in range(1, 13):
        journal.mark(track, 1, KEYED)
    for frame in range(10, 15):
        journal.put(1, frame, 0.5, 0.5, size=0.0145)  # 2.1 times the area
        journal.put(2, frame, 0.5, 0.6, size=0.007)  # 0.49 times
        journal.put(3, frame, 0.4, 0.6, size=0.0139)  # 1.93 times
    row = bytearray(journal.packed[4][12])
    row[20:28], row[28:36] = row[28:36], row[20:28]  # two corners exchanged
    journal.packed[4][12] = bytes(row)
    found = [flag for flag in audit(Motion.of(journal, SIZE)) if flag.kind is FlagKind.SHAPE]
    assert spans(found) == [(1, 10, 14), (2, 10, 14), (4, 12, 12)]
    assert all(flag.value > flag.threshold == 2 for flag in found)


def test_the_area_of_a_later_keyframe_is_the_reference_behind_it() -> None:
    journal = Journal(dolly(12, 20), motion_model="LocRotScale")
    journal.mark(1, 1, KEYED)
    for frame in range(10, 21):
        journal.put(1, frame, 0.5, 0.5, size=0.02, flags=KEYED if frame == 10 else 0)
    assert [flag for flag in audit(Motion.of(journal, SIZE)) if flag.kind is FlagKind.SHAPE] == []


def test_the_pattern_area_of_a_track_that_keeps_it_is_not_looked_at() -> None:
    journal = Journal(dolly(12, 20), motion_model="Loc")
    journal.put(1, 10, 0.5, 0.5, size=0.1)
    assert [flag for flag in audit(Motion.of(journal, SIZE)) if flag.kind is FlagKind.SHAPE] == []


def test_a_cut_is_one_event_of_its_frames() -> None:
    positions = np.concatenate([dolly(40, 30, seed=1), dolly(40, 30, seed=5)], axis=1)
    found = audit(motion(positions))
    (event,) = [flag for flag in found if flag.kind is FlagKind.FRAME_EVENT]
    assert (event.first, event.last, event.track, event.unit) == (31, 31, 0, "px") and event.value > event.threshold
    assert [flag for flag in found if flag.kind is FlagKind.JUMP] == []


@pytest.mark.parametrize(("count", "unit"), [(22, "%"), (45, "px")])
def test_a_frame_on_which_many_tracks_jump_is_one_event(count: int, unit: str) -> None:
    positions = dolly(60, 40)
    positions[:count, 20] += np.random.default_rng(1).normal(0, 20, (count, 2))
    found = audit(motion(positions))
    (event,) = [flag for flag in found if flag.kind is FlagKind.FRAME_EVENT]
    assert event.first <= 21 <= event.last and event.unit == unit and event.value > event.threshold
    assert [flag for flag in found if flag.kind is FlagKind.JUMP] == []


def test_a_repeated_frame_is_an_event() -> None:
    positions = pan(40, 30)
    positions[:, 15:] = positions[:, 14:-1]
    (event,) = flags(positions, FlagKind.FRAME_EVENT)
    assert event.first == event.last == 16


def test_a_track_that_comes_back_is_no_jump() -> None:
    positions = dolly(40, 60)
    positions[3, 20:35] = np.nan
    positions[3, 35:] += (8, 8)
    found = audit(motion(positions))
    assert [flag for flag in found if flag.kind in {FlagKind.JUMP, FlagKind.POSSIBLE_JUMP}] == []


def test_one_fast_near_point_is_no_jump() -> None:
    positions = dolly(40, 60)
    near = dolly(1, 60, seed=9, speed=0.12)
    found = audit(motion(np.concatenate([positions, near])))
    assert [flag for flag in found if flag.kind is FlagKind.JUMP] == []


def test_frames_that_nothing_could_test_say_so() -> None:
    positions = dolly(20, 30)
    positions[3:, 12:18] = np.nan
    found = flags(positions, FlagKind.UNTESTED)
    assert spans(found) == [(0, 1, 1), (0, 12, 19), (0, 30, 30)]


def test_a_drift_along_the_line_of_sight_shows_after_a_solve() -> None:
    positions = dolly(40, 100)
    positions[7, 50:, 0] += 0.08 * np.arange(50)
    time = np.arange(100)
    turn = 0.03 * np.sin(time / 40)
    zero, one = np.zeros(100), np.ones(100)
    rotations = np.array([[np.cos(turn), zero, -np.sin(turn)], [zero, one, zero], [np.sin(turn), zero, np.cos(turn)]])
    centres = np.stack([0.02 * time, zero, 0.3 * 0.02 * time], axis=1)
    solve = Solve(np.arange(1, 101), rotations.transpose(2, 0, 1), centres, np.full(100, 1920.0))
    found = [flag for flag in audit(motion(positions), solve=solve) if flag.kind is FlagKind.ERROR]
    assert {flag.track for flag in found} == {8} and all(flag.value > flag.threshold >= 0.2 for flag in found)
    clean = audit(motion(dolly(40, 100)), solve=solve)
    assert [flag for flag in clean if flag.kind is FlagKind.ERROR] == []


def test_the_errors_of_a_solve_are_the_same_however_short_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    positions = pan(40, 30)
    positions[7, 10:, 0] += 0.3 * np.arange(20)
    turn, zero, one = 0.1 * np.arange(30) / 30, np.zeros(30), np.ones(30)
    rotations = np.array([[np.cos(turn), zero, -np.sin(turn)], [zero, one, zero], [np.sin(turn), zero, np.cos(turn)]])
    solve = Solve(np.arange(1, 31), rotations.transpose(2, 0, 1), np.zeros((30, 3)), np.full(30, 1920.0))
    steps: list[float] = []
    whole = audit(motion(positions), solve=solve, progress=steps.append)
    long = len(steps)
    monkeypatch.setattr(reprojection, "STEP", 45)
    assert audit(motion(positions), solve=solve, progress=steps.append) == whole
    assert {flag.track for flag in whole if flag.kind is FlagKind.ERROR} == {8} and len(steps) > 5 * long
    assert steps[long:] == sorted(steps[long:])


def test_a_solve_of_other_frames_judges_nothing() -> None:
    solve = Solve(np.arange(500, 510), np.zeros((10, 3, 3)), np.zeros((10, 3)), np.ones(10))
    assert [flag for flag in audit(motion(dolly(20, 30)), solve=solve) if flag.kind is FlagKind.ERROR] == []
