# SPDX-License-Identifier: GPL-3.0-or-later
"""The Farm panel: where the shots of a submission stand, and what can be done with them."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.farm import shots as listing
from tracking_sessions.bridge.farm.shots import FARM, submissions
from tracking_sessions.bridge.sessions import filled_list
from tracking_sessions.core.batch.shots import ShotStatus
from tracking_sessions.core.farm.manifest import Manifest
from tracking_sessions.core.farm.states import State, States
from tracking_sessions.core.farm.status import Stand
from tracking_sessions.core.farm.submitting import create
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.operators import sessions as session_actions
from tracking_sessions.panels import farm as panels
from tracking_sessions.panels import session as session_panel
from tracking_sessions.tests.bpy.past import RecordingLayout, drawn, make
from tracking_sessions.tests.bpy.window import inside, new_file, operators
from tracking_sessions.tests.footage import Shot as Footage

BEGUN = "2026-01-31T10:15:00Z"
PANEL = panels.TRACKING_SESSIONS_PT_farm
STATES = (
    State(1, ShotStatus.COMPLETED, frames=(40, 40), started=BEGUN),
    State(2, ShotStatus.PROCESSING, host="node7", started=BEGUN),
    State(
        3, ShotStatus.FAILED, error="Blender was killed three times: SIGSEGV", frames=(12, 40), begun=3, started=BEGUN
    ),
    State(4, ShotStatus.SKIPPED, error="The footage is missing", started=BEGUN),
    State(5, ShotStatus.PENDING, error="It was stopped", frames=(7, 40), started=BEGUN),
    State(6, ShotStatus.NO_CAMERA, verdict="low_parallax", frames=(40, 40), started=BEGUN),
    State(7, ShotStatus.LOST, frames=(30, 40), started=BEGUN),
)


@pytest.fixture
def editor(footage: Footage, file: Path) -> ClipEditor:
    return new_file(footage, file)


def submitted(root: Path, count: int, states: tuple[State, ...] = (), name: str = "seq") -> Manifest:
    manifest = create(root, [ShotSpec(f"/show/{n:03}.mov") for n in range(1, count + 1)], name)
    for state in states:
        States(manifest.folder).write(state)
    return manifest


def panel(editor: ClipEditor, *, filled: bool = True) -> RecordingLayout:
    drawn(PANEL, editor)
    if filled:
        fill()
    return drawn(PANEL, editor)


def fill() -> None:
    submissions().forget()
    FARM.fill(bpy.context)


def listed(editor: ClipEditor, letters: int = 80, text: str = "") -> list[list[str]]:
    """The drawn lines of the list in a sidebar for so many letters, of those whose names have the text in them."""
    kind: Any = panels.TRACKING_SESSIONS_UL_shots
    found: list[list[str]] = []
    ui = SimpleNamespace(filter_name=text, bitflag_filter_item=1)
    with inside(editor) as context, pytest.MonkeyPatch.context() as patch:
        patch.setattr(panels, "letters_that_fit", lambda _: letters)
        data = FARM.data(context)
        flags, _ = kind.filter_items(ui, context, data, "entries")
        for place, item in enumerate(data.entries):
            line = RecordingLayout()
            kind.draw_item(None, context, line, data, item, 0, data, "active")
            if not flags or flags[place]:
                found.append(line.lines[0])
    return found


def test_before_the_first_submission_there_is_only_submit(editor: ClipEditor) -> None:
    layout = panel(editor)
    assert layout.text == "Submit… Nothing Was Submitted Yet"
    assert not bpy.app.timers.is_registered(listing.look)


def test_the_panel_shows_where_each_shot_stands(editor: ClipEditor, root: Path, footage: Footage) -> None:
    path = make(root, footage, "running", 9)
    states = [replace(state, session=path.stem) if state.index == 2 else state for state in STATES]
    submitted(root, 8, tuple(states))
    assert "Reading the Submissions" in drawn(PANEL, editor).text, "nothing is read while a panel is drawn"
    assert bpy.app.timers.is_registered(FARM.timer)
    layout = panel(editor)
    assert "1 of 8 Shots Done" in layout.text
    assert "1 Waiting, 1 Running, 1 Interrupted, 1 Failed, 1 Unusable, 1 Tracks Lost, 1 No Camera" in layout.text
    assert listed(editor) == [
        ["001", "Done", "40/40"],
        ["002", "Running", "9/24"],
        ["003", "Failed", "12/40"],
        ["004", "Unusable", ""],
        ["005", "Interrupted", "7/40"],
        ["006", "No Camera", "40/40"],
        ["007", "Tracks Lost", "30/40"],
        ["008", "Waiting", ""],
    ]
    assert listed(editor, text="00")[2:4] == listed(editor)[2:4] and listed(editor, text="8") == [
        ["008", "Waiting", ""]
    ]
    assert "Retry 3 Shots" in layout.text, "the one that waits may still have its job"


@pytest.mark.parametrize(
    ("letters", "line"), [(60, ["002", "Running", "9/24"]), (37, ["002", "9/24"]), (28, ["002", "9/24"]), (18, ["002"])]
)
def test_a_narrow_list_keeps_what_matters(
    editor: ClipEditor, root: Path, footage: Footage, letters: int, line: list[str]
) -> None:
    path = make(root, footage, "running", 9)
    submitted(root, 2, (State(2, ShotStatus.PROCESSING, session=path.stem, started=BEGUN),))
    panel(editor)
    assert listed(editor, letters)[1] == line


def test_names_of_the_list_keep_both_ends(editor: ClipEditor, root: Path) -> None:
    create(root, [ShotSpec(f"/show/episode_seq010_sh{n:03}0_plate.mov") for n in (1, 2)])
    panel(editor)
    assert listed(editor, 28)[1] == ["episod…_plate", "Waiting"]


def test_the_chosen_shot_says_why_it_failed(editor: ClipEditor, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted(root, 8, STATES)
    panel(editor)
    assert "Why" not in drawn(PANEL, editor).text
    for index, words in ((3, "Failed, 12 of 40 Frames Blender was killed three times: SIGSEGV"), (6, "Low Parallax")):
        FARM.choose(bpy.context, str(index))
        assert words in panel(editor, filled=False).text
    FARM.choose(bpy.context, "2")
    assert "Running, on node7" in panel(editor, filled=False).text
    monkeypatch.setattr(session_panel, "letters_that_fit", lambda _: 20)
    FARM.choose(bpy.context, "3")
    assert ["Blender was killed"] in panel(editor, filled=False).lines


def test_the_newest_submission_is_shown_and_another_can_be_chosen(editor: ClipEditor, root: Path) -> None:
    old = submitted(root, 3, name="old")
    assert "Submissions" not in panel(editor).text
    newest = submitted(root, 5, name="new")
    assert "0 of 5 Shots Done" in panel(editor).text
    menu = RecordingLayout()
    with inside(editor) as context:
        kind: Any = panels.TRACKING_SESSIONS_MT_submissions
        kind.draw(SimpleNamespace(layout=menu), context)
        assert [given.id for _, given in menu.given] == [newest.head.id, old.head.id]
        assert [line[0].split(",")[0] for line in menu.lines] == ["new", "old"]
        operators.show_submission(id=old.head.id)
    assert "0 of 3 Shots Done" in panel(editor).text


def test_a_damaged_submission_is_told_and_the_others_are_shown(editor: ClipEditor, root: Path) -> None:
    submitted(root, 3)
    damaged = submitted(root, 2)
    damaged.path.write_text("nothing", encoding="utf-8")
    layout = panel(editor)
    assert "cannot be read as the manifest" in layout.text and "0 of 3 Shots Done" in layout.text
    good = submitted(root, 4)
    lines = good.path.read_text(encoding="utf-8").splitlines()
    good.path.write_text("\n".join([*lines[:3], "{", *lines[4:]]), encoding="utf-8")
    assert "a line in it is damaged" in panel(editor).text


# When it reads


def test_a_thousand_shots_are_read_in_slices(editor: ClipEditor, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted(root, 1000, STATES)
    now = [0.0]
    read = States.read

    def slow(self: States, index: int) -> Any:
        now[0] += 0.004  # a slow disk
        return read(self, index)

    monkeypatch.setattr(States, "read", slow)
    monkeypatch.setattr(States, "begun", lambda _: set(range(1, 1001)))
    monkeypatch.setattr(listing, "time", SimpleNamespace(monotonic=lambda: now[0], time=time.time))
    drawn(PANEL, editor)
    begun, longest, slices = 0.0, 0.0, 0
    while listing.submissions().read(filled_list.SLICE):
        longest, begun, slices = max(longest, now[0] - begun), now[0], slices + 1
        assert not submissions().shots, "half a list is not shown"
    assert slices > 200 and longest <= filled_list.SLICE + 0.004
    FARM.update(bpy.context)
    assert len(submissions().shots) == 1000 and "1 of 1,000 Shots Done" in drawn(PANEL, editor).text
    now[0] += 2 * listing.INTERVAL
    assert not submissions().is_due(), "after a long look it rests for longer"


def test_of_more_shots_those_that_need_somebody_are_listed(
    editor: ClipEditor, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LISTED", 3)
    submitted(root, 8, STATES)
    layout = panel(editor)
    assert [line[0] for line in listed(editor)] == ["003", "004", "007"]
    assert "And 5 More" in layout.text and "Retry 3 Shots" in layout.text


def test_it_looks_again_by_itself_while_shots_run_and_the_panel_is_seen(
    editor: ClipEditor, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(listing, "time", SimpleNamespace(monotonic=lambda: now[0], time=time.time))
    manifest = submitted(root, 1, (State(1, ShotStatus.PROCESSING, started=BEGUN),))
    panel(editor)
    assert bpy.app.timers.is_registered(listing.look) and not submissions().is_due()
    assert listing.look() == listing.INTERVAL, "the panel was drawn since the last look"
    now[0] += listing.INTERVAL
    assert submissions().is_due()
    States(manifest.folder).write(State(1, ShotStatus.COMPLETED, frames=(4, 4), started=BEGUN))
    while submissions().read(1):
        pass
    assert "1 of 1 Shot Done" in drawn(PANEL, editor).text
    assert submissions().counts[Stand.COMPLETED] == 1 and not submissions().is_live
    listing.look()
    assert listing.look() is None, "nobody has drawn it"


def test_refresh_reads_again(editor: ClipEditor, root: Path) -> None:
    manifest = submitted(root, 1, (State(1, ShotStatus.FAILED, started=BEGUN),))
    panel(editor)
    state = States(manifest.folder).path(1)
    stamp = os.stat(state.parent).st_mtime_ns
    States(manifest.folder).write(State(1, ShotStatus.COMPLETED, started=BEGUN))
    os.utime(state.parent, ns=(stamp, stamp))
    with inside(editor):
        operators.refresh_shots()
    drawn(PANEL, editor)
    while submissions().read(1):
        pass
    assert "1 of 1 Shot Done" in drawn(PANEL, editor).text


# What can be done


def test_the_log_of_the_chosen_shot_is_opened(editor: ClipEditor, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = submitted(root, 8, STATES)
    panel(editor)
    opened: list[Path] = []
    monkeypatch.setattr("tracking_sessions.operators.farm.show_outside", lambda _, path: opened.append(path) or set())
    with inside(editor):
        FARM.choose(bpy.context, "8")
        with pytest.raises(RuntimeError, match="no log yet"):
            operators.open_log()
        FARM.choose(bpy.context, "3")
        with pytest.raises(RuntimeError, match="has left no log"):
            operators.open_log()
        log = manifest.folder / "logs" / "3.log"
        log.write_text("SIGSEGV", encoding="utf-8")
        operators.open_log()
    assert opened == [log]


def test_a_machine_without_a_viewer_names_the_log(
    editor: ClipEditor, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = submitted(root, 8, STATES)
    panel(editor)
    log = manifest.folder / "logs" / "3.log"
    log.write_text("SIGSEGV", encoding="utf-8")
    FARM.choose(bpy.context, "3")
    monkeypatch.setattr(session_actions.shutil, "which", lambda _: None)
    monkeypatch.setattr(session_actions.sys, "platform", "linux")
    with inside(editor), pytest.raises(RuntimeError, match=rf"cannot show the file {log}"):
        operators.open_log()


def test_the_session_of_the_chosen_shot_is_opened(editor: ClipEditor, root: Path, other_footage: Footage) -> None:
    path = make(root, other_footage, "tracked", 3)
    submitted(root, 2, (State(1, ShotStatus.COMPLETED, session=path.stem, started=BEGUN),))
    panel(editor)
    with inside(editor) as context:
        FARM.choose(context, "2")
        with pytest.raises(RuntimeError, match="no session yet"):
            operators.open_shot()
        FARM.choose(context, "1")
        assert operators.open_shot() == {"FINISHED"}
        assert Path(bpy.path.abspath(context.space_data.clip.filepath)) == other_footage.files[0]
        path.unlink()
        with pytest.raises(RuntimeError, match="cannot be read"):
            operators.open_shot()
