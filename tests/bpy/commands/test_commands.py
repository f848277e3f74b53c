# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands outside Blender, in processes: effects, output and exit codes."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import bpy
import pytest

from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.command_line import LONG, end, replay_of, run, start, wait_for_frames
from tracking_sessions.tests.bpy.movies import make_movie
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tests.waiting import wait_until
from tracking_sessions.tools.comparison import compare_replays, journal_size, recorded_frames, session_file
from tracking_sessions.tools.kill import write_tracks

# Footage and options


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
    make_movie(shot, tmp_path / "plate.mp4")
    done = run("track", tmp_path / "plate.mp4", "--detect", "--json", "--root", tmp_path / "sessions")
    row = json.loads(done.stdout)
    assert f"Found {row['tracks']} features on frame 1 in " in done.stderr
    assert (row["name"], row["frames"], row["tracked_frames"], row["last_frame"]) == ("plate", 29, 30, 30)
    assert row["tracks"] >= 8 <= row["tracks_alive"]


def save_blend(path: Path, shot: Shot) -> None:
    """An artist's file: seven tracks, four of them to follow, on frame 5 of the scene."""
    clip = bpy.data.movieclips.load(str(shot.files[0]))
    clip.use_fake_user = True
    survivors = [track.name for track in shot.tracks if track.kind == "survives"]
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
    run("track", blend, "--save", blend, code=2, says=("stays as it is",))
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
    assert [(f"{summary.start}-{summary.end}", summary.last_frame) for summary in load_session(path).passes] == passes
    low, high = min(end for _, end in passes), max(frame, *(end for _, end in passes))
    assert row["tracked_frames"] == high - min(low, frame) + 1
    assert row["remaining_frames"] == 0
    assert row["percent_complete"] == 100.0


# Stopping and resuming


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
    frame = session.resume_frame
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
    wait_until(lambda: journal_size(tmp_path), "the first record", process=process)
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
    wait_until(lambda: journal_size(root) >= before + 2000, "2000 bytes of records", process=first)
    first.send_signal(signal.SIGSTOP)  # so that it still runs, however slow the others are
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
    assert old.endswith(f"{there + 1:>6} frames  interrupted        long")
    rows = json.loads(run("list", "--root", root, "--json").stdout)
    assert [(row["status"], row["tracked_frames"], row["owner"]) for row in rows] == [
        ("tracking_complete", 30, ""),
        ("interrupted", there + 1, ""),
    ]
    for flags, count in ((("--status", "interrupted"), 1), (("--limit", "1"), 1), (("--status", "failed"), 0)):
        assert len(json.loads(run("list", "--root", root, "--json", *flags).stdout)) == count
    assert "There are no such sessions" in run("list", "--root", root, "--status", "failed").stderr

    session_id = rows[1]["id"]
    output = run("info", session_id, "--root", root).stdout
    assert f"Frames:   {there + 1} of {LONG} tracked: 1-{there + 1}\n" in output
    assert f"Pass 1:   track forwards 1-{LONG}, at frame {there + 1}, 8 of 8 tracks alive, paused" in output
    assert output.endswith(f"Next:     go on with: resume {session_id}\n")
    by_path = run("info", rows[1]["file"]).stdout
    assert [line for line in by_path.splitlines() if not line.startswith("Modified:")] == [  # which says its age
        line for line in output.splitlines() if not line.startswith("Modified:")
    ]
    row = json.loads(run("info", session_id, "--root", root, "--frames", "--json").stdout)
    assert row["frames"] == {str(frame): 8 for frame in range(1, there + 2)}
    assert row["footage"] == str(stopped / "plate" / "long_0001.png")
    run("info", "20", "--root", root, code=2, says=("2 sessions begin with 20",))
    for unknown in ("19990101", "../../x", "x" * 10_000, "\N{SNOWMAN}"):
        run("info", unknown, "--root", root, code=2, says=("There is no session", "“list”"))


def test_a_copy_of_footage_is_another_shot_and_a_link_to_it_is_not(shot: Shot, tracks: Path, tmp_path: Path) -> None:
    root = tmp_path / "sessions"
    run("track", shot.folder, "--tracks", tracks, "--root", root)
    shutil.copytree(shot.folder, tmp_path / "copy")
    (tmp_path / "link").symlink_to(shot.folder)
    row = json.loads(run("track", tmp_path / "link", "--resume", "--root", root, "--json").stdout)
    assert row["frames"] == 0
    row = json.loads(run("track", tmp_path / "copy", "--resume", "--tracks", tracks, "--root", root, "--json").stdout)
    assert row["frames"] == 29
    assert len(session_files(root)) == 2
