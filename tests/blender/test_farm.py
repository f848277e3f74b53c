# SPDX-License-Identifier: GPL-3.0-or-later
"""The Farm panel in a real window: Submit with its dialog, where the shots stand, Retry."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tracking_sessions.core.batch.shots import ShotStatus
from tracking_sessions.core.farm.manifest import Manifest
from tracking_sessions.core.farm.states import State, States
from tracking_sessions.core.farm.submitting import create, find_submission, sent
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.blender.machine import Machine
from tracking_sessions.tests.blender.real import ROOT
from tracking_sessions.tests.blender.screen import TALL, Screen
from tracking_sessions.tests.blender.test_fit import Sheets
from tracking_sessions.tests.blender.test_solve import click, rows

BEGUN = "2026-01-31T10:15:00Z"
SCRIPTS = ("start_window.py", "fit_window.py", "farm_window.py")
HEIGHT = 640
WIDE = 420  # pixels: the width of the sidebar
STATES = (
    State(1, ShotStatus.COMPLETED, frames=(120, 120), started=BEGUN),
    State(2, ShotStatus.PROCESSING, host="node7", frames=(0, 0), started=BEGUN),
    State(
        3,
        ShotStatus.FAILED,
        error="It has crashed 3 times without a new frame (SIGSEGV)",
        frames=(12, 96),
        begun=3,
        started=BEGUN,
    ),
    State(4, ShotStatus.SKIPPED, error="There is no footage /show/004.mov", started=BEGUN),
    State(5, ShotStatus.PENDING, error="It was stopped by SIGTERM", frames=(70, 96), started=BEGUN),
    State(6, ShotStatus.NO_CAMERA, verdict="low_parallax", frames=(40, 40), started=BEGUN),
    State(7, ShotStatus.LOST, frames=(30, 1040), started=BEGUN),
)


@contextmanager
def shown(machine: Machine) -> Iterator[Screen]:
    for script in SCRIPTS:
        shutil.copy(ROOT / "tests" / "blender" / script, machine.folder)
    shutil.copy(ROOT / "tests" / "bpy" / "farm" / "engines.py", machine.folder / "farm_engines.py")
    scripts = [word for script in SCRIPTS for word in ("--python", script)]
    with machine.window("shot.blend", *scripts) as window:
        screen = Screen(machine, window)
        screen.reach = HEIGHT
        yield screen


def asked(screen: Screen, action: str) -> Any:
    screen.ask(action)
    return json.loads((screen.machine.folder / f"{action}.json").read_text(encoding="utf-8"))


def submitted(screen: Screen) -> Manifest:
    return find_submission(screen.root, "")


def is_known(screen: Screen, **wanted: int) -> bool:
    known = asked(screen, "counts")
    return all(known["counts"].get(name, 0) == count for name, count in wanted.items())


@pytest.mark.timeout(300)
def test_shots_are_submitted_from_the_dialog_and_seen_in_the_panel(machine: Machine) -> None:
    with shown(machine) as screen:
        screen.ask("dark")
        screen.picture("farm-empty", HEIGHT)
        click(screen, rows(screen, TALL)[1])  # Submit…, below the buttons of Session
        screen.wait_until(lambda: "SLURM" in asked(screen, "dialog"))
        assert asked(screen, "dialog") == ["SLURM", "OpenJD"], "Blender is offline"
        screen.settle()
        screen.picture("farm-dialog", 860, 900)
        screen.window.key("Return")
        screen.wait_until(lambda: list(SessionFolder(screen.root).farms.glob("*/sent.jsonl")))
        (shot,) = submitted(screen).shots()
        assert shot.spec.footage.endswith("plate/shot_0001.png") and sent(submitted(screen))[0].engine == "slurm"
        screen.point_at_clip()
        screen.wait_until(lambda: is_known(screen, waiting=1))
        assert asked(screen, "counts")["outcome"] == "1 shot sent to SLURM as 41"
        screen.picture("farm-sent", HEIGHT)
        States(submitted(screen).folder).write(State(1, ShotStatus.FAILED, started=BEGUN))
        screen.wait_until(lambda: is_known(screen, failed=1))  # by itself
        click(screen, rows(screen)[-1])  # Retry
        screen.wait_until(lambda: len(sent(submitted(screen))) == 2)
        screen.point_at_clip()
        manifest = create(screen.root, [ShotSpec(f"/show/seq010_sh{n:03}0.mov") for n in range(1, 9)], "seq 010")
        for state in STATES:
            States(manifest.folder).write(state)
        click(screen, rows(screen, TALL)[1])  # Submit… finds what others have submitted, too
        screen.window.key("Escape")
        screen.point_at_clip()
        screen.wait_until(lambda: is_known(screen, running=1, failed=1))
        choose(screen, 3)
        look_at(screen, "farm-shots")
        States(manifest.folder).write(State(2, ShotStatus.COMPLETED, frames=(96, 96), started=BEGUN))
        screen.wait_until(lambda: is_known(screen, running=0, completed=2))  # by itself
        screen.leave()
    assert json.loads((machine.folder / "counts.json").read_text(encoding="utf-8"))["id"] == manifest.head.id


def choose(screen: Screen, number: int) -> None:
    (screen.machine.folder / "choice").write_text(str(number), encoding="utf-8")
    screen.ask("choose-shot")


def look_at(screen: Screen, state: str) -> None:
    """Pictures of the panel in a sidebar of the usual width, in a narrow and in a wide one."""
    sheets = Sheets(screen.machine)
    screen.picture(state, HEIGHT + 160)
    with sheets.narrow(screen):
        screen.picture(f"{state}-narrow", HEIGHT + 160, 0)
    left, _, width, _ = sheets.boxes(screen)["UI"]
    sheets._drag(screen, left, left + width - WIDE)
    screen.picture(f"{state}-wide", HEIGHT + 160)
