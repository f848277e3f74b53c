# SPDX-License-Identifier: GPL-3.0-or-later
"""The terms of a session."""

import re
from pathlib import Path

import pytest

from tracking_sessions.core.model.types import SESSION_ID, Pass
from tracking_sessions.core.model.wording import timestamp
from tracking_sessions.tests.core.shots import make_session


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
