# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that are given to their tracks together lead to the same markers as one after the other."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tracking_sessions.core.journal import steps as module
from tracking_sessions.core.journal.head import edited
from tracking_sessions.core.journal.rows import (
    GUARDED,
    KEYED,
    MUTED,
    each_row,
    frame_of,
    join_rows,
    split_rows,
    spread_rows,
)
from tracking_sessions.core.journal.steps import LEAST, Steps
from tracking_sessions.tests.core.shots import marker


def random_step(rng: random.Random, tracks: list[int], frame: int, values: int) -> bytes:
    flags = [rng.choice((0, 0, 0, GUARDED, KEYED, MUTED)) for _ in tracks]
    rows = [marker(track, frame, (values, track), flag) for track, flag in zip(tracks, flags, strict=True)]
    if rng.random() < 0.02:  # as the first step of a pass
        rows.append(marker(tracks[0], frame + rng.choice((-1, 1)), (values, -1)))
    return b"".join(rows)


def random_steps(rng: random.Random) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    for _ in range(rng.randint(1, 6)):
        tracks = rng.sample(range(1, 8), rng.randint(1, 7))
        direction, frame = rng.choice((-1, 1)), rng.randint(1, 90)
        for _ in range(rng.choice((1, 5, LEAST - 1, LEAST, 3 * LEAST))):
            found.append((direction, random_step(rng, tracks, frame, len(found))))
            frame += direction if rng.random() < 0.99 else 3 * direction
            if rng.random() < 0.01 and len(tracks) > 1:
                tracks.remove(rng.choice(tracks))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_steps_together_are_as_one_by_one(seed: int, monkeypatch: Any) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr(module, "LEAST", rng.choice((1, 4, LEAST)))
    expected: dict[int, dict[int, bytes]] = {}
    packed: dict[int, bytes] = {}
    steps = Steps()
    for _ in range(3):
        for direction, rows in random_steps(rng):
            steps.add(direction, rows)
            spread_rows(rows, direction, expected)
        for track, rows in steps.take():
            assert [frame_of(row) for row in each_row(rows)] == sorted(split_rows(rows))
            packed[track] = edited(packed.get(track, b""), (), rows)
        assert not steps
        assert packed == {track: join_rows(mine) for track, mine in expected.items()}
