# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of the Sessions panel: its entries, and when it reads files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions import registration
from tracking_sessions.bridge.open_file import open_file
from tracking_sessions.bridge.sessions import listing
from tracking_sessions.bridge.sessions.listing import SESSIONS, Listing
from tracking_sessions.core.errors import TrackingSessionError
from tracking_sessions.core.library.deletion import delete_files
from tracking_sessions.core.model.types import SessionState, SessionStatus
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.panels import session
from tracking_sessions.panels import sessions as panels
from tracking_sessions.tests.bpy.past import choose, drawn, fill, listed, make
from tracking_sessions.tests.bpy.window import begin, inside, new_file, operators, session_of
from tracking_sessions.tests.commands.processes import owned
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


def test_the_list_shows_the_state_and_progress_of_each_session(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    for number, state in enumerate(("new", "interrupted", "discarded", "committed", "tracked", "solved", "odd\nname")):
        path = make(root, footage, state, number)
        with load_session(path) as session:
            if state in ("discarded", "committed"):
                session.set_state(SessionState(state))
            if state == "tracked":
                session.mark_tracking_complete()
            if state == "solved":
                session.mark_solve_complete("one")
            if state == "odd\nname":
                session.set_status(SessionStatus.FAILED)
    unreadable = make(root, footage, "broken")
    unreadable.write_text("nothing", encoding="utf-8")
    begin(editor, steps=4).finish()
    paused = session_of(file).path
    assert listed(editor) == [], "nothing is read while a panel is drawn"
    assert bpy.app.timers.is_registered(SESSIONS.timer)
    taken = make(root, footage, "taken", 3)
    with owned(taken) as process:
        choose(taken)
        assert listed(editor) == [
            ["shot_0001.png", "Paused", "5/40", "own"],
            ["taken", "In Use", "3/40"],
            [unreadable.stem, "Unreadable", ""],
            ["odd name", "Failed", "6/40"],
            ["solved", "Solved", "5/40"],
            ["tracked", "Tracked", "4/40"],
            ["committed", "Committed", "3/40"],
            ["discarded", "Discarded", "2/40", "grey"],
            ["interrupted", "Interrupted", "1/40"],
            ["new", "Not Started", "0/40"],
        ]
        layout = drawn(panels.TRACKING_SESSIONS_PT_sessions, editor)
        assert f"In use by process {process}" in layout.text
        assert re.search(r"taken In Use, 3/40 Last Change 20\d\d-\d\d-\d\d \d\d:\d\d In use", layout.text)
        assert layout.lines[-2:] == [["Open", "Discard"], ["Delete", "Reveal Folder"]]
        before = taken.read_bytes(), sorted(taken.with_suffix("").iterdir())
        with inside(editor):
            for name in ("discard_session", "delete_session"):
                with pytest.raises(RuntimeError, match="in use by process"):
                    getattr(operators, name)()
        assert (taken.read_bytes(), sorted(taken.with_suffix("").iterdir())) == before
    fill()
    assert listed(editor)[1] == ["taken", "Interrupted", "3/40"], "a released lease changes no session file"
    choose(unreadable)
    layout = drawn(panels.TRACKING_SESSIONS_PT_sessions, editor)
    assert "cannot be read" in layout.text
    with inside(editor):
        for name in ("open_session", "discard_session"):
            with pytest.raises(RuntimeError, match=r"cannot be read.*delete it"):
                getattr(operators, name)()
    choose(paused)
    assert "In use" not in drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).text


@pytest.mark.parametrize(
    ("letters", "line"),
    [
        (60, ["plate_v003.1001.exr, sh010_camera", "Interrupted", "3/40"]),
        (33, ["plate_v0…_camera", "Interrupted"]),
        (18, ["plate_v0…_camera"]),
    ],
)
def test_a_line_of_the_list_keeps_both_ends_of_a_name_and_the_details_show_the_rest(
    footage: Footage, file: Path, root: Path, monkeypatch: pytest.MonkeyPatch, letters: int, line: list[str]
) -> None:
    editor = new_file(footage, file)
    choose(make(root, footage, "plate_v003.1001.exr, sh010_camera", 3))
    monkeypatch.setattr(session, "letters_that_fit", lambda _: letters)
    assert listed(editor, letters) == [line]
    assert "Interrupted, 3/40" in drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).text
    buttons = [["Open", "Discard"], ["Delete", "Reveal Folder"]]
    if letters == 18:
        buttons = [["Open"], ["Discard"], ["Delete"], ["Reveal Folder"]]
    assert drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).lines[-len(buttons) :] == buttons


