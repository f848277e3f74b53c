# SPDX-License-Identifier: GPL-3.0-or-later
"""`batch run`, `resume`, `list` and `info` in processes: effects, output and exit codes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.command_line import (
    LIMIT,
    LONG,
    children_stopped,
    copied,
    flipped,
    printed,
    run,
    sessions_in,
    spoiled,
    start,
)
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tests.pictures import link
from tracking_sessions.tests.waiting import wait_until
from tracking_sessions.tools.comparison import compare_replays, recorded_frames

FRAMES = 8


def listens(process: subprocess.Popen[str]) -> bool:
    """Whether the process handles SIGTERM, as it does until the first signal."""
    status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> signal.SIGTERM - 1 & 1)


@pytest.fixture
def job(shot: Shot, tracks: Path, tmp_path: Path) -> Path:
    """A working folder with tracks.json and shots/: two short shots, and one with invalid images."""
    for name, first in (("010", 0), ("020", 3)):  # other images, because a copy of footage has its sessions
        (tmp_path / "shots" / name).mkdir(parents=True)
        for file in shot.files[first : first + FRAMES]:
            link(file, tmp_path / "shots" / name / file.name)
    (tmp_path / "shots" / "030").mkdir()
    for number in (1, 2):
        (tmp_path / "shots" / "030" / f"plate_{number}.png").write_bytes(b"no image")
    shutil.copy(tracks, tmp_path)
    return tmp_path


def batch(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a batch command to its end, which is a sentence and no traceback."""
    process = start("batch", *arguments, cwd=folder)
    stdout, stderr = printed(process)
    assert not stderr or stderr.endswith(".\n") or process.returncode == 2, stderr
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def document(folder: Path, *arguments: str) -> dict[str, Any]:
    """The output of `batch info --json`."""
    return json.loads(batch(folder, "info", *arguments, "--json").stdout)


# Whole batches


def test_a_folder_of_a_sequence_and_a_movie_in_it_are_two_shots(job: Path) -> None:
    (job / "shots" / "010" / "door.mov").write_bytes(b"no movie")
    done = batch(job, "run", "shots/010", "shots/010/door.mov", "--tracks=tracks.json")
    assert "2 shots, one at a time" in done.stderr
    assert [(shot["name"], shot["status"]) for shot in document(job)["shots"]] == [
        ("010", "completed"),
        ("door", "skipped"),
    ]


def test_each_shot_is_done_or_says_why(job: Path) -> None:
    done = batch(job, "run", "shots", "--tracks=tracks.json", "--jobs=2")
    assert done.returncode == 1, done
    lines = done.stdout.splitlines()
    assert lines[0].startswith("1  010  completed   8 of 8 frames, ") and " of 10 tracks alive, " in lines[0]
    assert lines[1].startswith("2  020  completed   8 of 8 frames, ")
    assert lines[2].startswith("3  030  skipped") and "plate_1.png" in lines[3] and len(lines) == 5
    assert lines[4].endswith("exit code 1.") and "completed: 2 completed, 1 skipped; 16 frames are recorded" in lines[4]
    lines = done.stderr.splitlines()
    assert lines[0].endswith("“shots”: 3 shots, 2 at a time.") and lines[-1] == "1 shot skipped (030)."
    assert [line for line in lines if line.startswith("010")][::2] == ["010: begun."]
    assert any(line.startswith("010: done: 8 of 8 frames, ") for line in lines)
    assert any(line.startswith("030: skipped. Frame 1 (plate_1.png) ") for line in lines)

    found = document(job)
    id = found["id"]
    assert [shot["status"] for shot in found["shots"]] == ["completed", "completed", "skipped"]
    assert [shot["tracked_frames"] for shot in found["shots"]] == [8, 8, 0]
    assert found["counts"]["completed"] == 2 and found["status"] == "completed" and not found["owner"]
    told = batch(job, "list").stdout
    assert told.startswith(id) and "completed    2 of 3 shots done, 1 skipped  shots" in told
    assert [row["id"] for row in json.loads(batch(job, "list", "--json").stdout)] == [id]
    told = batch(job, "info", id[:12]).stdout
    assert f"Batch:    {id}\nName:     shots\nStatus:   completed\nOwner:    nobody\n" in told
    assert "3  030  skipped" in told and told.endswith("Next:     see the errors above\n")

    done = batch(job, "resume")
    assert (done.returncode, done.stdout) == (0, "") and "nothing to resume" in done.stderr
    assert json.loads(batch(job, "resume", "--json").stdout) is None
    done = batch(job, "resume", id)
    advice = f"batch run {job / 'shots'} --tracks={job / 'tracks.json'} --jobs=2 --resume"
    assert done.returncode == 2 and "1 shot skipped (030)" in done.stderr and advice in done.stderr
    shutil.rmtree(job / "shots" / "030")
    done = batch(job, *shlex.split(advice)[1:], "--json")
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["run"] == {**json.loads(done.stdout)["run"], "frames": 0, "exit_code": 0}
    assert len(sessions_in(job / "tracking_sessions")) == 2
    done = batch(job, "resume", json.loads(done.stdout)["id"])
    assert done.returncode == 2 and f"To track them anew: {advice.replace('resume', 'fresh')}." in done.stderr


