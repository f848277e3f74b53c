# SPDX-License-Identifier: GPL-3.0-or-later
"""A re-track or a filled gap is all or nothing, whatever happens, and everything about it is recorded."""

from __future__ import annotations

import copy
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor, newest_tracking
from tracking_sessions.bridge.clip.movie_clip import mark_of, position_in
from tracking_sessions.bridge.sessions.recording import recording_of, set_recorded
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.journal.history import Kind
from tracking_sessions.core.journal.state_words import state_id
from tracking_sessions.core.model.frame_status import FrameStatus
from tracking_sessions.core.review.frames import FrameStates
from tracking_sessions.operators import status
from tracking_sessions.operators.editor import PASS_RUNS
from tracking_sessions.operators.retrack import Retracks
from tracking_sessions.tests.bpy.driven import Driven
from tracking_sessions.tests.bpy.recordings import edits_of, killed, recorded, unnumbered
from tracking_sessions.tests.bpy.retracks import (
    BAD,
    NAME,
    WAYS,
    audit,
    begun,
    delete,
    displace,
    drift,
    number_of,
    rows_of,
    run,
    tracked,
)
from tracking_sessions.tests.bpy.tracker import live_frames, markers_of
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    blender_tracks,
    held_session_of,
    inside,
    let_go,
    look,
    new_file,
    objects_of,
    open_file,
    operators,
    session_of,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")

ALL = ["retrack_forwards", "retrack_backwards", "fill_gap"]
START = {"retrack_forwards": WAYS["forwards"], "retrack_backwards": WAYS["backwards"], "fill_gap": 12}


class DrivenTrials(Driven):
    """One of the operators in the middle of its run, in the artist's clip."""

    _close, _tell_pause = Retracks._close, Retracks._tell_pause

    def __init__(self, editor: ClipEditor, name: str, steps: int = 2) -> None:
        self.editor = editor
        self.reports: list[tuple[set[str], str]] = []
        self._live = begun(editor, name, START[name], separate_clip=False)
        while self._live.run.steps < steps:
            assert self._live.tick(0)
        self._display = status.Display()
        self._tracked_before = newest_tracking()
        self._timer: Any = bpy.context.window_manager.event_timer_add(1.0, window=editor.window)


def faulty(footage: Footage, file: Path, name: str) -> ClipEditor:
    """A saved file whose track has what the operator of that name mends."""
    editor = tracked(footage, file)
    if name == "fill_gap":
        delete(editor.clip, BAD)
    else:
        displace(editor.clip, BAD, 6, -4)
    recording = recording_of(editor.clip)
    assert recording is not None
    recording.look(editor.clip, "Fault", whole=True)
    bpy.ops.ed.undo_push(message="Fault")
    bpy.ops.wm.save_mainfile()
    return editor


def is_as_before(file: Path, clip: Any, before: dict[str, dict[int, bytes]], edits: list[str]) -> bool:
    """Whether neither the clip nor its session has anything of the run."""
    session = held_session_of(file)
    return (
        markers_of(clip) == before
        and objects_of(clip) == ["Camera"]
        and edits_of(file) == edits
        and not session.review.overrides
        and recorded(file) == {name: unnumbered(rows) for name, rows in before.items()}
    )


# Refused


def test_a_locked_track_is_left_alone(footage: Footage, file: Path) -> None:
    editor = tracked(footage, file)
    editor.clip.tracking.tracks[NAME].lock = True
    for name in ALL:
        with pytest.raises(RuntimeError, match="The selected track is hidden or locked"):
            run(editor, name, 9)


def test_a_track_needs_a_marker_to_start_from(footage: Footage, file: Path) -> None:
    editor = tracked(footage, file)
    editor.clip.tracking.tracks[NAME].markers.find_frame(9).mute = True
    for name in ALL[:2]:
        with pytest.raises(RuntimeError, match="The selected track has no enabled marker on frame 9"):
            run(editor, name, 9)


def test_a_track_without_a_gap_here_has_none_to_fill(footage: Footage, file: Path) -> None:
    editor = tracked(footage, file)
    with pytest.raises(RuntimeError, match="enabled marker on frame 9: go to a frame of the gap"):
        run(editor, "fill_gap", 9)
    delete(editor.clip, range(20, FRAMES + 1))
    with pytest.raises(RuntimeError, match="it has no gap here"):
        run(editor, "fill_gap", 21)


def test_the_end_of_a_track_has_nothing_to_retrack(footage: Footage, file: Path) -> None:
    editor = tracked(footage, file)
    with pytest.raises(RuntimeError, match="it has no markers to re-track on this side"):
        run(editor, "retrack_forwards", FRAMES)


