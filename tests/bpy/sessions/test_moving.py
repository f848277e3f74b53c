# SPDX-License-Identifier: GPL-3.0-or-later
"""A session that was begun in an unsaved file comes beside the file when that is saved, and else stays in sight."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import bpy
import pytest

from tracking_sessions.bridge.clip.movie_clip import mark_of, mark_position
from tracking_sessions.bridge.open_file import open_file as state
from tracking_sessions.bridge.preferences import Preferences
from tracking_sessions.bridge.sessions import finding, moving
from tracking_sessions.bridge.sessions.finding import user_root
from tracking_sessions.core.batch.shots import BatchStatus
from tracking_sessions.core.journal.chain import Position
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.storage.folder import resolve
from tracking_sessions.operators import track as operators_track
from tracking_sessions.tests.bpy.past import choose, fill, listed, make
from tracking_sessions.tests.bpy.tracker import markers_of, new_clip
from tracking_sessions.tests.bpy.window import (
    begin,
    inside,
    let_go,
    look,
    new_file,
    open_editor,
    open_file,
    operators,
    start_blender_anew,
    track,
)
from tracking_sessions.tests.commands.processes import owned
from tracking_sessions.tests.core.claims import make_batch
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


def save(file: Path) -> None:
    assert bpy.ops.wm.save_as_mainfile(filepath=str(file)) == {"FINISHED"}


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and path.name != "index.db"]


def test_a_session_moves_beside_the_file_at_the_first_save(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, None)
    begin(editor, steps=4).finish()
    (before,) = session_files(user_root())
    markers, mark, seen = markers_of(editor.clip), mark_of(editor.clip), look(editor.clip)
    save(file)
    (path,) = session_files(root)
    assert path.name == before.name and files(user_root()) == []
    session = load_session(path).session
    assert session.blend == "../../shot.blend" and resolve(path, session.footage.path) == footage.files[0]
    now = look(editor.clip)
    assert now == seen._replace(until=now.until, seen=now.seen, is_recording=False)
    assert mark is not None and mark_of(editor.clip) == mark._replace(position=load_session(path).position)
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    expected = markers_of(editor.clip)
    assert expected != markers and session_files(root) == [path] and session_files(user_root()) == []

    shutil.copytree(file.parent, file.parent.with_name("sent"))  # to another artist
    shutil.rmtree(file.parent)
    start_blender_anew()
    editor = open_file(file.parent.with_name("sent") / file.name)
    assert look(editor.clip).missing
    with inside(editor):
        operators.restore()
    assert markers_of(editor.clip) == expected


def test_a_session_of_a_running_pass_moves_at_the_next_save(
    footage: Footage, file: Path, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    editor = new_file(footage, None)
    run = begin(editor, steps=4)
    save(file)
    assert run.tick(0), "the pass goes on"
    assert session_files(root) == [] and caplog.records == []
    run.finish()
    assert load_session(session_files(user_root())[0]).session.blend
    bpy.ops.wm.save_mainfile()
    assert len(session_files(root)) == 1 and session_files(user_root()) == []
    assert look(editor.clip).resume_frame == 6


def test_a_session_of_another_blender_stays_in_sight(
    footage: Footage, file: Path, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    editor = new_file(footage, None)
    begin(editor, steps=4).finish()
    (path,) = session_files(user_root())
    let_go()
    with owned(path):
        save(file)
        assert session_files(root) == [] and look(editor.clip).owner
        fill()
        assert listed(editor) == [["shot_0001.png", "In Use", "5/24", "own"]]
    assert "in use by process" in caplog.text
    bpy.ops.wm.save_mainfile()
    assert session_files(user_root()) == [] and session_files(root)


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_a_session_stays_if_the_disk_takes_nothing(
    footage: Footage,
    file: Path,
    root: Path,
    mounted: Callable[[str], Path],
    caplog: pytest.LogCaptureFixture,
    state: str,
) -> None:
    editor = new_file(footage, None)
    begin(editor, steps=4).finish()
    (path,) = session_files(user_root())
    disk = mounted("16k")
    root.symlink_to(disk)
    if state == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    save(file)
    assert f"The disk is {state}" in caplog.text and str(user_root()) in caplog.text
    assert caplog.records[0].levelno == logging.WARNING
    assert session_files(user_root()) == [path] and session_files(root) == []
    assert (look(editor.clip).frames, look(editor.clip).missing) == (5, 0)
    fill()
    assert listed(editor) == [["shot_0001.png", "Paused", "5/24", "own"]]
    subprocess.run(["mount", "-o", "remount,rw,size=4m", disk], check=True)
    bpy.ops.wm.save_mainfile()
    assert session_files(user_root()) == [] and look(editor.clip).frames == 5


def test_nothing_moves_if_the_preferences_name_a_folder(
    footage: Footage, file: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, None)
    begin(editor, steps=4).finish()
    for folder in (tmp_path / "chosen", "//beside"):
        for module in (finding, moving):
            monkeypatch.setattr(module, "preferences", lambda folder=folder: Preferences(folder=str(folder)))
        save(file)
        assert look(editor.clip).frames == 5
        assert len(session_files(user_root())) == (0 if folder == "//beside" else 1)
    assert session_files(tmp_path / "chosen") == session_files(root) == []
    assert len(session_files(file.parent / "beside")) == 1, "where it would have begun if the file had been saved"


def test_only_the_sessions_of_the_clips_move(
    footage: Footage, other_footage: Footage, file: Path, root: Path, tmp_path: Path
) -> None:
    begin(new_file(footage, None), steps=2).finish()  # of a file that crashes
    start_blender_anew()
    editor = new_file(other_footage, None)
    begin(editor, steps=3).finish()
    second = new_clip(other_footage)
    second.use_fake_user = True
    bpy.context.scene.frame_current = 1
    begin(open_editor(second), steps=4).finish()
    crashed, *mine = session_files(user_root())
    third = new_clip(other_footage)
    third.use_fake_user = True
    foreign = make(user_root(), other_footage, "foreign", 3)
    with load_session(foreign) as session:
        session.acquire().set_blend(str(tmp_path / "another.blend"), third.name)
    mark_position(third, foreign.stem, Position(0, 0))
    needed = make(user_root(), other_footage, "needed", 3)
    fourth = new_clip(other_footage)
    mark_position(fourth, needed.stem, Position(0, 0))
    make_batch(user_root(), BatchStatus.PAUSED, [needed.stem])
    save(file)
    assert {path.name for path in session_files(root)} == {path.name for path in mine}
    assert set(session_files(user_root())) == {crashed, foreign, needed}


def test_a_session_that_undo_took_out_of_the_clip_moves_too(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, None)
    bpy.ops.ed.undo_push(message="before")
    track(editor, 1, 6)
    bpy.ops.ed.undo()
    clip = bpy.data.movieclips[0]
    assert mark_of(clip) is None
    save(file)
    assert session_files(user_root()) == [] and len(session_files(root)) == 1
    assert (look(clip).frames, look(clip).undone) == (6, 5)


def test_a_session_that_was_set_aside_moves_and_comes_back(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, None)
    begin(editor, steps=4).finish()
    with inside(editor):
        operators.start_fresh()
    save(file)
    (path,) = session_files(root)
    assert load_session(path).session.state is SessionState.DISCARDED
    choose(path)
    with inside(editor):
        operators.bring_back_session()
    assert look(editor.clip).frames == 5


def test_the_copy_of_the_file_beside_a_moved_session_finds_the_footage(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operators_track, "preferences", lambda: Preferences(saves_copy=True))
    file = file.parent / "deeper" / file.name
    file.parent.mkdir()
    editor = new_file(footage, None)
    begin(editor, steps=2).finish()
    let_go()
    with owned(session_files(user_root())[0]):
        save(file)
    state.forget()
    editor.clip.filepath = bpy.path.relpath(editor.clip.filepath)
    with inside(editor):
        operators.resume()
    expected = markers_of(editor.clip)
    assert [path.parent.name for path in user_root().rglob("copy.blend")] == [session_files(user_root())[0].stem]
    bpy.ops.wm.save_mainfile()
    (copy,) = file.parent.rglob("copy.blend")
    assert bpy.data.filepath == str(file)
    start_blender_anew()
    editor = open_file(copy)
    assert Path(bpy.path.abspath(editor.clip.filepath)).samefile(footage.files[0])
    assert markers_of(editor.clip) == expected and look(editor.clip).frames == 24


def test_a_session_that_a_kill_left_in_both_folders_is_one(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, None)
    begin(editor, steps=4).finish()
    shutil.copytree(user_root(), file.parent / "before")
    save(file)
    (path,) = session_files(root)
    left = user_root() / "sessions" / path.name
    shutil.copytree(file.parent / "before", user_root(), dirs_exist_ok=True)
    left.write_bytes(path.read_bytes().replace(b"../../shot.blend", str(file).encode()))
    start_blender_anew()
    editor = open_file(file)
    fill()
    assert len(listed(editor)) == 1 and look(editor.clip).frames == 5
    with inside(editor):
        operators.start_fresh()
    assert look(editor.clip).session == "", "the other one does not take its place"
    choose(path)
    with inside(editor):
        operators.bring_back_session()
        operators.resume()
    bpy.ops.wm.save_mainfile()
    assert session_files(user_root()) == [] and session_files(root) == [path]
    assert look(editor.clip).frames == 24
