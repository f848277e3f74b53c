# SPDX-License-Identifier: GPL-3.0-or-later
"""The Session panel in each state of a clip's session, drawn into a recording layout."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.open_file import open_file as known
from tracking_sessions.bridge.preferences import Preferences
from tracking_sessions.bridge.sessions import overview, recovery
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.operators.status import clock, draw_status
from tracking_sessions.panels import session as session_panel
from tracking_sessions.panels.menu import draw_entries
from tracking_sessions.panels.preferences import TRACKING_SESSIONS_AP_preferences
from tracking_sessions.panels.session import TRACKING_SESSIONS_PT_session, draw_words
from tracking_sessions.tests.bpy.panels.layout import RecordingLayout, drawn
from tracking_sessions.tests.bpy.window import begin, inside, new_file, open_editor, open_file, session_of
from tracking_sessions.tests.commands.processes import owned
from tracking_sessions.tests.core.faults import flip
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

pytestmark = pytest.mark.usefixtures("registered")

TRACK = ["Backwards", "Both", "Forwards"]


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return make_shot(tmp_path_factory.mktemp("shot"), 12, 320, 180, tracks=6)


def test_without_a_session_it_offers_to_track(footage: Footage, file: Path) -> None:
    layout = drawn(new_file(footage, file))
    assert layout.buttons == layout.tall == TRACK
    assert layout.props == ["Extent", "Pause Below"]
    assert layout.words == []


def test_the_number_of_frames_shows_only_for_its_extent(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.context.scene.tracking_sessions.extent = "FRAMES"
    assert drawn(editor).props == ["Extent", "Frames", "Pause Below"]
    bpy.context.scene.tracking_sessions.extent = "CLIP"
    assert drawn(editor).props == ["Extent", "Pause Below"]


def test_in_a_file_that_is_not_saved_it_says_where_the_session_is_kept(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "default_root", lambda: tmp_path)
    layout = drawn(new_file(footage, None))
    assert layout.buttons == TRACK
    assert layout.text == "The file is not saved yet: the session is kept in the user folder"


@pytest.mark.parametrize(("backwards", "words"), [(False, "Frame 105, Up to 112"), (True, "Frame 107, Down to 101")])
def test_a_running_pass_shows_its_progress(footage: Footage, file: Path, backwards: bool, words: str) -> None:
    editor = new_file(footage, file, frame=11 if backwards else 1)
    editor.clip.frame_start = 101
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = 101, 112, 111 if backwards else 101
    begin(editor, backwards=backwards, steps=4)
    layout = drawn(editor)
    assert live.running() is not None
    followed = len(live.running().run.alive)
    steps = 10 if backwards else 11
    pace = f"{live.running().rate:.1f} per Second, {clock(live.running().seconds_left)} Left"
    assert layout.drawn[:6] == [
        f"Tracking {'Backwards' if backwards else 'Forwards'}",
        "Pause Tracking",
        f"4 of {steps} Frames",
        words,
        pace,
        f"{followed} Followed, {len(editor.clip.tracking.tracks) - followed} Lost",
    ]
    assert layout.bars == [(pytest.approx(4 / steps), f"4 of {steps} Frames")]
    assert layout.buttons == layout.tall == ["Pause Tracking"]
    assert "Auto Save waits" in bpy.ops.tracking_sessions.pause.get_rna_type().description


def test_passes_in_both_directions_are_counted(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file, frame=5)
    run = live.LivePass(recovery.open_shot(editor), [(5, 7), (5, 3)])
    said = []
    while run.tick(0):
        said.append(drawn(editor).words[0])
    said = [words for words in dict.fromkeys(said) if words != "Bringing the Tracks up to Date"]
    assert said == ["Tracking Forwards, 1 of 2", "Tracking Backwards, 2 of 2"]


def test_a_pass_that_was_stopped_says_why_it_is_not_over(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4)
    assert bpy.ops.tracking_sessions.pause() == {"FINISHED"}
    assert drawn(editor).words[0] == "Bringing the Tracks up to Date"
    assert live.running() is not None
    while live.running() is not None:
        live.running().tick()
    assert drawn(editor).words[0] == "Paused at Frame 5, 5 Tracks"


def test_a_pass_that_has_just_begun_claims_no_speed(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor)
    assert "Measuring the Speed" in drawn(editor).words


def test_a_pass_of_another_clip_is_named_and_can_be_paused(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=2)
    other = bpy.data.movieclips.load(str(footage.files[0]))
    other.name = "Other"
    editor.space.clip = other
    layout = drawn(editor)
    assert layout.words[0] == f"Tracking “{editor.clip.name}”"
    assert layout.buttons == ["Pause Tracking"]


def test_a_pass_whose_clip_is_gone_is_still_drawn(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=2)
    name = editor.clip.name
    other = bpy.data.movieclips.load(str(footage.files[0]))
    bpy.data.movieclips.remove(editor.clip)
    editor.space.clip = other
    assert drawn(editor).words[0] == f"Tracking “{name}”"


def test_a_paused_pass_can_be_resumed(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    layout = drawn(editor)
    thin = "Fewer than 8 Tracks on 1 to 5"
    assert layout.words == [
        "Paused at Frame 5, 5 Tracks",
        "5 of 12 Frames Recorded",
        thin,
        "Recording in //tracking_sessions",
    ]
    assert layout.buttons == ["Resume Tracking", *TRACK]


def test_a_pass_that_paused_by_itself_says_why(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    run = begin(editor, pause_below=len(editor.clip.tracking.tracks))
    while run.tick(0):
        pass
    words = f"Paused at Frame {run.run.frame}, 5 Tracks: fewer than {len(editor.clip.tracking.tracks)} tracks"
    layout = drawn(editor)
    assert layout.text.startswith(f"{words} ") and layout.icons[layout.words[0]] == "PAUSE"
    assert layout.tall == ["Resume Tracking", *TRACK]


def test_a_finished_pass_shows_the_recorded_frames(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    with inside(editor):
        bpy.ops.tracking_sessions.track()
    layout = drawn(editor)
    assert layout.words == [
        "12 of 12 Frames Recorded",
        "Fewer than 8 Tracks on 1 to 12",
        "Recording in //tracking_sessions",
    ]
    assert layout.buttons == TRACK


def test_spans_with_too_few_tracks_for_a_solve_are_named_and_take_the_check_mark(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    editor.clip.frame_start = 1001
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = 1001, 1012, 1001
    with inside(editor):
        bpy.ops.tracking_sessions.track()
    assert drawn(editor).icons["12 of 12 Frames Recorded"] == "NONE", "the footage has few tracks"
    whole = overview.overview(editor.clip)._replace(thin=FrameRanges())
    with monkeypatch.context() as patch:
        patch.setattr(overview, "overview", lambda _: whole)
        assert drawn(editor).icons["12 of 12 Frames Recorded"] == "CHECKMARK"
    seen = overview.overview(editor.clip)._replace(thin=FrameRanges.parse("4-6,9"))
    monkeypatch.setattr(overview, "overview", lambda _: seen)
    layout = drawn(editor)
    assert layout.text.startswith("12 of 12 Frames Recorded Fewer than 8 Tracks on 1004 to 1006, 1009 ")
    assert [layout.icons[words] for words in layout.words[:2]] == ["NONE", "ERROR"]


def test_frames_that_the_file_lacks_are_offered(footage: Footage, file: Path) -> None:
    begin(new_file(footage, file), steps=4).finish()
    recorded = datetime.fromtimestamp(session_of(file).path.stat().st_mtime)
    layout = drawn(open_file(file))
    assert layout.text == f"This file lacks 4 recorded frames, up to frame 5 ({recorded:%H:%M})"
    assert layout.buttons == ["Resume Tracking", "Restore Markers", "Start Fresh"]
    assert layout.tall == ["Resume Tracking"]


def test_frames_of_a_finished_pass_that_the_file_lacks_are_offered(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    with inside(editor):
        bpy.ops.tracking_sessions.track()
    layout = drawn(open_file(file))
    assert "This file lacks 11 recorded frames, up to frame 12" in layout.text
    assert layout.buttons == layout.tall == ["Restore Markers", "Start Fresh"]


def test_undone_frames_are_offered_beside_tracking(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    with inside(editor):
        bpy.ops.tracking_sessions.track(extent="FRAMES", frames=4)
    bpy.ops.ed.undo_push(message="Track in Session")
    bpy.ops.ed.undo()
    editor = open_editor(bpy.data.movieclips[0])
    layout = drawn(editor)
    assert "Undo removed 4 recorded frames: restore or track on" in layout.text
    assert layout.buttons == ["Restore Markers", *TRACK]
    assert layout.tall == TRACK


def test_another_process_that_owns_the_session_is_named_until_it_dies(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    with owned(session_of(file).path) as process:
        known.forget()
        layout = drawn(editor)
        assert re.match(rf"In use by process {process} on .+ since \d\d:\d\d ", layout.text)
        assert layout.buttons == layout.tall == ["Wait for It", *TRACK]
        reason = rf"in use by process {process} on .+ since \d\d:\d\d: wait for it"
        for operator in ("track", "resume"):
            with inside(editor), pytest.raises(RuntimeError, match=reason):
                getattr(bpy.ops.tracking_sessions, operator)()
    monkeypatch.setattr(overview, "OWNER_INTERVAL", 0.0)
    assert "In use" not in drawn(editor).text


def test_a_session_that_cannot_be_read_is_explained(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    session_of(file).path.write_text("no session", encoding="utf-8")
    layout = drawn(editor)
    assert "cannot be read" in layout.text
    assert "It was left as it is" in layout.text
    assert layout.buttons == ["Start Fresh"]


def test_a_damaged_journal_is_explained(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    flip(session_of(file).folder / "journal.1", 20)
    known.forget()
    layout = drawn(editor)
    assert "is damaged" in layout.text
    assert layout.buttons == ["Restore Markers", "Start Fresh"]


@pytest.mark.parametrize(("width", "scale", "most"), [(280, 1.0, 33), (560, 2.0, 33), (700, 1.0, 103)])
def test_a_sentence_is_broken_into_lines_that_fit(width: int, scale: float, most: int) -> None:
    text = "The session file cannot be read: it is cut in the middle of a word. It was left as it is"
    layout: Any = RecordingLayout()
    system = SimpleNamespace(ui_scale=scale)
    context: Any = SimpleNamespace(region=SimpleNamespace(width=width), preferences=SimpleNamespace(system=system))
    draw_words(layout, context, text, "ERROR")
    assert layout.text == text
    assert max(len(line) for line in layout.words) <= most
    assert len(layout.words) == (1 if most > len(text) else 3)


@pytest.mark.parametrize(("icon", "further"), [("ERROR", "BLANK1"), ("NONE", "NONE")])
def test_the_lines_of_a_sentence_stand_under_each_other(icon: str, further: str) -> None:
    icons: list[str] = []
    layout: Any = RecordingLayout()
    layout.column = lambda *, align: SimpleNamespace(label=lambda *, text, icon: icons.append(icon))
    system = SimpleNamespace(ui_scale=1.0)
    context: Any = SimpleNamespace(region=SimpleNamespace(width=260), preferences=SimpleNamespace(system=system))
    draw_words(layout, context, "As many words as need a line and then some more words and even more", icon)
    assert icons == [icon, further, further]


def test_the_panel_is_for_the_tracking_mode_of_a_clip_only(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    with inside(editor) as context:
        editor.space.mode = "MASK"
        assert not TRACKING_SESSIONS_PT_session.poll(context)
        editor.space.mode = "TRACKING"
        editor.space.clip = None
        assert not TRACKING_SESSIONS_PT_session.poll(context)


def test_a_word_longer_than_the_sidebar_is_broken(footage: Footage, file: Path) -> None:
    layout: Any = RecordingLayout()
    with inside(new_file(footage, file)) as context:
        draw_words(layout, context, f"Tracking “{'plate_v003' * 9}”", "REC")
        assert max(map(len, layout.words)) <= session_panel.letters_that_fit(context)
    assert "".join(layout.words).count("plate_v003") == 9


def test_a_narrow_sidebar_has_icons_and_a_heading_for_tracking(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    assert drawn(editor).drawn[2:7] == ["Track in Session", *TRACK, "Extent"]
    monkeypatch.setattr(session_panel, "letters_that_fit", lambda _: 18)
    layout = drawn(editor)
    assert layout.drawn == [
        *("Paused at Frame 5,", "5 Tracks", "Resume Tracking"),
        *("Track in Session", "", "", "", "Extent", "Pause Below"),
        *("5 of 12 Frames", "Recorded", "Fewer than 8", "Tracks on 1 to 5", "Recording in //tra", "cking_sessions"),
    ]
    assert layout.labels == {"Extent": ""}, "the menu has the whole width"


def test_the_tooltip_tells_our_buttons_from_blenders() -> None:
    track: Any = bpy.types.TRACKING_SESSIONS_OT_track  # type: ignore[attr-defined]
    words = track.description(bpy.context, SimpleNamespace(direction="BACKWARDS"))
    assert "backwards" in words and "as Blender's own buttons do, but record" in words


def test_the_panel_stands_first_and_gets_its_header_when_it_is_drawn(footage: Footage, file: Path) -> None:
    assert bpy.types.TRACKING_SESSIONS_PT_session.bl_options == {"HIDE_HEADER"}  # type: ignore[attr-defined]
    with inside(new_file(footage, file)) as context:
        panel: Any = SimpleNamespace(layout=RecordingLayout(), bl_options={"HIDE_HEADER"})
        TRACKING_SESSIONS_PT_session.draw(panel, context)
    assert panel.bl_options == set()
    assert bpy.app.timers.is_registered(session_panel._redraw_once), "the header shows at the next drawing"


def test_the_header_shows_and_hides_the_strip(footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for is_on in (True, False):
        layout = RecordingLayout()
        monkeypatch.setattr(session_panel, "preferences", lambda on=is_on: Preferences(has_strip=on))
        with inside(new_file(footage, file)) as context:
            panel: Any = SimpleNamespace(layout=layout)
            TRACKING_SESSIONS_PT_session.draw_header_preset(panel, context)
        assert layout.operators == ["tracking_sessions.toggle_recording", "tracking_sessions.toggle_strip"]
        assert layout.buttons == ["", ""]  # they have icons instead
        assert layout.pressed == [""] * (1 + is_on)


def test_the_menu_track_has_what_the_panel_has() -> None:
    layout = RecordingLayout()
    whole: Any = SimpleNamespace(layout=layout)
    draw_entries(whole, bpy.context)  # type: ignore[arg-type]
    assert layout.buttons == [
        *(f"Track in Session {way}" for way in ("Backwards", "Both Ways", "Forwards")),
        "Resume Tracking",
        "Pause Tracking",
        *("Re-track Forwards", "Re-track Backwards", "Fill Gap"),
    ]


def test_the_status_bar_shows_the_progress_while_there_is_any(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    header: Any = SimpleNamespace(layout=RecordingLayout())
    draw_status(header, bpy.context)  # type: ignore[arg-type]
    assert header.layout.drawn == ["hints"]
    run = begin(editor, steps=4)
    header.layout = RecordingLayout()
    draw_status(header, bpy.context)  # type: ignore[arg-type]
    assert header.layout.bars == [(pytest.approx(4 / 11), "4 of 11 Frames")]
    pace = f"{run.rate:.1f} per Second, {clock(run.seconds_left or 0.0)} Left"  # of this machine
    assert header.layout.words == ["Pause Tracking", f"Frame 5, Up to 12, {pace}"]


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, "0:00"), (59.6, "1:00"), (61, "1:01"), (3600, "1:00:00")])
def test_a_time_is_shown_as_on_a_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_the_preferences_are_all_drawn() -> None:
    layout = RecordingLayout()
    stored: Any = SimpleNamespace(layout=layout, bl_rna=TRACKING_SESSIONS_AP_preferences.bl_rna)
    TRACKING_SESSIONS_AP_preferences.draw(stored, bpy.context)  # type: ignore[arg-type]
    known = TRACKING_SESSIONS_AP_preferences.bl_rna.properties
    assert sorted(layout.props) == sorted(known[name].name for name in Preferences._fields)
    assert layout.drawn[0] == "Session Folder Beside the File", "an empty field says which folder that is"


def test_drawing_reads_nothing_again_while_nothing_changes(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    first = drawn(editor)
    monkeypatch.setattr(overview, "find_session", None)
    assert drawn(editor).words == first.words
