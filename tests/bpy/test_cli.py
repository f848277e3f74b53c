# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line outside Blender, in processes: what it prints, its exit codes, and that bad input harms nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from tracking_sessions.core.replay import Replay
from tracking_sessions.core.session import load_session
from tracking_sessions.tests.footage import Shot, link, make_long, make_shot, write_png
from tracking_sessions.tools.kill import (
    compare_replays,
    journal_size,
    read_blends,
    recorded_frames,
    session_file,
    write_tracks,
)

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 120.0  # seconds for a process
LONG = 200  # frames of the clip that runs are stopped in
Outcome = subprocess.CompletedProcess[str]


def start(*arguments: str | Path, python: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, *python, str(ROOT), *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
    return subprocess.Popen(command, text=True, **options)


def end(process: subprocess.Popen[str], code: int, *words: str) -> Outcome:
    """Wait for the process; check its exit code, and that its last words say these and show no traceback."""
    try:
        stdout, stderr = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    stdout, stderr = stdout or "", stderr or ""
    assert "Traceback" not in stderr, stderr
    assert process.returncode == code, (process.returncode, stdout, stderr)
    for word in words:
        assert word in stderr, (word, stderr)
    if code:
        assert not stdout
        assert stderr.rstrip().endswith((".", "?", "!")) or code == 2 or not stderr
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def run(*arguments: str | Path, code: int = 0, says: tuple[str, ...] = (), **options: Any) -> Outcome:
    return end(start(*arguments, **options), code, *says)


def wait_for_frames(process: subprocess.Popen[str], root: Path, count: int) -> None:
    deadline = time.monotonic() + LIMIT
    while process.poll() is None and len(recorded_frames(root)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def replay_of(root: Path) -> Replay:
    path = session_file(root)
    assert path is not None
    return load_session(path).replay()


def copied(folder: Path, target: Path) -> Path:
    """A copy whose images are links to the same files: write new files, never into them."""

    def copy(source: str, to: str) -> None:
        link(Path(source), Path(to)) if source.endswith(".png") else shutil.copy2(source, to)

    shutil.copytree(folder, target, copy_function=copy)
    return target


def spoiled(path: Path, change: Callable[[bytes], bytes]) -> Path:
    """Put a changed file in the place of `path`."""
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(change(data))
    return path


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x55]) + data[middle + 1 :]


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """30 frames, with start positions in tracks.json beside their folder. Not to be changed."""
    folder = tmp_path_factory.mktemp("short")
    shot = make_shot(folder / "plate", 30, 320, 180, tracks=10)
    write_tracks(folder / "tracks.json", shot, 1)
    return shot


@pytest.fixture(scope="module")
def tracks(shot: Shot) -> Path:
    return shot.folder.parent / "tracks.json"


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `plate/`, 200 frames, and tracks.json. Not to be changed."""
    folder = tmp_path_factory.mktemp("long")
    shot = make_long(folder / "plate", LONG, 320, 180, tracks=8, loop=24)
    write_tracks(folder / "tracks.json", shot, 1)
    return folder


@pytest.fixture(scope="module")
def whole(long: Path, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """What is recorded of the long clip when nothing stops the run."""
    root = tmp_path_factory.mktemp("whole")
    done = run("track", long / "plate", "--tracks", long / "tracks.json", "--root", root)
    assert f"Tracked {LONG - 1} frames; {LONG} of {LONG} are recorded.\n8 of 8 tracks" in done.stdout
    return replay_of(root)


@pytest.fixture(scope="module")
def _stopped(long: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(long, tmp_path_factory.mktemp("stopped") / "job")
    root = folder / "tracking_sessions"
    process = start("track", folder / "plate", "--tracks", folder / "tracks.json", "--root", root)
    wait_for_frames(process, root, 20)
    process.send_signal(signal.SIGTERM)
    end(process, 75, "SIGTERM")
    assert 20 <= len(recorded_frames(root)) < LONG - 40
    return folder


@pytest.fixture
def stopped(_stopped: Path, tmp_path: Path) -> Path:
    """A folder of one's own: `plate/`, tracks.json, and in tracking_sessions/ a session that was stopped on the way."""
    return copied(_stopped, tmp_path / "job")


