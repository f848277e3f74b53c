# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags of an audit on tracks with known defects, and on tracks without any."""

from __future__ import annotations

import numpy as np
import pytest

from tracking_sessions.core.model.flags import Flag, FlagKind, Severity
from tracking_sessions.core.review.audit import LOCAL, Level, audit, audit_frames, audit_steps
from tracking_sessions.core.review.jumps import REACH
from tracking_sessions.core.review.lens import division, estimated
from tracking_sessions.core.review.motion import Motion, Track
from tracking_sessions.core.review.settings import Settings
from tracking_sessions.tests.core.review.shots import KEYED, MUTED, SIZE, Journal, dolly, motion, pan
from tracking_sessions.tools.truth.scenes import make

LEVELS = pytest.mark.parametrize("level", list(Level))
STRAIGHT = division(0.0)
JUMPS = {FlagKind.JUMP, FlagKind.POSSIBLE_JUMP, FlagKind.SWAP}


def found(flags: list[Flag], *kinds: FlagKind) -> list[Flag]:
    return [flag for flag in flags if flag.kind in kinds]


def places(flags: list[Flag], *kinds: FlagKind) -> list[tuple[int, int, int]]:
    return sorted((flag.track, flag.first, flag.last) for flag in found(flags, *kinds))


@LEVELS
@pytest.mark.parametrize("size", [3, 10, 40])
def test_a_spike_is_a_jump_on_its_frame(level: Level, size: float) -> None:
    positions = dolly()
    positions[4, 29] += (0.6 * size, -0.8 * size)
    flags = audit(motion(positions), level=level, lens=STRAIGHT)
    assert places(flags, *JUMPS) == [(5, 30, 30)]
    (jump,) = found(flags, FlagKind.JUMP)
    assert jump.severity is Severity.ERROR and jump.unit == "px"
    assert jump.threshold < jump.value == pytest.approx(size, abs=0.4)


@LEVELS
@pytest.mark.parametrize("size", [3, 10, 40])
def test_a_step_is_a_jump_on_the_frame_behind_the_break(level: Level, size: float) -> None:
    positions = dolly()
    positions[4, 29:] += (0.8 * size, 0.6 * size)
    flags = audit(motion(positions), level=level, lens=STRAIGHT)
    assert places(flags, *JUMPS) == [(5, 30, 30)]


@LEVELS
@pytest.mark.parametrize("shot", ["dolly", "pan", "zoom", "locked"])
def test_smooth_shots_have_no_jumps(level: Level, shot: str) -> None:
    made = {"dolly": dolly, "pan": pan, "zoom": lambda: pan(zoom=1.8), "locked": lambda: dolly(speed=0.0)}
    flags = audit(motion(made[shot]()), level=level, lens=STRAIGHT)
    assert found(flags, FlagKind.JUMP, FlagKind.SWAP, FlagKind.FRAME_EVENT, FlagKind.DRIFT, FlagKind.STRAY) == []


@LEVELS
def test_two_tracks_that_exchange_their_features_are_one_swap(level: Level) -> None:
    positions = dolly()
    positions[[3, 20], 30:] = positions[[20, 3], 30:]
    flags = audit(motion(positions), level=level, lens=STRAIGHT)
    (swap,) = found(flags, *JUMPS)
    assert swap.kind is FlagKind.SWAP and {swap.track, swap.other} == {4, 21} and swap.first == swap.last == 31


def test_a_track_that_leaves_its_feature_drifts() -> None:
    positions = dolly(frames=120)
    positions[7, 60:, 1] += 0.1 * np.arange(60)
    (flag,) = found(audit(motion(positions), level=Level.FULL, lens=STRAIGHT), FlagKind.DRIFT, FlagKind.STRAY)
    assert flag.track == 8 and 60 < flag.first <= 100 and flag.last > 100


def test_a_track_of_something_that_moves_by_itself_is_a_stray() -> None:
    positions = dolly(frames=150)
    positions[7] += 20 * np.sin(np.arange(150) / 9)[:, None] * (0.4, 1)
    flags = audit(motion(positions), level=Level.FULL, lens=STRAIGHT)
    assert [flag.track for flag in found(flags, FlagKind.STRAY)] == [8]


def test_a_jump_alone_is_no_drift() -> None:
    positions = pan(frames=120)
    positions[7, 60:] += (0, 12)
    flags = audit(motion(positions), level=Level.FULL, lens=STRAIGHT)
    assert places(flags, FlagKind.JUMP) == [(8, 61, 61)] and found(flags, FlagKind.DRIFT, FlagKind.STRAY) == []


def test_the_jump_of_a_keyed_marker_is_less_severe() -> None:
    positions = dolly()
    positions[4, 29] += (6, -8)
    journal = Journal(positions)
    journal.mark(5, 30, KEYED)
    (jump,) = found(audit(Motion.of(journal, SIZE)), *JUMPS)
    assert jump.kind is FlagKind.JUMP and jump.severity is Severity.WARNING