# Recorded


@pytest.mark.parametrize("name", ALL)
def test_undo_brings_the_old_markers_back_and_is_recorded(footage: Footage, file: Path, name: str) -> None:
    editor = faulty(footage, file, name)
    before = markers_of(editor.clip)
    assert run(editor, name, START[name]) == {"FINISHED"}
    after = markers_of(editor.clip)
    assert after != before
    bpy.ops.ed.undo_push(message="Mended")
    bpy.ops.ed.undo()
    clip = bpy.data.movieclips[0]
    assert markers_of(clip) == before
    assert recorded(file) == {key: unnumbered(rows) for key, rows in before.items()}
    bpy.ops.ed.redo()
    clip = bpy.data.movieclips[0]
    assert markers_of(clip) == after
    assert recorded(file) == {key: unnumbered(rows) for key, rows in after.items()}


@pytest.mark.parametrize("name", ALL)
def test_history_goes_back_to_before(footage: Footage, file: Path, name: str) -> None:
    editor = faulty(footage, file, name)
    before = markers_of(editor.clip)
    run(editor, name, START[name])
    state = held_session_of(file).history().states[-1]
    label = {"retrack_forwards": "Re-track Forwards", "retrack_backwards": "Re-track Backwards", "fill_gap": "Fill Gap"}
    assert (state.kind, state.who, state.tracks) == (Kind.EDIT, label[name], 1)
    with inside(editor):
        operators.go_back(state=state_id(held_session_of(file).history().states[-2].position))
    assert markers_of(editor.clip) == before


def test_a_clip_that_is_not_recorded_contains_the_result(footage: Footage, file: Path) -> None:
    editor = faulty(footage, file, "retrack_forwards")
    set_recorded(editor.clip, wanted=False)
    assert run(editor, "retrack_forwards", START["retrack_forwards"]) == {"FINISHED"}
    session = session_of(file)
    assert [override.first for override in session.review.overrides] == [BAD.start]
    assert position_in(mark_of(editor.clip), session.id) == session.position
    assert recorded(file) == {name: unnumbered(rows) for name, rows in markers_of(editor.clip).items()}


def test_a_paused_pass_goes_on_with_a_mended_track(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=17).finish()
    assert session_of(file).resume_frame == 18
    displace(editor.clip, BAD, 6, -4)
    for each in editor.clip.tracking.tracks:
        each.select = each.name == NAME
    assert run(editor, "retrack_forwards", WAYS["forwards"]) == {"FINISHED"}
    assert held_session_of(file).resume_frame == 18
    mended = rows_of(editor.clip)
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    after = rows_of(editor.clip)
    assert live_frames(after) == list(range(1, FRAMES + 1))
    assert all(after[frame] == row for frame, row in mended.items() if 1 <= frame <= 18)
    session = session_of(file)
    assert not session.unfinished
    assert [override.first for override in session.review.overrides] == [BAD.start]


# Stopped


@pytest.mark.parametrize("name", ALL)
def test_escape_leaves_the_markers_as_they_were(footage: Footage, file: Path, name: str) -> None:
    editor = faulty(footage, file, name)
    before, edits = markers_of(editor.clip), edits_of(file)
    driven = DrivenTrials(editor, name)
    assert status.pass_text(driven._live).startswith("Filling" if name == "fill_gap" else "Re-tracking")
    with inside(editor), pytest.raises(RuntimeError, match=PASS_RUNS):
        operators.retrack_forwards()
    assert driven.send("ESC") == {"CANCELLED"}
    assert driven.is_over
    assert driven.reports == [({"WARNING"}, "Stopped: the markers are as they were")]
    assert is_as_before(file, editor.clip, before, edits)
    assert bpy.context.scene.frame_current == START[name]
    assert recording_of(editor.clip).session is not None  # type: ignore[union-attr]