# What can be tracked


@pytest.mark.parametrize("name", ["", "plate_file"])
def test_a_folder_or_any_file_of_a_sequence(shot: Shot, tracks: Path, tmp_path: Path, name: str) -> None:
    footage = shot.files[16] if name else shot.folder
    done = run("track", footage, "--tracks", tracks, "--root", tmp_path, "--name", "Käfer 7")
    first, second, third = done.stdout.splitlines()
    assert first == "Tracked 29 frames; 30 of 30 are recorded."
    assert second.endswith("of 10 tracks were followed to frame 30.")
    path = session_file(tmp_path)
    assert path is not None
    assert third == f"Session {path.stem} in {tmp_path}"
    assert done.stderr.splitlines()[-1] == "Tracking “Käfer 7” 1-30 from frame 1, 10 tracks."


def test_a_movie(shot: Shot, tmp_path: Path) -> None:
    scene = bpy.context.scene
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_image(name="plate", filepath=str(shot.files[0]), channel=1, frame_start=1)
    for file in shot.files[1:]:
        strip.elements.append(file.name)
    scene.frame_start, scene.frame_end = 1, 30
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = 320, 180, 100
    if hasattr(render.image_settings, "media_type"):  # Blender 5
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    render.ffmpeg.format, render.ffmpeg.codec, render.ffmpeg.gopsize = "MPEG4", "H264", 10
    render.filepath, render.use_file_extension = str(tmp_path / "plate.mp4"), False
    bpy.ops.render.render(animation=True)

    row = json.loads(run("track", tmp_path / "plate.mp4", "--detect", "--json", "--root", tmp_path / "sessions").stdout)
    assert (row["name"], row["frames"], row["tracked_frames"], row["last_frame"]) == ("plate", 29, 30, 30)
    assert row["tracks"] >= 8 <= row["tracks_alive"]


def save_blend(path: Path, shot: Shot) -> None:
    """A file as an artist leaves it: seven tracks, four of them to follow, on frame 5 of the scene."""
    clip = bpy.data.movieclips.load(str(shot.files[0]))
    clip.use_fake_user = True
    survivors = [one.name for one in shot.tracks if one.kind == "survives"]
    for index, name in enumerate(survivors[:7]):
        track = clip.tracking.tracks.new(name=name, frame=5)
        track.markers[0].co = shot.truth(name, 5)
        track.select, track.lock, track.hide = index != 4, index == 5, index == 6
    scene = bpy.context.scene
    scene.frame_current, scene.frame_end, scene.render.fps = 5, 77, 30
    scene.render.resolution_x = 1234
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


def test_a_blend_is_tracked_as_the_artist_left_it_and_never_written_to(shot: Shot, tmp_path: Path) -> None:
    blend, result = tmp_path / "shot.blend", tmp_path / "result.blend"
    save_blend(blend, shot)
    before = blend.read_bytes(), blend.stat().st_mtime_ns
    run("track", blend, "--save", blend, code=2, says=("never written to",))
    done = run("track", blend, "--save", result)
    assert "Tracked 25 frames; 26 of 26 are recorded.\n4 of 4 tracks were followed to frame 30." in done.stdout
    assert done.stdout.endswith(f"Saved {result}\n")
    assert (blend.read_bytes(), blend.stat().st_mtime_ns) == before
    assert {path.name for path in tmp_path.iterdir()} == {"shot.blend", "result.blend", "tracking_sessions"}

    bpy.ops.wm.open_mainfile(filepath=str(result))
    (clip,) = bpy.data.movieclips
    assert [where.name for where in clip.tracking.objects] == ["Camera"]
    lengths = [sum(not marker.mute for marker in track.markers) for track in clip.tracking.tracks]
    assert lengths == [26, 26, 26, 26, 1, 1, 1]
    selected = [track.select for track in clip.tracking.tracks]
    assert selected == [True, True, True, True, False, True, True]
    scene = bpy.context.scene
    assert (scene.frame_current, scene.frame_end, scene.render.fps, scene.render.resolution_x) == (5, 77, 30, 1234)
    assert {area.type for area in bpy.context.window_manager.windows[0].screen.areas}.isdisjoint({"CLIP_EDITOR"})


