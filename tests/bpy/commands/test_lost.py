# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots that lose all their tracks: no command takes them for done."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tracking_sessions.tests.bpy.command_line import printed, run, start
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tests.pictures import write_png

FRAMES, WHOLE = 10, 5  # behind frame WHOLE the pictures are noise


@pytest.fixture(scope="module")
def job(shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`torn/`, with only noise from its middle on, and `whole/`, with tracks.json. Read-only."""
    folder = tmp_path_factory.mktemp("lost")
    (folder / "tracks.json").write_bytes((shot.folder.parent / "tracks.json").read_bytes())
    for name in ("torn", "whole"):
        (folder / "shots" / name).mkdir(parents=True)
        for number in range(1, FRAMES + 1):
            path = folder / "shots" / name / f"plate_{number:04d}.png"
            if name == "torn" and number > WHOLE:
                noise = np.random.default_rng(number).integers(0, 256, (shot.height, shot.width, 3), np.uint8)
                write_png(path, noise)  # on a flat grey Blender follows every track
            else:
                shutil.copy(shot.files[number - 1], path)  # a link to a picture of another shot has its sessions
    return folder


def ran(folder: Path, *arguments: str | Path, code: int) -> subprocess.CompletedProcess[str]:
    process = start(*arguments, cwd=folder)
    stdout, stderr = printed(process)
    assert process.returncode == code, (process.returncode, stdout, stderr)
    return subprocess.CompletedProcess(process.args, code, stdout, stderr)


def track(job: Path, root: Path, *arguments: str | Path, code: int = 3) -> subprocess.CompletedProcess[str]:
    given = ("track", job / "shots" / "torn", "--tracks", job / "tracks.json", "--root", root)
    return ran(job, *given, *arguments, code=code)


def test_track_keeps_what_it_has_and_does_not_call_it_done(job: Path, tmp_path: Path) -> None:
    root, saved = tmp_path / "root", tmp_path / "out.blend"
    done = track(job, root, "--save", saved)
    at = WHOLE + 1
    assert f"Tracked {WHOLE} frames; {at} of {FRAMES} are recorded." in done.stdout and saved.exists()
    assert f"All tracks were lost at frame {at}." in done.stdout and f"Saved {saved}" in done.stdout
    words = f"All tracks were lost at frame {at}: no track was followed on {at} to {FRAMES}; all tracked frames are "
    assert words in done.stderr

    again = track(job, root, "--resume", "--json")
    row: dict[str, Any] = json.loads(again.stdout)
    assert words in again.stderr
    assert (row["outcome"], row["lost_at"], row["frames"], row["tracks_alive"]) == ("lost", at, 0, 0)
    assert row["shown_lost_at"] == at and row["status"] == "tracking_complete"
    assert "Nothing to do" in ran(job, "resume", row["id"], "--root", root, code=3).stdout

    told = run("list", "--root", root).stdout
    assert f"lost at frame {at}" in told and "complete" not in told
    assert run("list", "--root", root, "-s", "lost").stdout == told
    told = run("info", row["id"], "--root", root).stdout
    assert f"Status:   lost at frame {at}\n" in told and f"track --start {at}" in told
    report = Path(run("report", row["id"], "--root", root).stdout.strip()).read_text("utf-8")
    assert f"Lost at frame {at}: no track was followed from there on." in report


def test_what_is_tracked_before_the_loss_is_done(job: Path, tmp_path: Path) -> None:
    done = track(job, tmp_path / "root", "--end", str(WHOLE), code=0)
    assert f"tracks were followed to frame {WHOLE}." in done.stdout


def test_what_is_asked_again_before_the_loss_is_there(job: Path, tmp_path: Path) -> None:
    track(job, tmp_path / "root")
    for end, code in ((WHOLE, 0), (WHOLE + 1, 3)):
        done = track(job, tmp_path / "root", "--resume", "--end", str(end), code=code)
        assert "Nothing to do" in done.stdout and ("All tracks were lost" in done.stdout) is bool(code)
        named = job / "shots" / "torn" / f"plate_0002-{end:04d}.png"
        done = ran(job, "track", named, "--root", tmp_path / "root", "--resume", code=code)
        assert "Nothing to do" in done.stdout


def test_tracks_lost_in_the_very_first_step_are_lost(job: Path, tmp_path: Path) -> None:
    given = ("--start", str(WHOLE), "--detect", "--root", tmp_path / "root", "--end", str(WHOLE + 1))
    done = ran(job, "track", job / "shots" / "torn", *given, code=3)
    assert f"All tracks were lost at frame {WHOLE + 1}: no track was followed on {WHOLE + 1};" in done.stderr


def test_both_ways_the_range_that_is_not_covered_is_told(job: Path, tmp_path: Path) -> None:
    given = ("--start", "3", "--detect", "--direction", "both", "--root", tmp_path / "root")
    done = ran(job, "track", job / "shots" / "torn", *given, code=3)
    assert "tracks were followed to frame 1." in done.stdout
    assert (
        f"All tracks were lost at frame {WHOLE + 1}: no track was followed on {WHOLE + 1} to {FRAMES};" in done.stderr
    )


def test_a_child_says_done_with_the_outcome_and_no_other_end(job: Path, tmp_path: Path) -> None:
    done = track(job, tmp_path / "root", "--events")
    events = {row["event"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert set(events) == {"begun", "done"}
    assert (events["done"]["outcome"], events["done"]["last_frame"]) == ("lost", WHOLE + 1)


def test_a_batch_says_which_shots_were_lost_and_where(job: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    given = ("batch", "run", job / "shots", "--tracks", job / "tracks.json", "--root", root, "--jobs=2")
    done = ran(job, *given, code=1)
    at = WHOLE + 1
    assert f"1  torn   lost at frame {at}  {at} of {FRAMES} frames, 0 of 10 tracks alive" in done.stdout
    assert "2  whole  completed" in done.stdout and "completed: 1 completed, 1 lost;" in done.stdout
    assert "torn: lost. All tracks were lost at frame" in done.stderr
    assert done.stderr.endswith("1 shot lost all tracks on the way (torn).\n")

    info: dict[str, Any] = json.loads(run("batch", "info", "--root", root, "--json").stdout)
    (lost, _) = info["shots"]
    assert (lost["status"], lost["lost_at"], lost["shown_lost_at"], lost["attempts"]) == ("lost", at, at, 1)
    assert info["counts"]["lost"] == 1 and info["counts"]["skipped"] == info["counts"]["failed"] == 0
    assert "1 of 2 shots done, 1 lost" in run("batch", "list", "--root", root).stdout
    assert f"lost at frame {at}" in run("batch", "info", "--root", root).stdout

    ran(job, "batch", "resume", "--root", root, code=0)  # nothing is unfinished
    refused = ran(job, "batch", "resume", info["id"], "--root", root, code=2)
    assert "lost all tracks on the way (torn)" in refused.stderr and "--fresh" in refused.stderr
    again = ran(job, *given, "--resume", code=1)
    assert f"1  torn   lost at frame {at}" in again.stdout and "0 by this run" in again.stdout
