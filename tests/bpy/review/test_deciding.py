# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person decides in a review is in the journal at once, and is about the markers as they are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from tracking_sessions.bridge import watch
from tracking_sessions.bridge.review import deciding
from tracking_sessions.bridge.sessions.recording import set_recorded
from tracking_sessions.core.errors import FramesNotJudged, UsageError
from tracking_sessions.core.journal.decisions import OverrideKind
from tracking_sessions.core.model.flags import FlagKind
from tracking_sessions.core.model.frame_status import FrameStatus
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.review.frames import FrameStates
from tracking_sessions.tests.bpy.recordings import edits_of, recorded
from tracking_sessions.tests.bpy.review.reviews import JUDGED, flag, found, marker, review, reviewed
from tracking_sessions.tests.bpy.tracker import markers_of
from tracking_sessions.tests.bpy.window import begin, held_session_of, new_file
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


def test_a_review_begins_once_and_then_goes_on(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=6).finish()
    deciding.begin(editor.clip)
    first = held_session_of(file).review
    assert first.id and first.anchor == 1
    deciding.begin(editor.clip)
    assert held_session_of(file).review.id == first.id


def test_without_a_tracked_frame_there_is_nothing_to_review(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    with pytest.raises(UsageError, match="track it first"):
        deciding.begin(editor.clip)


def test_a_clip_that_is_not_recorded_cannot_be_reviewed(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=6).finish()
    set_recorded(editor.clip, wanted=False)
    with pytest.raises(UsageError, match="Record Everything"):
        deciding.begin(editor.clip)


def test_an_approval_is_on_the_disk(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    reviewed(editor, flag(1, 4), flag(2, 4), flag(1, 9, kind=FlagKind.DRIFT))
    assert deciding.approve(editor.clip, FrameRanges.parse("4-5")) == 2
    assert deciding.approve(editor.clip, FrameRanges.parse("4-6")) == 1
    kept = held_session_of(file)
    assert str(kept.review.signed) == "4-6" and str(kept.review.failed) == "" and str(kept.review.warned) == "9"
    with pytest.raises(FramesNotJudged):
        deciding.approve(editor.clip, FrameRanges.parse("12-13"))
    assert str(held_session_of(file).review.signed) == "4-6"


def test_an_approval_is_not_about_markers_that_have_changed(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    numbers = reviewed(editor, flag(1, 4))
    name = next(name for name, number in numbers.items() if number == 1)
    marker(editor.clip, name, 4).co[0] += 0.01
    with pytest.raises(FramesNotJudged):
        deciding.approve(editor.clip, FrameRanges.parse("4"))


def test_what_is_fine_as_it_is_is_no_problem_any_more(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    jump, other = flag(1, 4), flag(2, 4)
    reviewed(editor, jump, other, flag(1, 7))
    deciding.accept(editor.clip, jump)
    kept = held_session_of(file).review
    assert kept.is_fine(jump) and not kept.is_fine(other)
    assert str(kept.failed) == "4,7", "another track jumps there as well"
    deciding.accept(editor.clip, other)
    assert str(held_session_of(file).review.failed) == "7"
    found(editor.clip, jump, flag(1, 7))
    assert str(held_session_of(file).review.failed) == "7", "the next audit leaves it"


def test_a_note_stays(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    reviewed(editor, flag(1, 4))
    deciding.note(editor.clip, 4, 6, "a car passes", 1)
    (note,) = held_session_of(file).review.notes
    assert (note.text, note.first, note.last, note.track, note.who) == ("a car passes", 4, 6, 1, deciding.person())
    with pytest.raises(UsageError):
        deciding.note(editor.clip, 4, 6, "  ")


def test_a_muted_stretch_is_muted_in_the_clip_and_in_the_journal(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    numbers = reviewed(editor, flag(1, 4, 6, FlagKind.DRIFT), flag(2, 5))
    name = next(name for name, number in numbers.items() if number == 1)
    before = markers_of(editor.clip)
    bpy.ops.ed.undo_push(message="before")
    assert deciding.mute(editor.clip, 1, 4, 6) == 3
    after = markers_of(editor.clip)
    assert recorded(file) == after, "the journal has what the clip has"
    differing = {(key, frame) for key in after for frame, row in after[key].items() if row != before[key][frame]}
    assert differing == {(f"Camera/{name}", frame) for frame in (4, 5, 6)}
    assert all(marker(editor.clip, name, frame).mute for frame in (4, 5, 6))
    kept = held_session_of(file)
    (override,) = kept.review.overrides
    assert (override.kind, override.track, override.first, override.last) == (OverrideKind.MUTE, 1, 4, 6)
    assert {FrameStates(kept).status(frame) for frame in (4, 5, 6)} == {FrameStatus.TRACKED}
    assert [known.track for known in kept.review.flags] == [2], "the flag was about the old markers"
    assert edits_of(file)[-1] == "Mute"
    with pytest.raises(UsageError):
        deciding.mute(editor.clip, 1, 4, 6)
    bpy.ops.ed.undo_push(message="Mute")
    bpy.ops.ed.undo()
    assert recorded(file) == before


def test_a_marker_that_is_dragged_is_a_nudge_with_both_places(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    numbers = reviewed(editor, flag(1, 4))
    name = next(name for name, number in numbers.items() if number == 1)
    recording, _ = deciding.owned(editor.clip)
    moved = marker(editor.clip, name, 4)
    x, y = moved.co
    moved.co = (x + 0.01, y)
    recording.look(editor.clip, "Move", is_by_hand=True)
    (override,) = held_session_of(file).review.overrides
    assert (override.kind, override.first, override.who) == (OverrideKind.NUDGE, 4, deciding.person())
    width, height = editor.clip.size
    assert override.original == pytest.approx((x * width, y * height), abs=1e-3)
    assert override.position == pytest.approx(((x + 0.01) * width, y * height), abs=1e-3)
    assert edits_of(file)[-1] == "Move" and recorded(file) == markers_of(editor.clip)
    moved.co = (x + 0.02, y)
    recording.look(editor.clip, "")
    assert len(held_session_of(file).review.overrides) == 1, "a script is no hand"


@pytest.mark.parametrize(
    ("operator", "is_by_hand"),
    [
        ("TRANSFORM_OT_translate", True),
        ("CLIP_OT_slide_marker", True),
        ("CLIP_OT_add_marker_move", True),
        ("CLIP_OT_refine_markers", False),
        ("CLIP_OT_track_markers", False),
        ("TRACKING_SESSIONS_OT_nudge", False),
        ("OTHER_OT_nudge_left", True),
    ],
)
def test_which_operators_are_a_hand(operator: str, is_by_hand: bool) -> None:
    kind = type("OTHER_OT_nudge_left", (bpy.types.Operator,), {"bl_idname": "other.nudge_left", "bl_label": "Left"})
    bpy.utils.register_class(kind)
    try:
        assert watch._is_by_hand(SimpleNamespace(bl_idname=operator)) is is_by_hand
    finally:
        bpy.utils.unregister_class(kind)


def test_a_nudge_moves_a_marker_by_pixels(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    numbers = reviewed(editor, flag(1, 4))
    name = next(name for name, number in numbers.items() if number == 1)
    x, y = marker(editor.clip, name, 4).co
    deciding.nudge(editor.clip, 1, 4, (2.0, -1.5), "by eye")
    width, height = editor.clip.size
    assert tuple(marker(editor.clip, name, 4).co) == pytest.approx((x + 2.0 / width, y - 1.5 / height))
    assert recorded(file) == markers_of(editor.clip)
    (override,) = held_session_of(file).review.overrides
    assert override.kind is OverrideKind.NUDGE and override.note == "by eye"
    assert override.original == pytest.approx((x * width, y * height))
    assert override.position == pytest.approx((x * width + 2.0, y * height - 1.5))
    assert str(review(editor.clip).approved) == str(FrameRanges.parse(JUDGED).without(FrameRanges.parse("4")))