def test_the_saved_file_of_footage_is_a_scene_of_that_shot(shot: Shot, tracks: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.blend"
    result.write_bytes(b"an older result")
    run("track", shot.folder, "--tracks", tracks, "--root", tmp_path / "sessions", "--save", result)
    bpy.ops.wm.open_mainfile(filepath=str(result))
    scene = bpy.context.scene
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (1, 30, 1)
    assert (scene.render.resolution_x, scene.render.resolution_y) == (320, 180)
    assert scene.active_clip == bpy.data.movieclips[0]
    areas = bpy.context.window_manager.windows[0].screen.areas
    (editor,) = (area.spaces.active for area in areas if area.type == "CLIP_EDITOR")
    assert (editor.clip, editor.mode) == (scene.active_clip, "TRACKING")
    assert len(bpy.data.movieclips[0].tracking.tracks) == 10


@pytest.mark.parametrize(
    ("arguments", "passes"),
    [
        (("--start", "4", "--end", "12"), [("4-12", 12)]),
        (("--direction", "backward", "--start", "20"), [("20-1", 1)]),
        (("--direction", "both", "--start", "10", "--end", "18"), [("10-18", 18), ("10-1", 1)]),
    ],
)
def test_ranges_and_directions(
    shot: Shot, tmp_path: Path, arguments: tuple[str, ...], passes: list[tuple[str, int]]
) -> None:
    frame = int(arguments[arguments.index("--start") + 1])
    tracks = write_tracks(tmp_path / "tracks.json", shot, frame)
    row = json.loads(run("track", shot.folder, "--tracks", tracks, *arguments, "--root", tmp_path, "--json").stdout)
    path = session_file(tmp_path)
    assert path is not None
    assert [(one["range"], one["last_frame"]) for one in load_session(path).passes] == passes
    low, high = min(one for _, one in passes), max(frame, *(one for _, one in passes))
    assert row["tracked_frames"] == high - min(low, frame) + 1
    assert row["remaining_frames"] == 0
    assert row["percent_complete"] == 100.0


# Stopping and going on


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_frame_in_flight_be_recorded(
    long: Path, whole: Replay, tmp_path: Path, number: signal.Signals
) -> None:
    arguments = ("track", long / "plate", "--tracks", long / "tracks.json", "--root", tmp_path)
    process = start(*arguments)
    wait_for_frames(process, tmp_path, 5)
    process.send_signal(number)
    done = end(process, 75)
    path = session_file(tmp_path)
    assert path is not None
    session = load_session(path)
    frame = session.get_resume_point()
    assert (
        f"{number.name}: stopped after frame {frame}, which is recorded; go on with: resume {path.stem}" in done.stderr
    )
    assert recorded_frames(tmp_path)[-1][1] == frame
    assert not session.owner
    done = run("resume", "--root", tmp_path)
    assert f"Tracked {LONG - frame} frames; {LONG} of {LONG} are recorded." in done.stdout
    compare_replays(whole, replay_of(tmp_path))


def test_a_signal_while_it_begins(long: Path, tmp_path: Path) -> None:
    process = start("track", long / "plate", "--tracks", long / "tracks.json", "--root", tmp_path)
    while not journal_size(tmp_path) and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    end(process, 75, "SIGTERM: stopped after frame ")
    assert run("resume", "--root", tmp_path).stdout.endswith(f"in {tmp_path}\n")


def test_an_unfinished_session_is_never_passed_over_in_silence(stopped: Path) -> None:
    root = stopped / "tracking_sessions"
    track = ("track", stopped / "plate", "--tracks", stopped / "tracks.json", "--root", root)
    there = len(recorded_frames(root))
    path = session_file(root)
    assert path is not None
    run(*track, code=2, says=(path.stem, "--resume", "--fresh"))
    row = json.loads(run(*track, "--resume", "--json").stdout)
    assert (row["id"], row["frames"], row["tracked_frames"]) == (path.stem, LONG - 1 - there, LONG)
    done = run(*track, "--resume")
    assert done.stdout.startswith(f"Nothing to do: {LONG} of {LONG} frames are recorded.")
    assert run("resume", "--root", root, "--json").stdout == "null\n"
    assert "nothing to do" in run("info", path.stem, "--root", root).stdout


def test_resume_starts_where_there_is_nothing_to_resume(shot: Shot, tracks: Path, tmp_path: Path) -> None:
    done = run("track", shot.folder, "--tracks", tracks, "--root", tmp_path, "--resume")
    assert "Tracked 29 frames" in done.stdout


def test_fresh_sets_the_old_session_aside(stopped: Path) -> None:
    root = stopped / "tracking_sessions"
    old = session_file(root)
    assert old is not None
    before = replay_of(root)
    done = run("track", stopped / "plate", "--tracks", stopped / "tracks.json", "--root", root, "--fresh", "--end", "9")
    assert "Tracked 8 frames; 9 of 9 are recorded." in done.stdout
    rows = json.loads(run("list", "--root", root, "--json").stdout)
    assert [(row["state"], row["tracked_frames"]) for row in rows] == [
        ("active", 9),
        ("discarded", len(before.tracked)),
    ]
    compare_replays(before, load_session(old).replay())
    assert run("resume", "--root", root).stderr == "No session was interrupted: there is nothing to resume.\n"


def test_fresh_keeps_the_old_session_if_the_new_one_cannot_begin(stopped: Path) -> None:
    root = stopped / "tracking_sessions"
    run("track", stopped / "plate", "--fresh", "--root", root, code=3, says=("--detect",))
    (row,) = json.loads(run("list", "--root", root, "--json").stdout)
    assert (row["state"], row["status"]) == ("active", "interrupted")


def test_two_runs_cannot_have_one_session(stopped: Path, whole: Replay) -> None:
    root = stopped / "tracking_sessions"
    before = journal_size(root)
    first = start("resume", "--root", root)
    deadline = time.monotonic() + LIMIT
    while journal_size(root) < before + 2000 and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    first.send_signal(signal.SIGSTOP)  # so that it is still there, however slow the others are
    try:
        owner = f"process {first.pid} on "
        track = ("track", stopped / "plate", "--tracks", stopped / "tracks.json", "--root", root)
        path = session_file(root)
        assert path is not None
        for arguments in (track, (*track, "--resume"), (*track, "--fresh"), ("resume", path.stem, "--root", root)):
            run(*arguments, code=75, says=("in use by", owner))
        assert f"in use by {owner}" in run("list", "--root", root).stdout
        assert "wait: it is being tracked" in run("info", path.stem, "--root", root).stdout
    finally:
        first.send_signal(signal.SIGCONT)
    end(first, 0)
    compare_replays(whole, replay_of(root))


# list and info


def test_list_and_info(stopped: Path, shot: Shot, tracks: Path) -> None:
    root = stopped / "tracking_sessions"
    there = len(recorded_frames(root))
    run("track", shot.folder, "--tracks", tracks, "--root", root, "--name", "Two\nlines\x1b[31m")
    new, old = run("list", "--root", root).stdout.splitlines()
    assert new.endswith("100.0 %      30 frames  tracking complete  Two lines [31m")
    assert old.endswith(f"{there + 1:>6} frames  interrupted  long")
    rows = json.loads(run("list", "--root", root, "--json").stdout)
    assert [(row["status"], row["tracked_frames"], row["owner"]) for row in rows] == [
        ("tracking_complete", 30, ""),
        ("interrupted", there + 1, ""),
    ]
    for flags, count in ((("--status", "interrupted"), 1), (("--limit", "1"), 1), (("--status", "failed"), 0)):
        assert len(json.loads(run("list", "--root", root, "--json", *flags).stdout)) == count
    assert "There are no such sessions" in run("list", "--root", root, "--status", "failed").stderr

    one = rows[1]["id"]
    told = run("info", one, "--root", root).stdout
    assert f"Frames:   {there + 1} of {LONG} tracked: 1-{there + 1}\n" in told
    assert f"Pass 1:   track forwards 1-{LONG}, at frame {there + 1}, 8 of 8 tracks alive, paused" in told
    assert told.endswith(f"Next:     go on with: resume {one}\n")
    assert told == run("info", rows[1]["file"]).stdout  # its path will do as well
    row = json.loads(run("info", one, "--root", root, "--frames", "--json").stdout)
    assert row["frames"] == {str(frame): 8 for frame in range(1, there + 2)}
    assert row["footage"] == str(stopped / "plate" / "long_0001.png")
    run("info", "20", "--root", root, code=2, says=("2 sessions begin with 20",))
    for unknown in ("19990101", "../../x", "x" * 10_000, "\N{SNOWMAN}"):
        run("info", unknown, "--root", root, code=2, says=("There is no session", "“list”"))


# Bad input: what is wrong with the footage


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (shutil.rmtree, ("There is no footage at",)),
        (lambda folder: [file.unlink() for file in folder.iterdir()], ("There are no images in",)),
        (lambda folder: spoiled(folder / "shot_0001.png", lambda _: b""), ("Frame 1 ", "is an empty file")),
        (lambda folder: spoiled(folder / "shot_0020.png", lambda _: b""), ("Frame 20 ", "is an empty file")),
        (lambda folder: spoiled(folder / "shot_0020.png", lambda data: data[:5000]), ("Frame 20 ", "is cut off")),
        (lambda folder: (folder / "shot_0012.png").unlink(), ("Frame 12 ", "is missing", "gap")),
        (
            lambda folder: write_png(folder / "shot_0015.png", np.zeros((90, 160, 3), np.uint8)),
            ("Frame 15 ", "160x90", "320x180"),
        ),
        (lambda folder: link(folder / "shot_0001.png", folder / "take2_0001.png"), ("more than one sequence", "take2")),
    ],
    ids=["missing", "no images", "empty", "empty in the middle", "cut", "gap", "other size", "two sequences"],
)
def test_footage_that_cannot_be_tracked(
    shot: Shot, tracks: Path, tmp_path: Path, spoil: Callable[[Path], object], words: tuple[str, ...]
) -> None:
    folder = copied(shot.folder, tmp_path / "plate")
    spoil(folder)
    run("track", folder, "--tracks", tracks, "--root", tmp_path / "sessions", code=3, says=words)
    assert session_file(tmp_path / "sessions") is None