def test_a_list_says_what_is_special_of_each_shot(job: Path) -> None:
    (job / "list.csv").write_text(
        "footage;name;range;direction;settings\n"
        'shots/010;Käfer, links;2-6;;{"pattern_match": "PREV_FRAME"}\n'
        f"shots/020/{next((job / 'shots' / '020').iterdir()).name};;4-8;backward;\n",
        "utf-8",
    )
    done = batch(job, "run", "list.csv", "--detect", "--set=search_size=81", "--root=here", "--name=Nacht 1", "--json")
    assert done.returncode == 0, done
    found = json.loads(done.stdout)
    first, second = found["shots"]
    assert (found["name"], found["tracked_frames"], found["run"]["frames"]) == ("Nacht 1", 5 + 5, 10)
    assert (first["name"], first["session"]) == ("Käfer, links", sessions_in(job / "here")[1].id)
    one, two = (load_session(job / "here" / "sessions" / f"{shot['session']}.yaml") for shot in (first, second))
    assert (one.session.name, str(one.requested), str(two.requested)) == ("Käfer, links", "2-6", "1-5")
    assert [last.operation for last in two.passes] == ["track_backwards"]
    for session, match in ((one, "PREV_FRAME"), (two, "KEYFRAME")):
        assert {track.settings["pattern_match"] for track in session.replay().tracks.values()} == {match}
    assert not (job / "tracking_sessions").exists()


def test_all_failed_shots_are_tried_again(stopped: Path) -> None:
    root = stopped / "tracking_sessions"
    journal = next(root.glob("sessions/*/journal.1"))
    sound = journal.read_bytes()
    spoiled(journal, flipped)
    done = batch(stopped, "run", "plate", "--resume")
    id = document(stopped)["id"]
    assert done.returncode == 1 and "plate failed. " in done.stderr.replace(":", "")
    assert done.stderr.endswith(f"1 shot failed (plate); try again with: batch resume {id}.\n")
    assert f"{id} failed: 1 failed" in done.stdout and " is damaged in record " in done.stdout
    assert f"try its shots again with: batch resume {id}." in batch(stopped, "resume").stderr
    spoiled(journal, lambda _: sound)
    done = batch(stopped, "resume", id)
    assert done.returncode == 0 and f"Batch {id} had failed: trying 1 shot again" in done.stderr, done
    assert recorded_frames(root) and document(stopped)["status"] == "completed"


# Stopped and resumed


@pytest.fixture
def night(long: Path, job: Path) -> Path:
    """The folder with one more shot, of 200 frames, which is not the first."""
    shutil.rmtree(job / "shots" / "030")
    copied(long / "plate", job / "shots" / "900")
    shutil.copy(long / "tracks.json", job / "long.json")
    (job / "night.yaml").write_text(
        "defaults: {tracks: tracks.json}\nshots:\n- footage: shots/010\n- {footage: shots/900, tracks: long.json}\n"
        "- footage: shots/020\n"
    )
    return job


