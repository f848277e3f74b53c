# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch of shots with damaged pictures: each is skipped at the first try and names the file to repair."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.tests import plates
from tracking_sessions.tests.bpy.command_line import printed, spoiled, start
from tracking_sessions.tests.damage import cut

FRAMES = 5


def ran(folder: Path, *arguments: str, code: int) -> dict[str, dict[str, Any]]:
    """The final detail of each shot of a batch, by name."""
    process = start("batch", "run", *arguments, "--detect", "--json", cwd=folder)
    stdout, stderr = printed(process)
    assert process.returncode == code, (process.returncode, stdout, stderr)
    return {shot["name"]: shot for shot in json.loads(stdout)["shots"]}


def half(data: bytes) -> bytes:
    found = cut(2)(data)
    assert found is not None
    return found


def deadly(data: bytes) -> bytes:
    """A JPEG of right structure with data that contradict its frame header: Blender aborts."""
    at = 2
    while data[at + 1] not in (0xC0, 0xC2):
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[: at + 1] + b"\xca" + data[at + 2 :]


@pytest.mark.parametrize("bad", [1, 3])
def test_a_picture_that_looks_whole_and_ends_blender_is_named_at_once(tmp_path: Path, bad: int) -> None:
    for name in ("bad", "good"):
        paths = plates.lay(tmp_path / "shots" / name, "jpg-baseline", FRAMES, 1001)
        if name == "bad":
            spoiled(paths[bad - 1], deadly)
    shots = ran(tmp_path, "shots", code=1)
    assert shots["good"]["status"] == "completed"
    assert (shots["bad"]["status"], shots["bad"]["attempts"]) == ("skipped", 1)
    number = 1000 + bad
    words = f"Frame {number} (plate.{number}.jpg) cannot be read by Blender: copy or render it again"
    if bad == 1 and shots["bad"]["error"] != words:  # some versions survive, and report that there is no first picture
        words = f"Blender cannot read {tmp_path}/shots/bad/plate.{number}.jpg: it is damaged, truncated, or in a format"
    assert shots["bad"]["error"].startswith(words)


def spoil(folder: Path, variant: str, frame: int, change: Callable[[bytes], bytes]) -> None:
    spoiled(plates.lay(folder, variant, FRAMES, 1001)[frame - 1], change)


def test_what_is_spoilt_from_the_start_is_skipped_at_its_first_try(tmp_path: Path) -> None:
    shots = tmp_path / "shots"
    spoil(shots / "exr-first", "exr-half-zip", 1, half)
    spoil(shots / "exr-middle", "exr-half-zip", 3, half)
    spoil(shots / "tiff", "tif-striped", 4, half)
    spoil(shots / "text", "png-8bit-8k-chunks", 2, lambda _: b"not a picture\n" * 100)
    spoil(shots / "size", "dpx-10bit-big-endian", 3, lambda _: plates.half_size("dpx-10bit-big-endian"))
    plates.lay(shots / "still", "png-8bit-8k-chunks", 1)
    for path in plates.lay(shots / "alike", "png-8bit-8k-chunks", FRAMES):
        path.rename(path.with_name(f"plate_{path.stem[-4:]}_1920x1080.png"))
    plates.lay(shots / "slate", "png-8bit-8k-chunks", FRAMES, 1001)
    plates.lay(shots / "slate", "png-8bit-8k-chunks", 1, 1)
    reasons = {
        "exr-first": ("Frame 1001 (plate.1001.exr)", "copy or render it again"),
        "exr-middle": ("Frame 1003 (plate.1003.exr)", "copy or render it again"),
        "tiff": ("Frame 1004 (plate.1004.tif)", "copy or render it again"),
        "text": ("Frame 1002 (plate.1002.png)", "copy or render it again"),
        "size": ("Frame 1003 (plate.1003.dpx) is 67x38 pixels, the first one 134x76",),
        "still": ("plate.0001.png is a single picture",),
        "alike": ("Blender takes the last number of a name for the frame (here 1080)",),
    }
    found = ran(tmp_path, "shots", "--jobs=2", code=1)
    for name, parts in reasons.items():
        shot = found.pop(name)
        assert (shot["status"], shot["attempts"]) == ("skipped", 1), shot
        for part in parts:
            assert part in shot["error"], shot
    assert [(name, shot["status"], shot["tracked_frames"]) for name, shot in found.items()] == [
        ("slate", "completed", FRAMES)
    ]


def test_names_for_whole_sequences_are_shots_like_others(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        plates.lay(tmp_path / "plates", "png-8bit-8k-chunks", FRAMES, 1001, stem=name)
    listed = tmp_path / "shots.json"
    entries = ["plates/b.%04d.png", "plates/c.####.png 1002-1004", "C:\\plates\\d.####.png", "plates/e.####.png"]
    listed.write_text(json.dumps([{"footage": entry} for entry in entries]), "utf-8")
    shots = ran(tmp_path, "plates/a.1002-1003.png", "shots.json", code=1)
    outcomes = {name: (shot["status"], shot["tracked_frames"], shot["attempts"]) for name, shot in shots.items()}
    assert outcomes == {
        "a": ("completed", 2, 1),
        "b": ("completed", FRAMES, 1),
        "c": ("completed", 3, 1),
        "d": ("skipped", 0, 1),
        "e": ("skipped", 0, 1),
    }
    assert shots["d"]["error"].startswith("C:\\plates\\d.####.png is a path of Windows")
    assert "has no pictures named as e.####.png" in shots["e"]["error"]
