# SPDX-License-Identifier: GPL-3.0-or-later
"""Plates with damaged pictures of every format: each command names the damage before or during the tracking."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions import cli
from tracking_sessions.bridge.clip.movie_clip import open_footage, plate_of
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.tracking.run import Run
from tracking_sessions.tests import plates
from tracking_sessions.tests.bpy.command_line import LONG, end, replay_of, run, start, wait_for_frames
from tracking_sessions.tests.core.grey import grey_png
from tracking_sessions.tests.damage import damaged
from tracking_sessions.tests.pictures import link
from tracking_sessions.tools.comparison import compare_replays, recorded_frames, session_file

FIRST, FRAMES = 1001, 6
VARIANTS = (
    *("exr-half-zip", "exr-half-piz", "exr-tiled", "tif-lzw", "dpx-10bit-big-endian", "png-libpng", "jpg-baseline"),
    *("tga-rle", "webp-lossy", "jp2-lossy", "hdr-rle"),
)
DAMAGES = ("cut at half", "hole of a block")


class Output:
    """The output of a command and its exit code."""

    def __init__(self, code: int, out: str, error: str) -> None:
        self.code, self.out, self.error = code, out, error


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Runs a command in this process, because a Python with Blender starts slowly."""

    def command(*arguments: str | Path) -> Output:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        capfd.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        output = Output(code, *capfd.readouterr())
        assert "Traceback" not in output.error
        return output

    yield command
    bpy.ops.wm.read_factory_settings(use_empty=True)


def refused(output: Output, path: Path, frame: int) -> None:
    assert output.code == 3, (output.out, output.error)
    assert not output.out and f"Frame {frame} ({path.name}) is " in output.error, output.error
    assert "copy or render it again" in output.error


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# Damage before the tracking


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_damaged_picture_is_named_wherever_it_is(variant: str, tmp_path: Path, command: Any) -> None:
    paths = plates.lay(tmp_path / "plate", variant, FRAMES, FIRST)
    root = tmp_path / "sessions"
    for damage in DAMAGES:
        for place in (1, 4, FRAMES):
            bad = damaged(variant, damage, place)
            assert bad is not None
            paths[place - 1].write_bytes(bad)
            refused(command("track", paths[2], "--detect", "--root", root), paths[place - 1], FIRST + place - 1)
            if place == FRAMES:  # the reference of a backward pass
                backward = ("--start", FIRST + FRAMES - 1, "--direction", "backward")
                output = command("track", paths[0], "--detect", "--root", root, *backward)
                refused(output, paths[place - 1], FIRST + place - 1)
            assert session_file(root) is None
            paths[place - 1].write_bytes(plates.picture(variant, place))


@pytest.mark.parametrize("variant", VARIANTS)
def test_bytes_behind_the_end_harm_nothing(variant: str, tmp_path: Path, command: Any) -> None:
    paths = plates.lay(tmp_path / "plate", variant, FRAMES, FIRST)
    for number, path in enumerate(paths):
        path.write_bytes(path.read_bytes() + b"trailer " * 1000 * number)
    output = command("track", tmp_path / "plate", "--detect", "--root", tmp_path / "sessions")
    assert output.code == 0, output.error
    alive = re.search(r"(\d+) of (\d+) tracks", output.out)
    assert alive and alive[1] == alive[2] and int(alive[1]) > 10, output.out


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_picture_of_another_size_is_named_with_both(variant: str, tmp_path: Path, command: Any) -> None:
    paths = plates.lay(tmp_path / "plate", variant, FRAMES, FIRST)
    paths[3].write_bytes(plates.half_size(variant))
    output = command("track", tmp_path / "plate", "--detect", "--root", tmp_path / "sessions")
    assert output.code == 3 and f"Frame 1004 ({paths[3].name}) is 67x38 pixels, the first one 134x76" in output.error
    assert session_file(tmp_path / "sessions") is None


# Damage during and after the tracking


