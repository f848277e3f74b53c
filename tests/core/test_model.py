# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a session."""

import importlib
import pkgutil
import re
from itertools import product
from pathlib import Path

import pytest

from tracking_sessions.core.model import (
    SESSION_ID,
    FrameStatus,
    Outcome,
    Pass,
    SessionStatus,
    timestamp,
)
from tracking_sessions.tests.core.shots import make_session, run_child

ALLOWED = """
pending: tracked
tracked: audit_fail audit_warn approved tracked
audit_fail: approved tracked
audit_warn: approved tracked
approved: tracked
"""


@pytest.mark.parametrize(("old", "new"), [*product(FrameStatus, FrameStatus)])
def test_frames_change_their_review_state_as_designed_and_not_otherwise(old: FrameStatus, new: FrameStatus) -> None:
    allowed = dict(line.split(": ") for line in ALLOWED.strip().splitlines())
    assert old.may_become(new) == (new.value in allowed[old.value].split())


def test_statuses_are_the_six_of_the_design() -> None:
    names = "not_started tracking tracking_complete solving complete failed"
    assert [status.value for status in SessionStatus] == names.split()
    assert [outcome.value for outcome in Outcome if outcome.is_final] == ["complete", "lost"]


def test_a_pass_knows_its_direction() -> None:
    forwards, backwards, point = (Pass(1, a, b, (1,)) for a, b in ((1, 9), (9, 1), (4, 4)))
    assert (forwards.direction, forwards.operation) == (1, "track_forwards")
    assert (backwards.direction, backwards.operation) == (-1, "track_backwards")
    assert point.direction == 1 and not point.backwards


@pytest.mark.parametrize("text", ["", "-a", "A", "a/b", "..", "a.b", "a\n", "x" * 33, "é", "a_b"])
def test_ids_are_plain_file_names(text: str) -> None:
    assert not SESSION_ID.match(text)


def test_new_ids_and_timestamps_have_the_form_of_the_design(tmp_path: Path) -> None:
    session = make_session(tmp_path).session
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{8}", session.id) and SESSION_ID.match(session.id)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", timestamp())


def test_core_needs_neither_blender_nor_numpy() -> None:
    import tracking_sessions.core

    names = [module.name for module in pkgutil.iter_modules(tracking_sessions.core.__path__)]
    assert {"session", "run", "journal"} <= set(names)
    assert all(importlib.import_module(f"tracking_sessions.core.{name}") for name in names)
    code = (
        "import importlib\nfor name in ('bpy', 'mathutils', 'numpy'): sys.modules[name] = None\n"
        "for name in sys.argv[1:]: importlib.import_module(f'tracking_sessions.core.{name}')\nprint('all')"
    )
    assert run_child(code, *names) == "all\n"