def test_each_tracking_object_is_judged_by_itself() -> None:
    positions = np.concatenate([dolly(30), pan(30)])
    positions[40, 29] += (6, -8)
    journal = Journal(positions)
    for number in range(31, 61):
        rows = journal.packed[number]
        journal.add(number, "Car")
        journal.packed[number] = rows
    assert places(audit(Motion.of(journal, SIZE)), *JUMPS) == [(41, 30, 30)]


@LEVELS
def test_the_same_tracks_give_the_same_flags(level: Level) -> None:
    positions = dolly()
    positions[4, 29] += (6, -8)
    positions[9, 12:] += (0, 4)
    first = audit(motion(positions), level=level, lens=STRAIGHT)
    assert audit(motion(positions.copy()), level=level, lens=STRAIGHT) == first
    # a track more, far away in time, changes nothing
    later = np.full((41, 110, 2), np.nan)
    later[:40, :60] = positions
    later[40, 100:] = 500
    again = audit(motion(later), level=level, lens=STRAIGHT)
    assert [flag for flag in again if flag.last <= 60 and flag.kind in LOCAL] == [
        flag for flag in first if flag.kind in LOCAL
    ]


@LEVELS
def test_an_audit_of_frames_equals_the_whole_one_there(level: Level) -> None:
    positions = dolly(60, 150)
    rng = np.random.default_rng(5)
    for track, frame in zip(range(0, 50, 3), rng.integers(2, 148, 17), strict=True):
        positions[track, frame:] += rng.uniform(-6, 6, 2)
    journal = Journal(positions)
    whole = audit(Motion.of(journal, SIZE), level=level, lens=STRAIGHT)
    for frames in (range(1, 12), range(70, 73), range(100, 151)):
        part = Motion.of(journal, SIZE, between=(frames[0] - 2 * REACH, frames[-1] + 2 * REACH))
        expected = [
            flag for flag in whole if flag.kind in LOCAL and flag.last >= frames[0] and flag.first <= frames[-1]
        ]
        assert audit_frames(part, frames, level=level, lens=STRAIGHT) == expected
        assert expected


def test_an_edit_changes_only_flags_in_its_reach() -> None:
    positions = dolly(60, 150)
    positions[10, 80:] += (4, 0)
    before = audit(motion(positions))
    positions[11, 60] += (30, 0)
    after = audit(motion(positions))
    changed = set(before) ^ set(after)
    assert changed and all(61 - REACH <= flag.first <= flag.last <= 61 + REACH for flag in changed)


def test_an_audit_can_be_stopped_and_says_how_far_it_is() -> None:
    steps = audit_steps(motion(dolly(20, 150)), level=Level.FULL)
    shares = [next(steps) for _ in range(3)]
    steps.close()
    assert shares == sorted(shares) and 0 <= shares[0] < shares[-1] < 1
    said: list[float] = []
    audit(motion(dolly(20, 30)), level=Level.FULL, progress=said.append)
    assert said == sorted(said) and said[-1] > 0.9

    class Stopped(Exception):
        pass

    def stop(share: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        audit(motion(dolly(20, 60)), progress=stop)


@LEVELS
def test_too_few_markers_for_anything_are_no_error(level: Level) -> None:
    assert audit(Motion.of(Journal(), SIZE), level=level) == []
    lone = audit(motion(dolly(1)), level=level)
    assert {flag.kind for flag in lone} == {FlagKind.THIN, FlagKind.UNTESTED}
    muted = Journal(dolly(12, 5))
    for track, rows in muted.packed.items():
        for frame in rows:
            muted.mark(track, frame, MUTED)
    assert audit(Motion.of(muted, SIZE), level=level) == []
    spots = np.full((30, 40, 2), np.nan)
    for track in range(30):
        spots[track, track] = 100 + 10 * track, 500
    assert {flag.kind for flag in audit(motion(spots), level=level)} == {
        FlagKind.THIN, FlagKind.UNTESTED, FlagKind.SHORT,
    }  # fmt: skip
    assert found(audit(motion(dolly(40, 3)), level=level), *JUMPS) == []
    assert found(audit(motion(dolly(40, 2)), level=level), *JUMPS) == []


@LEVELS
def test_damaged_coordinates_are_no_markers(level: Level) -> None:
    clean = Journal(dolly(frames=30))
    hostile = Journal(dolly(frames=30))
    for at, value in enumerate((float("nan"), float("inf"), -float("inf"), 3e38, 1e6)):
        hostile.add(41 + at)
        for frame in range(1, 60):
            hostile.put(41 + at, frame, value, 0.5)
    hostile.add(50)
    for frame in (-(2**31), 2**31 - 1, 2**24 + 1):
        hostile.put(50, frame, 0.5, 0.5)
    assert audit(Motion.of(hostile, SIZE), level=level, lens=STRAIGHT) == audit(
        Motion.of(clean, SIZE), level=level, lens=STRAIGHT
    )


def test_markers_far_apart_in_time_take_no_memory_between_them() -> None:
    journal = Journal(dolly(20, 30))
    for frame in (-(2**24), 2**24):
        journal.put(1, frame, 0.5, 0.5)
    flags = audit(Motion.of(journal, SIZE))
    assert found(flags, *JUMPS) == []
    assert max(flag.last for flag in flags) == 2**24


def test_a_picture_without_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match="0x0"):
        Motion.of(Journal(), (0, 0))