def test_an_owner_that_the_list_has_not_seen_yet_is_safe_too(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    path = make(root, footage, "free", 2)
    choose(path)
    with owned(path), inside(editor):
        files = sorted(path.with_suffix("").iterdir())
        for name in ("discard_session", "delete_session"):
            with pytest.raises(RuntimeError, match="in use by"):
                getattr(operators, name)()
        assert path.exists() and sorted(path.with_suffix("").iterdir()) == files
    assert load_session(path).session.state is SessionState.ACTIVE


def test_the_session_that_is_tracked_here_is_left_alone(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    run = begin(editor, steps=2)
    path = run.shot.session.path
    choose(path)
    assert listed(editor)[0][1] == "Tracking"
    assert "In use" not in drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).text
    with inside(editor):
        for name in ("open_session", "discard_session", "delete_session", "show_lost"):
            with pytest.raises(RuntimeError, match="pause it first"):
                getattr(operators, name)()
    with pytest.raises(TrackingSessionError, match="in use by"):
        delete_files(path)
    assert run.tick(0)
    run.finish()
    fill()
    assert listed(editor)[0][1:] == ["Paused", "4/40", "own"]


def test_of_many_sessions_the_newest_are_read_in_slices_and_drawing_reads_none(
    footage: Footage, file: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    model = make(root, footage, "a model", 2)
    folder, content = model.parent, model.read_text(encoding="utf-8")
    for number in range(300):
        copy = folder / f"2099-{number:04d}.yaml"
        copy.write_text(content.replace(model.stem, copy.stem), encoding="utf-8")
    slices = 0
    while open_file.view(Listing).read(0.0):
        slices += 1
    SESSIONS.update(bpy.context)
    assert slices == 101, "one clip or session each, where there is no time for more"
    rows = listed(editor)
    names = [row.name for row in SESSIONS.data(bpy.context).entries]
    assert names == [f"2099-{number:04d}" for number in range(299, 199, -1)] and len(rows) == 100
    assert "And 201 Older Ones" in drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).text
    with monkeypatch.context() as patch:
        patch.setattr(listing, "load_session", None)
        patch.setattr(listing, "session_files", None)
        drawn(panels.TRACKING_SESSIONS_PT_sessions, editor)  # reads nothing
    read: list[Path] = []

    def counted(path: Path) -> Any:
        read.append(path)
        return load_session(path)

    changed = folder / "2099-0250.yaml"
    changed.write_text(changed.read_text(encoding="utf-8").replace("a model", "changed"), encoding="utf-8")
    newest = folder / "2099-9999.yaml"
    newest.write_text(content.replace(model.stem, newest.stem), encoding="utf-8")
    shown = SESSIONS.data(bpy.context)
    shown.active = 7
    chosen = shown.entries[7].name
    with monkeypatch.context() as patch:
        patch.setattr(listing, "load_session", counted)
        fill()
    assert sorted(read) == [changed, newest], "the others are as they were"
    assert shown.entries[shown.active].name == chosen and shown.entries[0].name == newest.stem
    assert ["changed", "Not Started", "0/40"] in [line for line in listed(editor) if line[0] == "changed"]


def test_the_list_is_due_after_a_change_and_seldom_polls(
    footage: Footage, file: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_file(footage, file)
    path = make(root, footage, "one")
    os.utime(root / "sessions", (1e9, 1e9))
    assert open_file.view(Listing).is_due()
    monkeypatch.setattr(listing, "POLL_INTERVAL", 0.0)
    with owned(path):
        fill()
        assert open_file.view(Listing).is_due(), "its owner may die, which changes no file"
    fill()
    assert not open_file.view(Listing).is_due()
    make(root, footage, "two")
    assert open_file.view(Listing).is_due()
    fill()
    make(root, footage, "three")
    monkeypatch.setattr(listing, "POLL_INTERVAL", 60.0)
    assert not open_file.view(Listing).is_due(), "not looked at again so soon"


def test_a_filter_takes_the_names_that_are_shown(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    for name in ("Alpha", "beta", "alphabet"):
        make(root, footage, name)
    fill()
    shown = SESSIONS.data(bpy.context)
    ui = SimpleNamespace(filter_name="ALPHA", bitflag_filter_item=4)
    with inside(editor) as context:
        flags, order = panels.TRACKING_SESSIONS_UL_sessions.filter_items(ui, context, shown, "entries")  # type: ignore[arg-type]
    assert flags == [4, 0, 4] and order == [0, 1, 2]


def test_a_list_that_a_loaded_file_lacks_is_filled_again(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    make(root, footage, "one")
    fill()
    bpy.app.timers.unregister(SESSIONS.timer) if bpy.app.timers.is_registered(SESSIONS.timer) else None
    SESSIONS.data(bpy.context).entries.clear()
    drawn(panels.TRACKING_SESSIONS_PT_sessions, editor)
    assert bpy.app.timers.is_registered(SESSIONS.timer)
    with inside(editor), pytest.raises(RuntimeError, match="Choose a session"):
        operators.delete_session()


def test_nothing_of_the_list_stays_behind(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    make(root, footage, "one")
    drawn(panels.TRACKING_SESSIONS_PT_sessions, editor)
    assert bpy.app.timers.is_registered(SESSIONS.timer)
    registration.unregister()
    assert not bpy.app.timers.is_registered(SESSIONS.timer)
    assert not hasattr(bpy.types.WindowManager, "tracking_sessions")
    assert not open_file.view(Listing).entries
    registration.register()
    fill()
    assert len(listed(editor)) == 1
