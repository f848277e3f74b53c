# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of the Sessions panel over all folders of the open file: the order, the names, and an empty list."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy
import pytest

from tracking_sessions.bridge.clip.movie_clip import mark_of
from tracking_sessions.bridge.open_file import open_file
from tracking_sessions.bridge.preferences import Preferences
from tracking_sessions.bridge.sessions import finding, listing, overview
from tracking_sessions.bridge.sessions.finding import user_root
from tracking_sessions.bridge.sessions.listing import Listing
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.panels import sessions as panels
from tracking_sessions.tests.bpy.past import choose, drawn, fill, listed, make
from tracking_sessions.tests.bpy.tracker import new_clip
from tracking_sessions.tests.bpy.window import begin, inside, let_go, new_file, open_editor, operators, session_of
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

pytestmark = pytest.mark.usefixtures("registered")


def names(editor: object) -> list[str]:
    fill()
    return [line[0] for line in listed(editor, 200)]  # type: ignore[arg-type]


def test_all_folders_are_listed_and_the_clips_session_comes_first(
    footage: Footage, file: Path, root: Path, tmp_path: Path
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()  # the oldest
    make(user_root(), footage, "in the user's folder", 1)
    make(root, footage, "beside", 1)
    first = ["shot_0001.png", "Paused", "5/40", "own"]
    others = [["beside", "Interrupted", "1/40"], ["in the user's folder", "Interrupted", "1/40"]]
    fill()
    assert listed(editor) == [first, *others]
    (tmp_path / "elsewhere").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "elsewhere" / "shot.blend"))
    make(tmp_path / "elsewhere" / "tracking_sessions", footage, "elsewhere", 1)
    fill()
    assert listed(editor) == [first, ["elsewhere", "Interrupted", "1/40"], *others], "it finds where the session lies"
    other = bpy.data.movieclips.load(str(make_shot(tmp_path / "other", 3, 160, 90, tracks=0).files[0]))
    editor.space.clip = other
    assert [line[:1] + line[3:] for line in listed(editor)] == [
        ["elsewhere"],
        ["beside"],
        ["in the user's folder"],
        ["shot_0001.png"],
    ]


def test_each_editor_has_the_session_of_its_clip_first(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=2).finish()
    second = new_clip(footage)
    second.name = "second"
    bpy.context.scene.frame_current = 1
    begin(open_editor(second), steps=3).finish()
    first, again = [["shot_0001.png", "Paused", "3/40"], ["second", "Paused", "4/40"]]
    fill()
    assert listed(open_editor(second)) == [[*again, "own"], first]
    editor.space.clip = bpy.data.movieclips["shot_0001.png"]
    assert listed(editor) == [[*first, "own"], again]
    choose(session_of(file).path)
    assert "Session of This Clip" not in drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).text
    editor.space.clip = second
    assert "Session of This Clip" in drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).text


def test_the_clips_session_is_listed_though_it_is_older_than_all(
    footage: Footage, file: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LISTED", 2)
    editor = new_file(footage, file)
    begin(editor, steps=1).finish()
    for name in ("a", "b", "c"):
        make(root, footage, name)
    assert names(editor) == ["shot_0001.png", "c", "b"]
    assert "And 1 Older Ones" in drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).text