def test_thresholds_can_be_set() -> None:
    positions = dolly()
    positions[4, 29] += (6, -8)
    assert found(audit(motion(positions), Settings(jump=20.0)), *JUMPS) == []


def test_flags_name_tracks_by_their_numbers_in_the_journal() -> None:
    positions = dolly()
    positions[4, 29] += (6, -8)
    tracks = [Track(100 + index) for index in range(40)]
    assert places(audit(motion(positions, tracks=tracks, first=11)), *JUMPS) == [(104, 40, 40)]


@pytest.mark.parametrize(("tracks", "kind"), [(15, FlagKind.JUMP), (8, FlagKind.POSSIBLE_JUMP)])
def test_few_tracks_find_large_jumps_only(tracks: int, kind: FlagKind) -> None:
    positions = pan(tracks, 30)
    positions[3, 14] += (24, -18)
    assert places(audit(motion(positions)), kind) == [(4, 15, 15)]
    positions = pan(tracks, 30)
    positions[3, 14] += (0.5, 0.4)
    assert found(audit(motion(positions)), *JUMPS) == []


def test_three_tracks_judge_nothing() -> None:
    positions = pan(3, 30)
    positions[1, 14] += (24, -18)
    flags = audit(motion(positions), level=Level.FULL)
    assert found(flags, *JUMPS) == [] and places(flags, FlagKind.UNTESTED) == [(0, 1, 30)]


def test_a_locked_track_is_judged_like_others() -> None:
    positions = dolly()
    positions[4, 29] += (6, -8)
    assert places(audit(Motion.of(Journal(positions, lock=True), SIZE)), FlagKind.JUMP) == [(5, 30, 30)]


def test_a_shaking_camera_makes_no_jumps_of_near_points() -> None:
    """T flags them, and nothing confirms it."""
    scene = make("hand-held", seed=3, tracks=60, frames=60)
    flags = audit(Motion.of_positions(scene.positions, SIZE), level=Level.FULL, lens=scene.undistort)
    assert len(found(flags, FlagKind.POSSIBLE_JUMP)) > 10 and found(flags, FlagKind.JUMP, FlagKind.SWAP) == []


def test_tracks_that_do_not_move_tell_nothing_about_the_lens() -> None:
    for camera, expected in (("locked", 0.0), ("pan", -0.014)):  # the shots' barrel distortion, as a division model
        positions = make(camera, seed=6, tracks=60, frames=120).positions
        assert estimated(motion(positions)) == pytest.approx(expected, abs=0.003 * bool(expected))


def test_tracks_beside_a_wall_are_right_though_most_are_on_it() -> None:
    """Those on the wall agree with many fundamental matrices, by most of which the others are wrong."""
    rng = np.random.default_rng(3)
    depth = np.repeat([1.0, 0.9], [32, 8])[:, None, None]
    turn = 2 * np.pi * np.arange(80) / 64
    moved = 12 * np.stack([1 - np.cos(turn), np.sin(turn)], 1)
    places = rng.uniform((60, 40), (580, 320), (40, 1, 2)) - (320, 180)
    scale = depth / (depth - 0.01 * np.sin(turn)[:, None])
    positions = (places - moved / depth) * scale + (320, 180) + rng.normal(0, 0.03, (40, 80, 2))
    flags = audit(Motion.of_positions(positions, (640, 360)), level=Level.FULL)
    assert found(flags, FlagKind.JUMP, FlagKind.SWAP, FlagKind.DRIFT, FlagKind.STRAY) == []


@pytest.mark.filterwarnings("error")
def test_two_tracks_on_one_feature_do_not_choose_for_all() -> None:
    """Their equations are one, by which every track would be right."""
    positions = dolly()
    positions[5] = positions[4]
    positions[4:6, 29:] += (8, 6)
    flags = audit(motion(positions), level=Level.FULL, lens=STRAIGHT)
    assert {(5, 30), (6, 30)} <= {(flag.track, flag.first) for flag in found(flags, FlagKind.JUMP)}
