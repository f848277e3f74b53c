# SPDX-License-Identifier: GPL-3.0-or-later
"""After a crash an artist works with Blender's own tools, then resumes or restores: all work stays."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.core.journal.chain import NOTHING, JournalReader
from tracking_sessions.core.journal.codec import decoded
from tracking_sessions.core.journal.records import RestoredEvent
from tracking_sessions.core.journal.rows import is_muted
from tracking_sessions.tests.bpy.tracker import (
    Markers,
    delete_track,
    live_frames,
    markers_of,
    track_sequence,
)
from tracking_sessions.tests.bpy.window import (
    FRAMES,
    begin,
    inside,
    look,
    new_file,
    open_editor,
    open_file,
    operators,
    session_of,
    start_blender_anew,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")

HAND = (0.25, 0.75)


def crashed(footage: Footage, file: Path, *, is_marked: bool, frame: int = 1, backwards: bool = False) -> Markers:
    """Eight frames of a pass are recorded and not in the file, which may have the mark of three before them.

    Returns what the clip had when Blender died.
    """
    editor = new_file(footage, file, frame)
    if is_marked:
        begin(editor, backwards=backwards, steps=3).finish()
        bpy.ops.wm.save_mainfile()
        live = begin(editor, backwards=None, steps=8)
    else:
        live = begin(editor, backwards=backwards, steps=8)
    live.finish()
    had = markers_of(editor.clip)
    start_blender_anew()
    return had


def opened(file: Path) -> Any:
    return open_file(file).clip


def track_on(clip: Any, start: int, end: int, names: Iterable[str] | None = None) -> None:
    """Blender's own Track Forwards or Backwards, with some of the tracks selected."""
    chosen = {track.name for track in clip.tracking.tracks} if names is None else set(names)
    for track in clip.tracking.tracks:
        track.select = track.name in chosen
    track_sequence(clip, start, end)
    for track in clip.tracking.tracks:
        track.select = True


def click(clip: Any, operator: Any) -> ClipEditor:
    editor = open_editor(clip)
    with inside(editor):
        assert operator() == {"FINISHED"}
    return editor


def assert_all_there(before: Markers, after: Markers) -> None:
    """Check that all earlier live markers, and all markers muted by hand, are still there, bit for bit."""
    for name, rows in before.items():
        for frame in live_frames(rows):
            assert after[name].get(frame) == rows[frame], (name, frame)


def assert_has_frames_of(recorded: Markers, after: Markers) -> None:
    """Check that each recorded frame has a live marker."""
    for name, rows in recorded.items():
        assert set(live_frames(rows)) <= set(live_frames(after[name])), name


def before_restoring(file: Path) -> dict[str, dict[int, bytes]]:
    """The markers in the state before the last restore."""
    session = session_of(file)
    end = until = NOTHING
    for record, position in decoded(JournalReader(session.folder, session.session.id).records()):
        until = end if isinstance(record, RestoredEvent) else until
        end = position
    state = session.replay(until=until)
    return {f"{data.object}/{data.name}": state.markers[number] for number, data in state.tracks.items()}


def values(rows: dict[int, bytes]) -> dict[int, bytes]:
    return {frame: row[4:] for frame, row in rows.items()}  # without the track number


