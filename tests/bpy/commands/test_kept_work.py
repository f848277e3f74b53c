# SPDX-License-Identifier: GPL-3.0-or-later
"""A .blend that was tracked and edited by hand after a crash is resumed by processes, and all work stays."""

import json
import signal
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.core.journal.rows import is_muted
from tracking_sessions.tests.bpy.command_line import LONG, copied, replay_of, run, start, wait_for_frames
from tracking_sessions.tests.bpy.tracker import live_frames, markers_of, place, track_sequence

HAND = (0.25, 0.75)


def make_blend(folder: Path) -> Path:
    """A file of the long clip with its tracks on frame 1, all selected."""
    clip: Any = bpy.data.movieclips.load(str(folder / "plate" / "long_0001.png"))
    clip.use_fake_user = True
    for position in json.loads((folder / "tracks.json").read_text())["tracks"]:
        track = clip.tracking.tracks.new(name=position["name"], frame=1)
        place(clip, track.markers[0], position["co"])
        track.select = True
    bpy.context.scene.frame_end = LONG
    blend = folder / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    return blend


@pytest.mark.parametrize("command", ["track", "resume"])
def test_a_killed_run_goes_on_around_what_the_artist_did_since(long: Path, tmp_path: Path, command: str) -> None:
    folder = copied(long, tmp_path / "job")
    root, result = folder / "tracking_sessions", folder / "result.blend"
    blend = make_blend(folder)
    process = start("track", blend)
    wait_for_frames(process, root, 20)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    process.communicate()
    recorded = replay_of(root)
    reached = max(frame for rows in recorded.markers.values() for frame in live_frames(rows))
    assert 20 < reached < LONG - 20

    bpy.ops.wm.open_mainfile(filepath=str(blend))
    clip: Any = bpy.data.movieclips[0]
    names = [track.name for track in clip.tracking.tracks]
    for track in clip.tracking.tracks:
        track.select = track.name in names[:2]
    track_sequence(clip, 1, LONG - 10)
    for track in clip.tracking.tracks:
        track.select = True
    clip.tracking.tracks[names[0]].markers.find_frame(5).co = HAND
    clip.tracking.tracks[names[2]].markers[0].co = (0.5, 0.5)
    bpy.ops.wm.save_mainfile()
    before, data = markers_of(clip), blend.read_bytes()

    arguments = ("track", blend, "--resume") if command == "track" else ("resume", "--root", root)
    done = run(*arguments, "--save", result)
    assert "3 tracks changed in this file kept their markers" in done.stderr
    assert "2 tracks have newer markers on the frames to come" in done.stderr
    assert blend.read_bytes() == data

    bpy.ops.wm.open_mainfile(filepath=str(result))
    clip = bpy.data.movieclips[0]
    after = markers_of(clip)
    for name, rows in before.items():
        assert all(after[name][frame] == rows[frame] for frame in live_frames(rows)), name
    assert tuple(clip.tracking.tracks[names[0]].markers.find_frame(5).co) == HAND
    for number, rows in recorded.markers.items():
        name = f"Camera/{recorded.tracks[number].name}"
        missing = [frame for frame in live_frames(rows) if frame not in after[name] or is_muted(after[name][frame])]
        assert not missing, (name, missing)
    assert max(live_frames(after[f"Camera/{names[0]}"])) == LONG  # it joined on frame LONG - 10
    assert max(live_frames(after[f"Camera/{names[3]}"])) == LONG


def test_nothing_is_said_of_a_file_that_nobody_changed_since(long: Path, tmp_path: Path) -> None:
    folder = copied(long, tmp_path / "job")
    blend = make_blend(folder)
    run("track", blend, "--end", "30")
    done = run("track", blend, "--resume")
    assert "Nothing to do: 30 of 30 frames are recorded." in done.stdout
    assert "was changed" not in done.stderr and "were changed" not in done.stderr
