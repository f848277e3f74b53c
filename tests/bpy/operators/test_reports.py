# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as an artist reads them after pressing a button."""

import re
from pathlib import Path

import bpy
import pytest

from tracking_sessions import registration
from tracking_sessions.bridge.errors import ACTIONS, error_words
from tracking_sessions.core.errors import Action, TrackingSessionError
from tracking_sessions.core.model.wording import timestamp
from tracking_sessions.core.storage.lease import Lease
from tracking_sessions.tests.bpy.window import (
    begin,
    inside,
    look,
    new_file,
    open_file,
    operators,
    session_of,
    start_blender_anew,
)
from tracking_sessions.tests.core.each_error import EACH_ERROR
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")

COMMAND_LINE = re.compile(r"--[a-z]|\b(resume|track|info|batch \w+) [-<…]|“batch")


def labels() -> set[str]:
    """The labels of the extension's buttons."""
    return {cls.bl_label for cls in registration._CLASSES if issubclass(cls, bpy.types.Operator)}


@pytest.mark.parametrize("error", [error for error, _ in EACH_ERROR], ids=lambda error: type(error).__name__)
def test_no_error_speaks_the_command_line(error: TrackingSessionError) -> None:
    words = error_words(error)
    assert words.startswith(str(error)) and not COMMAND_LINE.search(words)


def test_each_action_is_worded_and_names_existing_buttons() -> None:
    assert set(ACTIONS) == set(Action)
    named = {name for words in ACTIONS.values() for name in re.findall("“(.+?)”", words)}
    assert {"Restore Markers", "Start Fresh", "Resume Tracking", "Wait for It"} <= named <= labels()


def test_a_damaged_journal_names_the_button_that_keeps_the_records_before(footage: Footage, file: Path) -> None:
    begin(new_file(footage, file), steps=8)
    journal = session_of(file).folder / "journal.1"
    flip(journal, -journal.stat().st_size // 4)
    start_blender_anew()
    editor = open_file(file)
    with inside(editor):
        words = refused("track")
    assert re.search(
        r"journal\.1 is damaged in record \d+ \(byte \d+\): .*\. Restore a good copy, or keep the \d+ records before "
        r"it with “Restore Markers”",
        words,
    )


def test_a_session_of_another_process_names_the_button_that_waits(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    assert not look(editor.clip).owner  # the panel has just seen it free
    lease = Lease.take(session_of(file).folder, timestamp())
    with inside(editor):
        words = refused("track")
    lease.release()
    assert re.search(
        r"The session is in use by process \d+ on .* since \d\d:\d\d: press “Wait for It”, or stop it there", words
    )


def test_frames_that_are_missing_are_restored_or_left_first(footage: Footage, file: Path) -> None:
    begin(new_file(footage, file), steps=4).finish()
    editor = open_file(file)
    with inside(editor):
        words = refused("track")
    assert "This file lacks recorded frames: restore them first, or start fresh" in words


def test_an_error_that_no_button_reports_is_logged(
    footage: Footage, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begin(new_file(footage, file), steps=4)
    folder = session_of(file).folder
    (folder / "lease.2").write_text('{"host": "farm-17", "pid": 4711, "token": "t"}\n' + f"{1:020d}\n")
    open_file(file)  # which ends the pass
    assert "The pass cannot be ended in its session: Another process has taken over this session" in caplog.text


def refused(button: str) -> str:
    """The report of the button; for a script Blender raises the reported errors."""
    with pytest.raises(RuntimeError) as told:
        getattr(operators, button)()
    words = str(told.value)
    assert not COMMAND_LINE.search(words)
    return words
