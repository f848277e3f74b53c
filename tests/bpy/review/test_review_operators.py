# SPDX-License-Identifier: GPL-3.0-or-later
"""From problem to problem, and what a person decides about each, by the operators behind the buttons and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.review import problems
from tracking_sessions.bridge.review.problems import PROBLEMS
from tracking_sessions.core.model.flags import Flag, FlagKind
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.tests.bpy.review.reviews import flag, marker, review, reviewed
from tracking_sessions.tests.bpy.tracker import markers_of
from tracking_sessions.tests.bpy.window import begin, held_session_of, inside, new_file, operators
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")

FIRST, SECOND, THIRD = flag(1, 9, value=9.0), flag(2, 5, value=6.0), flag(3, 7, 8, FlagKind.DRIFT)


@pytest.fixture
def editor(footage: Footage, file: Path) -> ClipEditor:
    editor = new_file(footage, file)
    reviewed(editor, FIRST, SECOND, THIRD)
    return editor


def run(editor: ClipEditor, name: str, **properties: Any) -> None:
    with inside(editor):
        assert getattr(operators, name)(**properties) == {"FINISHED"}


def here(editor: ClipEditor) -> tuple[Flag | None, int, list[int]]:
    """The current problem, the frame, and the numbers of the selected tracks."""
    with inside(editor) as context:
        names = problems.review_of(editor.clip).names
        numbers = {name: number for number, name in names.items()}
        chosen = [numbers[track.name] for track in editor.clip.tracking.tracks if track.select]
        assert editor.space.clip_user.frame_current == context.scene.frame_current
        return problems.current(context), context.scene.frame_current, chosen


def test_next_goes_through_the_problems_and_previous_back(editor: ClipEditor) -> None:
    seen = []
    for _ in range(4):
        run(editor, "next_problem")
        seen.append(here(editor))
    assert seen == [(FIRST, 9, [1]), (SECOND, 5, [2]), (THIRD, 7, [3]), (FIRST, 9, [1])]
    run(editor, "next_problem", direction="PREVIOUS")
    assert here(editor) == (THIRD, 7, [3])
    with inside(editor) as context:
        assert PROBLEMS.data(context).active == 2


def test_frames_are_those_of_the_timeline(editor: ClipEditor) -> None:
    editor.clip.frame_start = 101
    run(editor, "next_problem")
    assert here(editor)[1] == 109


def test_a_click_on_a_row_goes_there(editor: ClipEditor) -> None:
    with inside(editor) as context:
        problems.fill(context)
        problems.settings_of(context).row = 1  # as the list does
    assert here(editor) == (SECOND, 5, [2])
    with inside(editor) as context:
        assert problems.settings_of(context).row == 1


def test_the_track_of_another_object_becomes_the_active_one(editor: ClipEditor) -> None:
    objects = editor.clip.tracking.objects
    objects.active = objects.new(name="Car")
    run(editor, "next_problem")
    assert objects.active.name == "Camera" and here(editor)[2] == [1]


def test_after_a_decision_next_goes_to_the_one_that_followed(editor: ClipEditor) -> None:
    run(editor, "next_problem")
    run(editor, "fine")
    assert here(editor) == (None, 9, [1]), "the artist still looks at the first"
    with inside(editor), pytest.raises(RuntimeError, match="Go to a problem first"):
        operators.fine()
    assert len(review(editor.clip).fine) == 1, "a second press does not accept what nobody has seen"
    run(editor, "next_problem")
    assert here(editor) == (SECOND, 5, [2])
    run(editor, "approve")
    run(editor, "next_problem")
    assert here(editor) == (THIRD, 7, [3])
    run(editor, "approve", extent="PROBLEM")
    run(editor, "next_problem")
    assert problems.review_of(editor.clip).left == 0


def test_approve_signs_the_frame_the_problem_or_the_preview_range(editor: ClipEditor, file: Path) -> None:
    scene = bpy.context.scene
    scene.frame_current = 2
    run(editor, "approve")
    assert str(held_session_of(file).review.signed) == "2"
    for _ in range(3):
        run(editor, "next_problem")
    run(editor, "approve", extent="PROBLEM")
    assert str(held_session_of(file).review.signed) == "2,7-8"
    with inside(editor), pytest.raises(RuntimeError, match="no preview range"):
        operators.approve(extent="PREVIEW")
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 4, 5
    run(editor, "approve", extent="PREVIEW")
    assert held_session_of(file).review.signed == FrameRanges.parse("2,4-5,7-8")
    scene.frame_current = 14
    with inside(editor), pytest.raises(RuntimeError, match="press “Audit”"):
        operators.approve()


def test_mute_changes_the_markers_of_the_problem_and_can_be_undone(editor: ClipEditor) -> None:
    for _ in range(3):
        run(editor, "next_problem")
    name = problems.review_of(editor.clip).names[3]
    before = markers_of(editor.clip)
    bpy.ops.ed.undo_push(message="before")
    run(editor, "mute", extent="PROBLEM")
    bpy.ops.ed.undo_push(message="Mute Stretch")
    assert [marker(editor.clip, name, frame).mute for frame in (6, 7, 8, 9)] == [False, True, True, False]
    assert here(editor)[0] is None
    bpy.ops.ed.undo()
    assert markers_of(bpy.data.movieclips[0]) == before


def test_the_frame_of_the_active_track_is_muted_without_a_problem(editor: ClipEditor) -> None:
    clip = editor.clip
    clip.tracking.tracks.active = clip.tracking.tracks[4]
    bpy.context.scene.frame_current = 3
    run(editor, "mute", extent="FRAME")
    assert clip.tracking.tracks[4].markers.find_frame(3).mute


def test_a_note_is_about_the_problem_or_else_about_the_frame(editor: ClipEditor) -> None:
    bpy.context.scene.frame_current = 3
    run(editor, "note", text="a bird")
    run(editor, "next_problem")
    run(editor, "note", text="the wheel slips")
    notes = [(note.text, note.first, note.last, note.track) for note in review(editor.clip).notes]
    assert notes == [("a bird", 3, 3, 0), ("the wheel slips", 9, 9, 1)]


def test_a_nudge_is_of_the_active_track(editor: ClipEditor) -> None:
    run(editor, "next_problem")
    name = problems.review_of(editor.clip).names[1]
    x, y = marker(editor.clip, name, 9).co
    run(editor, "nudge", by=(3.0, 0.0))
    assert tuple(marker(editor.clip, name, 9).co) == pytest.approx((x + 3.0 / editor.clip.size[0], y))


REVIEWS = ("next_problem", "approve", "fine", "mute", "nudge", "note", "go_to_problem", "go_on_with_review")


def test_without_a_review_the_keys_are_left_to_blender(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=3).finish()
    with inside(editor):
        assert not any(getattr(operators, name).poll() for name in REVIEWS)
        assert operators.audit.poll(), "it begins the review"


def test_nothing_is_decided_while_a_pass_runs(editor: ClipEditor) -> None:
    running = begin(editor, backwards=None, steps=1)
    with inside(editor):
        assert not any(getattr(operators, name).poll() for name in (*REVIEWS, "audit"))
    running.finish()
    with inside(editor):
        assert all(getattr(operators, name).poll() for name in (*REVIEWS, "audit"))
