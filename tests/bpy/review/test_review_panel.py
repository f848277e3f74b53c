# SPDX-License-Identifier: GPL-3.0-or-later
"""The Review panel: what it offers in each state, its list in wide and narrow sidebars, and what drawing costs."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.review import deciding, problems
from tracking_sessions.bridge.review.problems import PROBLEMS
from tracking_sessions.core.journal.head import row_on
from tracking_sessions.core.journal.records import FrameRecord, PassRecord
from tracking_sessions.core.journal.rows import with_head
from tracking_sessions.core.model.flags import Flag, FlagKind, Severity
from tracking_sessions.core.model.frame_status import FrameStatus
from tracking_sessions.core.model.types import Pass
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.panels import review as panels
from tracking_sessions.tests.bpy.past import RecordingLayout, drawn
from tracking_sessions.tests.bpy.review.reviews import flag, found, reviewed
from tracking_sessions.tests.bpy.window import begin, inside, new_file, open_file, operators
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")

JUMP, SWAP, DRIFT = (
    flag(1, 9, value=9.0),
    Flag(FlagKind.SWAP, Severity.ERROR, 2, 5, 5, 1.234, 1.0, "px", 3),
    flag(3, 7, 8, FlagKind.DRIFT),
)


def form(editor: ClipEditor) -> type:
    """The form of the panel that Blender shows; there is always one."""
    with inside(editor) as context:
        (shown,) = (
            kind
            for kind in (panels.TRACKING_SESSIONS_PT_begin_review, panels.TRACKING_SESSIONS_PT_review)
            if kind.poll(context)
        )
    return shown


def rows(editor: ClipEditor, letters: int, monkeypatch: pytest.MonkeyPatch) -> list[list[list[str]]]:
    """The drawn lines of each problem in the list, in a sidebar for so many letters."""
    monkeypatch.setattr(panels, "letters_that_fit", lambda _: letters)
    lines: list[list[list[str]]] = []
    with inside(editor) as context:
        problems.fill(context)
        data = PROBLEMS.data(context)
        for item in data.entries:
            line: Any = RecordingLayout()
            panels.TRACKING_SESSIONS_UL_problems.draw_item(None, context, line, data, item, 0, data, "row")  # type: ignore[arg-type]
            lines.append(line.lines)
    return lines


def test_without_a_review_a_closed_panel_offers_to_begin_one(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    shown = form(editor)
    assert shown is panels.TRACKING_SESSIONS_PT_begin_review and "DEFAULT_CLOSED" in shown.bl_options
    assert drawn(shown, editor).text == "Nothing Was Tracked Yet"
    begin(editor, steps=3).finish()
    layout = drawn(form(editor), editor)
    assert [name for name, _ in layout.given] == ["tracking_sessions.audit"] and "Begin Review" in layout.text


def test_the_panel_shows_the_states_the_problems_and_the_decisions(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    reviewed(editor, JUMP, SWAP, DRIFT)
    shown = form(editor)
    assert shown is panels.TRACKING_SESSIONS_PT_review and "DEFAULT_CLOSED" not in shown.bl_options
    assert drawn(shown, editor).lists == []  # it cannot write the list itself
    PROBLEMS.timer()
    layout = drawn(shown, editor)
    assert "2 Failed" in layout.text and "2 Suspect" in layout.text and "8 Approved" in layout.text
    assert "3 Not Audited" in layout.text
    assert layout.icons[:2] == ["CANCEL", "ERROR"], "each state has its own icon"
    assert [name.removeprefix("tracking_sessions.") for name, _ in layout.given] == [
        *("audit", "audit", "next_problem", "next_problem"),
        *("approve", "approve", "fine", "note", "mute", "nudge"),
        *("retrack_backwards", "retrack_forwards", "fill_gap", "commit"),
    ]
    assert sorted(layout.props) == ["kind", "order", "state", "track", "with_pictures"]
    (shown_list,) = layout.lists
    assert shown_list[0] == "TRACKING_SESSIONS_UL_problems" and shown_list[-1] == "row"


def test_the_problem_that_one_has_gone_to_is_spelled_out_with_its_notes(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    reviewed(editor, JUMP, SWAP, DRIFT)
    with inside(editor):
        operators.next_problem()
        operators.note(text="the wheel slips")
    deciding.note(editor.clip, 1, 2, "elsewhere")
    layout = drawn(form(editor), editor)
    name = problems.review_of(editor.clip).names[1]
    assert f"Frame 9: Jump of “{name}”, 9 > 0.5 px" in layout.text
    assert "the wheel slips" in layout.text and "elsewhere" not in layout.text


def test_a_problem_has_one_line_in_a_wide_sidebar_and_two_in_a_narrow_one(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    reviewed(editor, JUMP, SWAP, DRIFT)
    editor.clip.frame_start = 101
    names = problems.review_of(editor.clip).names
    assert rows(editor, 80, monkeypatch) == [
        [[f"109 Jump {names[1]}", "9 > 0.5 px"]],
        [[f"105 Swap {names[2]} and {names[3]}", "1.23 > 1 px"]],
        [[f"107-108 Drift {names[3]}", "3 > 0.5 px"]],
    ]
    narrow = rows(editor, 29, monkeypatch)
    assert narrow[0] == [["109 Jump"], [f"{names[1]}  9 > 0.5 px"]]
    assert all(len(line) <= 18 for problem in rows(editor, 18, monkeypatch) for (line,) in problem)


def test_an_opened_review_offers_to_go_on_where_it_stopped(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    reviewed(editor, JUMP, SWAP, DRIFT)
    deciding.accept(editor.clip, JUMP)
    bpy.ops.wm.save_mainfile()
    editor = open_file(file)
    layout = drawn(form(editor), editor)
    assert layout.text.endswith("Go On with the Review: 2 Problems Left")
    assert [name for name, _ in layout.given] == ["tracking_sessions.go_on_with_review"] and not layout.lists
    with inside(editor) as context:
        assert operators.go_on_with_review() == {"FINISHED"}
        assert (problems.current(context), context.scene.frame_current) == (SWAP, 5)
    assert drawn(form(editor), editor).lists


def test_while_a_pass_runs_only_the_counts_are_shown(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    reviewed(editor, JUMP)
    running = begin(editor, backwards=None, steps=1)
    layout = drawn(form(editor), editor)
    assert "1 Failed" in layout.text and not layout.given and not layout.lists
    running.finish()


def long_review(footage: Footage, file: Path) -> ClipEditor:
    """Ten thousand frames, a thousand problems, of which a hundred are fine."""
    editor = new_file(footage, file)
    begin(editor, steps=3).finish()
    recording = deciding.begin(editor.clip)
    plan = Pass(9, 1, 10_000, (1,), "Camera", "", 1)
    row = row_on(recording.head.rows(1), 2)
    steps = [FrameRecord(9, frame, 1, with_head(row, 1, frame, 0)) for frame in range(5, 10_001)]
    deciding.record(recording, [PassRecord(plan, (), plan.operation, "", "test"), *steps])
    kinds = [FlagKind.JUMP, FlagKind.DRIFT]
    flags = [flag(1, 5 + 9 * i, 10 + 9 * i, kinds[i % 2], 1 + i / 100) for i in range(1000)]
    found(editor.clip, *flags, frames="1-10000")
    for accepted in flags[:100]:
        deciding.accept(editor.clip, accepted)
    assert problems.review_of(editor.clip).left == 900
    return editor


def time_of_drawing(editor: ClipEditor) -> float:
    """The seconds that the panel, eight problems of its list, and the polls of its buttons take: the fastest of 60."""
    shown: Any = form(editor)
    took: list[float] = []
    with inside(editor) as context:
        problems.fill(context)
        operators.next_problem()
        data = PROBLEMS.data(context)
        assert len(data.entries) >= 8
        for _ in range(60):
            started = time.perf_counter()
            shown.draw(type("Panel", (), {"layout": RecordingLayout()})(), context)
            for item in list(data.entries)[:8]:
                line: Any = RecordingLayout()
                panels.TRACKING_SESSIONS_UL_problems.draw_item(None, context, line, data, item, 0, data, "row")  # type: ignore[arg-type]
            for name in ("audit", "next_problem", "approve", "fine", "mute", "nudge", "note"):
                getattr(operators, name).poll()
            took.append(time.perf_counter() - started)
    print(f"{min(took) * 1e3:.2f} ms, the fastest drawing; median {statistics.median(took) * 1e3:.2f} ms")
    return min(took)


@pytest.mark.alone
def test_drawing_costs_the_same_in_a_long_clip_with_many_problems(footage: Footage, file: Path) -> None:
    """Anything that looks at each frame or each problem would cost hundreds of times more."""
    editor = new_file(footage, file)
    reviewed(editor, *(flag(1, frame, frame + 1, FlagKind.JUMP, 2.0) for frame in range(2, 14)))
    short = time_of_drawing(editor)
    assert time_of_drawing(long_review(footage, file)) < 4 * short


@pytest.mark.alone
def test_an_edit_of_a_long_clip_reads_no_whole_session(footage: Footage, file: Path) -> None:
    """The look at the clip, the view, and the list in Blender's data. The audit follows at idle, a slice at a time."""
    editor = long_review(footage, file)
    recording, session = deciding.owned(editor.clip)
    name = problems.review_of(editor.clip).names[1]
    took: list[float] = []
    started = time.perf_counter()
    load_session(session.path).replay()
    whole = time.perf_counter() - started
    with inside(editor) as context:
        assert len(problems.fill(context)) == 900
        for _ in range(10):
            before = problems.review_of(editor.clip)
            editor.clip.tracking.tracks[name].markers.find_frame(2).co[0] += 0.01
            started = time.perf_counter()
            recording.look(editor.clip, "Move", whole=True)
            assert len(problems.fill(context)) == 900
            took.append(time.perf_counter() - started)
            now = problems.review_of(editor.clip)
            assert now is not before and now.counts[FrameStatus.TRACKED] == 1
    print(f"{min(took) * 1e3:.2f} ms, the fastest edit; median {statistics.median(took) * 1e3:.2f} ms")
    print(f"{whole * 1e3:.2f} ms to read the session")
    assert min(took) < whole / 4