def test_files_that_are_no_footage(tmp_path: Path) -> None:
    for name in ("broken.mov", "broken.png", "broken.exr", "broken.blend"):
        (tmp_path / name).write_bytes(b"nothing of the kind" * 100)
        run("track", tmp_path / name, "--detect", "--root", tmp_path, code=3, says=("Blender cannot", name))
    assert session_file(tmp_path) is None


def test_nothing_to_track(shot: Shot, tmp_path: Path) -> None:
    run("track", shot.folder, "--root", tmp_path, code=3, says=("no tracks", "--detect", "--tracks"))
    (tmp_path / "black").mkdir()
    for frame in range(1, 4):
        write_png(tmp_path / "black" / f"b_{frame}.png", np.zeros((90, 160, 3), np.uint8))
    run("track", tmp_path / "black", "--detect", "--root", tmp_path, code=3, says=("No features", "frame 1"))
    assert session_file(tmp_path) is None
    blend = tmp_path / "locked.blend"
    clip = bpy.data.movieclips.load(str(shot.files[0]))
    clip.use_fake_user = True
    clip.tracking.tracks.new(name="A", frame=1).lock = True
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    run("track", blend, "--root", tmp_path, code=3, says=("No track can be followed from frame 1", "unlocked"))
    assert session_file(tmp_path) is None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda plate: spoiled(plate / "long_0001.png", flipped), ("Frame 1 ", "has changed", "fresh")),
        (lambda plate: spoiled(plate / "long_0010.png", lambda data: data + b"x"), ("Frame 10 ", "has changed")),
        (lambda plate: (plate / "long_0001.png").unlink(), ("long_0001.png", "put the files back")),
        (lambda plate: spoiled(plate / "long_0001.png", lambda data: data[:300]), ("Frame 1 ", "has changed")),
        (lambda plate: spoiled(plate / f"long_{LONG:04d}.png", flipped), (f"Frame {LONG} ", "has changed")),
        (lambda plate: (plate / f"long_{LONG - 30:04d}.png").unlink(), (f"Frame {LONG - 30} ", "is missing")),
        (shutil.rmtree, ("There is no footage",)),
    ],
    ids=["same size", "other size", "no reference", "cut reference", "later", "later gap", "gone"],
)
def test_footage_that_changed_since(
    stopped: Path, whole: Replay, spoil: Callable[[Path], object], words: tuple[str, ...]
) -> None:
    root = stopped / "tracking_sessions"
    before = recorded_frames(root)
    shutil.copytree(stopped / "plate", stopped / "good")
    spoil(stopped / "plate")
    run("resume", "--root", root, code=3, says=words)
    assert recorded_frames(root)[: len(before)] == before
    shutil.rmtree(stopped / "plate", ignore_errors=True)
    (stopped / "good").rename(stopped / "plate")
    run("resume", "--root", root)
    compare_replays(whole, replay_of(root))


