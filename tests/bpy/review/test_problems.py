# SPDX-License-Identifier: GPL-3.0-or-later
"""The review as its panel shows it: what is in the list, in which order, and when it is computed."""

from __future__ import annotations

import shutil
from copy import copy
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.review import deciding, problems
from tracking_sessions.bridge.review.problems import PROBLEMS, review_of
from tracking_sessions.core.model.flags import Flag, FlagKind
from tracking_sessions.core.model.frame_status import FrameStatus
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.tests.bpy.review.reviews import flag, reviewed
from tracking_sessions.tests.bpy.tracker import new_clip
from tracking_sessions.tests.bpy.window import begin, inside, new_file, open_file, operators
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")

JUMP, WORSE, DRIFT, SHORT = (
    flag(1, 9),
    flag(2, 11, value=8.0),
    flag(1, 4, 7, FlagKind.DRIFT),
    flag(3, 2, 5, FlagKind.SHORT),
)
LATER = flag(2, 6)  # in another clip


@pytest.fixture
def editor(footage: Footage, file: Path) -> ClipEditor:
    editor = new_file(footage, file)
    reviewed(editor, JUMP, WORSE, DRIFT, SHORT)
    return editor


def listed(editor: ClipEditor, **settings: str) -> list[Any]:
    with inside(editor) as context:
        for name, value in settings.items():
            setattr(problems.settings_of(context), name, value)
        found = problems.fill(context)
        assert [entry.name for entry in PROBLEMS.data(context).entries] == list(found)
        return list(found.values())


def test_the_counts_are_those_of_the_frames(editor: ClipEditor) -> None:
    view = review_of(editor.clip)
    assert view.is_owned and view.left == 3
    assert {status: count for status, count in view.counts.items() if status is not FrameStatus.PENDING} == {
        FrameStatus.TRACKED: 3,
        FrameStatus.AUDIT_FAIL: 2,
        FrameStatus.AUDIT_WARN: 4,
        FrameStatus.APPROVED: 6,
    }


def test_the_list_has_the_open_problems_in_the_order_that_is_asked_for(editor: ClipEditor) -> None:
    assert listed(editor) == [WORSE, JUMP, DRIFT]
    assert listed(editor, order="FRAME") == [DRIFT, JUMP, WORSE]


def test_the_list_is_filtered_by_flag_state_and_track(editor: ClipEditor) -> None:
    assert listed(editor, kind="DRIFT") == [DRIFT]
    assert listed(editor, kind="ALL", state="FAILED") == [WORSE, JUMP]
    assert listed(editor, state="SUSPECT") == [DRIFT]
    assert listed(editor, state="NOTES") == [SHORT]
    name = review_of(editor.clip).names[2]
    assert listed(editor, state="OPEN", track=name.upper()) == [WORSE]


def test_what_is_fine_or_approved_leaves_the_list(editor: ClipEditor) -> None:
    deciding.accept(editor.clip, JUMP)
    deciding.approve(editor.clip, FrameRanges.parse("4-6"))
    assert listed(editor) == [WORSE, DRIFT], "one of its frames is not approved"
    deciding.approve(editor.clip, FrameRanges.parse("7,11"))
    assert listed(editor) == [] and review_of(editor.clip).left == 0
    assert listed(editor, state="DONE") == [WORSE, JUMP, DRIFT]


def test_the_view_is_computed_again_only_after_a_record(editor: ClipEditor, monkeypatch: pytest.MonkeyPatch) -> None:
    view = review_of(editor.clip)
    with inside(editor) as context:
        found = problems.problems(context)
        with monkeypatch.context() as patched:
            patched.delattr(problems, "FrameStates")
            assert review_of(editor.clip) is view and problems.problems(context) is found
        deciding.note(editor.clip, 1, 2, "remark")
        assert review_of(editor.clip) is not view and problems.problems(context) is not found


def test_it_stays_as_it_is_while_a_pass_runs(editor: ClipEditor) -> None:
    view = review_of(editor.clip)
    running = begin(editor, backwards=None, steps=2)
    assert review_of(editor.clip) is view
    running.finish()
    assert review_of(editor.clip).counts[FrameStatus.TRACKED] == view.counts[FrameStatus.TRACKED] + 2


def test_two_editors_show_the_problems_of_their_own_clips(editor: ClipEditor, footage: Footage, tmp_path: Path) -> None:
    other_footage = copy(footage)
    other_footage.folder = Path(shutil.copytree(footage.folder, tmp_path / "other"))
    other_footage.files = [other_footage.folder / file.name for file in footage.files]
    area = next(area for area in editor.window.screen.areas if area.type != "CLIP_EDITOR" and area.height > 100)
    area.type = "CLIP_EDITOR"
    other = ClipEditor(editor.window, area, new_clip(other_footage))
    other.space.clip, other.space.mode = other.clip, "TRACKING"
    bpy.context.scene.frame_current = 1
    reviewed(other, LATER)
    for _ in range(2):  # drawn by turns
        assert shown_by_panel(editor) == [WORSE, JUMP, DRIFT]
        assert shown_by_panel(other) == [LATER]
    with inside(editor):
        operators.next_problem()
    with inside(other):
        operators.next_problem()
        operators.fine()
    assert shown_by_panel(editor) == [WORSE, JUMP, DRIFT] and shown_by_panel(other) == []
    with inside(editor) as context:
        assert problems.current(context) == WORSE
        operators.fine()
    assert shown_by_panel(editor) == [JUMP, DRIFT]
    gone = other.clip.session_uid
    other.space.clip = None
    bpy.data.movieclips.remove(other.clip)
    assert shown_by_panel(editor) == [JUMP, DRIFT]
    assert str(gone) not in bpy.context.window_manager.tracking_sessions_problems  # type: ignore[attr-defined]


def shown_by_panel(editor: ClipEditor) -> list[Flag]:
    """The problems in the list that the panel of the editor draws."""
    with inside(editor) as context:
        problems.keep_filled(context)
        PROBLEMS.timer()
        entries = PROBLEMS.data(context).entries
        return [flag for entry in entries if (flag := problems.shown_problem(editor.clip, entry.name)) is not None]


def test_an_opened_file_has_its_review(editor: ClipEditor, file: Path) -> None:
    bpy.ops.wm.save_mainfile()
    clip = open_file(file).clip
    view = review_of(clip)
    assert (view.left, view.is_owned) == (3, False)
    deciding.begin(clip)
    assert review_of(clip).is_owned and review_of(clip).id == view.id
