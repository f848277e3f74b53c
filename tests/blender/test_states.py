# SPDX-License-Identifier: GPL-3.0-or-later
"""A real window with a picture that is cut, with tracks that were all lost, and with a linked clip."""

from __future__ import annotations

import json

import numpy as np

from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.tests import plates
from tracking_sessions.tests.blender.machine import Machine, steps_recorded
from tracking_sessions.tests.blender.screen import opened
from tracking_sessions.tests.damage import damaged
from tracking_sessions.tests.pictures import write_png

WHOLE = 10  # frames before the frames of pure noise


def test_a_cut_exr_is_reported_and_blender_lives(machine: Machine) -> None:
    files = plates.lay(machine.folder / "exr", "exr-half-zip", 12, 1001)
    positions = ((0.35, 0.4), (0.5, 0.6), (0.65, 0.45))
    tracks = [{"name": f"T{i}", "co": co, "pattern_size": 21, "search_size": 71} for i, co in enumerate(positions)]
    (machine.folder / "tracks.json").unlink()
    (machine.folder / "tracks.json").write_text(json.dumps({"tracks": tracks}), encoding="utf-8")
    machine.make_blend("exr.blend", "exr/plate.1001.exr")
    cut = damaged("exr-half-zip", "cut at half", 6)
    assert cut is not None
    files[5].write_bytes(cut)
    with opened(machine, "exr.blend") as screen:
        screen.click(right=True)  # Forwards
        screen.settle()
        before = screen.window.screenshot(machine.folder / "cut-screen.ppm").read_bytes()
        assert session_files(screen.root) == []
        screen.window.key("Escape")
        screen.point_at_clip()  # closes the message at the mouse
        assert screen.window.screenshot(machine.folder / "later-screen.ppm").read_bytes() != before
        files[5].write_bytes(plates.picture("exr-half-zip", 6))
        screen.click(right=True)
        screen.wait_until(lambda: steps_recorded(screen.root) == 11)
        screen.wait_until(lambda: screen.outcome == "complete")
        screen.leave()


def test_a_pass_that_lost_all_is_not_called_done(machine: Machine) -> None:
    files = sorted((machine.folder / "plate").iterdir())
    for number, file in enumerate(files[WHOLE:], WHOLE + 1):
        file.unlink()  # may be a hard link
        write_png(file, np.random.default_rng(number).integers(0, 256, (360, 640, 3), np.uint8))
    with opened(machine) as screen:
        screen.click(right=True)  # Forwards
        screen.wait_until(lambda: steps_recorded(screen.root) >= WHOLE)
        screen.wait_until(lambda: screen.outcome)
        assert screen.outcome == "lost"
        screen.picture("lost")
        screen.leave()


LINK = """
import bpy, os
with bpy.data.libraries.load(os.path.abspath("shot.blend"), link=True) as (there, wanted):
    wanted.movieclips = there.movieclips
bpy.context.scene.active_clip = wanted.movieclips[0]
bpy.ops.wm.save_as_mainfile(filepath=os.path.abspath("comp.blend"))
"""


def test_a_linked_clip_says_what_to_do(machine: Machine) -> None:
    done = machine.run("--factory-startup", "--python-exit-code", "7", "--python-expr", LINK)
    assert done.returncode == 0, done
    with opened(machine, "comp.blend") as screen:
        screen.picture("linked")
        assert screen._rows() == []  # no button
        screen.leave()
    assert session_files(machine.folder / "tracking_sessions") == []
