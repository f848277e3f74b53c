# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame numbers on the command line: those of the files of a plate, of the timeline of a .blend, 1, 2, 3 in a
movie. No text names clip frames."""

from __future__ import annotations

import json
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.command_line import LONG, end, run, start, wait_for_frames
from tracking_sessions.tests.bpy.movies import make_movie
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tests.pictures import link
from tracking_sessions.tools.comparison import session_file

COUNT = 30
FIRST = 1001


@dataclass
class Case:
    """Footage of COUNT frames that people count from `first` on, and how it is tracked."""

    footage: Path
    first: int
    options: tuple[str, ...]
    root: Path

    @property
    def last(self) -> int:
        return self.first + COUNT - 1

    def of(self, text: str) -> str:
        """`text` with numbers from 1 on as 1001 is counted, in the counting of this footage."""
        return re.sub(r"\b1[01]\d\d\b", lambda found: str(int(found[0]) - FIRST + self.first), text)


def renumbered(files: list[Path], folder: Path, first: int = FIRST) -> Path:
    folder.mkdir(parents=True)
    for number, file in enumerate(files, first):
        link(file, folder / f"plate_{number:04d}.png")
    return folder


def save_blend(path: Path, shot: Shot, *, current: int = FIRST) -> Path:
    """A file in which the clip begins at 1001, with the files numbered from 1."""
    bpy.ops.wm.read_factory_settings(use_empty=False)
    clip = bpy.data.movieclips.load(str(shot.files[0]))
    clip.use_fake_user = True
    clip.frame_start = FIRST
    for track in shot.tracks:
        if shot.visible(track.name, 1):
            clip.tracking.tracks.new(name=track.name, frame=1).markers[0].co = shot.truth(track.name, 1)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = FIRST, FIRST + COUNT - 1, current
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


@pytest.fixture(scope="module", params=["plate", "blend", "movie"])
def case(request: pytest.FixtureRequest, shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp(request.param)
    root = folder / "sessions"
    if request.param == "plate":
        return Case(renumbered(shot.files, folder / "plate"), FIRST, ("--detect",), root)
    if request.param == "blend":
        return Case(save_blend(folder / "shot.blend", shot), FIRST, (), root)
    bpy.ops.wm.read_factory_settings(use_empty=False)
    make_movie(shot, folder / "plate.mp4")
    return Case(folder / "plate.mp4", 1, ("--detect",), root)


def frames_in(text: str, folder: Path) -> list[int]:
    """The frames that a text names; at least one."""
    text = re.sub(r"\d{8}-\d{6}-[0-9a-f]{8}|\d{4}-\d\d-\d\d", "", text.replace(str(folder), ""))
    groups = re.findall(
        r"(?i)\bframes? (-?\d+)(?: to (\d+))?|\b(\d+)-(\d+)\b|^ +(\d+)  \d+ tracks$", text, re.MULTILINE
    )
    numbers = [int(number) for group in groups for number in group if number]
    assert numbers, text
    return numbers


def check(case: Case, text: str) -> None:
    """The text names frames of the footage and no others."""
    for number in frames_in(text, case.root.parent):
        assert case.first <= number <= case.last, (number, text)


def check_json(case: Case, row: Any) -> int:
    """Check that each clip frame has the number for people beside it; returns the count."""
    if isinstance(row, list):
        return sum(check_json(case, item) for item in row)
    if not isinstance(row, dict):
        return 0
    found = 0
    for key in ("last_frame", "first", "last"):
        if key in row:
            assert row[f"shown_{key}"] == row[key] + case.first - 1
            found += 1
    for key in ("range", "ranges"):
        if key in row:
            shown = re.sub(r"\d+", lambda number: str(int(number[0]) + case.first - 1), row[key])
            assert row[f"shown_{key}"] == shown
            found += 1
    for key in ("lost", "frames"):
        if isinstance(row.get(key), dict):
            assert row[f"shown_{key}"] == {str(int(frame) + case.first - 1): what for frame, what in row[key].items()}
            found += 1
    return found + sum(check_json(case, value) for key, value in row.items() if not key.startswith("shown_"))


def test_a_session_is_told_in_the_numbers_that_people_see(case: Case) -> None:
    root = ("--root", case.root)
    done = run("track", case.footage, *case.options, *root)
    check(case, done.stdout)
    words = done.stderr.splitlines()[-1]
    assert case.of("1001-1030 from frame 1001, ") in words
    check(case, words)
    path = session_file(case.root)
    assert path is not None
    assert load_session(path).session.footage.start == case.first

    told = run("info", path, "--frames").stdout
    check(case, told)
    assert case.of("Frames:   30 of 30 tracked: 1001-1030\n") in told and "Lost at frame " in told
    assert case.of("track forwards 1001-1030, at frame 1030, ") in told
    row = json.loads(run("info", path, "--frames", "--json").stdout)
    assert row["ranges"] == "1-30" and row["passes"][0]["last_frame"] == 30 and row["frames"]["30"]
    assert check_json(case, row) > 10

    report = run("report", path, "-o", case.root / "report.html").stdout.strip()
    html = Path(report).read_text("utf-8")
    assert (
        case.of("30 frames: 1001-1030<") in html
        and html.count(case.of("<span>frame 1001</span><span>1030</span>")) == 3
    )
    assert case.of('<td class="n">1001-1030</td><td class="n">1030</td>') in html
    ranges = [pair for pair in re.findall(r'<td class="n">(\d+)-(\d+)</td>', html)]
    assert len(ranges) > 5 and all(case.first <= int(number) <= case.last for pair in ranges for number in pair)
    check(case, re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", html, flags=re.DOTALL))


def test_frames_are_asked_for_in_the_numbers_that_people_see(case: Case, tmp_path: Path) -> None:
    track = ("track", case.footage, *case.options, "--root", tmp_path)
    outside = case.of("is outside the clip, which has the frames 1001 to 1030.")
    for option, number in (("--start", case.first - 1), ("--start", case.last + 1), ("--end", case.last + 1)):
        run(*track, option, str(number), code=2, says=(f"Frame {number} {outside}",))
    says = (case.of("forward from frame 1009 cannot end on frame 1004"),)
    arguments = ("--start", str(case.first + 8), "--end", str(case.first + 3))
    if case.footage.suffix != ".blend":  # its tracks have no marker there, but a later check finds that
        run(*track, *arguments, code=2, says=says)
    arguments = ("--start", str(case.first), "--end", str(case.first + 9))
    row = json.loads(run(*track, *arguments, "--json").stdout)
    assert (row["tracked_frames"], row["last_frame"], row["shown_last_frame"]) == (10, 10, case.first + 9)
    done = run(*track, *arguments, "--resume")  # finished work has the same numbers
    assert done.stdout.startswith("Nothing to do: 10 of 10 frames")
    check(case, done.stdout)


def test_a_batch_counts_as_its_shots_do(case: Case, tmp_path: Path) -> None:
    shots = tmp_path / "shots.json"
    shots.write_text(json.dumps([{"footage": str(case.footage), "name": "a", "range": case.of("1001-1020")}]))
    root = ("--root", tmp_path / "sessions")
    done = run("batch", "run", shots, *case.options, *root)
    assert "20 of 20 frames" in done.stdout and " at frame " in done.stdout
    told = run("batch", "info", *root).stdout
    for text in (done.stdout, told):
        check(case, text)
    row = json.loads(run("batch", "info", "--json", *root).stdout)
    assert row["shots"][0]["lost"] and check_json(case, row) == 1
    done = start("batch", "run", case.footage, *case.options, f"--end={case.last + 1}", "--fresh", *root)
    stdout, _ = end_of(done)
    assert case.of("Frame 1031 is outside the clip, which has the frames 1001 to 1030") in stdout


def end_of(process: Any) -> tuple[str, str]:
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 1 and "Traceback" not in stderr, stderr
    return stdout, stderr


def test_a_stop_and_going_on_say_the_frame_of_the_plate(long: Path, tmp_path: Path) -> None:
    plate = renumbered([long / "plate" / f"long_{number:04d}.png" for number in range(1, LONG + 1)], tmp_path / "plate")
    tracks = json.loads((long / "tracks.json").read_text("utf-8"))["tracks"]
    path = tmp_path / "tracks.json"
    path.write_text(json.dumps([{**track, "frame": FIRST} for track in tracks]))
    root = tmp_path / "sessions"
    process = start("track", plate, "--tracks", path, "--root", root)
    wait_for_frames(process, root, 20)
    process.send_signal(signal.SIGTERM)
    stderr = end(process, 75).stderr
    (stopped,) = re.findall(r"stopped after frame (\d+), which is recorded", stderr)
    assert FIRST + 19 <= int(stopped) < FIRST + LONG
    told = run("info", *_named(root)).stdout
    assert f"tracked: {FIRST}-{stopped}\n" in told and f"1001-1200, at frame {stopped}, 8 of 8 tracks alive" in told
    assert run("list", "--root", root).stdout.count("\n") == 1
    done = run("resume", "--root", root)
    assert f"1001-1200 from frame {stopped}, 8 tracks." in done.stderr
    assert "8 of 8 tracks were followed to frame 1200." in done.stdout

    path.write_text(json.dumps([{**track, "frame": 1} for track in tracks]))
    words = "frame 1 is not one of the frames 1001 to 1200"
    run("track", plate, "--tracks", path, "--root", root, "--fresh", code=3, says=(words,))


def _named(root: Path) -> tuple[str | Path, ...]:
    path = session_file(root)
    assert path is not None
    return path.stem, "--root", root


def test_the_playhead_of_a_file_may_be_beside_the_clip(shot: Shot, tmp_path: Path) -> None:
    blend = save_blend(tmp_path / "shot.blend", shot, current=1)
    says = (
        "Frame 1 is before the clip, which lies on 1001 to 1030: go to 1001 in the file, or name another with --start."
    )
    run("track", blend, code=2, says=(says,))
    done = run("track", blend, "--start", "1001", "--end", "1003")
    assert "followed to frame 1003." in done.stdout


@pytest.mark.parametrize(("first", "start"), [(1001, 1001), (0, 0), (2_000_000, 1)])
def test_the_saved_file_lies_where_the_plate_does_as_far_as_the_timeline_goes(
    shot: Shot, tmp_path: Path, first: int, start: int
) -> None:
    plate = renumbered(shot.files[:6], tmp_path / "plate", first)
    result = tmp_path / "result.blend"
    done = run("track", plate, "--detect", "--start", str(start), "--root", tmp_path, "--save", result)
    assert f"followed to frame {start + 5}.\n" in done.stdout
    bpy.ops.wm.open_mainfile(filepath=str(result))
    scene = bpy.context.scene
    assert bpy.data.movieclips[0].frame_start == start
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (start, start + 5, start)


def test_a_clip_beyond_the_timeline_is_refused(shot: Shot, tmp_path: Path) -> None:
    blend = save_blend(tmp_path / "shot.blend", shot)
    bpy.data.movieclips[0].frame_start = 2_000_000
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    says = (
        "The clip covers 2000000 to 2000029, beyond the end of Blender's timeline (1048574): set its Start Frame lower."
    )
    run("track", blend, "--start", "2000000", code=3, says=(says,))