# Bad input: what is asked


def test_what_cannot_be_meant(shot: Shot, tracks: Path, tmp_path: Path) -> None:
    track = ("track", shot.folder, "--tracks", tracks, "--root", tmp_path / "sessions")
    wrong: list[tuple[tuple[str | Path, ...], tuple[str, ...]]] = [
        ((), ("COMMAND",)),
        (("track",), ("FOOTAGE",)),
        ((*track, "--start", "31"), ("Frame 31 is outside the clip, which has the frames 1 to 30",)),
        ((*track, "--start", "-3"), ("outside the clip",)),
        ((*track, "--end", "99999999999999999999"), ("outside the clip",)),
        ((*track, "--start", "20", "--end", "10"), ("forward from frame 20 cannot end on frame 10",)),
        ((*track, "--start", "ten"), ("--start",)),
        ((*track, "--resume", "--fresh"), ("--fresh",)),
        ((*track, "--save", tmp_path / "out.mov"), (".blend",)),
        ((*track, "--save", tmp_path / "no" / "out.blend"), ("There is no folder",)),
    ]
    for arguments, words in wrong:
        run(*arguments, code=2, says=words)
    assert not (tmp_path / "sessions").exists() or session_file(tmp_path / "sessions") is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ("cannot be read",)),
        ("not json", ("is not JSON",)),
        ('{"tracks": []}', ("needs a list of tracks",)),
        ('{"tracks": [{"co": [0.5, 0.5]}, {"co": [0.5, 1.5]}]}', ("Track 2", "outside the frame")),
        ('{"tracks": [{"co": [0.5, 0.5], "frame": 31}]}', ("Track 1", "frames 1 to 30")),
        ('{"tracks": [{"co": [0.5, 0.5], "pattern_match": "X"}]}', ("pattern_match of track", "KEYFRAME")),
    ],
)
def test_a_bad_file_of_tracks(shot: Shot, tmp_path: Path, content: str | None, words: tuple[str, ...]) -> None:
    path = tmp_path / "tracks.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    run("track", shot.folder, "--tracks", path, "--root", tmp_path, code=3, says=words)
    assert session_file(tmp_path) is None


