# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm whose OCIO configuration lacks the colour space of a clip: commands report it once, and track."""

from __future__ import annotations

import signal
from pathlib import Path

import bpy
import pytest

from tracking_sessions.tests import plates
from tracking_sessions.tests.bpy.command_line import replay_of, run, start, wait_for_frames
from tracking_sessions.tests.bpy.ocio import MISSING, ROLES, elsewhere, make_blend
from tracking_sessions.tests.bpy.tracker import live_frames

FRAMES = 300


@pytest.mark.parametrize("variant", ["png-libpng", "exr-half-zip"])
@pytest.mark.parametrize("roles", ROLES)
def test_a_killed_run_is_resumed_to_its_end(tmp_path: Path, variant: str, roles: str) -> None:
    blend, root, saved = tmp_path / "shot.blend", tmp_path / "root", tmp_path / "out.blend"
    make_blend(plates.lay(tmp_path / "plate", variant, FRAMES), blend)
    environment = elsewhere(tmp_path, roles)
    process = start("track", blend, "--root", root, env=environment)
    wait_for_frames(process, root, 20)
    process.send_signal(signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL and stderr.count(MISSING) == 1
    done = run("track", blend, "--root", root, "--resume", "--save", saved, env=environment)
    assert done.stderr.count(MISSING) == 1
    markers = replay_of(root).markers
    assert len(markers) == 3 and all(max(live_frames(rows)) == FRAMES for rows in markers.values())
    bpy.ops.wm.open_mainfile(filepath=str(saved))
    assert {len(track.markers) > FRAMES for track in bpy.data.movieclips[0].tracking.tracks} == {True}


@pytest.mark.parametrize("offset", [0, 3])
def test_a_clip_with_a_frame_offset_is_tracked(tmp_path: Path, offset: int) -> None:
    """The clip of the working set must drop the picture that Blender read first."""
    blend = tmp_path / "shot.blend"
    make_blend(plates.lay(tmp_path / "plate", "png-libpng", 12), blend)
    clip = bpy.data.movieclips[0]
    clip.frame_offset = offset
    bpy.ops.wm.save_mainfile()
    root = tmp_path / "root"
    done = run("track", blend, "--root", root, "--end", 12 - offset, env=elsewhere(tmp_path, "neither"))
    assert done.stderr.count(MISSING) == 1
    assert all(max(live_frames(rows)) >= 12 - offset for rows in replay_of(root).markers.values())