def frames_of_long(root: Path) -> int:
    """The number of recorded frames of the shot with 200."""
    found = [load_session(path) for path in session_files(root)]
    return max(
        (len(session.session.tracked_frames) for session in found if session.session.total_frames == LONG), default=0
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_pauses_it_and_the_named_command_goes_on(night: Path, whole: Replay, number: signal.Signals) -> None:
    root = night / "my sessions"
    process = start("batch", "run", "night.yaml", f"--root={root}", "--json", cwd=night)
    wait_until(lambda: frames_of_long(root) >= 20, "20 frames", process=process)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=LIMIT)
    assert process.returncode == 75, stderr
    found = json.loads(stdout)
    assert (found["status"], found["run"]["exit_code"]) == ("paused", 75)
    assert [shot["status"] for shot in found["shots"]] == ["completed", "pending", "pending"]
    assert 20 <= found["shots"][1]["tracked_frames"] == frames_of_long(root) < LONG
    go_on = f"batch resume {found['id']} --root '{root}'"
    assert stderr.endswith(f"{number.name}: stopped. Every frame so far is recorded; go on with: {go_on}.\n")
    told = batch(night, "info", f"--root={root}").stdout
    assert "Status:   paused\n" in told and told.endswith(f"Next:     go on with: {go_on}\n")

    done = batch(night, *shlex.split(go_on)[1:])
    assert done.returncode == 0, done
    assert f"Batch {found['id']}: 1 of 3 shots are done; going on with 2, one at a time." in done.stderr
    assert "900: resumed.\n" in done.stderr and "010: " not in done.stderr
    (session,) = (session for session in sessions_in(root) if session.total_frames == LONG)
    compare_replays(load_session(root / "sessions" / f"{session.id}.yaml").replay(), whole)


def test_a_second_signal_leaves_at_once_and_no_child_stays(night: Path) -> None:
    root = night / "tracking_sessions"
    process = start("batch", "run", "night.yaml", cwd=night)
    wait_until(lambda: frames_of_long(root) >= 5, "5 frames", process=process)
    child = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()[0])
    os.kill(child, signal.SIGSTOP)  # so that it cannot record its frame
    process.send_signal(signal.SIGINT)
    wait_until(lambda: not listens(process), "the first signal to be taken")
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LIMIT)
    assert process.returncode == -signal.SIGINT
    wait_until(lambda: not Path(f"/proc/{child}").exists(), "the end of the child, which cannot end by itself")
    assert document(night)["status"] == "interrupted"
    assert batch(night, "resume").returncode == 0


def test_one_supervisor_at_a_time_and_anybody_may_watch(night: Path) -> None:
    root = night / "tracking_sessions"
    process = start("batch", "run", "night.yaml", cwd=night)
    wait_until(lambda: frames_of_long(root) >= 5, "5 frames", process=process)
    with children_stopped(process):
        done = batch(night, "resume")
        assert done.returncode == 75 and f"is run by process {process.pid} on " in done.stderr and not done.stdout
        assert (
            f"process {process.pid} on "
            in document(night)["owner"]
            == json.loads(batch(night, "list", "--json").stdout)[0]["owner"]
        )
        leaves = start("batch", "info", "--follow", cwd=night)
        follower = start("batch", "info", "--follow", "--json", cwd=night)
        for watcher in (leaves, follower):
            wait_until(lambda watcher=watcher: listens(watcher), "a process that listens", process=watcher)
        leaves.send_signal(signal.SIGINT)
        stdout, stderr = leaves.communicate(timeout=LIMIT)
        assert (leaves.returncode, stderr) == (0, "") and "Status:   in progress\n" in stdout
    assert process.wait(LIMIT) == 0
    stdout, stderr = follower.communicate(timeout=LIMIT)
    assert follower.returncode == 0 and json.loads(stdout)["status"] == "completed"
    assert "900: done: 200 of 200 frames, 8 of 8 tracks alive.\n" in stderr and "020: begun.\n" in stderr
    process.communicate()


# Footage that has sessions


def test_unfinished_sessions_have_to_be_decided_about(stopped: Path, whole: Replay) -> None:
    root = stopped / "tracking_sessions"
    (before,) = sessions_in(root)
    done = batch(stopped, "run", "plate")
    assert done.returncode == 2 and f"unfinished session: plate ({before.id})" in done.stderr
    assert "--resume" in done.stderr and "--fresh" in done.stderr and not done.stdout
    assert not (root / "batch.db").exists()
    with load_session(session_files(root)[0]) as owner:
        owner.acquire()
        done = batch(stopped, "run", "plate", "--fresh", "--tracks=tracks.json")
        assert done.returncode == 75 and "is in use by process" in done.stderr
    assert [session.state for session in sessions_in(root)] == ["active"]
    done = batch(stopped, "run", "plate", "--fresh", "--tracks=tracks.json")
    assert done.returncode == 0 and "Set aside 1 session" in done.stderr, done
    new, old = sessions_in(root)
    assert (old.id, old.state, new.state) == (before.id, "discarded", "active")
    compare_replays(load_session(root / "sessions" / f"{new.id}.yaml").replay(), whole)