def test_names_in_any_script_and_of_any_length(long: Path, tmp_path: Path) -> None:
    names = ["маркер", "標記", "עקיבה", "🎯", "x" * 10_000, "x" * 9_999, "../../etc/passwd", "a\nb\x00c"]
    said = json.loads((long / "tracks.json").read_text(encoding="utf-8"))["tracks"]
    for one, name in zip(said, names, strict=True):
        one["name"] = name
    (tmp_path / "tracks.json").write_text(json.dumps({"tracks": said}), encoding="utf-8")
    plate = copied(long / "plate", tmp_path / "Aufnahme 日本 é" / "plâte")
    root = tmp_path / "sessions of 🎬"
    session = "é" * 10_000
    result = tmp_path / "результат.blend"
    process = start("track", plate, "--tracks", tmp_path / "tracks.json", "--root", root, "--name", session)
    wait_for_frames(process, root, 5)
    process.send_signal(signal.SIGINT)
    told = end(process, 75).stderr
    (line,) = (line for line in told.splitlines() if line.startswith("Tracking"))
    assert len(line) < 130
    done = run("resume", "--root", root, "--save", result)
    assert "8 of 8 tracks were followed" in done.stdout
    assert len(run("list", "--root", root).stdout) < 150
    path = session_file(root)
    assert path is not None
    assert load_session(path).session.name == session
    found = read_blends([result])[result]["tracks"]
    assert len(found) == 8
    assert {"Camera/маркер", "Camera/標記", "Camera/🎯"} <= found.keys()
    assert all(len(markers) >= LONG for markers in found.values())


