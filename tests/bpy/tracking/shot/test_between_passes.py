# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded markers come back, and the artist's changes between two passes stay."""

import shutil
from pathlib import Path

import bpy

from tracking_sessions.bridge.clip.editor import background_editor
from tracking_sessions.bridge.clip.movie_clip import mark_of
from tracking_sessions.tests.bpy.tracker import delete_track, join, markers_of, new_clip, track_session
from tracking_sessions.tests.bpy.tracking.shot.passes import go_on, in_a_fresh_blender, restored, session_in
from tracking_sessions.tests.footage import Shot as Footage


def test_edits_between_two_passes_are_recorded_and_survive(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    track_session(clip, tmp_path, [(1, 10)])
    track = clip.tracking.tracks["Survives.01"]
    marker = track.markers.find_frame(6)
    marker.co = (0.25, 0.75)
    marker.is_keyed = True
    clip.tracking.tracks["Survives.02"].markers.find_frame(4).mute = True
    clip.tracking.tracks["Survives.03"].markers.delete_frame(3)
    clip.tracking.tracks["Survives.04"].correlation_min = 0.625
    go_on(clip, tmp_path, (10, 14), restore=False)
    expected = markers_of(clip)
    assert restored(footage, tmp_path) == expected
    track = bpy.data.movieclips[0].tracking.tracks["Survives.01"]
    assert tuple(track.markers.find_frame(6).co) == (0.25, 0.75)
    assert bpy.data.movieclips[0].tracking.tracks["Survives.04"].correlation_min == 0.625


def test_a_saved_file_gets_later_records_and_keeps_earlier_changes(footage: Footage, tmp_path: Path) -> None:
    file = str(tmp_path / "shot.blend")
    clip = new_clip(footage)
    clip.use_fake_user = True
    track_session(clip, tmp_path, [(1, 10)])
    clip.tracking.tracks["Survives.01"].markers.find_frame(6).co = (0.25, 0.75)
    clip.tracking.tracks["Survives.02"].name = "Mine"
    delete_track(clip, "Survives.03")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    saved = mark_of(clip)
    go_on(clip, tmp_path, (10, 14), restore=False)
    expected = markers_of(clip)

    bpy.ops.wm.open_mainfile(filepath=file)
    clip = bpy.data.movieclips[0]
    assert mark_of(clip) == saved
    assert markers_of(clip) != expected
    with background_editor(clip) as editor:
        join(editor, session_in(tmp_path)).session.close()
    assert markers_of(clip) == expected
    assert "Camera/Survives.03" not in expected
    assert tuple(clip.tracking.tracks["Survives.01"].markers.find_frame(6).co) == (0.25, 0.75)
    assert mark_of(clip) != saved


def test_a_change_saved_after_the_records_stays(footage: Footage, tmp_path: Path) -> None:
    """Nothing was recorded after the file was saved: the file stays as it is."""
    clip = new_clip(footage)
    track_session(clip, tmp_path, [(1, 10)])
    clip.tracking.tracks["Survives.01"].markers.find_frame(10).co = (0.25, 0.75)
    go_on(clip, tmp_path, (10, 12))
    assert tuple(clip.tracking.tracks["Survives.01"].markers.find_frame(10).co) == (0.25, 0.75)
    expected = markers_of(clip)
    assert restored(footage, tmp_path) == expected


def test_a_file_with_abandoned_records_gets_the_journal(footage: Footage, tmp_path: Path) -> None:
    """Another process resumed at an earlier point, and the journal contains its records only."""
    root, copy = tmp_path / "root", tmp_path / "copy"
    clip = new_clip(footage)
    track_session(clip, root, [(1, 6)])
    shutil.copytree(root, copy)
    go_on(clip, root, (6, 20))
    mark = clip["tracking_sessions"]
    shutil.rmtree(root)
    copy.rename(root)
    resumed = in_a_fresh_blender(footage)
    with background_editor(resumed) as editor:
        join(editor, session_in(root)).session.close()
    for track in resumed.tracking.tracks:
        track.select = track.name.startswith("Survives")
    go_on(resumed, root, (6, 9))
    expected = markers_of(resumed)

    clip = in_a_fresh_blender(footage)
    clip["tracking_sessions"] = mark
    with background_editor(clip) as editor:
        join(editor, session_in(root)).session.close()
    assert markers_of(clip) == expected


def test_tracks_may_be_renamed_deleted_and_made_between_passes(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    track_session(clip, tmp_path, [(1, 8)])
    clip.tracking.tracks["Survives.01"].name = "Nagel"
    delete_track(clip, "Survives.02")
    track = clip.tracking.tracks.new(name="Survives.02", frame=8)  # a new track under an old name
    track.markers[0].co = footage.truth("Survives.03", 8)
    clip.tracking.objects.new("Cup").tracks.new(name="Survives.01", frame=3)
    clip.tracking.objects.active = clip.tracking.objects["Camera"]
    go_on(clip, tmp_path, (8, 12), restore=False)
    expected = markers_of(clip)
    expected.pop("Cup/Survives.01")  # it was never tracked
    assert next(iter(expected["Camera/Survives.02"])) in (7, 8)
    assert restored(footage, tmp_path) == expected


def numbers_in(root: Path) -> dict[str, int]:
    return {data.name: number for number, data in session_in(root).replay().tracks.items()}


def test_a_renamed_track_keeps_its_number(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    track_session(clip, tmp_path, [(1, 6)])
    before = numbers_in(tmp_path)
    tracks = clip.tracking.tracks
    tracks["Survives.01"].name = "Nagel"
    tracks["Survives.02"].name = "Survives.01"  # the name is free again
    tracks["Survives.05"].name = "exchanged"
    tracks["Survives.06"].name = "Survives.05"
    tracks["exchanged"].name = "Survives.06"
    tracks["Survives.03"].name = "moved"
    tracks["moved"].markers.find_frame(4).co = (0.25, 0.75)
    go_on(clip, tmp_path, (6, 8), restore=False)
    after = numbers_in(tmp_path)
    assert after["Nagel"] == before["Survives.01"]
    assert after["Survives.01"] == before["Survives.02"]
    assert after["Survives.05"] == before["Survives.05"]
    assert after["moved"] not in before.values()  # with other markers it may be another track
    assert not after.keys() & {"Survives.02", "Survives.03"}
    expected = markers_of(clip)
    assert restored(footage, tmp_path) == expected


def test_a_file_from_before_tracks_were_renamed_gets_their_new_names(footage: Footage, tmp_path: Path) -> None:
    file = str(tmp_path / "shot.blend")
    clip = new_clip(footage)
    clip.use_fake_user = True
    track_session(clip, tmp_path, [(1, 6)])
    bpy.ops.wm.save_as_mainfile(filepath=file)
    tracks = clip.tracking.tracks
    names = ["Survives.01", "Survives.02", "Survives.03"]
    for name in names:
        tracks[name].name = f"First {name}"
    go_on(clip, tmp_path, (6, 8), restore=False)
    for name in names:
        tracks[f"First {name}"].name = f"Second {name}"
    tracks["Survives.04"].name = "Survives.01"
    go_on(clip, tmp_path, (8, 10), restore=False)
    expected = markers_of(clip)

    bpy.ops.wm.open_mainfile(filepath=file)
    clip = bpy.data.movieclips[0]
    with background_editor(clip) as editor:
        join(editor, session_in(tmp_path)).session.close()
    assert markers_of(clip) == expected
