# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of the Solve panel with each verdict, of the comparison and of the curve, for eyes, not for a check.

They are taken where TRACKING_SESSIONS_PICTURES names a folder, in the newest Blender. The words are those that the
verdict has for figures of each kind.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.model.counting import Counting
from tracking_sessions.core.model.wording import timestamp
from tracking_sessions.core.recording.manager import TrackingSessionManager
from tracking_sessions.core.solve import recording
from tracking_sessions.core.solve.solve import Bundle, Camera, Drop, Lens, Mute, Solve, Verdict, VerdictKind
from tracking_sessions.core.solve.store import write_solve
from tracking_sessions.core.solve.verdict import verdict
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.blender.machine import Machine, newest_session, start_outside
from tracking_sessions.tests.blender.real import BLENDERS
from tracking_sessions.tests.blender.recorded import press
from tracking_sessions.tests.blender.test_fit import Sheets
from tracking_sessions.tests.blender.test_solve import shown
from tracking_sessions.tests.core.solve.shots import make
from tracking_sessions.tests.core.solve.test_verdict import judged, outcome

FRAMES, WIDTH, HEIGHT = 60, 640, 560
PLATE = Counting(1001)
NARROW = ("solved", "two_motions", "too_few_tracks")


def verdicts() -> dict[VerdictKind, Verdict]:
    good = outcome(make("orbit", 2))

    def with_facts(**facts: object) -> Verdict:
        return verdict(replace(good, facts=replace(good.facts, **facts)), PLATE, 960)  # type: ignore[arg-type]

    few = make("orbit", 3)
    few.positions[10:, 40:45] = float("nan")
    found = [
        with_facts(removed_share=0.65),
        judged(make("walk", 8, moving=0.92)),
        judged(few),
        judged(make("orbit", 3, cut=30)),
        with_facts(is_focal_known=False, focal_ratio=1.0),
        with_facts(angle=0.25),
        judged(make("static", 3)),
        judged(make("pan", 11, moving=0.35)),
        verdict(good, PLATE, 960),
    ]
    assert {one.kind for one in found} == set(VerdictKind)
    return {one.kind: one for one in found}


def store(session: TrackingSessionManager, replay: Replay, number: int, found: Verdict) -> None:
    numbers = sorted(replay.tracks)
    has_camera = found.kind in recording.USABLE or found.kind is VerdictKind.NOT_SOLVED
    average = min(found.figures.get("average_error", 0.0), 0.4) if has_camera else 0.0
    shape = [1.0 + 0.5 * (frame % 5 == 0) + 2.5 * (40 < frame < 46) for frame in range(1, FRAMES + 1)]
    errors = [average * value * FRAMES / sum(shape) for value in shape]
    solve = Solve(
        id=f"solve-{number}",
        created=timestamp(),
        blender="5.2.0",
        object="Camera",
        digest="",
        verdict=found,
        lens=Lens(35.0 + number / 10, 36.0, (WIDTH, 360)),
        frames=(1, FRAMES),
        keyframes=(12 + number, 51) if has_camera else (0, 0),
        average_error=average,
        cameras=tuple(
            Camera(frame, (1.0, 0, 0, 0.1 * frame, 0, 1, 0, 0, 0, 0, 1, 0), error)
            for frame, error in enumerate(errors if has_camera else [], 1)
        ),
        bundles=tuple(Bundle(one, (one / 10, 0.0, -5.0), one / 30) for one in numbers) if has_camera else (),
        marker_errors={one: ((2, 0.1), (5, 0.9)) for one in numbers} if has_camera else {},
        dropped=(Drop(numbers[0], "it slides"), Drop(numbers[1], "it slides")) if has_camera else (),
        muted=(Mute(numbers[2], 10, 20, 3.0),) if has_camera else (),
        tracks_made=len(numbers),
    )
    write_solve(SessionFolder.of(session.path), session.id, solve)
    recording.finish(session, solve)


@pytest.mark.timeout(600)
@pytest.mark.skipif(not os.environ.get("TRACKING_SESSIONS_PICTURES"), reason="nobody asked for pictures")
def test_pictures_of_each_verdict(machine: Machine) -> None:
    if machine.name != BLENDERS[-1]:
        pytest.skip("the newest Blender is enough")
    done = start_outside(machine.folder, "track", "shot.blend", "--save", "tracked.blend").wait()
    assert done.returncode == 0, done.stderr
    (machine.folder / "tracked.blend").replace(machine.folder / "shot.blend")
    found = verdicts()
    with newest_session(machine.folder / "tracking_sessions") as session:
        replay = session.replay()
        for number, one in enumerate(found.values(), 1):
            store(session, replay, number, one)
    with shown(machine) as screen:
        screen.ask("dark")
        for number, kind in enumerate(found, 1):
            (machine.folder / "choice").write_text(f"solve-{number}", encoding="utf-8")
            screen.ask("choose")
            screen.picture(f"solve-{kind.value}", HEIGHT + 160)
            if kind.value in NARROW:
                with Sheets(machine).narrow(screen):
                    screen.picture(f"solve-{kind.value}-narrow", HEIGHT + 160, 0)
        screen.ask("compare")
        screen.picture("solve-compare", HEIGHT, 900)
        press(screen, "Escape")  # closes it
        screen.ask("deselect")
        screen.picture("solve-curve", 860, 700)
        screen.ask("look")
        screen.picture("solve-looking", 860)
        press(screen, "Escape")
        screen.picture("solve-stopped", 860)
        screen.leave()
