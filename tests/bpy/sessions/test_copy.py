# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy of the file beside its session after a pass, if the preferences ask for it."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

from tracking_sessions.bridge.preferences import Preferences
from tracking_sessions.bridge.sessions import overview, recovery
from tracking_sessions.core.library.deletion import delete_session
from tracking_sessions.operators import track
from tracking_sessions.tests.bpy.driven import Driven
from tracking_sessions.tests.bpy.tracker import delete_track, markers_of
from tracking_sessions.tests.bpy.window import inside, let_go, new_file, open_editor, open_file, operators, session_of
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


@pytest.fixture
def saves_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track, "preferences", lambda: Preferences(saves_copy=True))


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(("lease.", "journal."))}


def test_a_pass_saves_a_copy_only_if_it_is_asked_to(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    with inside(editor):
        operators.track()
    assert names_in(session_of(file).folder) == set()


def test_a_pass_that_ends_saves_a_copy_beside_its_session(footage: Footage, file: Path, saves_copy: None) -> None:
    editor = new_file(footage, file)
    editor.clip.filepath = bpy.path.relpath(editor.clip.filepath)
    bpy.ops.wm.save_mainfile()
    bpy.context.preferences.filepaths.save_version = 3
    bpy.context.preferences.filepaths.use_relative_paths = False
    saved = file.read_bytes()
    for _ in range(3):
        bpy.context.scene.frame_current = 1
        with inside(editor):
            assert operators.track() == {"FINISHED"}
        (session_of(file).folder / "fresh.blend").write_bytes(b"cut short by a crash")
    bpy.context.scene.frame_current = 1
    with inside(editor):
        operators.track()
    assert names_in(session_of(file).folder) == {"copy.blend"}
    assert file.read_bytes() == saved
    assert bpy.data.filepath == str(file)
    assert editor.clip.filepath.startswith("//")
    assert Path(bpy.path.abspath(editor.clip.filepath)).samefile(footage.files[0])
    expected = markers_of(editor.clip)

    editor = open_file(session_of(file).folder / "copy.blend")
    assert editor.clip.filepath.startswith("//")
    assert Path(bpy.path.abspath(editor.clip.filepath)).samefile(footage.files[0])
    assert markers_of(editor.clip) == expected
    assert overview.overview(editor.clip).name == session_of(file).session.name  # the copy has the session as well
    assert not overview.overview(editor.clip).missing


def test_the_copy_of_a_file_that_is_not_saved(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves_copy: None
) -> None:
    root = tmp_path / "tracking_sessions"
    monkeypatch.setattr(recovery, "default_root", lambda: root)
    editor = new_file(footage, None)
    with inside(editor):
        assert operators.track() == {"FINISHED"}
    assert bpy.data.filepath == ""
    expected = markers_of(editor.clip)
    editor = open_file(session_of(tmp_path / "x").folder / "copy.blend")
    assert Path(bpy.path.abspath(editor.clip.filepath)).samefile(footage.files[0])
    assert markers_of(editor.clip) == expected


def test_a_paused_pass_saves_a_copy_and_says_so(footage: Footage, file: Path, saves_copy: None) -> None:
    driven = Driven(new_file(footage, file), steps=4)
    driven.send("ESC")
    copy = session_of(file).folder / "copy.blend"
    assert copy.exists()
    assert driven.reports == [({"INFO"}, f"Saved a copy of the file: {copy}")]


def test_a_pass_that_fails_saves_no_copy(footage: Footage, file: Path, saves_copy: None) -> None:
    driven = Driven(new_file(footage, file), steps=4)
    delete_track(driven.editor.clip, "Survives.02")
    open_editor(driven.editor.clip)
    while driven.send() != {"FINISHED"}:
        pass
    assert driven.reports[0][0] == {"ERROR"}
    assert names_in(session_of(file).folder) == set()


def test_a_copy_that_cannot_be_saved_is_a_warning_and_nothing_else(
    footage: Footage, file: Path, saves_copy: None
) -> None:
    driven = Driven(new_file(footage, file), steps=4)
    folder = session_of(file).folder
    (folder / "copy.blend").mkdir()
    assert driven.send("ESC") == {"FINISHED"}
    assert driven.is_over
    ((kind, words),) = driven.reports
    assert kind == {"WARNING"}
    assert "No copy was saved" in words
    assert session_of(file).resume_frame == 5


def test_a_session_with_a_copy_is_deleted_whole(footage: Footage, file: Path, saves_copy: None) -> None:
    editor = new_file(footage, file)
    with inside(editor):
        operators.track()
    session = session_of(file)
    assert (session.folder / "copy.blend").exists()
    let_go()
    session.acquire()
    delete_session(session)
    assert not session.folder.exists()
