# SPDX-License-Identifier: GPL-3.0-or-later
"""The best solve, of a session and of a merged session."""

from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.errors import UsageError
from tracking_sessions.core.journal.solves import SolveEntry, best_solve
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.recording.merge import merge_sessions
from tracking_sessions.core.report.html import export_session_report
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.solve.recording import mark_best
from tracking_sessions.core.storage.files import read_document
from tracking_sessions.tests.core import format_reader
from tracking_sessions.tests.core.shots import FakeTracker, finish, make_footage, make_session, start_markers, start_run


def solve(name: str, error: Any = None, coverage: Any = None, verdict: Any = None) -> dict[str, Any]:
    figures = {"average_error": error, "camera_coverage": coverage, "verdict": verdict}
    return {"id": name, **{key: value for key, value in figures.items() if value is not None}}


@pytest.mark.parametrize(
    ("solves", "best"),
    [
        ([solve("a"), solve("b")], "b"),
        ([solve("a", 0.3), solve("b", 0.9)], "a"),
        ([solve("a", 0.9), solve("b", 0.3), solve("c")], "b"),
        ([solve("a", 0.3), solve("b", 0.3)], "b"),
        ([solve("a", 0.9), solve("b", 0.0)], "a"),  # Blender's error without a camera
        ([solve("a", 0.0), solve("b", -1)], "b"),
        ([solve("a", "0.1"), solve("b", 0.4), solve("c", float("nan")), solve("d", True), solve("e", [])], "b"),
        ([solve("a", 10**400), solve("b", 2)], "b"),
        ([solve("a", 0.5, 1.0), solve("b", 0.1, 0.2)], "a"),
        ([solve("a", 0.5, 1.0), solve("b", 0.1, 0.95)], "b"),
        ([solve("a", 0.5, 1.0), solve("b", 0.1)], "b"),
        ([solve("a", 0.5, 0.4), solve("b", 0.6, 0.3)], "a"),
        ([solve("a", 0.5, 0.4), solve("b", coverage=1.0)], "a"),
        ([solve("a", 0.5, "all"), solve("b", 0.6, 0.0)], "a"),
        # a verdict comes before the error
        ([solve("a", 0.4, 1.0, "solved"), solve("b", 0.05, 1.0, "low_parallax")], "a"),
        ([solve("a", 0.04, 1.0, "not_solved"), solve("b", 0.4, 0.95, "solved")], "b"),
        ([solve("a", 0.4, 0.9, "solved"), solve("b", 0.2, 1.0, "two_motions"), solve("c", 0.3, 0.95, "solved")], "c"),
        ([solve("a", 0.4, 0.5, "solved"), solve("b", 0.6, 1.0, "solved"), solve("c", 0.1, 1.0, "cut")], "b"),
        ([solve("a", 0.05, 1.0, "tripod"), solve("b", 0.03, 1.0, "low_parallax")], "a"),
        ([solve("a", 0.03, 1.0, "not_solved"), solve("b", 0.9, 1.0, "static")], "b"),
        ([solve("a", 0.9, 1.0, "focal_undetermined"), solve("b", 0.3, 1.0, "too_few_tracks")], "a"),
        ([solve("a", 0.4, 1.0, "solved"), solve("b", 0.3)], "a"),  # b: of a script, without a verdict
        ([solve("a", 0.4), solve("b", 0.3, 1.0, "not_solved")], "a"),
        ([solve("a", 0.4, 1.0, "solved"), solve("b", 0.3, 1.0, 7)], "a"),
        # what is no camera
        ([solve("a", 0.9, 0.3, "not_solved"), solve("b", 0.0, 0.0, "cut")], "a"),
        ([solve("a", 0.9, 0.3, "not_solved"), solve("b", 0.2, 0.0, "solved")], "a"),
        ([solve("a", 0.9, 0.3, "cut"), solve("b", None, None, "tripod")], "a"),
        ([solve("a"), solve("b", 0.0, 0.0, "not_solved")], "a"),
        ([solve("a", 0.0, 0.0, "cut"), solve("b", 0.0, 0.0, "not_solved")], "b"),
    ],
)
def test_the_best_solve_has_the_lowest_error_of_those_that_cover_the_shot(
    solves: list[dict[str, Any]], best: str
) -> None:
    found = best_solve(solves)
    assert found is not None and found["id"] == best


