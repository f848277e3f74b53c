# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns beside their references, in made pictures whose texture moves, turns and grows."""

from __future__ import annotations

import numpy as np
import pytest

from tracking_sessions.core.model.flags import FlagKind
from tracking_sessions.core.review.audit import audit_steps
from tracking_sessions.core.review.correlation import Picture, correlations
from tracking_sessions.core.review.motion import Motion, Track
from tracking_sessions.core.review.settings import Settings

SIZE, FRAMES = (160, 120), 9
WAVES = np.random.default_rng(3).uniform(-0.9, 0.9, (40, 3))
PLACES = np.array([[-40.0, -20.0], [30.0, 10.0], [5.0, 25.0], [-10.0, -30.0], [50.0, -25.0]])
SPEED = np.array([1.3, -0.6])  # pixels a frame
CORNERS = np.array([[-8.0, -8.0], [8.0, -8.0], [8.0, 8.0], [-8.0, 8.0]])


def texture(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 0.5 + 0.03 * sum(np.sin(a * x + b * y + 7 * c) for a, b, c in WAVES)


def turned(frame: int, points: np.ndarray) -> np.ndarray:
    """The texture's points in the frame: turned by 2 degrees a frame and grown by 2 % about the centre, then moved."""
    angle, scale = np.radians(2.0) * (frame - 1), 1.02 ** (frame - 1)
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    return points @ np.array([[c, s], [-s, c]])


class Film:
    """Pictures of the texture as it moves; it remembers which were read."""

    def __init__(self, *, turns: bool = False, missing: tuple[int, ...] = ()) -> None:
        self.turns, self.missing, self.seen = turns, missing, list[int]()

    def read(self, frame: int) -> Picture | None:
        self.seen.append(frame)
        if frame in self.missing:
            return None
        x, y = np.meshgrid(np.arange(SIZE[0]) + 0.5 - SIZE[0] / 2, np.arange(SIZE[1]) + 0.5 - SIZE[1] / 2)
        points = np.stack([x, y], -1).reshape(-1, 2)
        if self.turns:
            points = points @ np.linalg.inv(turned(frame, np.eye(2)))
        else:
            points = points - SPEED * (frame - 1)
        return texture(points[:, 0], points[:, 1]).reshape(SIZE[1], SIZE[0]).astype(np.float32)


def tracked(
    *, keys: tuple[int, ...] = (1,), turns: bool = False, shaped: bool = True, previous: bool = False
) -> tuple[list[Track], dict[str, np.ndarray]]:
    frame, track = (part.ravel() for part in np.meshgrid(np.arange(1, FRAMES + 1), np.arange(len(PLACES))))
    pairs = zip(frame, track, strict=True)
    at = np.array([turned(f, PLACES[t]) if turns else PLACES[t] + SPEED * (f - 1) for f, t in pairs])
    corners = np.array([turned(f, CORNERS) if turns and shaped else CORNERS for f in frame], np.float32)
    tracks = [Track(number, "Camera", False, shaped, previous) for number in range(1, len(PLACES) + 1)]
    keyed = np.isin(frame, keys)
    return tracks, {"track": track, "frame": frame, "x": at[:, 0], "y": at[:, 1], "is_keyed": keyed, "corners": corners}


def values(motion: Motion, film: Film) -> dict[tuple[int, int], float]:
    """By track and frame."""
    steps = correlations(motion, film.read)
    shares = []
    while True:
        try:
            shares.append(next(steps))
        except StopIteration as end:
            found = end.value
            break
    assert shares == sorted(shares) and shares[-1] == 1.0
    names = zip(motion.track.tolist(), motion.frame.tolist(), strict=True)
    return {(track + 1, frame): float(value) for (track, frame), value in zip(names, found, strict=True)}


def motion(tracks: list[Track], **columns: np.ndarray) -> Motion:
    return Motion(SIZE, tracks, **columns)  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", [(1,), (5,), (FRAMES,), (2, 6)])
@pytest.mark.parametrize("turns", [False, True])
def test_a_pattern_that_was_followed_looks_like_its_keyframe(keys: tuple[int, ...], turns: bool) -> None:
    tracks, columns = tracked(keys=keys, turns=turns)
    film = Film(turns=turns)
    found = values(motion(tracks, **columns), film)
    tested = {frame: value for (track, frame), value in found.items() if track == 1}
    assert [frame for frame, value in tested.items() if np.isnan(value)] == list(keys)
    assert min(value for value in found.values() if not np.isnan(value)) > 0.98
    assert sorted(set(film.seen)) == list(range(1, FRAMES + 1)) and len(film.seen) <= FRAMES + 1


def test_a_pattern_that_does_not_follow_the_turn_differs() -> None:
    tracks, columns = tracked(turns=True, shaped=False)
    found = values(motion(tracks, **columns), Film(turns=True))
    assert found[1, FRAMES] < 0.8 and found[1, 2] > 0.98


@pytest.mark.parametrize("previous", [False, True])
def test_a_marker_beside_its_feature_has_a_low_correlation(previous: bool) -> None:
    """From frame 6 on it is away: beside the frame before, only there; beside the keyframe, for good."""
    tracks, columns = tracked(previous=previous)
    columns["x"][(columns["track"] == 2) & (columns["frame"] >= 6)] += 6
    whole = motion(tracks, **columns)
    found = values(whole, Film())
    low = [frame for frame in range(1, FRAMES + 1) if found[3, frame] < Settings().correlation]
    assert low == ([6] if previous else [6, 7, 8, 9])
    assert all(value > 0.98 for (track, _), value in found.items() if track != 3 and not np.isnan(value))
    steps = audit_steps(whole, read=Film().read)
    with pytest.raises(StopIteration) as end:
        while True:
            next(steps)
    flags = [flag for flag in end.value.value.flags if flag.kind is FlagKind.CORRELATION]
    assert [(flag.track, flag.first, flag.last) for flag in flags] == [(3, low[0], low[-1])]
    assert flags[0].value < flags[0].threshold == Settings().correlation


def test_the_last_keyframe_counts() -> None:
    tracks, columns = tracked(keys=(1, 6))
    columns["x"][(columns["track"] == 2) & (columns["frame"] >= 6)] += 6  # by hand
    found = values(motion(tracks, **columns), Film())
    assert all(found[3, frame] > 0.98 for frame in (2, 3, 4, 5, 7, 8, 9))


def test_a_frame_without_a_picture_is_not_judged_and_costs_no_other() -> None:
    tracks, columns = tracked(keys=(5,))
    found = values(motion(tracks, **columns), Film(missing=(3,)))
    assert np.isnan(found[1, 3]) and found[1, 2] > 0.98 and found[1, 8] > 0.98
    found = values(motion(tracks, **columns), Film(missing=(5,)))
    assert all(np.isnan(value) for value in found.values())


def test_what_the_border_cuts_and_what_is_flat_is_not_judged() -> None:
    tracks, columns = tracked()
    columns["x"][columns["track"] == 0] = SIZE[0] / 2 - 7.0
    columns["x"][(columns["track"] == 1) & (columns["frame"] == 4)] = 1e30
    columns["corners"][(columns["track"] == 2) & (columns["frame"] == 4)] = np.nan
    found = values(motion(tracks, **columns), Film())
    assert all(np.isnan(value) for (track, _), value in found.items() if track == 1)
    assert np.isnan(found[3, 4]) and found[3, 5] > 0.98 and (2, 4) not in found

    class Flat(Film):
        def read(self, frame: int) -> Picture:
            return np.full((SIZE[1], SIZE[0]), 0.5, np.float32)

    assert all(np.isnan(value) for value in values(motion(tracks, **columns), Flat()).values())


def test_a_pass_without_a_reference_reads_nothing() -> None:
    tracks, columns = tracked(keys=tuple(range(1, FRAMES + 1)))
    film = Film()
    assert list(correlations(motion(tracks, **columns), film.read)) == [] and film.seen == []
    assert list(correlations(motion([], **{key: value[:0] for key, value in columns.items()}), film.read)) == []