@pytest.mark.parametrize("is_marked", [False, True])
@pytest.mark.parametrize("is_resumed", [False, True])
def test_later_tracking_and_edits_stay(
    footage: Footage, file: Path, is_marked: bool, is_resumed: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    recorded = crashed(footage, file, is_marked=is_marked)
    clip = opened(file)
    start = 4 if is_marked else 1
    far, near = ["Survives.01", "Survives.02"], ["Survives.03", "Survives.04"]
    track_on(clip, start, FRAMES, far)
    track_on(clip, start, start + 2, near)
    for name, frame in (
        ("Survives.01", start + 1),
        ("Survives.02", 20),
        ("Survives.03", 2),
        ("Survives.04", start + 1),
    ):
        clip.tracking.tracks[name].markers.find_frame(frame).co = HAND
    before = markers_of(clip)
    capfd.readouterr()
    click(clip, operators.resume if is_resumed else operators.restore)

    after = markers_of(clip)
    assert_all_there(before, after)
    assert_has_frames_of(recorded, after)
    assert tuple(clip.tracking.tracks["Survives.01"].markers.find_frame(start + 1).co) == HAND
    for name in set(recorded) - {f"Camera/{one}" for one in far + near}:  # nobody changed these
        assert {frame: after[name][frame] for frame in live_frames(recorded[name])} == {
            frame: recorded[name][frame] for frame in live_frames(recorded[name])
        }
    output = capfd.readouterr().out
    assert "4 tracks changed in this file kept their markers" in output
    if is_resumed:
        assert "2 tracks have newer markers on the frames to come and are tracked only behind them" in output
        assert max(live_frames(after["Camera/Survives.03"])) == FRAMES
        assert max(live_frames(after["Camera/Survives.05"])) == FRAMES
    else:
        assert "Restored the recorded markers up to frame 9;" in output or "up to frame 12;" in output
        assert max(live_frames(after["Camera/Survives.03"])) == max(live_frames(recorded["Camera/Survives.03"]))
    for name in far + near:
        assert values(before_restoring(file)[f"Camera/{name}"]) == values(before[f"Camera/{name}"])


@pytest.mark.parametrize("is_marked", [False, True])
def test_a_restore_that_kept_work_is_followed_by_a_resume_that_keeps_it(
    footage: Footage, file: Path, is_marked: bool
) -> None:
    recorded = crashed(footage, file, is_marked=is_marked)
    clip = opened(file)
    track_on(clip, 4 if is_marked else 1, 20, ["Survives.01"])
    before = markers_of(clip)
    click(clip, operators.restore)
    with inside(open_editor(clip)):
        assert not operators.restore.poll()
    bpy.ops.wm.save_mainfile()
    clip = opened(file)
    click(clip, operators.resume)
    after = markers_of(clip)
    assert_all_there(before, after)
    assert_has_frames_of(recorded, after)
    assert max(live_frames(after["Camera/Survives.01"])) == FRAMES  # it joined on frame 20
    assert max(live_frames(after["Camera/Survives.02"])) == FRAMES


def test_kept_markers_survive_the_next_crash(footage: Footage, file: Path) -> None:
    crashed(footage, file, is_marked=True)
    clip = opened(file)
    track_on(clip, 4, 20)
    clip.tracking.tracks["Survives.01"].markers.find_frame(6).co = HAND
    clip.tracking.tracks.new(name="Mine", frame=3).markers[0].co = HAND
    click(clip, operators.restore)
    expected = markers_of(clip)
    start_blender_anew()
    clip = opened(file)  # as before
    assert "Camera/Mine" not in markers_of(clip)
    click(clip, operators.restore)
    assert {name: values(rows) for name, rows in markers_of(clip).items()} == {
        name: values(rows) for name, rows in expected.items()
    }


def test_a_pass_that_was_tracked_to_its_end_by_other_means_is_closed(
    footage: Footage, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    crashed(footage, file, is_marked=False)
    clip = opened(file)
    track_on(clip, 1, FRAMES)
    before = markers_of(clip)
    capfd.readouterr()
    editor = click(clip, operators.resume)
    after = markers_of(clip)
    assert_all_there(before, after)
    output = capfd.readouterr().out
    assert "are tracked only behind them" in output
    assert "no track is left to follow, so the pass is closed" in output
    assert session_of(file).passes[-1].outcome == "complete"
    assert (look(clip).resume_frame, look(clip).missing) == (None, 0)
    with inside(editor):
        assert not operators.resume.poll()


def test_a_pass_that_was_tracked_on_by_other_means_goes_on_from_there(footage: Footage, file: Path) -> None:
    crashed(footage, file, is_marked=False)
    clip = opened(file)
    track_on(clip, 1, 18)
    track_on(clip, 1, 14, ["Survives.01"])
    for frame in range(15, 19):
        clip.tracking.tracks["Survives.01"].markers.delete_frame(frame)
    before = markers_of(clip)
    click(clip, operators.resume)
    after = markers_of(clip)
    assert_all_there(before, after)
    assert max(live_frames(after["Camera/Survives.02"])) == FRAMES
    assert max(live_frames(after["Camera/Survives.01"])) == FRAMES  # from frame 14, before the others
    assert session_of(file).passes[-1].last_frame == FRAMES


@pytest.mark.parametrize("is_marked", [False, True])
def test_a_backward_pass_keeps_later_backward_tracking(footage: Footage, file: Path, is_marked: bool) -> None:
    recorded = crashed(footage, file, is_marked=is_marked, frame=20, backwards=True)
    clip = opened(file)
    start = 17 if is_marked else 20
    track_on(clip, start, 3, ["Survives.01", "Survives.02"])
    clip.tracking.tracks["Survives.01"].markers.find_frame(15).co = HAND
    before = markers_of(clip)
    click(clip, operators.resume)
    after = markers_of(clip)
    assert_all_there(before, after)
    assert_has_frames_of(recorded, after)
    assert min(live_frames(after["Camera/Survives.02"])) == 1  # it joined on frame 3
    assert min(live_frames(after["Camera/Survives.03"])) == 1


@pytest.mark.parametrize("is_marked", [False, True])
def test_new_deleted_renamed_and_muted_tracks_stay_as_the_artist_left_them(
    footage: Footage, file: Path, is_marked: bool
) -> None:
    recorded = crashed(footage, file, is_marked=is_marked)
    clip = opened(file)
    track_on(clip, 4 if is_marked else 1, 7)
    tracks = clip.tracking.tracks
    tracks["Survives.01"].markers.find_frame(6).mute = True
    tracks["Survives.02"].markers.find_frame(7).mute = True  # the last frame
    tracks["Survives.03"].name = "Nail"
    delete_track(clip, "Survives.04")
    tracks = clip.tracking.tracks
    tracks.new(name="Mine", frame=3).markers[0].co = HAND
    before = markers_of(clip)
    click(clip, operators.restore)
    after = markers_of(clip)
    assert_all_there(before, after)
    assert after["Camera/Survives.01"][6] == before["Camera/Survives.01"][6]
    assert after["Camera/Survives.02"][7] == before["Camera/Survives.02"][7]
    assert is_muted(after["Camera/Survives.01"][6])
    assert not is_muted(after["Camera/Survives.02"][9])
    assert after["Camera/Mine"] == before["Camera/Mine"]
    assert_has_frames_of({"Camera/Nail": recorded["Camera/Survives.03"]}, after)  # it is the same track
    assert "Camera/Survives.03" not in after
    assert_has_frames_of({"Camera/Survives.05": recorded["Camera/Survives.05"]}, after)
    assert "Camera/Survives.04" in after  # it has frames that the file never had


def test_one_undo_takes_a_restore_that_kept_work_back(footage: Footage, file: Path) -> None:
    crashed(footage, file, is_marked=False)
    clip = opened(file)
    track_on(clip, 1, 20, ["Survives.01"])
    clip.tracking.tracks["Survives.02"].markers[0].co = HAND
    bpy.ops.ed.undo_push(message="before")
    before = markers_of(clip)
    click(clip, operators.restore)
    bpy.ops.ed.undo_push(message="Restore Markers")
    restored = markers_of(clip)
    assert restored != before
    bpy.ops.ed.undo()
    clip = bpy.data.movieclips[0]
    assert markers_of(clip) == before
    click(clip, operators.restore)
    assert markers_of(clip) == restored


def test_records_are_newer_than_a_file_saved_before_the_pass(
    footage: Footage, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The file was last saved before the pass and is unchanged since it was opened: the records are newer."""
    editor = new_file(footage, file)
    time.sleep(1.1)  # the times of passes have whole seconds
    editor.clip.tracking.tracks["Survives.01"].markers[0].co = HAND
    editor.clip.tracking.tracks["Survives.02"].correlation_min = 0.625
    begin(editor, steps=8).finish()
    expected = markers_of(editor.clip)
    start_blender_anew()
    clip = opened(file)
    assert tuple(clip.tracking.tracks["Survives.01"].markers[0].co) != HAND
    clip.tracking.tracks["Survives.03"].markers[0].co = (0.5, 0.5)
    capfd.readouterr()
    click(clip, operators.restore)
    assert "1 track changed in this file kept its markers" in capfd.readouterr().out
    after = markers_of(clip)
    assert tuple(clip.tracking.tracks["Survives.03"].markers.find_frame(1).co) == (0.5, 0.5)
    assert {name: rows for name, rows in after.items() if name != "Camera/Survives.03"} == {
        name: rows for name, rows in expected.items() if name != "Camera/Survives.03"
    }
    assert clip.tracking.tracks["Survives.02"].correlation_min == 0.625


def test_settings_that_were_changed_since_stay(footage: Footage, file: Path) -> None:
    recorded = crashed(footage, file, is_marked=False)
    clip = opened(file)
    clip.tracking.tracks["Survives.01"].correlation_min = 0.625
    click(clip, operators.restore)
    assert clip.tracking.tracks["Survives.01"].correlation_min == 0.625
    assert markers_of(clip) == recorded


def test_tracking_after_a_pause_is_not_overwritten(footage: Footage, file: Path) -> None:
    """Without any crash."""
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    clip = editor.clip
    track_on(clip, 5, 15, ["Survives.01"])
    before = markers_of(clip)
    click(clip, operators.resume)
    after = markers_of(clip)
    assert_all_there(before, after)
    assert max(live_frames(after["Camera/Survives.01"])) == FRAMES  # it joined on frame 15
    assert max(live_frames(after["Camera/Survives.02"])) == FRAMES