# Bad input: what is wrong with sessions and their folder


def hostile(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


ALIASES = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]\n" for n in range(20))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[:40], ("cannot be read",)),
        (lambda text: "", ("cannot be read",)),
        (lambda text: text.replace("schema: 1", "schema: 2"), ("newer version", "update the extension")),
        (lambda text: ALIASES + text, ("aliases",)),
        (lambda text: text.replace("start: 1\n", "start: 1" + "0" * 400 + "\n"), ("no possible number",)),
        (lambda text: text.replace("  id: 2", "  id: ../../x2"), ("not the name of the file",)),
        (lambda text: text.replace("schema: 1", "schema: !!python/object/apply:os.system [exit]"), ("tags",)),
    ],
    ids=["cut", "empty", "newer", "aliases", "huge", "traversal", "code"],
)
def test_a_bad_session_file(stopped: Path, change: Callable[[str], str], words: tuple[str, ...]) -> None:
    root = stopped / "tracking_sessions"
    path = session_file(root)
    assert path is not None
    hostile(path, change)
    before = path.read_bytes()
    run("info", path.stem, "--root", root, code=1, says=(*words, "It was left as it is"))
    run("resume", path, code=1, says=words)
    done = run("list", "--root", root)
    assert all(word in done.stderr for word in words)
    assert not done.stdout
    assert path.read_bytes() == before
    assert {one.name for one in stopped.iterdir()} == {"plate", "tracks.json", "tracking_sessions"}


def test_a_session_that_cannot_be_read_is_mentioned_when_another_begins(stopped: Path) -> None:
    root = stopped / "tracking_sessions"
    path = session_file(root)
    assert path is not None
    hostile(path, lambda text: text[:40])
    before = path.read_bytes()
    track = ("track", stopped / "plate", "--tracks", stopped / "tracks.json", "--root", root, "--resume", "--end", "5")
    done = run(*track)
    assert "may be a session of this footage" in done.stderr
    assert "Tracked 4 frames" in done.stdout
    assert path.read_bytes() == before


def test_a_damaged_journal_is_refused_and_salvaged_when_asked(stopped: Path, shot: Shot, tracks: Path) -> None:
    root = stopped / "tracking_sessions"
    path = session_file(root)
    assert path is not None
    spoiled(path.with_suffix("") / "journal.1", flipped)
    run("resume", path.stem, "--root", root, code=1, says=("is damaged in record", "resume --salvage"))
    track = ("track", stopped / "plate", "--tracks", stopped / "tracks.json", "--root", root, "--end", "5")
    run(*track, "--resume", code=1, says=("is damaged in record", "resume --salvage"))
    # it is in nobody's way: neither in that of other footage, nor of a fresh session of this one
    run("track", shot.folder, "--tracks", tracks, "--root", root)
    done = run("resume", path.stem, "--root", root, "--salvage")
    assert f"{LONG} of {LONG} are recorded." in done.stdout
    run(*track)


def test_the_session_folder_cannot_be_written(shot: Shot, tracks: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    run("track", shot.folder, "--tracks", tracks, "--root", tmp_path / "file", code=1, says=("cannot be read",))
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "sessions").write_text("not a folder")
    run("list", "--root", tmp_path / "half", code=1, says=("cannot be read",))
    (tmp_path / "half" / "sessions").unlink()
    (tmp_path / "half" / "footage").write_text("not a folder")
    run("track", shot.folder, "--tracks", tracks, "--root", tmp_path / "half", code=75, says=("cannot be written",))


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A file system in memory at `folder`; skips where that is not allowed."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True, timeout=LIMIT)


