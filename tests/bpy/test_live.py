# SPDX-License-Identifier: GPL-3.0-or-later
"""A pass in a window, tick by tick: what it tells while it goes on, and what may happen to the clip in between."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tracking_sessions import registration
from tracking_sessions.bridge import live, overview, working_set
from tracking_sessions.tests.bpy.window import begin, new_file
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

FRAMES = 24


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return make_shot(tmp_path_factory.mktemp("shot"), FRAMES, 320, 180, tracks=12)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(working_set, "APART", False)  # as in a window
    registration.register()
    yield
    registration.unregister()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shot.blend"


# What it tells


def test_progress_is_counted_over_both_ways(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file, frame=10)
    run = live.LivePass(editor, overview.open_shot(editor), [(10, 14), (10, 4)])
    assert (run.done, run.total) == (0, 10)
    seen = []
    while run.tick(0):
        seen.append(run.done)
    assert sorted(seen) == seen and set(range(1, 10)) <= set(seen)
    assert (run.done, run.total) == (10, 10)


def test_the_rate_is_that_of_the_last_seconds(footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(live.time, "monotonic", lambda: now)
    run = begin(new_file(footage, file))
    assert (run.rate, run.seconds_left) == (0.0, None)
    for _ in range(9):
        now += 0.5
        assert run.tick(0)
    assert run.rate == pytest.approx(2.0)
    assert run.seconds_left == pytest.approx((FRAMES - 10) / 2)
    for _ in range(9):
        now += live.RATE_SPAN / 8
        assert run.tick(0)
    assert run.rate == pytest.approx(8 / live.RATE_SPAN)


def test_lost_tracks_are_counted(footage: Footage, file: Path) -> None:
    run = begin(new_file(footage, file))
    assert run.lost == 0
    while run.tick(0):
        assert run.lost == len(run.run.plan.tracks) - len(run.run.alive)
    assert run.lost >= 3
