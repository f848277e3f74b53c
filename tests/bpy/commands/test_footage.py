# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `footage` on real files, with pictures that Blender reads."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tracking_sessions.core.footage.analysis.known import known_analysis
from tracking_sessions.core.footage.details import load_details
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.bpy.command_line import end, run, run_here, start
from tracking_sessions.tests.bpy.movies import make_movie
from tracking_sessions.tests.defects import Clip, nodal, travelling
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tests.pictures import write_png
from tracking_sessions.tests.waiting import wait_until

WIDE = 640, 360


def write(folder: Path, clip: Clip, first: int = 1001) -> Path:
    """The clip as a sequence plate.1001.png …"""
    folder.mkdir()
    for frame in range(1, clip.count + 1):
        picture = clip.shown(frame)
        assert picture is not None
        pixels = np.flipud(np.round(picture * 255).astype(np.uint8))
        write_png(folder / f"plate.{first + frame - 1}.png", np.ascontiguousarray(pixels))
    return folder


def told(root: Path, *arguments: str | Path) -> dict[str, Any]:
    return json.loads(run_here("footage", *arguments, "--json", "--root", root).stdout)


def test_defects_are_found_kept_and_told_with_the_numbers_of_the_files(tmp_path: Path) -> None:
    shots = {1: travelling(1, size=WIDE), 17: nodal(2, size=WIDE)}
    clip = Clip(26, shots, size=WIDE, repeated=frozenset({6}), replaced={10: 0.0}, soft={22: 3.0})
    plate, root = write(tmp_path / "plate", clip), tmp_path / "root"
    done = run("footage", plate, "--root", root)
    for line in (
        "size          640x360",
        "frames        26 (1001 to 1026)",
        "A cut at frame 1017.",
        "Black: frame 1010.",
        "The picture before is repeated on frame 1006.",
        "Blurred: frame 1022.",
    ):
        assert line in done.stdout, done.stdout
    content = told(root, plate)
    assert content["analysis"]["cuts"] == {"count": 1, "ranges": "17", "shown_ranges": "1017"}
    folder, fingerprint = SessionFolder(root), content["fingerprint"]
    kept = known_analysis(folder, fingerprint)
    assert kept is not None and str(kept.black) == "10" and kept.shots() == [(1, 16), (17, 26)]
    assert len(load_details(folder, fingerprint).entries) == 26


def test_what_is_known_is_not_looked_at_again_unless_asked(tmp_path: Path) -> None:
    plate, root = write(tmp_path / "plate", Clip(4, {1: travelling()})), tmp_path / "root"
    content = told(root, plate)
    path = SessionFolder(root).footage(content["fingerprint"])
    path.write_text(path.read_text().replace("cuts: ''", "cuts: '3'"))
    assert told(root, plate)["analysis"]["cuts"]["ranges"] == "3"
    assert told(root, plate, "--again")["analysis"]["cuts"]["ranges"] == ""


def test_a_movie(tmp_path: Path, footage: Shot) -> None:
    make_movie(footage, tmp_path / "plate.mp4")
    content = told(tmp_path / "root", tmp_path / "plate.mp4")
    assert (content["source"], content["codec"], content["size"]) == ("MOVIE", "H.264", [320, 180])
    assert (content["frames"], content["fps"]) == (footage.frames, 24.0)
    assert content["analysis"]["looked"]["count"] == footage.frames and content["analysis"]["cuts"]["ranges"] == ""


def test_quick_looks_at_no_picture_and_keeps_nothing(tmp_path: Path) -> None:
    plate, root = write(tmp_path / "plate", Clip(3, {1: travelling()})), tmp_path / "root"
    assert told(root, plate, "--quick")["analysis"] is None
    assert not root.exists()


@pytest.mark.parametrize(("damage", "says"), [("cut", "is cut off"), ("gone", "is missing"), ("one", "single picture")])
def test_unusable_footage_ends_with_3(tmp_path: Path, damage: str, says: str) -> None:
    plate = write(tmp_path / "plate", Clip(4, {1: travelling()}))
    file = plate / "plate.1002.png"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:5000])
    elif damage == "gone":
        file.unlink()
    else:
        for other in (1002, 1003, 1004):
            (plate / f"plate.{other}.png").unlink()
    run_here("footage", plate, "--root", tmp_path / "root", code=3, says=(says,))
    run_here("footage", tmp_path / "nothing", code=3, says=("There is no footage",))


def test_wrong_use_ends_with_2(tmp_path: Path) -> None:
    run_here("footage", code=2)
    run_here("footage", tmp_path, "--slow", code=2, says=("not known here",))


def test_a_folder_that_cannot_be_written_loses_the_result_but_not_the_answer(tmp_path: Path) -> None:
    plate, root = write(tmp_path / "plate", Clip(3, {1: travelling()})), tmp_path / "root"
    root.write_text("a file")
    done = run_here("footage", plate, "--root", root, says=("The analysis is not kept",))
    assert "frames        3 (1001 to 1003)" in done.stdout


def test_a_signal_stops_it_with_75(tmp_path: Path) -> None:
    plate, root = write(tmp_path / "plate", Clip(60, {1: travelling(size=WIDE)}, size=WIDE)), tmp_path / "root"
    process = start("footage", plate, "--root", root)
    wait_until(lambda: _handles(process.pid, signal.SIGTERM), "a handler of the signal", process=process)
    process.send_signal(signal.SIGTERM)
    end(process, 75, "stopped")
    assert not root.exists()


def _handles(pid: int, number: int) -> bool:
    """Whether the process has a handler for the signal, from the mask of caught signals."""
    status = Path(f"/proc/{pid}/status")
    line = next((line for line in status.read_text().splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(line.split()[1], 16) >> number - 1 & 1)
