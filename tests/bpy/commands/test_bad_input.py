# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands outside Blender, in processes: bad input gets a clear message and harms nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.command_line import (
    LIMIT,
    LONG,
    ROOT,
    copied,
    end,
    flipped,
    replay_of,
    run,
    run_here,
    spoiled,
    start,
    wait_for_frames,
)
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tests.pictures import link, write_png
from tracking_sessions.tools.comparison import compare_replays, read_blends, recorded_frames, session_file

# Bad input: footage


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
        why = "is a single picture" if name.endswith((".png", ".exr")) else "Blender cannot"
        run("track", tmp_path / name, "--detect", "--root", tmp_path, code=3, says=(why, name))
    assert session_file(tmp_path) is None


def test_nothing_to_track(shot: Shot, tmp_path: Path) -> None:
    run("track", shot.folder, "--root", tmp_path, code=3, says=("no tracks", "--detect", "--tracks"))
    (tmp_path / "black").mkdir()
    for frame in range(1, 4):
        write_png(tmp_path / "black" / f"b_{frame}.png", np.zeros((90, 160, 3), np.uint8))
    run("track", tmp_path / "black", "--detect", "--root", tmp_path, code=3, says=("No features", "frame 1", "--start"))
    assert session_file(tmp_path) is None
    blend = tmp_path / "locked.blend"
    clip = bpy.data.movieclips.load(str(shot.files[0]))
    clip.use_fake_user = True
    clip.tracking.tracks.new(name="A", frame=1).lock = True
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    run("track", blend, "--root", tmp_path, code=3, says=("All tracks are hidden or locked", "unlock the tracks"))
    assert session_file(tmp_path) is None


def test_a_picture_that_features_cannot_be_found_on(shot: Shot, tmp_path: Path) -> None:
    folder = copied(shot.folder, tmp_path / "plate")
    spoiled(folder / "shot_0004.png", lambda data: b"no picture" * (len(data) // 10))
    run_here("track", folder, "--detect", "--start=4", "--root", tmp_path, code=3, says=("rame 4 ", "shot_0004.png"))
    assert session_file(tmp_path) is None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda plate: spoiled(plate / "long_0001.png", flipped), ("Frame 1 ", "is damaged", "copy or render it")),
        (lambda plate: spoiled(plate / "long_0010.png", lambda data: data + b"x"), ("Frame 10 ", "has changed")),
        (lambda plate: (plate / "long_0001.png").unlink(), ("long_0001.png", "put the files back")),
        (lambda plate: spoiled(plate / "long_0001.png", lambda data: data[:300]), ("Frame 1 ", "is cut off")),
        (lambda plate: spoiled(plate / f"long_{LONG:04d}.png", flipped), (f"Frame {LONG} ", "is damaged")),
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


# Bad input: options


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
        run_here(*arguments, code=2, says=words)
    assert not (tmp_path / "sessions").exists() or session_file(tmp_path / "sessions") is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ("cannot be read",)),
        ("not json", ("is not JSON",)),
        ('{"tracks": []}', ("needs a list of tracks",)),
        ('{"tracks": [{"co": [0.5, 0.5]}, {"co": [0.5, 1.5]}]}', ("Track 2", "outside the frame")),
        ('{"tracks": [{"co": [0.5, 0.5], "frame": 31}]}', ("Track 1", "frames 1 to 30")),
        ('{"tracks": [{"co": [0.5, 0.5], "pattern_match": "X"}]}', ("pattern_match of track",)),
    ],
)
def test_a_bad_file_of_tracks(shot: Shot, tmp_path: Path, content: str | None, words: tuple[str, ...]) -> None:
    path = tmp_path / "tracks.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    run_here("track", shot.folder, "--tracks", path, "--root", tmp_path, code=3, says=words)
    assert session_file(tmp_path) is None


def test_names_in_any_script_and_of_any_length(long: Path, tmp_path: Path) -> None:
    names = ["маркер", "標記", "עקיבה", "🎯", "x" * 10_000, "x" * 9_999, "../../etc/passwd", "a\nb\x00c"]
    tracks = json.loads((long / "tracks.json").read_text(encoding="utf-8"))["tracks"]
    for track, name in zip(tracks, names, strict=True):
        track["name"] = name
    (tmp_path / "tracks.json").write_text(json.dumps({"tracks": tracks}), encoding="utf-8")
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


# Bad input: sessions and their folder


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
        (lambda text: text.replace("start: 1\n", "start: 1" + "0" * 400 + "\n"), ("not a possible number",)),
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
    run_here("info", path.stem, "--root", root, code=1, says=(*words, "It was left as it is"))
    run_here("resume", path, code=1, says=words)
    done = run_here("list", "--root", root)
    assert all(word in done.stderr for word in words)
    assert not done.stdout
    assert path.read_bytes() == before
    assert {path.name for path in stopped.iterdir()} == {"plate", "tracks.json", "tracking_sessions"}


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
    # it blocks neither other footage nor a fresh session of this footage
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


def test_a_read_only_disk(stopped: Path, mounted: Callable[[str], Path]) -> None:
    disk = mounted("50%")
    job = shutil.copytree(stopped, disk / "job")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True, timeout=LIMIT)
    root = job / "tracking_sessions"
    run("resume", "--root", root, code=75, says=("The disk is read-only",))
    assert "interrupted" in run("list", "--root", root).stdout


def test_a_full_disk_stops_the_run_and_a_larger_one_completes_it(
    long: Path, whole: Replay, mounted: Callable[[str], Path]
) -> None:
    disk = mounted("96k")
    track = ("track", long / "plate", "--tracks", long / "tracks.json", "--root", disk)
    run(*track, code=75, says=("The disk is full", "kept", "resume"))
    there = len(recorded_frames(disk))
    assert 10 < there < LONG - 10
    run("resume", "--root", disk, code=75, says=("The disk is full",))  # the same error again
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


# Environment


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
        run("list", "--root", root, code=1, says=("The result cannot be printed",), stdout=full)


def test_closed_streams_do_no_harm(stopped: Path, whole: Replay) -> None:
    """With a closed stream the journal would get its number, and then Blender's own messages."""
    root = stopped / "tracking_sessions"
    command = f'exec "{sys.executable}" "{ROOT}" resume --root "{root}" <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", command], check=False, timeout=LIMIT).returncode == 0
    compare_replays(whole, replay_of(root))
