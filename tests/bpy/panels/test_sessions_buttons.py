# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons of the Sessions panel."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import bpy
import pytest

from tracking_sessions.bridge import watch
from tracking_sessions.bridge.clip.movie_clip import ClipMark, mark_of, unmark
from tracking_sessions.bridge.sessions import overview
from tracking_sessions.core.errors import TrackingSessionError
from tracking_sessions.core.journal.chain import Position
from tracking_sessions.core.model.types import Pass, SessionState
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.review.person import person
from tracking_sessions.panels import sessions as panels
from tracking_sessions.tests.bpy.past import choose, drawn, listed, make
from tracking_sessions.tests.bpy.recordings import delete_first
from tracking_sessions.tests.bpy.tracker import markers_of
from tracking_sessions.tests.bpy.window import begin, inside, new_file, open_editor, operators, session_of
from tracking_sessions.tests.commands.processes import owned
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot
from tracking_sessions.tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("registered")


def test_a_session_is_discarded_brought_back_and_deleted(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    path = session_of(file).path
    choose(path)
    with inside(editor):
        operators.discard_session()
        assert load_session(path).session.state is SessionState.DISCARDED
        assert load_session(path).decision["who"] == person()
        assert listed(editor)[0][1:] == ["Discarded", "5/40", "grey"]
        assert drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).lines[-2] == ["Open", "Bring Back"]
        assert overview.overview(editor.clip).name == "", "the clip has no session now"
        for name in ("open_session", "discard_session"):
            with pytest.raises(RuntimeError, match="discarded"):
                getattr(operators, name)()
        operators.bring_back_session()
        assert load_session(path).session.state is SessionState.ACTIVE and not load_session(path).owner
        assert overview.overview(editor.clip).resume_frame == 5
        with pytest.raises(RuntimeError, match="not discarded"):
            operators.bring_back_session()
        markers = markers_of(editor.clip)
        operators.delete_session()
    assert not path.exists() and not path.with_suffix("").exists() and listed(editor) == []
    assert markers_of(editor.clip) == markers and overview.overview(editor.clip).name == ""


