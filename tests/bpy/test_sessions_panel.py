# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel Sessions: its list, and what its buttons do."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions import registration
from tracking_sessions.bridge import overview, sessions
from tracking_sessions.bridge.clip import marked_position, unmark
from tracking_sessions.core.journal import Position
from tracking_sessions.core.model import SessionState, SessionStatus
from tracking_sessions.core.session import create_session, load_session
from tracking_sessions.operators import sessions as actions
from tracking_sessions.panels import sessions as panels
from tracking_sessions.tests.bpy.past import choose, drawn, fill, listed, make, owned
from tracking_sessions.tests.bpy.tracking import markers_of
from tracking_sessions.tests.bpy.window import begin, inside, new_file, open_editor, session_of
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

pytestmark = pytest.mark.usefixtures("registered")

operators: Any = bpy.ops.tracking_sessions


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return make_shot(tmp_path_factory.mktemp("shot"), 40, 320, 180, tracks=12)


@pytest.fixture
def root(file: Path) -> Path:
    return file.parent / "tracking_sessions"


def test_the_list_tells_each_session_its_state_and_progress(
    footage: Footage, file: Path, root: Path, extension: Path
) -> None:
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
    assert bpy.app.timers.is_registered(actions._fill)
    taken = make(root, footage, "taken", 3)
    with owned(taken, extension) as process:
        choose(taken)
        assert listed(editor) == [
            ["taken", "In Use", "3/40"],
            ["shot shot_0001.png", "Paused", "5/40"],
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
        assert re.search(r"taken Last Change 20\d\d-\d\d-\d\d \d\d:\d\d In use", layout.text)
        assert layout.lines[-2:] == [["Open", "Discard"], ["Delete", "Reveal Folder"]]
        before = taken.read_bytes(), sorted(taken.with_suffix("").iterdir())
        with inside(editor):
            for name in ("discard_session", "delete_session"):
                with pytest.raises(RuntimeError, match="in use by process"):
                    getattr(operators, name)()
        assert (taken.read_bytes(), sorted(taken.with_suffix("").iterdir())) == before
    fill()
    assert listed(editor)[0] == ["taken", "Interrupted", "3/40"], "a released lease changes no session file"
    choose(unreadable)
    layout = drawn(panels.TRACKING_SESSIONS_PT_sessions, editor)
    assert "cannot be read" in layout.text
    with inside(editor):
        for name in ("open_session", "discard_session"):
            with pytest.raises(RuntimeError, match=r"cannot be read.*delete it"):
                getattr(operators, name)()
    choose(paused)
    assert "In use" not in drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).text


def test_an_owner_that_the_list_has_not_seen_yet_is_safe_too(
    footage: Footage, file: Path, root: Path, extension: Path
) -> None:
    editor = new_file(footage, file)
    path = make(root, footage, "free", 2)
    choose(path)
    with owned(path, extension), inside(editor):
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
    with pytest.raises(sessions.TrackingSessionError, match="in use by"):
        sessions.delete(path)
    assert run.tick(0)
    run.finish()
    fill()
    assert listed(editor)[0][1:] == ["Paused", "4/40"]


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
    while sessions.listing.read(0.0):
        slices += 1
    actions.show(bpy.context)
    assert slices == 100, "one session each, where there is no time for more"
    rows = listed(editor)
    names = [row.name for row in actions.list_of(bpy.context).rows]
    assert names == [f"2099-{number:04d}" for number in range(299, 199, -1)] and len(rows) == 100
    assert "And 201 Older Ones" in drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).text
    with monkeypatch.context() as patch:
        patch.setattr(sessions, "load_session", None)
        patch.setattr(sessions, "newest_session_files", None)
        began = time.perf_counter()
        for _ in range(20):
            drawn(panels.TRACKING_SESSIONS_PT_sessions, editor)
        assert (time.perf_counter() - began) / 20 < 0.005
    read: list[Path] = []

    def counted(path: Path) -> Any:
        read.append(path)
        return load_session(path)

    changed = folder / "2099-0250.yaml"
    changed.write_text(changed.read_text(encoding="utf-8").replace("a model", "changed"), encoding="utf-8")
    newest = folder / "2099-9999.yaml"
    newest.write_text(content.replace(model.stem, newest.stem), encoding="utf-8")
    shown = actions.list_of(bpy.context)
    shown.active = 7
    chosen = shown.rows[7].name
    with monkeypatch.context() as patch:
        patch.setattr(sessions, "load_session", counted)
        fill()
    assert sorted(read) == [changed, newest], "the others are as they were"
    assert shown.rows[shown.active].name == chosen and shown.rows[0].name == newest.stem
    assert ["changed", "Not Started", "0/40"] in [line for line in listed(editor) if line[0] == "changed"]


