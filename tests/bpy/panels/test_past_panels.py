# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels Passes and Lost Tracks, and clicks in them."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

from tracking_sessions.bridge.sessions import overview
from tracking_sessions.bridge.sessions.history import SessionHistory
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.journal.losses import Losses
from tracking_sessions.core.journal.records import FrameRecord, TracksRecord
from tracking_sessions.core.journal.rows import MUTED
from tracking_sessions.core.model.types import Outcome, Pass, PassSummary, TrackData
from tracking_sessions.panels import sessions as panels
from tracking_sessions.tests.bpy.past import WIDE, drawn
from tracking_sessions.tests.bpy.sessions.test_losses import given_up
from tracking_sessions.tests.bpy.window import begin, inside, new_file, operators, session_of
from tracking_sessions.tests.core.shots import marker
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")

HEAD = ["Frames", "Outcome", "Tracks"]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sidebar whose lines hold a whole pass; without a window its width is another in each Blender."""
    monkeypatch.setattr(panels, "letters_that_fit", lambda _: WIDE)


def test_the_passes_are_listed_newest_first_as_the_timeline_counts(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    editor.clip.frame_start = 101
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = 101, 140, 101
    assert drawn(panels.TRACKING_SESSIONS_PT_passes, editor).lines == [["Nothing Was Tracked Yet"]]
    begin(editor, steps=4).finish()
    scene.frame_current = 105
    begin(editor, backwards=True, steps=2)
    tracks = len(editor.clip.tracking.tracks)
    head = HEAD
    first = ["101-140", "Paused at 105", f"{tracks}/{tracks}"]
    layout = drawn(panels.TRACKING_SESSIONS_PT_passes, editor)
    assert layout.lines == [head, ["105-101", "At 103", f"{tracks}/{tracks}"], first], "no button while it runs"
    assert live.running() is not None
    while live.running().tick(0):
        pass
    layout = drawn(panels.TRACKING_SESSIONS_PT_passes, editor)
    unfinished = [f"At 105 of 101-140, {tracks} Tracks", "Resume Tracking", "Drop Pass"]
    assert layout.lines == [unfinished, head, ["105-101", "Complete", f"{tracks}/{tracks}"], first]


def test_ten_passes_are_listed_and_a_short_one_has_its_outcome(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=1).finish()
    with session_of(file) as session:
        numbers = tuple(session.replay().tracks)
        for number in range(2, 14):
            session.acquire().open_pass(Pass(number, 2, 9, numbers), (), ())
            if number < 13:
                session.acquire().append(FrameRecord(number, 3, 0, b""))
                session.acquire().close_pass(number, Outcome.LOST if number % 2 else Outcome.FAILED)
    layout = drawn(panels.TRACKING_SESSIONS_PT_passes, editor)
    lines = [line for line in layout.lines if "Drop Pass" not in line]
    assert [line[1] for line in lines[1:4]] == ["Interrupted at 2", "Failed at 3", "Lost at 3"]
    assert len(lines) == 12 and lines[-1] == ["And 3 More"]


def test_a_pass_of_another_owner_is_not_called_interrupted(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "OWNER_INTERVAL", 0.0)
    editor = new_file(footage, file)
    begin(editor, steps=1).finish()
    with session_of(file) as session:
        session.acquire().open_pass(Pass(2, 2, 9, tuple(session.replay().tracks)), (), ())
        assert drawn(panels.TRACKING_SESSIONS_PT_passes, editor).lines[1][1] == "At 2"
    assert drawn(panels.TRACKING_SESSIONS_PT_passes, editor).lines[2][1] == "Interrupted at 2"


def test_a_click_on_a_loss_shows_its_tracks(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    assert drawn(panels.TRACKING_SESSIONS_PT_lost, editor).lines == [["No Track Was Lost in the Picture"]]
    with inside(editor):
        operators.track()
    editor.clip.frame_start = 101
    expected = given_up(editor.clip, 1)
    assert expected
    layout = drawn(panels.TRACKING_SESSIONS_PT_lost, editor)
    by_frame: dict[int, list[str]] = {}
    for (_, name), frame in expected.items():
        by_frame.setdefault(frame, []).append(name)
    assert [given.frame for _, given in layout.given] == sorted(by_frame)
    for (idname, given), (line,) in zip(layout.given, layout.lines, strict=True):
        assert line == f"{given.frame + 100}:  {', '.join(by_frame[given.frame])}"
        with inside(editor):
            assert getattr(operators, idname.partition(".")[2])(frame=given.frame) == {"FINISHED"}
        assert bpy.context.scene.frame_current == given.frame + 100
        tracks = editor.clip.tracking.tracks
        assert sorted(track.name for track in tracks if track.select) == sorted(by_frame[given.frame])
        assert tracks.active.name in by_frame[given.frame]
        marker_there = tracks.active.markers.find_frame(given.frame)
        assert marker_there is not None and marker_there.mute


def test_a_track_of_another_object_is_found_under_the_same_name(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    objects = editor.clip.tracking.objects
    name = editor.clip.tracking.tracks[0].name
    objects.new("Prop").tracks.new(name=name, frame=1).select = False
    objects.active = objects[0]
    begin(editor, steps=1).finish()
    with session_of(file) as session:
        session.acquire().append(TracksRecord((TrackData(50, "Prop", name),)))
        session.acquire().open_pass(Pass(2, 2, 9, (50,), "Prop"), (), ())
        session.acquire().append(FrameRecord(2, 3, 0, marker(50, 3, flags=MUTED)))
    with inside(editor):
        operators.show_lost(frame=3)
    assert objects.active.name == "Prop" and objects["Prop"].tracks[name].select
    assert not any(track.select for track in objects[0].tracks)


@pytest.mark.parametrize(
    ("letters", "text"),
    [
        (80, "Door, Window, Roof"),
        (17, "Door and 2 More"),
        (3, "Door and 2 More"),
        (18, "Door, Window, Roof"),
    ],
)
def test_as_many_names_are_listed_as_fit(letters: int, text: str) -> None:
    assert panels._named(["Door", "Window", "Roof"], letters) == text


def test_a_name_that_does_not_fit_loses_its_middle() -> None:
    names = ["poster_corner_left_top.001", "Door"]
    assert panels._named(names, 18, cut=True) == "pos…001 and 1 More"
    assert panels._named(names[:1], 18, cut=True) == "poster_co…_top.001"
    assert panels._named(names, 6, cut=True) == "pos…01 and 1 More"


def test_names_that_are_not_known_are_counted() -> None:
    assert panels._named(["", "Door"], 80) == "Door and 1 More"
    assert panels._named(["", ""], 80) == "2 Tracks"
    assert panels._named([""], 80) == "1 Track"


def test_long_lists_of_losses_are_cut_and_deleted_tracks_reported(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=1).finish()
    with session_of(file) as session:
        gone = [TrackData(n, "Camera", f"Gone.{n}") for n in range(50, 55)]
        session.acquire().append(TracksRecord(tuple(gone)))
        session.acquire().open_pass(Pass(2, 2, 39, tuple(data.id for data in gone)), (), ())
        for frame in range(3, 26):
            session.acquire().append(
                FrameRecord(2, frame, 0, b"".join(marker(data.id, frame, flags=MUTED) for data in gone))
            )
    monkeypatch.setattr(panels, "letters_that_fit", lambda context: 41)
    layout = drawn(panels.TRACKING_SESSIONS_PT_lost, editor)
    assert layout.lines[0] == ["3:  Gone.50, Gone.51 and 3 More"]
    assert len(layout.lines) == 21 and layout.lines[-1] == ["And 3 More"]
    selected = [track.select for track in editor.clip.tracking.tracks]
    with inside(editor):
        assert operators.show_lost(frame=25) == {"FINISHED"}
    assert bpy.context.scene.frame_current == 25
    assert [track.select for track in editor.clip.tracking.tracks] == selected


def test_the_history_is_read_again_only_after_a_change(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=2).finish()
    first = drawn(panels.TRACKING_SESSIONS_PT_passes, editor).lines
    with monkeypatch.context() as patch:
        patch.setattr(overview, "find_session", None)
        assert drawn(panels.TRACKING_SESSIONS_PT_passes, editor).lines == first
        drawn(panels.TRACKING_SESSIONS_PT_lost, editor)
    with session_of(file) as session:
        session.acquire().open_pass(Pass(2, 3, 9, tuple(session.replay().tracks)), (), ())
    assert len(drawn(panels.TRACKING_SESSIONS_PT_passes, editor).lines) == len(first) + 1


PASSES = [
    PassSummary(1, "track_forwards", 1, 200, 63, 43, 30, followed=frozenset({1})),
    PassSummary(2, "track_backwards", 60, 1, 1200, 20, 1190, Outcome.PAUSED, followed=frozenset({1})),
]


@pytest.mark.parametrize(
    ("letters", "lines"),
    [
        (60, [HEAD, ["1060-1001", "Paused at 1020", "1190/1200"], ["1001-1200", "Interrupted at 1043", "30/63"]]),
        (33, [["1060-1001", "1190/1200"], ["Paused at 1020"], ["1001-1200", "30/63"], ["Interrupted at 1043"]]),
        (18, [["1060-1001"], ["Paused at 1020"], ["1190/1200"], ["1001-1200", "30/63"], ["Interrupted at 1043"]]),
    ],
)
def test_what_does_not_fit_on_a_line_of_the_passes_stands_below(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch, letters: int, lines: list[list[str]]
) -> None:
    editor = new_file(footage, file)
    editor.clip.frame_start = 1001
    monkeypatch.setattr(panels, "history", lambda _: SessionHistory(PASSES, Losses()))
    monkeypatch.setattr(panels, "letters_that_fit", lambda _: letters)
    assert drawn(panels.TRACKING_SESSIONS_PT_passes, editor).lines == lines


@pytest.mark.parametrize(
    ("letters", "lines"),
    [
        (50, [["1020:  Door, poster_corner_left_top.001"], ["1021:  poster_corner_left_top.002"]]),
        (33, [["1020:  Door and 1 More"], ["1021:  "], ["poster_corner_left_top.002"]]),
        (18, [["1020:  "], ["Door and 1 More"], ["1021:  "], ["poster_co…_top.002"]]),
    ],
)
def test_names_of_lost_tracks_that_do_not_fit_stand_below(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch, letters: int, lines: list[list[str]]
) -> None:
    editor = new_file(footage, file)
    editor.clip.frame_start = 1001
    lost = Losses()
    lost.frames = {20: [1, 2], 21: [3]}
    names = ("Door", "poster_corner_left_top.001", "poster_corner_left_top.002")
    lost.names = {number: ("Camera", name) for number, name in enumerate(names, 1)}
    monkeypatch.setattr(panels, "history", lambda _: SessionHistory([], lost))
    monkeypatch.setattr(panels, "letters_that_fit", lambda _: letters)
    assert drawn(panels.TRACKING_SESSIONS_PT_lost, editor).lines == lines