def test_blenders_tracker_stops_it(footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracking_sessions.bridge.open_file import open_file as known
    from tracking_sessions.operators import track

    editor = faulty(footage, file, "retrack_forwards")
    before, edits = markers_of(editor.clip), edits_of(file)
    driven = DrivenTrials(editor, "retrack_forwards")
    monkeypatch.setitem(known.modal, "track", driven)
    with blender_tracks():
        assert track.notice_tracker() is None
    assert driven.send() == {"CANCELLED"}
    assert is_as_before(file, editor.clip, before, edits)


@pytest.mark.parametrize("name", ALL)
def test_a_save_in_the_middle_changes_no_bit_of_the_result(footage: Footage, file: Path, name: str) -> None:
    editor = faulty(footage, file, name)
    run(editor, name, START[name])
    expected = rows_of(editor.clip)
    file.unlink()
    let_go()
    shutil.rmtree(file.parent / "tracking_sessions")
    bpy.ops.wm.read_factory_settings(use_empty=False)
    editor = faulty(footage, file, name)
    before = markers_of(editor.clip)
    driven = DrivenTrials(editor, name, steps=3)
    bpy.ops.wm.save_mainfile()
    assert objects_of(editor.clip) == ["Camera"]
    assert markers_of(editor.clip) == before
    result = {"PASS_THROUGH"}
    while result == {"PASS_THROUGH"}:
        result = driven.send()
    assert result == {"FINISHED"} and driven.is_over
    assert rows_of(editor.clip) == expected


def test_an_undo_in_the_middle_leaves_the_markers_to_the_undo(footage: Footage, file: Path) -> None:
    editor = faulty(footage, file, "retrack_forwards")
    before = markers_of(editor.clip)
    driven = DrivenTrials(editor, "retrack_forwards")
    bpy.ops.ed.undo_push(message="Something else")
    bpy.ops.ed.undo()
    assert live.running() is None
    assert markers_of(bpy.data.movieclips[0]) == before
    assert driven.send() == {"FINISHED"}
    assert not held_session_of(file).review.overrides


@pytest.mark.parametrize("name", ALL)
def test_a_missing_picture_leaves_the_markers_as_they_were(
    footage: Footage, file: Path, tmp_path: Path, name: str
) -> None:
    mine = copy.copy(footage)
    shutil.copytree(footage.folder, tmp_path / "plates")
    mine.files = [tmp_path / "plates" / path.name for path in footage.files]
    editor = faulty(mine, file, name)
    before, edits = markers_of(editor.clip), edits_of(file)
    mine.files[11].unlink()
    with pytest.raises(RuntimeError, match="shot_0012"):
        run(editor, name, START[name])
    assert live.running() is None
    assert is_as_before(file, editor.clip, before, edits)


# Killed

KILLED = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
import conftest, bpy, os, signal
from pathlib import Path
from tracking_sessions import registration
from tracking_sessions.tests.bpy.retracks import NAME, begun
from tracking_sessions.tests.bpy.window import open_file
registration.register()
editor = open_file(Path(sys.argv[1]))
for track in editor.clip.tracking.tracks:
    track.select = track.name == NAME
ran = begun(editor, sys.argv[2], int(sys.argv[3]))
steps = int(sys.argv[4])
while ran.run.steps < steps and ran.tick(0):
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""


def kill(file: Path, name: str, steps: int) -> None:
    """Kill another Blender with SIGKILL after so many steps of the operator's run, or at its end."""
    let_go()
    command = [sys.executable, "-c", KILLED, file, name, str(START[name]), str(steps)]
    assert subprocess.run(command, check=False, timeout=100).returncode == -signal.SIGKILL


@pytest.mark.parametrize("name", ALL)
def test_a_kill_in_the_middle_leaves_the_old_markers(footage: Footage, file: Path, name: str) -> None:
    editor = faulty(footage, file, name)
    before, edits = markers_of(editor.clip), edits_of(file)
    kill(file, name, 3)
    editor = open_file(file)
    assert look(editor.clip).missing == 0
    assert is_as_before(file, editor.clip, before, edits)
    editor.clip.tracking.tracks[NAME].select = True
    assert run(editor, name, START[name]) == {"FINISHED"}


@pytest.mark.parametrize("name", ALL)
def test_a_kill_after_the_end_loses_nothing(footage: Footage, file: Path, name: str) -> None:
    editor = faulty(footage, file, name)
    before = markers_of(editor.clip)
    kill(file, name, 100)
    editor = open_file(file)
    assert markers_of(editor.clip) == before
    (override,) = held_session_of(file).review.overrides
    assert (override.first, override.last, override.who) == (BAD.start, BAD[-1], "Mara")
    with inside(editor):
        assert operators.restore() == {"FINISHED"}
    after = markers_of(editor.clip)
    assert after != before
    assert recorded(file) == {key: unnumbered(rows) for key, rows in after.items()}


def test_another_session_of_blender_knows_the_override(footage: Footage, file: Path) -> None:
    editor = faulty(footage, file, "retrack_forwards")
    audit(editor, drift(number_of(file), BAD.start, BAD[-1]))
    run(editor, "retrack_forwards", START["retrack_forwards"])
    bpy.ops.wm.save_mainfile()
    killed()
    open_file(file)
    session = session_of(file)
    assert [override.first for override in session.review.overrides] == [BAD.start]
    assert FrameStates(session).status(BAD.start) == FrameStatus.TRACKED