def test_a_read_only_disk(stopped: Path) -> None:
    with mounted(stopped.parent / "disk") as disk:
        job = shutil.copytree(stopped, disk / "job")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True, timeout=LIMIT)
        root = job / "tracking_sessions"
        run("resume", "--root", root, code=75, says=("The disk is read-only",))
        assert "interrupted" in run("list", "--root", root).stdout


def test_a_full_disk_stops_the_run_and_a_larger_one_completes_it(long: Path, whole: Replay, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "-o", "size=96k") as disk:
        track = ("track", long / "plate", "--tracks", long / "tracks.json", "--root", disk)
        run(*track, code=75, says=("The disk is full", "kept", "resume"))
        there = len(recorded_frames(disk))
        assert 10 < there < LONG - 10
        run("resume", "--root", disk, code=75, says=("The disk is full",))  # nothing has got better
        assert len(recorded_frames(disk)) >= there
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True, timeout=LIMIT)
        run("resume", "--root", disk)
        compare_replays(whole, replay_of(disk))


def test_the_session_folder_is_removed_during_a_run(long: Path, tmp_path: Path) -> None:
    root = tmp_path / "sessions"
    process = start("track", long / "plate", "--tracks", long / "tracks.json", "--root", root)
    wait_for_frames(process, root, 3)
    root.rename(tmp_path / "trash")
    done = end(process, 75)
    assert "The session folder is gone" in done.stderr
    assert len(recorded_frames(tmp_path / "trash")) >= 3


# Surroundings


JUMPING = """
import datetime, itertools, runpy, sys, time
jumps = itertools.cycle([0, -86400 * 400, 3600, 86400 * 4000, -5])
real = datetime.datetime
class Jumping(real):
    @classmethod
    def now(cls, tz=None):
        return real.now(tz) + datetime.timedelta(seconds=next(jumps))
datetime.datetime = Jumping
clock = time.time
time.time = lambda: clock() + next(jumps)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_clock_that_jumps_is_not_believed(stopped: Path, whole: Replay) -> None:
    root = stopped / "tracking_sessions"
    process = subprocess.Popen(
        [sys.executable, "-c", JUMPING, ROOT, "resume", "--root", root],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end(process, 0)
    compare_replays(whole, replay_of(root))
    path = session_file(root)
    assert path is not None
    assert load_session(path).owner == ""


def test_without_bpy_it_says_what_tracking_needs(shot: Shot, stopped: Path, tmp_path: Path) -> None:
    bare = ("-S",)  # no site-packages: neither bpy nor PyYAML
    run("track", shot.folder, "--detect", "--root", tmp_path, code=1, says=("Tracking needs Blender",), python=bare)
    done = run("list", "--root", stopped / "tracking_sessions", python=bare)
    assert "PyYAML is not installed here" in done.stderr


def test_a_reader_that_has_seen_enough(stopped: Path) -> None:
    root = stopped / "tracking_sessions"
    path = session_file(root)
    assert path is not None
    reading, writing = os.pipe()
    os.close(reading)
    try:
        run("info", path, "--frames", code=1, stdout=writing)
        run("resume", "--root", root, code=1, stdout=writing)
        assert len(recorded_frames(root)) == LONG - 1
        run("list", "--root", root, "--status", "failed", stderr=writing)
    finally:
        os.close(writing)
    with open("/dev/full", "w") as full:
        run("list", "--root", root, code=1, says=("No space left",), stdout=full)


def test_closed_streams_do_no_harm(stopped: Path, whole: Replay) -> None:
    """With a number free, the journal would get it, and Blender's own words."""
    root = stopped / "tracking_sessions"
    command = f'exec "{sys.executable}" "{ROOT}" resume --root "{root}" <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", command], check=False, timeout=LIMIT).returncode == 0
    compare_replays(whole, replay_of(root))