def test_what_the_clip_lost_while_its_session_was_set_aside_is_offered(
    footage: Footage, file: Path, root: Path
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    bpy.ops.wm.save_mainfile()
    before = markers_of(editor.clip)
    with inside(editor):
        operators.start_fresh()
        delete_first(editor.clip)
        watch.note("CLIP_OT_delete_track")
        watch.tick()  # nothing records it
        operators.bring_back_session()
        assert overview.overview(editor.clip).missing
        assert operators.restore() == {"FINISHED"}
    assert markers_of(editor.clip) == before and not overview.overview(editor.clip).missing


def break_file(path: Path) -> None:
    path.write_text("nothing", encoding="utf-8")


def break_journal(path: Path) -> None:
    journal = next(path.with_suffix("").glob("journal.*"))
    flip(journal, journal.stat().st_size // 2, 0x55)


@pytest.mark.parametrize("damage", [break_file, break_journal])
def test_a_session_that_cannot_be_read_can_be_deleted(
    footage: Footage, file: Path, root: Path, damage: Callable[[Path], None]
) -> None:
    editor = new_file(footage, file)
    path, other = make(root, footage, "one", 5), make(root, footage, "other", 5)
    damage(path)
    with pytest.raises(TrackingSessionError, match=r"cannot be read|is damaged"):
        load_session(path).acquire()
    choose(path)
    with inside(editor):
        operators.delete_session()
    assert not path.exists() and not path.with_suffix("").exists()
    assert [line[0] for line in listed(editor)] == ["other"]
    assert load_session(other).get_progress()["tracked_frames"] == 5


def test_an_unreadable_session_with_an_owner_stays(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    path = make(root, footage, "one", 5)
    with owned(path), inside(editor):
        break_file(path)
        choose(path)
        files = sorted(path.with_suffix("").iterdir())
        with pytest.raises(RuntimeError, match="in use by"):
            operators.delete_session()
        assert path.exists() and sorted(path.with_suffix("").iterdir()) == files


@pytest.mark.parametrize("is_link", [False, True])
def test_of_a_file_that_is_no_session_nothing_else_is_deleted(
    footage: Footage, file: Path, root: Path, tmp_path: Path, is_link: bool
) -> None:
    editor = new_file(footage, file)
    make(root, footage, "one")
    path = root / "sessions" / "notes.yaml"
    break_file(path)
    mine = tmp_path / "elsewhere" if is_link else path.with_suffix("")
    mine.mkdir()
    (mine / ("journal.1" if is_link else "journal.txt")).write_text("precious")
    if is_link:
        path.with_suffix("").symlink_to(mine, target_is_directory=True)
    choose(path)
    with inside(editor):
        operators.delete_session()
    assert not path.exists()
    assert [path.read_text() for path in mine.iterdir()] == ["precious"]


def test_open_shows_the_clip_of_the_session(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=2).finish()
    mine = editor.clip
    other = bpy.data.movieclips.load(str(footage.files[0]))
    path = session_of(file).path
    for is_marked in (True, False):
        if not is_marked:
            unmark(mine)  # as after a crash: the .blend and the name of the clip match
        editor.space.clip = other
        bpy.context.scene.frame_current = 400
        choose(path)
        with inside(editor):
            operators.open_session()
        assert editor.space.clip == mine and bpy.context.scene.frame_current == 3
    assert len(bpy.data.movieclips) == 2


@pytest.mark.parametrize(("before", "after"), [(7, 7), (1000, 1), (0, 1)])
def test_open_of_a_complete_session_brings_the_playhead_into_the_clip(
    footage: Footage, file: Path, before: int, after: int
) -> None:
    editor = new_file(footage, file)
    with inside(editor):
        operators.track()
        bpy.context.scene.frame_current = before
        choose(session_of(file).path)
        operators.open_session()
    assert bpy.context.scene.frame_current == after


def test_open_stays_inside_a_clip_that_is_shorter_than_its_session(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=1).finish()
    with session_of(file) as session:
        session.acquire().open_pass(Pass(2, 5000, 5010, tuple(session.replay().tracks)), (), ())
    choose(session.path)
    with inside(editor):
        operators.open_session()
    assert bpy.context.scene.frame_current == editor.clip.frame_duration


def test_open_opens_the_file_of_the_session(footage: Footage, file: Path, tmp_path: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=2).finish()
    path = session_of(file).path
    bpy.ops.wm.read_homefile(use_empty=False)
    editor = new_file(footage, file.parent / "other.blend")
    choose(path)
    with inside(editor):
        operators.open_session()
    assert Path(bpy.data.filepath) == file
    editor = open_editor(bpy.data.movieclips[0])
    assert overview.overview(editor.clip).missing


def test_open_brings_the_footage_where_no_file_has_the_clip(footage: Footage, file: Path, tmp_path: Path) -> None:
    editor = new_file(footage, file)
    editor.clip.frame_start = 11
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = 11, 50, 11
    begin(editor, steps=6).finish()
    expected = markers_of(editor.clip)
    path = session_of(file).path
    file.unlink()
    bpy.ops.wm.read_homefile(use_empty=False)
    other = bpy.data.movieclips.load(str(make_shot(tmp_path / "else", 3, 160, 90, tracks=0).files[0]))
    editor = open_editor(other)
    bpy.ops.wm.save_as_mainfile(filepath=str(file.parent / "new.blend"))
    choose(path)
    with inside(editor):
        operators.open_session()
    clip = editor.space.clip
    assert clip != other and clip.frame_start == 11 and mark_of(clip) == ClipMark(path.stem, Position(0, 0))
    editor = open_editor(clip)
    assert overview.overview(clip).missing
    with inside(editor):
        operators.restore()
    assert markers_of(clip) == expected
    editor.space.clip = other
    choose(path)
    with inside(editor):
        operators.open_session()
    assert editor.space.clip == clip and len(bpy.data.movieclips) == 2, "it is in the file now"


def test_open_takes_a_clip_of_the_same_footage_that_belongs_to_no_session(
    footage: Footage, file: Path, root: Path
) -> None:
    editor = new_file(footage, file)
    first, second = make(root, footage, "first"), make(root, footage, "second")
    clip = editor.clip
    choose(first)
    with inside(editor):
        operators.open_session()
        assert editor.space.clip == clip and mark_of(clip) == ClipMark(first.stem, Position(0, 0))
        choose(second)
        operators.open_session()
    assert editor.space.clip != clip and mark_of(editor.space.clip) == ClipMark(second.stem, Position(0, 0))
    assert mark_of(clip) == ClipMark(first.stem, Position(0, 0))


def test_missing_footage_is_reported(footage: Footage, file: Path, root: Path, tmp_path: Path) -> None:
    shutil.copytree(footage.folder, tmp_path / "gone")
    with create_session(tmp_path / "gone", "gone", root) as session:
        session.save_checkpoint(2, "track")
    shutil.rmtree(tmp_path / "gone")
    editor = new_file(footage, file)
    choose(session.path)
    with inside(editor), pytest.raises(RuntimeError, match="There is no footage at"):
        operators.open_session()
    assert editor.space.clip == editor.clip and len(bpy.data.movieclips) == 1


def test_the_folder_is_shown_or_named(
    footage: Footage, file: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    path = make(root, footage, "one")
    choose(path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with inside(editor):
        with pytest.raises(RuntimeError, match="cannot show the folder") as raised:
            operators.reveal_session()
        assert str(path.with_suffix("")) in str(raised.value) and "Traceback" not in str(raised.value)
        opener = tmp_path / "xdg-open"
        opener.write_text(f'#!{sys.executable}\nimport sys; open({str(tmp_path / "told")!r}, "w").write(sys.argv[1])\n')
        opener.chmod(0o755)
        operators.reveal_session()
    told = tmp_path / "told"
    wait_until(lambda: told.exists() and told.read_text(), "the program that shows a folder")
    assert Path(told.read_text()) == path.with_suffix("")