def test_a_copied_session_is_listed_once_until_it_differs(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    mine = session_of(file).path
    shutil.copytree(root, user_root())
    copy = user_root() / "sessions" / mine.name
    fill()
    assert listed(editor) == [["shot_0001.png", "Paused", "5/40", "own"]]
    with load_session(copy) as session:
        session.save_checkpoint(9, "track")
        session.set_state(SessionState.COMMITTED)
    open_file.forget()
    fill()
    assert [line[:1] + line[3:] for line in listed(editor)] == [["shot_0001.png", "own"], ["shot_0001.png"]]
    entries = open_file.view(Listing).entries
    assert [entry.path for entry in entries.values()] == [mine, copy]
    assert list(entries) == [mine.stem, str(copy)]


def test_an_unreadable_folder_hides_no_other(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    make(root, footage, "beside")
    user_root().mkdir(parents=True)
    (user_root() / "sessions").write_text("no folder")
    assert names(editor) == ["beside"] and open_file.view(Listing).error == ""
    shutil.rmtree(root)
    (root / "sessions").parent.mkdir()
    (root / "sessions").write_text("no folder")
    (user_root() / "sessions").unlink()
    make(user_root(), footage, "of the user")
    assert names(editor) == ["of the user"]
    assert "cannot be read" in drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).text


@pytest.mark.parametrize(
    ("given", "blend", "clip", "shown"),
    [
        ("sh010_track plate.png", "sh010_track.blend", "plate.png", "plate.png (sh010_track)"),
        ("shot plate.png", "shot.blend", "plate.png", "plate.png"),
        ("plate.png", "", "", "plate.png"),
        ("door", "sh010_track.blend", "plate.png", "door (sh010_track)"),
        ("door", "shot.blend", "plate.png", "door"),
        ("odd\nname " + "x" * 100, "", "", "odd name " + "x" * 71),
    ],
)
def test_a_name_begins_with_the_clip_and_has_no_blend_but_another(
    footage: Footage, file: Path, root: Path, given: str, blend: str, clip: str, shown: str
) -> None:
    editor = new_file(footage, file)
    create_session(footage.files[0], given, root, blend=str(file.with_name(blend)) if blend else "", clip=clip)
    assert names(editor) == [shown]


def test_the_clips_session_needs_no_blend_after_a_save_under_another_name(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=1).finish()
    other = new_clip(footage)
    begin(open_editor(other), steps=1).finish()
    bpy.data.movieclips.remove(other)
    assert names(open_editor(bpy.data.movieclips[0])) == ["shot_0001.png", "shot_0001.png.001"]
    monkeypatch.setattr(listing, "POLL_INTERVAL", 60.0)
    assert not open_file.view(Listing).is_due()
    bpy.ops.wm.save_as_mainfile(filepath=str(file.with_name("shot_v2.blend")))
    assert open_file.view(Listing).is_due()
    assert names(editor) == ["shot_0001.png", "shot_0001.png.001 (shot)"]


@pytest.mark.parametrize("where", ["beside", "user", "chosen"])
def test_an_empty_list_says_so(
    footage: Footage, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    editor = new_file(footage, None if where == "user" else file)
    if where == "chosen":
        monkeypatch.setattr(finding, "preferences", lambda: Preferences(folder=str(tmp_path / "chosen")))
    layout = drawn(panels.TRACKING_SESSIONS_PT_sessions, editor)
    assert layout.lists and "No Session" not in layout.text, "nothing was read yet"
    fill()
    layout = drawn(panels.TRACKING_SESSIONS_PT_sessions, editor)
    folder = {"beside": "//tracking_sessions", "user": "the User Folder", "chosen": str(tmp_path / "chosen")}[where]
    assert layout.text == f"No Session in {folder} Yet" and layout.lists == []
    begin(editor, steps=1).finish()
    assert len(names(editor)) == 1


def test_start_fresh_says_how_to_bring_the_session_back(
    footage: Footage, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The session lies in the user's folder, because it could not move when the file was saved."""
    editor = new_file(footage, None)
    begin(editor, steps=4).finish()
    let_go()
    with load_session(finding.session_file(mark_of(editor.clip)) or Path()) as session:
        session.acquire()
        bpy.ops.wm.save_as_mainfile(filepath=str(file))
    choose(make(user_root(), footage, "newer"))
    with inside(editor):
        operators.start_fresh()
        assert "“shot_0001.png” was set aside: Sessions > Bring Back" in capfd.readouterr().out
        assert listed(editor) == [["newer", "Not Started", "0/40"], ["shot_0001.png", "Discarded", "5/40", "grey"]]
        assert drawn(panels.TRACKING_SESSIONS_PT_sessions, editor).lines[-2] == ["Open", "Bring Back"], "it is chosen"
        operators.bring_back_session()
        bpy.context.scene.frame_current = 500
        operators.open_session()
    assert listed(editor)[0] == ["shot_0001.png", "Paused", "5/40", "own"]
    assert overview.overview(editor.clip).resume_frame == 5 and bpy.context.scene.frame_current == 5
    assert len(bpy.data.movieclips) == 1


def test_start_fresh_of_a_session_that_cannot_be_read_promises_nothing(
    footage: Footage, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    session_of(file).path.write_text("nothing")
    with inside(editor):
        operators.start_fresh()
    told = capfd.readouterr().out
    assert "no longer uses the session that cannot be read; its files stay" in told and "Bring Back" not in told
