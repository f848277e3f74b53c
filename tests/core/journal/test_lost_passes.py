# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes that lost all their tracks, and the passes that cover their frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracking_sessions.core.journal.lost_passes import lost_of, lost_passes, lost_words
from tracking_sessions.core.library.catalogue import Entry, catalogue
from tracking_sessions.core.model.counting import Counting
from tracking_sessions.core.model.ranges import FrameRanges, parse_span
from tracking_sessions.core.model.types import Outcome, PassSummary, SessionStatus
from tracking_sessions.core.report.html import export_session_report
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.files import encode_document, read_document
from tracking_sessions.tests.core.shots import FakeTracker, finish, make_session, start_markers, start_run


def pass_of(range: str, last: int, alive: int, outcome: str = "lost") -> PassSummary:
    start, end = parse_span(range)
    return PassSummary(1, "track", start, end, 3, last, alive, Outcome(outcome))


def found(tracked: str, *passes: PassSummary) -> list[tuple[int, str]]:
    return [(lost.frame, str(lost.missing)) for lost in lost_passes(passes, FrameRanges.parse(tracked))]


@pytest.mark.parametrize(
    ("tracked", "passes", "expected"),
    [
        ("1-20", [pass_of("1-20", 20, 3, "complete")], []),
        ("1-12", [pass_of("1-20", 12, 0)], [(12, "12-20")]),
        ("1-2", [pass_of("1-20", 2, 0)], [(2, "2-20")]),  # in the very first step
        ("1-20", [pass_of("1-20", 20, 0, "complete")], [(20, "20")]),  # on the very last frame
        ("8-20", [pass_of("20-1", 8, 0)], [(8, "1-8")]),
        ("1-12", [pass_of("1-20", 12, 3, "paused")], []),  # not at its end
        ("1-12", [pass_of("5-20", 12, 0), pass_of("5-1", 1, 3, "complete")], [(12, "12-20")]),  # both ways
        ("3-12", [pass_of("5-20", 12, 0), pass_of("5-1", 3, 0)], [(12, "12-20"), (3, "1-3")]),
        ("1-20", [pass_of("1-20", 12, 0), pass_of("12-20", 20, 3, "complete")], []),  # covered later
        ("1-20", [pass_of("1-20", 12, 0), pass_of("13-20", 20, 3, "complete")], []),
        ("1-20", [pass_of("1-20", 20, 3, "complete"), pass_of("1-20", 12, 0)], []),  # one of the tracks only
        ("1-16", [pass_of("1-20", 12, 0), pass_of("12-20", 16, 0)], [(16, "16-20")]),  # the farther one counts
        ("1-16", [pass_of("12-20", 16, 0), pass_of("1-20", 12, 0)], [(16, "16-20")]),
        ("1-16", [pass_of("1-20", 12, 0), pass_of("12-16", 16, 3, "complete")], [(12, "17-20")]),
    ],
)
def test_a_pass_is_lost_until_another_covers_its_frames(
    tracked: str, passes: list[PassSummary], expected: list[tuple[int, str]]
) -> None:
    assert found(tracked, *passes) == expected


@pytest.mark.parametrize(
    ("start", "end", "direction", "expected"),
    [
        (None, None, "forward", [12, 3]),
        (None, 11, "forward", [3]),
        (4, 11, "forward", []),
        (4, 12, "forward", [12]),
        (4, None, "backward", [3]),
        (11, 4, "backward", []),
        (5, 11, "both", [3]),
    ],
)
def test_a_loss_counts_for_requests_with_its_frames(
    start: int | None, end: int | None, direction: str, expected: list[int]
) -> None:
    lost = lost_passes([pass_of("5-20", 12, 0), pass_of("5-1", 3, 0)], FrameRanges.parse("3-12"))
    assert [entry.frame for entry in lost_of(lost, start, end, direction)] == expected


def test_lost_frames_have_displayed_numbers() -> None:
    lost = lost_passes([pass_of("5-20", 12, 0), pass_of("5-1", 3, 0)], FrameRanges.parse("3-12"))
    assert lost_words(lost, Counting(1001)) == (
        "All tracks were lost at frame 1012 and at frame 1003: no track was followed on 1001 to 1003, 1012 to 1020"
    )
    assert lost_words([], Counting(1001)) == ""


def lost_session(folder: Path, at: int = 4, start: int = 1) -> TrackingSessionManager:
    """A session whose tracks are all lost on clip frame `at` of 6; `start` is the number of the first frame."""
    session = make_session(folder)
    tracker = FakeTracker(start_markers((1, 2, 3), 1), lost=dict.fromkeys((1, 2, 3), at))
    finish(start_run(session, [(1, 6)], tracker))
    state = read_document(session.path)
    state["footage"]["start"] = start
    session.path.write_bytes(encode_document(state, ".yaml"))
    return TrackingSessionManager(session.path)


def test_every_reader_reports_a_lost_pass(tmp_path: Path) -> None:
    session = lost_session(tmp_path, start=1001)
    assert session.session.status is SessionStatus.TRACKING_COMPLETE  # no frame is left to resume
    (entry,) = catalogue(tmp_path / "tracking_sessions")
    assert isinstance(entry, Entry) and (entry.lost_at, entry.shown_lost_at) == (4, 1004)
    report = export_session_report(session.path, tmp_path / "report.html").read_text("utf-8")
    verdict = "Lost at frame 1004: no track was followed from there on."
    assert verdict in report and report.index(verdict) < report.index("Footage")


def test_a_report_of_a_complete_session_has_no_warning(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    finish(start_run(session, [(1, 6)]))
    report = export_session_report(session.path, tmp_path / "report.html").read_text("utf-8")
    assert "no track was followed" not in report
