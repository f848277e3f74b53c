# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that a file lacks after a crash are reported and restored, also while another Blender owns the session."""

import json
import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions import registration
from tracking_sessions.bridge import events
from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.open_file import open_file as known
from tracking_sessions.bridge.sessions import overview
from tracking_sessions.bridge.sessions.recovery import watch
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.model.wording import clock_time
from tracking_sessions.operators import recovery
from tracking_sessions.tests.bpy.tracker import new_clip
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    inside,
    last_frame,
    look,
    new_file,
    open_editor,
    open_file,
    operators,
    session_of,
    start_blender_anew,
)
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


# After a crash


def test_missing_frames_are_counted_with_the_time_of_the_last(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    assert (look(editor.clip).missing, look(editor.clip).until) == (0, "")
    begin(editor, steps=8).finish()
    seen = look(editor.clip)
    assert (seen.missing, seen.undone) == (0, 0)
    start_blender_anew()

    editor = open_file(file)
    seen = look(editor.clip)
    assert (seen.missing, seen.last_frame, seen.undone) == (8, 9, 0)
    assert seen.until == session_of(file).session.modified
    assert datetime.fromisoformat(seen.until.replace("Z", "+00:00")).utcoffset() is not None
    with inside(editor):
        assert operators.restore() == {"FINISHED"}
    assert look(editor.clip).missing == 0


def test_missing_frames_are_read_again_only_after_a_change(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(new_file(footage, file), steps=4).finish()
    editor = open_file(file)
    seen = look(editor.clip)
    with monkeypatch.context() as patch:
        patch.setattr(overview, "find_session", None)
        assert look(editor.clip) is seen
    editor.clip["tracking_sessions"] = "x 1 80"  # like undo
    assert look(editor.clip) is not seen


def test_the_opened_file_reports_its_missing_frames(
    footage: Footage, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    editor = new_file(footage, file)
    assert operators.tell_lost() == {"CANCELLED"}
    begin(editor, steps=8).finish()
    assert operators.tell_lost() == {"CANCELLED"}  # the open file has them
    editor = open_file(file)
    capfd.readouterr()
    assert operators.tell_lost() == {"FINISHED"}
    until = clock_time(session_of(file).session.modified)
    assert re.fullmatch(r"\d\d:\d\d", until) or until.startswith("20")
    assert (
        f"Warning: This file lacks 8 recorded frames of {editor.clip.name} (until {until}): "
        "see the Session panel in the Movie Clip Editor"
    ) in capfd.readouterr().out
    with inside(editor):
        operators.resume()
    bpy.ops.wm.save_mainfile()
    open_file(file)
    assert operators.tell_lost() == {"CANCELLED"}


def test_one_sentence_reports_several_clips(footage: Footage, other_footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    name = editor.clip.name
    begin(editor, steps=8).finish()
    second = new_clip(other_footage)
    second.use_fake_user = True
    second.name = "second"
    bpy.ops.wm.save_mainfile()
    bpy.context.scene.frame_current = 1
    begin(open_editor(second), steps=1).finish()
    open_file(file)
    assert overview.lost_words().startswith("This file lacks 1 recorded frame of second")
    bpy.context.scene.frame_current = 9
    first = bpy.data.movieclips[name]
    begin(open_editor(first), backwards=None, steps=2).finish()
    open_file(file)
    assert f"1 recorded frame of second and 2 recorded frames of {name}" in overview.lost_words()


def test_without_a_window_nothing_is_reported_and_no_timer_is_left(footage: Footage, file: Path) -> None:
    begin(new_file(footage, file), steps=4).finish()
    open_file(file)
    assert bpy.app.background
    assert not bpy.app.timers.is_registered(events._report_lost)
    bpy.app.timers.register(events._report_lost)
    registration.unregister()
    assert not bpy.app.timers.is_registered(events._report_lost)
    registration.register()


def test_a_session_that_somebody_works_on_is_not_lost(footage: Footage, file: Path) -> None:
    begin(new_file(footage, file), steps=4).finish()
    open_file(file)
    with session_of(file) as session:
        session.acquire()
        known.forget()
        assert overview.lost_words() == ""
    known.forget()
    assert overview.lost_words()


# Another Blender owns the session


def owned_elsewhere(file: Path, counter: int = 1) -> None:
    """A process of another machine owns the session."""
    folder = session_of(file).folder
    number = 1 + max(int(path.suffix[1:]) for path in folder.glob("lease.*"))
    if counter > 1:
        number -= 1
    owner = {"host": "farm-17", "boot": "b", "machine": "m", "pid": 4711, "since": "2026-01-02T03:04:05Z", "token": "t"}
    (folder / f"lease.{number}").write_text(json.dumps(owner) + f"\n{counter:020d}\n")
    known.forget()


def test_a_session_of_another_machine_is_taken_over_after_the_wait(
    footage: Footage, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    with inside(editor):
        assert not operators.wait.poll()
    owned_elsewhere(file)
    owner = look(editor.clip).owner
    assert "farm-17" in owner and "2026-01-02T03:04:05Z" in owner
    with inside(editor):
        assert operators.wait.poll()
        assert operators.wait() == {"CANCELLED"}
        assert "still in use by process 4711 on farm-17" in capfd.readouterr().out
        waiting = watch(editor.clip)
        now = [0.0]
        waiting._clock = lambda: now[0]
        assert not waiting.poll()
        owned_elsewhere(file, counter=2)
        now[0] = 61
        assert not waiting.poll()
        now[0] = 122
        assert waiting.poll()
        known.forget()
        assert look(editor.clip).owner == ""
        assert operators.resume() == {"FINISHED"}
    assert last_frame(editor.clip) == FRAMES


def test_a_release_is_reported(footage: Footage, file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    with session_of(file) as session:
        session.acquire()
        known.forget()
        with inside(editor):
            assert operators.wait.poll()
            assert operators.wait() == {"CANCELLED"}
    capfd.readouterr()
    with inside(editor):
        assert look(editor.clip).owner  # the last poll
        assert operators.wait() == {"FINISHED"}
        assert "The session is free: " in capfd.readouterr().out
        assert look(editor.clip).owner == ""
        assert operators.resume() == {"FINISHED"}


class Waiting:
    """The operator in an event loop of the test: without a window Blender has none."""

    def __init__(self, editor: ClipEditor) -> None:
        self.editor = editor
        self.reports: list[tuple[set[str], str]] = []
        self._watch = None
        self._timer: Any = bpy.context.window_manager.event_timer_add(1.0, window=editor.window)
        self._workspace = editor.window.workspace.name
        known.modal["wait"] = self

    modal, cancel = recovery.TRACKING_SESSIONS_OT_wait.modal, recovery.TRACKING_SESSIONS_OT_wait.cancel
    _job, _stop_listening, _is_free, _show_owner = (
        recovery.TRACKING_SESSIONS_OT_wait._job,
        recovery.TRACKING_SESSIONS_OT_wait._stop_listening,
        recovery.TRACKING_SESSIONS_OT_wait._is_free,
        recovery.TRACKING_SESSIONS_OT_wait._show_owner,
    )

    def report(self, kind: set[str], text: str) -> None:
        self.reports.append((kind, text))

    def send(self, kind: str = "TIMER", value: str = "PRESS") -> Any:
        event: Any = SimpleNamespace(type=kind, value=value)
        with inside(self.editor) as context:
            return self.modal(context, event)  # type: ignore[arg-type]

    @property
    def is_over(self) -> bool:
        return self._timer is None and "wait" not in known.modal


def test_waiting_lets_events_through_until_the_owner_is_gone(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    with session_of(file) as session:
        session.acquire()
        known.forget()
        waiting = Waiting(editor)
        for kind, value in [("TIMER", "NOTHING"), ("MOUSEMOVE", "NOTHING"), ("A", "PRESS"), ("ESC", "RELEASE")]:
            assert waiting.send(kind, value) == {"PASS_THROUGH"}
        with inside(editor):
            assert not operators.wait.poll()  # once is enough
    assert not waiting.is_over
    assert waiting.send() == {"FINISHED"}
    assert waiting.is_over
    assert [kind for kind, _ in waiting.reports] == [{"INFO"}]
    assert look(editor.clip).owner == ""


def test_escape_ends_the_waiting(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    with session_of(file) as session:
        session.acquire()
        waiting = Waiting(editor)
        waiting.send()
        assert waiting.send("ESC") == {"CANCELLED"}
    assert waiting.is_over
    assert waiting.reports == []


def test_waiting_ends_with_a_message_if_the_session_goes(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    path = session_of(file).path
    owned_elsewhere(file)
    waiting = Waiting(editor)
    assert waiting.send() == {"PASS_THROUGH"}
    lease_file = max(path.with_suffix("").glob("lease.*"), key=lambda path: int(path.suffix[1:]))
    lease_file.unlink()
    lease_file.mkdir()
    assert waiting.send() == {"CANCELLED"}
    assert waiting.is_over
    assert [kind for kind, _ in waiting.reports] == [{"ERROR"}]


def test_the_extension_does_not_go_without_its_waiting(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    owned_elsewhere(file)
    waiting = Waiting(editor)
    waiting.send()
    registration.unregister()
    assert waiting.is_over
    registration.register()


def test_quitting_pauses_a_pass_where_blender_says_so(footage: Footage, file: Path) -> None:
    begin(new_file(footage, file), steps=4)
    if not hasattr(bpy.app.handlers, "exit_pre"):
        pytest.skip("from Blender 5.1")
    for handler in bpy.app.handlers.exit_pre:
        handler(None)
    assert live.running() is None
    assert (session_of(file).resume_frame, session_of(file).owner) == (5, "")


def test_the_records_before_damage_are_restored(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=8)
    session = session_of(file)
    journal = session.folder / "journal.1"
    whole = session.replay()
    data = flip(journal, -journal.stat().st_size // 4)
    start_blender_anew()
    editor = open_file(file)
    seen = look(editor.clip)
    assert seen.is_damaged and "is damaged" in seen.error
    assert "is damaged" in overview.lost_words()
    with inside(editor):
        assert operators.restore() == {"FINISHED"}
        frame = last_frame(editor.clip)
        assert 3 < frame < 9
        assert all(track.markers.find_frame(frame) is not None for track in editor.clip.tracking.tracks)
        assert not look(editor.clip).error
        assert operators.resume() == {"FINISHED"}
    assert last_frame(editor.clip) == FRAMES
    assert len(whole.tracks) == len(editor.clip.tracking.tracks)
    assert journal.read_bytes().startswith(data)  # with the pause that ended the pass


def test_a_damaged_session_that_no_file_names_can_be_left_aside(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=8)
    journal = session_of(file).folder / "journal.1"
    data = flip(journal, journal.stat().st_size // 2)
    start_blender_anew()
    editor = open_file(file)
    with inside(editor):
        assert operators.start_fresh() == {"FINISHED"}
        assert look(editor.clip) == overview.Overview()
        assert operators.track() == {"FINISHED"}
    assert journal.read_bytes().startswith(data)  # with the pause that ended the pass