@pytest.fixture(scope="module", params=VARIANTS)
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A variant, and a folder with the sessions of a run without damage."""
    folder = tmp_path_factory.mktemp("undisturbed")
    plates.lay(folder / "plate", request.param, FRAMES, FIRST)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert cli.main(["track", str(folder / "plate"), "--detect", "--root", str(folder / "sessions")]) == 0
    return request.param, folder / "sessions"


def test_a_picture_damaged_during_the_tracking_is_named_and_may_be_replaced(
    undisturbed: tuple[str, Path], tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant, whole = undisturbed
    paths = plates.lay(tmp_path / "plate", variant, FRAMES, FIRST)
    root = tmp_path / "sessions"
    bad = damaged(variant, "zeros from the middle", 4)
    assert bad is not None
    step = Run.step

    def damage_and_step(self: Run) -> bool:
        if self.frame == 3:
            paths[3].write_bytes(bad)  # of the same length
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "step", damage_and_step)
        output = command("track", tmp_path / "plate", "--detect", "--root", root)
    if output.code == 0:
        assert variant == "jp2-lossy"  # the tracker loses no track in it
        return
    refused(output, paths[3], 1004)
    before = {path: data for path, data in content(root).items() if "journal" in path}
    frames = recorded_frames(root)
    for place in (4, 6):  # this picture, then another one
        output = command("resume", "--root", root)
        refused(output, paths[place - 1], FIRST + place - 1)
        assert {**content(root), **before} == content(root)  # the records are unchanged
        assert recorded_frames(root) == frames
        paths[3].write_bytes(plates.picture(variant, 4))
        later = damaged(variant, "cut at half", 6)
        assert later is not None
        paths[5].write_bytes(later)
    paths[5].write_bytes(plates.picture(variant, 6))
    output = command("resume", "--root", root)
    assert output.code == 0, output.error
    compare_replays(replay_of(whole), replay_of(root))


def test_a_picture_that_is_damaged_after_a_stop_is_named_by_resume(stopped: Path) -> None:
    path = stopped / "plate" / f"long_{LONG - 5:04d}.png"
    whole = path.read_bytes()
    path.unlink()  # a link
    for bad in (whole[: len(whole) // 2], whole[:3000] + bytes(4096) + whole[7096:]):
        path.write_bytes(bad)
        root = stopped / "tracking_sessions"
        run("resume", "--root", root, code=3, says=(f"Frame {LONG - 5} ({path.name})", "copy or render it again"))
    path.write_bytes(whole)
    done = run("resume", "--root", root)
    assert "8 of 8 tracks" in done.stdout


def test_a_run_stopped_by_hand_names_the_damage(tmp_path: Path) -> None:
    paths = plates.lay(tmp_path / "plate", "exr-half-zip", 300, FIRST)
    root = tmp_path / "sessions"
    process = start("track", tmp_path / "plate", "--detect", "--root", root)
    wait_for_frames(process, root, 10)
    process.send_signal(signal.SIGTERM)
    end(process, 75, "SIGTERM")
    paths[250].write_bytes(paths[250].read_bytes()[:5000])
    run("resume", "--root", root, code=3, says=(f"Frame 1251 ({paths[250].name}) is cut off",))


def test_a_batch_skips_a_damaged_shot_at_once(tmp_path: Path) -> None:
    for name in ("010", "020"):
        paths = plates.lay(tmp_path / name, "exr-half-zip", FRAMES, FIRST)
    paths[3].write_bytes(paths[3].read_bytes()[:5000])
    root = tmp_path / "sessions"
    options = ("--detect", "--root", root)
    process = start("batch", "run", tmp_path / "010", tmp_path / "020", *options)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 1, error
    assert f"Frame 1004 ({paths[3].name}) is cut off" in error + out and "Traceback" not in error
    shots = json.loads(run("batch", "info", "--root", root, "--json").stdout)["shots"]
    assert [(shot["status"], shot["attempts"]) for shot in shots] == [("completed", 1), ("skipped", 1)]
    assert paths[3].name in shots[1]["error"]


# Blender and the files


@pytest.mark.parametrize(
    ("names", "named"),
    [
        ([f"plate.{number:04d}.png" for number in range(1, 10011)], "plate.0001.png"),
        ([f"p_{number:03d}.png" for number in range(996, 1004)], "p_996.png"),
        ([f"p_{number:03d}.png" for number in range(996, 1004)], "p_1002.png"),
        ([f"cam_{number}.png" for number in range(1700000000, 1700000006)], "cam_1700000000.png"),
        ([f"t.{number}.png" for number in range(2147483640, 2147483650)], "t.2147483640.png"),
        (["plate.0000.png", *(f"plate.{number}.png" for number in range(1001, 1011))], "plate.1001.png"),
        ([f"{number}.png" for number in range(8, 12)], "8.png"),
        ([f"{number}.png" for number in range(8, 12)], "10.png"),
        ([f"p_{number:04d}_left.png" for number in range(1, 6)], "p_0003_left.png"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(len(value)),
)
def test_blender_counts_the_same_files(names: list[str], named: str, tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(grey_png(b"", 64, 48))
    (tmp_path / "plate").mkdir()
    for name in names:
        link(tmp_path / "one.png", tmp_path / "plate" / name)
    found = find_footage(tmp_path / "plate" / named)
    clip = open_footage(found)
    assert clip.frame_duration == found.count
    assert plate_of(clip).footage.file(found.count) == found.file(found.count)
    bpy.data.movieclips.remove(clip)
    as_named: Any = bpy.data.movieclips.load(str(tmp_path / "plate" / named))
    assert plate_of(as_named).footage.count == as_named.frame_duration
    assert plate_of(as_named).footage.file(1).name == named
    bpy.data.movieclips.remove(as_named)
