# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a newer Blender, which this one reads as empty and cannot set: each is reported or left as it is."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.markers import read_settings, write_settings
from tracking_sessions.bridge.tracking.headless import Request, track
from tracking_sessions.bridge.tracking.shot import Shot
from tracking_sessions.core.errors import ClipChanged, ShotUnusable
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.core.tracking.run import Run
from tracking_sessions.tests.bpy.tracker import live_frames, markers_of, new_clip, track_session
from tracking_sessions.tests.bpy.window import FRAMES, begin, inside, new_file, operators
from tracking_sessions.tests.footage import Shot as Footage

_UNKNOWN, _SIZE = 99, 160


def make_unknown(struct: Any, name: str) -> None:
    """Give an enum a value that this Blender has no name for, as its own memory and files hold it."""
    address, values = struct.as_pointer(), [item.identifier for item in struct.bl_rna.properties[name].enum_items]
    found = []
    for value in values[:2]:
        setattr(struct, name, value)
        found.append(ctypes.string_at(address, struct_size(struct)))
    (at,) = (at for at, (one, other) in enumerate(zip(*found, strict=True)) if one != other)
    ctypes.memset(address + at, _UNKNOWN, 1)
    assert getattr(struct, name) == ""


def struct_size(struct: Any) -> int:
    return {"MovieTrackingTrack": 200, "MovieTrackingSettings": 48, "MovieClipProxy": 784}[struct.bl_rna.identifier]


def drive(shot: Shot, run: Run) -> None:
    while run.step():
        pass


def command(blend: Path, root: Path, *, save: Path | None = None, resume: bool = False, **how: Any) -> Any:
    request = Request(ShotSpec(str(blend), **how), root, resume=resume, save=save)
    return track(request, drive, lambda words: None)


@pytest.mark.parametrize("name", ["motion_model", "pattern_match"])
@pytest.mark.usefixtures("registered")
def test_a_setting_that_changes_what_is_tracked_is_named(footage: Footage, file: Path, root: Path, name: str) -> None:
    editor = new_file(footage, file)
    bad = editor.clip.tracking.tracks[2]
    make_unknown(bad, name)
    bpy.ops.wm.save_mainfile()
    label = bad.bl_rna.properties[name].name
    words = f"Track “{bad.name}” has a {label} that this Blender does not know, .*: choose one of "
    with inside(editor), pytest.raises(RuntimeError, match=words):
        operators.track()
    assert session_files(root) == []
    with pytest.raises(ShotUnusable, match=words):
        command(file, root)
    assert session_files(root) == []


@pytest.mark.usefixtures("registered")
def test_tracks_that_are_not_followed_may_have_it(footage: Footage, file: Path, root: Path) -> None:
    editor = new_file(footage, file)
    tracks = editor.clip.tracking.tracks
    make_unknown(tracks[2], "motion_model")
    tracks[2].select = False
    begin(editor, steps=5).finish()
    with inside(editor):
        assert operators.resume() == {"FINISHED"}
    frames = {name: max(live_frames(rows)) for name, rows in markers_of(editor.clip).items()}
    assert frames[f"Camera/{tracks[2].name}"] == 1 and max(frames.values()) == FRAMES
    assert tracks[2].motion_model == ""
    bpy.ops.wm.open_mainfile(filepath=str(file))  # without a mark: everything is restored
    result = command(file, root, resume=True)
    assert result.session.get_progress()["tracked_frames"] == FRAMES


@pytest.mark.usefixtures("registered")
def test_a_track_that_got_it_during_a_pause_is_named(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=5).finish()
    make_unknown(editor.clip.tracking.tracks[2], "motion_model")
    before = markers_of(editor.clip)
    with inside(editor), pytest.raises(RuntimeError, match="does not know"):
        operators.resume()
    assert markers_of(editor.clip) == before
    editor.clip.tracking.tracks[2].motion_model = "Loc"
    with inside(editor):
        assert operators.resume() == {"FINISHED"}


@pytest.mark.parametrize("of_settings", [False, True])
@pytest.mark.parametrize("separate_clip", [False, True])
def test_settings_without_effect_on_tracking_stop_nothing(
    footage: Footage, tmp_path: Path, separate_clip: bool, of_settings: bool
) -> None:
    clip = new_clip(footage)
    clip.use_fake_user = True
    if of_settings:
        make_unknown(clip.tracking.settings, "speed")
    elif hasattr(clip.proxy, "timecode"):
        make_unknown(clip.proxy, "timecode")
    blend = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    if not separate_clip:
        bpy.ops.wm.open_mainfile(filepath=str(blend))
        track_session(bpy.data.movieclips[0], tmp_path / "root", [(1, FRAMES)], separate_clip=False)
        assert max(max(live_frames(rows)) for rows in markers_of(bpy.data.movieclips[0]).values()) == FRAMES
        return
    result = command(blend, tmp_path / "root", save=tmp_path / "out.blend")
    assert result.session.get_progress()["tracked_frames"] == FRAMES and result.saved is not None


def test_settings_are_read_and_written_with_it(footage: Footage) -> None:
    clip = new_clip(footage)
    bad, other = clip.tracking.tracks[0], clip.tracking.tracks[1]
    make_unknown(bad, "motion_model")
    settings = read_settings(bad)
    assert settings["motion_model"] == ""
    write_settings(bad, settings)
    write_settings(other, {**settings, "margin": 7})
    assert (bad.motion_model, other.motion_model, other.margin) == ("", "Loc", 7)
    with pytest.raises(ClipChanged, match=r"Blender cannot set the recorded motion_model of track"):
        write_settings(other, {**settings, "motion_model": "Bent"})