def test_sessions_of_footage_that_was_moved_are_found(stopped: Path) -> None:
    (stopped / "plate").rename(stopped / "moved")
    done = batch(stopped, "run", "moved")
    assert done.returncode == 2 and "1 of 1 shot has an unfinished session: moved (" in done.stderr


def test_resume_goes_on_with_them(stopped: Path, whole: Replay) -> None:
    root = stopped / "tracking_sessions"
    (before,) = sessions_in(root)
    done = batch(stopped, "run", "plate/" + os.listdir(stopped / "plate")[7], "--resume", "--json")
    assert done.returncode == 0, done
    (after,) = sessions_in(root)
    found = json.loads(done.stdout)
    assert found["shots"][0]["session"] == before.id == after.id
    tracked = len(before.tracked_frames)
    assert found["run"]["frames"] == LONG - tracked
    assert f"long: resumes session {before.id}, which has {tracked} frames.\n" in done.stderr
    compare_replays(load_session(session_files(root)[0]).replay(), whole)


def test_fresh_tracks_done_shots_anew_but_for_committed_ones(job: Path) -> None:
    arguments = ("run", "shots/010", "shots/020", "--tracks=tracks.json")
    root = job / "tracking_sessions"
    assert batch(job, *arguments).returncode == 0
    assert batch(job, *arguments, "--fresh").returncode == 0
    states = [(Path(session.footage.path).parent.name, str(session.state)) for session in sessions_in(root)]
    assert sorted(states) == [("010", "active"), ("010", "discarded"), ("020", "active"), ("020", "discarded")]
    newest = sessions_in(root)[0]
    run("commit", newest.id, cwd=job)
    done = batch(job, *arguments, "--fresh")
    assert done.returncode == 2 and f"discard {newest.id}" in done.stderr
    assert sorted(str(session.state) for session in sessions_in(root)) == [
        "active",
        "committed",
        "discarded",
        "discarded",
    ]


# Wrong use


@pytest.mark.parametrize("command", [(), ("run",), ("resume",), ("list",), ("info",)])
def test_help_has_an_example(command: tuple[str, ...]) -> None:
    done = run("batch", *command, "--help")
    assert f"Example: tracking_sessions batch {' '.join(command)}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "shots", "--jbos=2"), "did you mean --jobs?"),
        (("run", "shots", "--jobs=0"), "--jobs"),
        (("run", "shots", "--fresh", "--resume"), "--resume"),
        (("run", "tracks.json"), "tracks.json"),
        (("run", "empty"), "There is no footage in "),
        (("rum", "shots"), "resume"),
        (("resume", "nonsense"), "There is no batch 'nonsense' in "),
        (("info", "../../etc"), "There is no batch '../../etc' in "),
    ],
)
def test_wrong_arguments(job: Path, arguments: tuple[str, ...], says: str) -> None:
    (job / "empty").mkdir()
    done = batch(job, *arguments)
    assert (done.returncode, done.stdout) == (2, "") and says in done.stderr, done
    assert not (job / "tracking_sessions").exists()


def test_without_batches_there_is_nothing_to_show(tmp_path: Path) -> None:
    for command in ("list", "info", "resume"):
        done = batch(tmp_path, command)
        assert (done.returncode, done.stdout) == (0, "") and done.stderr.endswith(".\n")
    assert not list(tmp_path.iterdir())


def test_without_blender_it_says_so_before_anything_is_made(job: Path) -> None:
    done = run("batch", "run", "shots", "--detect", cwd=job, python=("-S",), code=1, says=("Tracking needs Blender",))
    assert not done.stdout and not (job / "tracking_sessions").exists()
    with Ledger(job / "tracking_sessions", readonly=True) as ledger:
        assert not ledger.batches()
