# SPDX-License-Identifier: GPL-3.0-or-later
"""A session is committed by the button's operator; decisions are taken back by theirs, and by Blender's undo."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.review import committing, problems
from tracking_sessions.core.model.flags import Flag, FlagKind
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.review.committing import Commit, last_commit
from tracking_sessions.operators.signing import TRACKING_SESSIONS_OT_commit
from tracking_sessions.panels.review import TRACKING_SESSIONS_PT_review
from tracking_sessions.tests.bpy.past import RecordingLayout, drawn
from tracking_sessions.tests.bpy.review.reviews import flag, found, marker, review, reviewed
from tracking_sessions.tests.bpy.tracker import markers_of
from tracking_sessions.tests.bpy.window import begin, held_session_of, inside, new_file, open_file, operators
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")

FIRST, DRIFT = flag(1, 9, value=9.0), flag(3, 5, 7, FlagKind.DRIFT)


@pytest.fixture
def editor(footage: Footage, file: Path) -> ClipEditor:
    """A clip that is tracked to its end, and of which the first half is audited."""
    editor = new_file(footage, file)
    reviewed(editor, FIRST, DRIFT, steps=footage.frames - 1)
    assert not held_session_of(file).unfinished
    return editor


def run(editor: ClipEditor, name: str, **properties: Any) -> None:
    with inside(editor):
        assert getattr(operators, name)(**properties) == {"FINISHED"}


def go_to(editor: ClipEditor, wanted: Flag) -> None:
    with inside(editor) as context:
        problems.fill(context)
        operators.go_to_problem(problem=problems.problem_id(wanted))


def commit_of(file: Path) -> Commit | None:
    return last_commit(held_session_of(file))


def approve_all(editor: ClipEditor) -> None:
    found(editor.clip, frames="1-24")
    assert str(review(editor.clip).approved) == "1-24"


# Commit


def test_an_approved_session_is_committed_and_says_so(editor: ClipEditor, file: Path) -> None:
    approve_all(editor)
    run(editor, "commit")
    commit = commit_of(file)
    assert commit is not None and (commit.who, commit.open, commit.holds) == (committing.person(), "", True)
    layout = drawn(TRACKING_SESSIONS_PT_review, editor)
    assert f"Committed by {commit.who}, " in layout.text and "LOCKED" in layout.icons
    assert "Commit..." not in layout.text
    with inside(editor), pytest.raises(RuntimeError, match="poll"):
        operators.commit()
    session = held_session_of(file)
    assert [event["state"] for event in session.state["history"] if event["event"] == "state"] == ["committed"]


def test_with_open_frames_it_is_committed_only_if_told(editor: ClipEditor, file: Path) -> None:
    with inside(editor), pytest.raises(RuntimeError, match=r"1 failed, 3 suspect.*“Commit”"):
        operators.commit()
    assert commit_of(file) is None
    run(editor, "commit", force=True)
    commit = commit_of(file)
    assert commit is not None and commit.open.startswith("1 failed, 3 suspect, 12 not audited")
    assert "Committed with open frames by" in drawn(TRACKING_SESSIONS_PT_review, editor).text


def test_a_session_with_a_paused_pass_is_not_committed(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    reviewed(editor)
    assert held_session_of(file).unfinished
    with inside(editor), pytest.raises(RuntimeError, match="press “Resume Tracking” or drop the pass"):
        operators.commit(force=True)
    assert held_session_of(file).session.state is SessionState.ACTIVE


def test_the_dialog_says_what_is_open(editor: ClipEditor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RecordingLayout, "prop", lambda *_, **__: None)  # those of the dialog are Blender's
    dialog: Any = SimpleNamespace(
        **{"writes_report": False, "saves_copy": True, "replaces": False, "report_file": "//a.html"},
        copy_file=bpy.data.filepath,
    )

    def lines() -> RecordingLayout:
        dialog.layout = RecordingLayout()
        with inside(editor) as context:
            problems.fill(context)
            TRACKING_SESSIONS_OT_commit.draw(dialog, context)
        return dialog.layout

    layout = lines()
    assert [line[0] for line in layout.lines if line][:4] == [
        "These frames are still open:",
        "1 Failed",
        "3 Suspect",
        "12 Not Audited",
    ]
    assert "There is a file of that name" in layout.text
    approve_all(editor)
    dialog.saves_copy = False
    assert "Every frame is approved" in lines().text and "There is a file" not in lines().text


def test_an_edit_after_the_commit_makes_the_session_active_and_the_panel_says_so(
    editor: ClipEditor, file: Path
) -> None:
    run(editor, "commit", force=True)
    name = problems.review_of(editor.clip).names[1]
    marker(editor.clip, name, 4).co[0] += 0.01
    assert "4" not in str(review(editor.clip).approved).split(",")  # looks at the clip
    assert held_session_of(file).session.state is SessionState.ACTIVE
    assert f"Changed since {committing.person()} committed it" in drawn(TRACKING_SESSIONS_PT_review, editor).text
    run(editor, "commit", force=True)
    assert held_session_of(file).session.state is SessionState.COMMITTED


def test_a_pass_after_the_commit_makes_the_session_active(editor: ClipEditor, file: Path) -> None:
    run(editor, "commit", force=True)
    begin(editor, backwards=True, steps=2).finish()
    session = held_session_of(file)
    assert session.session.state is SessionState.ACTIVE and len(session.passes) == 2


def test_who_opens_the_file_again_and_looks_leaves_the_commit(editor: ClipEditor, file: Path) -> None:
    bpy.ops.wm.save_mainfile()
    run(editor, "commit", force=True)
    editor = open_file(file)
    layout = drawn(TRACKING_SESSIONS_PT_review, editor)
    assert "Committed with open frames" in layout.text and "Go On" in layout.text
    run(editor, "go_on_with_review")
    run(editor, "next_problem")
    run(editor, "approve")
    bpy.ops.wm.save_mainfile()
    commit = commit_of(file)
    assert commit is not None and commit.holds


def test_a_report_and_a_copy_are_written_beside_the_commit(editor: ClipEditor, file: Path) -> None:
    approve_all(editor)
    marker_row = markers_of(editor.clip)
    report, copy = file.with_name("010.html"), file.with_name("shot_committed.blend")
    run(editor, "commit", writes_report=True, report_file="//010.html", saves_copy=True)
    assert "approved" in report.read_text(encoding="utf-8")
    assert copy.stat().st_size > 1000 and bpy.data.filepath == str(file)
    bpy.ops.wm.open_mainfile(filepath=str(copy))
    assert markers_of(bpy.data.movieclips[0]) == marker_row


def test_without_a_name_the_report_lies_with_the_session(editor: ClipEditor, file: Path) -> None:
    approve_all(editor)
    run(editor, "commit", writes_report=True)
    assert committing.report_path(editor.clip).exists()
    assert committing.report_path(editor.clip).name == f"{held_session_of(file).id}.html"


@pytest.mark.parametrize("words", ["There is a file", "is the open file", "does not end in"])
def test_no_file_is_replaced_unasked(editor: ClipEditor, file: Path, words: str) -> None:
    approve_all(editor)
    other = file.with_name("other.blend")
    other.write_bytes(b"precious")
    name = {"There is a file": "//other.blend", "is the open file": f"//{file.name}"}.get(words, "//other")
    with inside(editor), pytest.raises(RuntimeError, match=words):
        operators.commit(saves_copy=True, copy_file=name, replaces=words == "is the open file")
    assert other.read_bytes() == b"precious" and commit_of(file) is None, "nothing is committed either"
    run(editor, "commit", saves_copy=True, copy_file="//other.blend", replaces=True)
    assert other.stat().st_size > 1000


def test_a_copy_that_cannot_be_written_leaves_the_commit(editor: ClipEditor, file: Path) -> None:
    approve_all(editor)
    run(editor, "commit", saves_copy=True, copy_file=f"//{file.name}/copy.blend")  # no folder
    assert commit_of(file) is not None and file.is_file()


def test_a_free_name_is_offered_for_the_copy(editor: ClipEditor, file: Path) -> None:
    assert committing.copy_path(editor.clip) == file.with_name(f"{file.stem}_committed.blend")
    committing.copy_path(editor.clip).touch()
    assert committing.copy_path(editor.clip) == file.with_name(f"{file.stem}_committed2.blend")


# Decisions taken back


def buttons(editor: ClipEditor) -> list[str]:
    """The first three decisions that the panel offers."""
    given = [name.removeprefix("tracking_sessions.") for name, _ in drawn(TRACKING_SESSIONS_PT_review, editor).given]
    return given[4:7]


def test_an_approval_is_taken_back_by_the_button_in_its_place(editor: ClipEditor, file: Path) -> None:
    go_to(editor, FIRST)
    assert buttons(editor) == ["approve", "approve", "fine"]
    run(editor, "approve")
    assert buttons(editor)[0] == "take_back"
    run(editor, "take_back")
    kept = held_session_of(file).review
    assert (str(kept.signed), str(kept.failed)) == ("", "9") and buttons(editor)[0] == "approve"
    with inside(editor), pytest.raises(RuntimeError, match="Nobody has approved frame 9"):
        operators.take_back()


def test_the_frames_of_a_problem_are_taken_back_together(editor: ClipEditor, file: Path) -> None:
    go_to(editor, DRIFT)
    run(editor, "approve", extent="PROBLEM")
    with inside(editor) as context:
        problems.settings_of(context).state = "DONE"
    go_to(editor, DRIFT)
    assert buttons(editor) == ["take_back", "take_back", "fine"]
    run(editor, "take_back", extent="PROBLEM")
    assert str(held_session_of(file).review.warned) == "5-7"


def test_what_is_not_fine_is_in_the_list_again(editor: ClipEditor, file: Path) -> None:
    go_to(editor, FIRST)
    run(editor, "fine")
    with inside(editor) as context:
        problems.settings_of(context).state = "DONE"
    go_to(editor, FIRST)
    assert buttons(editor)[2] == "not_fine"
    run(editor, "not_fine")
    assert held_session_of(file).review.open_flags == [FIRST, DRIFT]
    with inside(editor) as context:
        problems.settings_of(context).state = "OPEN"
        assert list(problems.fill(context).values()) == [FIRST, DRIFT]


# Undo


def step(editor: ClipEditor, name: str, **properties: Any) -> None:
    """The operator with its undo step, which Blender makes for a button or a key."""
    run(editor, name, **properties)
    bpy.ops.ed.undo_push(message=name)


def test_undo_takes_an_approval_back_and_redo_makes_it_again(editor: ClipEditor, file: Path) -> None:
    bpy.ops.ed.undo_push(message="before")
    scene = bpy.context.scene
    name = problems.review_of(editor.clip).names[1]
    scene.frame_current = 2
    marker(editor.clip, name, 2).co[0] += 0.01
    bpy.ops.ed.undo_push(message="Move")
    before = markers_of(editor.clip)
    go_to(editor, FIRST)
    step(editor, "approve")
    scene.frame_current = 12
    bpy.ops.ed.undo()
    kept = held_session_of(file).review
    assert (str(kept.signed), str(kept.failed)) == ("", "9")
    assert bpy.context.scene.frame_current == 9, "where it was decided"
    assert markers_of(bpy.data.movieclips[0]) == before, "no change before it is undone"
    bpy.ops.ed.redo()
    assert str(held_session_of(file).review.signed) == "9"
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert str(held_session_of(file).review.signed) == ""
    assert markers_of(bpy.data.movieclips[0]) != before


def test_undo_of_what_is_fine_leaves_what_was_approved_before(editor: ClipEditor, file: Path) -> None:
    bpy.ops.ed.undo_push(message="before")
    bpy.context.scene.frame_current = 6
    step(editor, "approve")
    go_to(editor, DRIFT)
    step(editor, "fine")
    assert (str(held_session_of(file).review.signed), len(held_session_of(file).review.fine)) == ("5-7", 1)
    bpy.ops.ed.undo()
    kept = held_session_of(file).review
    assert (str(kept.signed), str(kept.warned), kept.fine) == ("6", "5,7", [])
    bpy.ops.ed.redo()
    assert str(held_session_of(file).review.signed) == "5-7" and held_session_of(file).review.is_fine(DRIFT)


def test_undo_of_a_step_that_took_an_approval_back_approves_again(editor: ClipEditor, file: Path) -> None:
    bpy.ops.ed.undo_push(message="before")
    go_to(editor, FIRST)
    step(editor, "approve")
    step(editor, "take_back")
    bpy.ops.ed.undo()
    assert str(held_session_of(file).review.signed) == "9"
    bpy.ops.ed.undo()
    assert str(held_session_of(file).review.signed) == ""


def test_undo_approves_no_frame_whose_markers_have_changed(editor: ClipEditor, file: Path) -> None:
    bpy.ops.ed.undo_push(message="before")
    go_to(editor, FIRST)
    step(editor, "approve")
    bpy.ops.ed.undo()
    name = problems.review_of(bpy.data.movieclips[0]).names[1]
    marker(bpy.data.movieclips[0], name, 9).co[0] += 0.01
    bpy.ops.ed.redo()  # brings the marker of then back, too
    kept = held_session_of(file).review
    assert str(kept.signed) == "" and str(FrameRanges.parse("9").without(kept.judged)) == "9"
