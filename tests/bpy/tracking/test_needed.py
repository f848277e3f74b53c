# SPDX-License-Identifier: GPL-3.0-or-later
"""The markers of the working set, against a plain model of the markers that Blender and libmv read."""

import random

import pytest

from tracking_sessions.bridge.tracking.working_set import LOOKBACK, REFRESH, needed, reference_of

FREE, MUTED, KEYED = 0, 1, 2
WINDOW = 21  # markers that libmv predicts from


def model_reference(kinds: bytes, index: int, *, backwards: bool) -> int | None:
    """Walk against the tracking direction: the first keyed marker, else the first marker that begins a segment."""
    fallback = None
    step = 1 if backwards else -1
    at = index
    while 0 <= at < len(kinds):
        beyond = at + step
        if kinds[at] != MUTED:
            begins = not 0 <= beyond < len(kinds) or kinds[beyond] == MUTED
            if begins and fallback is None:
                fallback = at
            if kinds[at] == KEYED:
                return at
        at = beyond
    return fallback


def model_prediction(frames: list[int], kinds: bytes, target: int) -> list[int]:
    """The frames of the markers that libmv predicts the position on `target` from: earlier ones, or else later ones."""
    usable = [frame for frame, kind in zip(frames, kinds, strict=True) if kind != MUTED and frame != target]
    earlier = [frame for frame in usable if frame < target]
    return earlier[-WINDOW:] if earlier else usable[:WINDOW]


def random_track(rng: random.Random) -> tuple[list[int], bytes]:
    """Frames and kinds of a track with gaps, muted markers and now and then a keyed one."""
    count = rng.choice((1, 2, 3, 10, 40, 150))
    density = rng.choice((0.3, 0.9, 1.0))
    frames = [frame for frame in range(-1, count * 2) if rng.random() < density][:count] or [1]
    muted, keyed = rng.choice((0.0, 0.05, 0.5)), rng.choice((0.0, 0.02, 0.3))
    kinds = [MUTED if rng.random() < muted else KEYED if rng.random() < keyed else FREE for _ in frames]
    return frames, bytes(kinds)


CASES = [pytest.param(seed, backwards, id=f"{seed}-{backwards}") for seed in range(8) for backwards in (False, True)]


@pytest.mark.parametrize(("seed", "backwards"), CASES)
def test_the_reference_is_that_of_blender(seed: int, backwards: bool) -> None:
    rng = random.Random(seed)
    for _ in range(300):
        _, kinds = random_track(rng)
        index = rng.randrange(len(kinds))
        found = reference_of(kinds, index, backwards=backwards)
        if kinds[index] != MUTED:
            assert found[:1] == (model_reference(kinds, index, backwards=backwards),)


@pytest.mark.parametrize(("seed", "backwards"), CASES)
def test_the_working_set_gives_the_same_reference_and_prediction(seed: int, backwards: bool) -> None:
    rng = random.Random(seed)
    for _ in range(300):
        frames, kinds = random_track(rng)
        current = rng.randrange(len(frames))
        keep = needed(frames, kinds, frames[current], backwards=backwards, keyframe=True)
        assert keep == sorted(set(keep))
        assert current in keep
        kept_frames, kept_kinds = [frames[i] for i in keep], bytes(kinds[i] for i in keep)
        if kinds[current] != MUTED:
            target = frames[current] + (-1 if backwards else 1)
            assert model_prediction(kept_frames, kept_kinds, target) == model_prediction(frames, kinds, target)
            expected = model_reference(kinds, current, backwards=backwards)
            found = model_reference(kept_kinds, keep.index(current), backwards=backwards)
            assert expected is not None
            assert found is not None
            assert kept_frames[found] == frames[expected]
        for index, kind in enumerate(kept_kinds):
            assert kind == MUTED or model_reference(kept_kinds, index, backwards=backwards) is not None


@pytest.mark.parametrize("backwards", [False, True])
def test_the_working_set_does_not_grow_with_the_track(backwards: bool) -> None:
    frames = list(range(10_000))
    kinds = bytes([KEYED]) + bytes(9_998) + bytes([KEYED])
    keep = needed(frames, kinds, 5_000, backwards=backwards, keyframe=True)
    assert len(keep) <= 2 * LOOKBACK + REFRESH + 2
    assert (0 if not backwards else 9_999) in keep


def test_a_backwards_pass_has_enough_earlier_markers_until_the_next_refresh() -> None:
    frames = list(range(200))
    keep = needed(frames, bytes(200), 150, backwards=True, keyframe=False)
    earlier = [frame for frame in keep if frame < 150]
    assert len(earlier) - REFRESH >= WINDOW