def test_the_list_is_due_when_the_folder_changed_and_seldom_looked_at(
    footage: Footage, file: Path, root: Path, extension: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_file(footage, file)
    path = make(root, footage, "one")
    os.utime(root / "sessions", (1e9, 1e9))
    assert sessions.listing.is_due()
    monkeypatch.setattr(sessions, "LOOK_INTERVAL", 0.0)
    with owned(path, extension):
        fill()
        assert sessions.listing.is_due(), "its owner may die, which changes no file"
    fill()
    assert not sessions.listing.is_due()
    make(root, footage, "two")
    assert sessions.listing.is_due()
    fill()
    make(root, footage, "three")
    monkeypatch.setattr(sessions, "LOOK_INTERVAL", 60.0)
    assert not sessions.listing.is_due(), "not looked at again so soon"


def test_a_filter_takes_the_names_that_are_shown(footage: Footage, file: Path, root: Path) -> None:
    new_file(footage, file)
    for name in ("Alpha", "beta", "alphabet"):
        make(root, footage, name)
    fill()
    shown = actions.list_of(bpy.context)
    ui = SimpleNamespace(filter_name="ALPHA", bitflag_filter_item=4)
    flags, _ = panels.TRACKING_SESSIONS_UL_sessions.filter_items(ui, bpy.context, shown, "rows")  # type: ignore[arg-type]
    assert flags == [4, 0, 4]


def test_a_list_that_a_loaded_file_lacks_is_filled_again(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    make(root, footage, "one")
    fill()
    bpy.app.timers.unregister(actions._fill) if bpy.app.timers.is_registered(actions._fill) else None
    actions.list_of(bpy.context).rows.clear()
    drawn(panels.TRACKING_SESSIONS_PT_sessions, editor)
    assert bpy.app.timers.is_registered(actions._fill)
    with inside(editor), pytest.raises(RuntimeError, match="Choose a session"):
        operators.delete_session()


# What the buttons do


def test_a_session_is_discarded_brought_back_and_deleted(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    path = session_of(file).path
    choose(path)
    with inside(editor):
        operators.discard_session()
        assert load_session(path).session.state is SessionState.DISCARDED
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


def break_file(path: Path) -> None:
    path.write_text("nothing", encoding="utf-8")


def break_journal(path: Path) -> None:
    journal = next(path.with_suffix("").glob("journal.*"))
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 0x55
    journal.write_bytes(data)


@pytest.mark.parametrize("damage", [break_file, break_journal])
def test_a_session_that_cannot_be_read_can_be_deleted(
    footage: Footage, file: Path, root: Path, damage: Callable[[Path], None]
) -> None:
    editor = new_file(footage, file)
    path, other = make(root, footage, "one", 5), make(root, footage, "other", 5)
    damage(path)
    with pytest.raises(sessions.TrackingSessionError, match=r"cannot be read|is damaged"):
        load_session(path).acquire()
    choose(path)
    with inside(editor):
        operators.delete_session()
    assert not path.exists() and not path.with_suffix("").exists()
    assert [line[0] for line in listed(editor)] == ["other"]
    assert load_session(other).get_progress()["tracked_frames"] == 5


def test_a_session_that_cannot_be_read_and_is_worked_on_is_left_alone(
    footage: Footage, file: Path, root: Path, extension: Path
) -> None:
    editor = new_file(footage, file)
    path = make(root, footage, "one", 5)
    with owned(path, extension), inside(editor):
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
    assert [one.read_text() for one in mine.iterdir()] == ["precious"]


def test_open_shows_the_clip_of_the_session(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=2).finish()
    mine = editor.clip
    other = bpy.data.movieclips.load(str(footage.files[0]))
    path = session_of(file).path
    for is_marked in (True, False):
        if not is_marked:
            unmark(mine)  # as after a crash: the .blend and the name of the clip tell
        editor.space.clip = other
        choose(path)
        with inside(editor):
            operators.open_session()
        assert editor.space.clip == mine
    assert len(bpy.data.movieclips) == 2


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
    assert overview.overview(editor.clip).is_missing


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
    assert clip != other and clip.frame_start == 11 and marked_position(clip) == (path.stem, Position(0, 0))
    editor = open_editor(clip)
    assert overview.overview(clip).is_missing
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
        assert editor.space.clip == clip and marked_position(clip) == (first.stem, Position(0, 0))
        choose(second)
        operators.open_session()
    assert editor.space.clip != clip and marked_position(editor.space.clip) == (second.stem, Position(0, 0))
    assert marked_position(clip) == (first.stem, Position(0, 0))


def test_missing_footage_is_told(footage: Footage, file: Path, root: Path, tmp_path: Path) -> None:
    shutil.copytree(footage.folder, tmp_path / "gone")
    with create_session(tmp_path / "gone", "gone", root) as session:
        session.save_checkpoint(2, "track")
    shutil.rmtree(tmp_path / "gone")
    editor = new_file(footage, file)
    choose(session.path)
    with inside(editor), pytest.raises(RuntimeError, match="There is no footage at"):
        operators.open_session()
    assert editor.space.clip == editor.clip and len(bpy.data.movieclips) == 1


def test_the_folder_is_shown_or_it_is_said_where_it_is(
    footage: Footage, file: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    path = make(root, footage, "one")
    choose(path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with inside(editor):
        with pytest.raises(RuntimeError, match="cannot be shown") as raised:
            operators.reveal_session()
        assert str(path.with_suffix("")) in str(raised.value) and "Traceback" not in str(raised.value)
        opener = tmp_path / "xdg-open"
        opener.write_text(f'#!{sys.executable}\nimport sys; open({str(tmp_path / "told")!r}, "w").write(sys.argv[1])\n')
        opener.chmod(0o755)
        operators.reveal_session()
    told = tmp_path / "told"
    until = time.monotonic() + 20
    while not (told.exists() and told.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    assert Path(told.read_text()) == path.with_suffix("")


def test_nothing_of_the_list_stays_behind(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    make(root, footage, "one")
    drawn(panels.TRACKING_SESSIONS_PT_sessions, editor)
    assert bpy.app.timers.is_registered(actions._fill)
    registration.unregister()
    assert not bpy.app.timers.is_registered(actions._fill)
    assert not hasattr(bpy.types.WindowManager, "tracking_sessions")
    assert not sessions.listing.rows
    registration.register()
    fill()
    assert len(listed(editor)) == 1