def test_there_is_no_best_solve_of_none() -> None:
    assert best_solve([]) is None


def test_a_session_keeps_its_best_solve_when_a_worse_one_follows(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        session.mark_solve_complete("good", average_error=0.3)
        session.mark_solve_complete("bad", average_error=4.2)
    for known in (session, load_session(session.path)):
        assert known.session.best_solve == "good"
    stored = read_document(session.path)["solve"]
    assert stored["best"] == "good" and [entry["id"] for entry in stored["list"]] == ["good", "bad"]


def best_of(session: TrackingSessionManager) -> list[str]:
    """The best solve as this manager, a new one that reads the session file, and a new one without that have it."""
    content = read_document(session.path)
    told = load_session(session.path).session.best_solve
    read = format_reader.read(session.folder, session.id)
    assert [entry.get("best_by") for entry in read.solves] == [entry.get("best_by") for entry in session.solves]
    assert content["solve"]["best"] == told
    return [session.session.best_solve, told]


def test_a_person_says_which_solve_is_the_best_until_another_one_is_marked(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        for name, error in (("solve-1", 0.3), ("solve-2", 0.9)):
            session.mark_solve_complete(name, average_error=error, cameras=9)
        session.mark_solve_complete("solve-3", average_error=0.0, cameras=0)
        mark_best(session, "solve-2", "Ann")
        assert best_of(session) == ["solve-2"] * 2 and session.session.status.value == "complete"
        session.mark_solve_complete("solve-4", average_error=0.1, cameras=9)
        assert best_of(session) == ["solve-2"] * 2
        mark_best(session, "solve-1", "")  # the system does not tell who
        assert best_of(session) == ["solve-1"] * 2
        for name in ("solve-3", "solve-9"):
            with pytest.raises(UsageError, match="no camera"):
                mark_best(session, name, "Ann")
        mark_best(session, "", "Ann")
        assert best_of(session) == ["solve-4"] * 2
        assert [state.kind.value for state in session.history().states].count("solve") == 4


def test_the_mark_outlives_old_states_and_a_merge(tmp_path: Path) -> None:
    footage, base = make_footage(tmp_path / "plates"), tmp_path / "base"
    one = part(footage, base, (1, 3), ("solve-1", 0.6), ("solve-2", 0.21))
    with one:
        mark_best(one, "solve-1", "Ann")
    one.let_go()
    assert best_of(load_session(one.path)) == ["solve-1"] * 2
    two = part(footage, base, (6, 4), ("solve-1", 0.1))
    merged = merge_sessions([one.path, two.path], tmp_path / "elsewhere" / "merged.yaml")
    assert best_of(merged) == ["solve-1"] * 2
    with one:
        mark_best(one, "solve-2", "Bob")
    again = merge_sessions([merged.path, one.path], tmp_path / "elsewhere" / "again.yaml")
    assert len(again.solves) == 3 and again.session.best_solve == "solve-2"


@pytest.mark.parametrize("value", ["x", None, True, -1, float("nan"), 10**400, [], [1], [0, 4], ["a", "b"], {}])
def test_a_solve_of_hostile_figures_is_a_row_all_the_same(value: Any) -> None:
    keys = ("average_error", "cameras", "frames", "tracks_kept", "tracks_made", "focal_length", "keyframes")
    entry = SolveEntry.of({"id": "a", **dict.fromkeys(keys, value)})
    assert entry == SolveEntry("a", "", "", 0.0, 0, 0, 0, 0, 0.0, (0, 0), "", None)


def part(footage: Path, base: Path, pair: tuple[int, int], *solves: tuple[str, float]) -> TrackingSessionManager:
    session = create_session(footage, "part", base)
    finish(start_run(session, [pair], FakeTracker(start_markers((1, 2, 3), pair[0]))))
    with session:
        for name, error in solves:
            session.mark_solve_complete(name, average_error=error, camera_coverage=1.0)
    return session


def test_merging_keeps_all_solves_and_the_best_one_of_them(tmp_path: Path) -> None:
    footage, base = make_footage(tmp_path / "plates"), tmp_path / "base"
    one = part(footage, base, (1, 3), ("solve-1", 0.6), ("solve-2", 0.21))
    two = part(footage, base, (6, 4), ("solve-1", 0.4))
    none = part(footage, base, (1, 6))
    merged = merge_sessions([one.path, two.path, none.path], tmp_path / "elsewhere" / "merged.yaml")
    for known in (merged, load_session(merged.path)):
        renamed = f"solve-1-{two.session.id}"
        assert [entry["id"] for entry in known.solves] == ["solve-1", "solve-2", renamed]
        assert [entry["session"] for entry in known.solves] == [one.session.id, one.session.id, two.session.id]
        assert [entry["average_error"] for entry in known.solves] == [0.6, 0.21, 0.4]
        assert known.session.best_solve == "solve-2" and known.session.status.value == "complete"
    content = read_document(merged.path)
    assert content["solve"]["best"] == "solve-2" and len(content["solve"]["list"]) == 3
    assert (content["solve"]["status"], content["steps"]["solve"], content["steps"]["track"]) == (
        "done",
        "done",
        "done",
    )

    html = export_session_report(merged.path, tmp_path / "report.html").read_text(encoding="utf-8")
    rows = {line: line.count("<td>best</td>") for line in html.split("<tr>") if "solve-" in line}
    assert len(rows) == 3 and [list(rows)[n].count("0.210") for n in range(3)] == [0, 1, 0]
    assert list(rows.values()) == [0, 1, 0] and "100%" in html and "None recorded." in html
    assert html.count('<tr><td class="name" title="Track.') == 3  # tracks of all parts

    again = merge_sessions([merged.path, one.path], tmp_path / "elsewhere" / "again.yaml")
    assert [entry["id"] for entry in again.solves] == ["solve-1", "solve-2", renamed]  # each once
    assert again.solves == merged.solves and again.session.best_solve == "solve-2"


def test_merged_sessions_that_were_not_done_have_frames_left(tmp_path: Path) -> None:
    footage, base = make_footage(tmp_path / "plates"), tmp_path / "base"
    one, two = part(footage, base, (1, 3)), create_session(footage, "part", base)
    with start_run(two, [(4, 6)], FakeTracker(start_markers((1, 2, 3), 4))) as run:
        run.step()
        run.pause()
    two.close()
    merged = merge_sessions([one.path, two.path], tmp_path / "merged.yaml")
    progress = merged.get_progress()
    assert (progress["total_frames"], progress["remaining_frames"]) == (6, [6])
    assert progress["percent_complete"] == 83.33 and merged.get_resume_point() is None


def test_merged_sessions_of_scripts_cover_the_clip(tmp_path: Path) -> None:
    footage, base = make_footage(tmp_path / "plates"), tmp_path / "base"
    paths: list[Path] = []
    for frames in ((1, 2), (), (5,)):
        with create_session(footage, "part", base) as session:
            for frame in frames:
                session.save_checkpoint(frame, "track")
        paths.append(session.path)
    merged = merge_sessions(paths, tmp_path / "merged.yaml")
    assert str(merged.session.tracked_frames) == "1-2,5" and merged.get_progress()["remaining_frames"] == [3, 4, 6]
    nothing = merge_sessions([paths[1]], tmp_path / "nothing.yaml")
    assert nothing.session.status.value == "not_started" and nothing.get_resume_point() == 1
