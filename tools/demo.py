# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks a generated clip, kills the run in the middle, resumes it, and compares it with a run without a kill.

make demo                        writes into the folder demo/
make demo ARGS="--frames 300"    a longer clip
"""

from __future__ import annotations

import argparse
import math
import os
import random
import runpy
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).resolve().parent.parent / "__main__.py"))["_load"]()

from tracking_sessions.core.journal.rows import CO
from tracking_sessions.tools.comparison import (
    Difference,
    compare_blends,
    compare_replays,
    read_blends,
    recorded_frames,
    session_file,
)
from tracking_sessions.tools.kill import write_tracks
from tracking_sessions.tools.processes import ROOT, kill_when, run

if TYPE_CHECKING:
    from tracking_sessions.tests.footage import Shot


def main() -> int:
    parser = argparse.ArgumentParser(description="Track a clip, kill it in the middle, resume, compare bit by bit.")
    parser.add_argument("--frames", type=int, default=120, metavar="N", help="frames of the clip (default 120)")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 360), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--tracks", type=int, default=24, metavar="N", help="tracks to follow (default 24)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where to work, a new folder (default demo/)")
    options = parser.parse_args()
    if options.folder is not None and options.folder.exists():
        parser.error(f"{options.folder} exists: name a new folder")
    folder = options.folder
    if folder is None:
        os.chdir(ROOT)  # so that the commands shown are the ones to type
        folder = Path("demo")
        shutil.rmtree(folder, ignore_errors=True)
    try:
        return demo(folder, options)
    except Difference as difference:
        print(f"\nNOT THE SAME: {difference}")
        return 1


def demo(folder: Path, options: argparse.Namespace) -> int:
    from tracking_sessions.core.recording.manager import load_session
    from tracking_sessions.core.report.html import export_session_report
    from tracking_sessions.tests.footage import make_shot

    began = time.monotonic()
    width, height = options.size
    print(f"Making a clip: {options.frames} frames, {width}x{height}, {options.tracks} tracks of known true position.")
    shot = make_shot(folder / "shot", options.frames, width, height, tracks=options.tracks)
    tracks = write_tracks(folder / "tracks.json", shot, 1)
    sessions, result = folder / "tracking_sessions", folder / "result.blend"

    victim = ("track", shot.folder, "--tracks", tracks, "--root", sessions, "--save", result)
    show(*victim)
    middle = random.randint(options.frames * 2 // 5, options.frames * 3 // 5)
    code, seconds, output = kill_when(
        lambda: len(recorded_frames(sessions)) >= middle, random.uniform(0, 0.02), *victim
    )
    if code != -9:
        raise Difference(f"the run ended with {code} before the kill: {output}")
    print(f"Killed with SIGKILL after {seconds:.1f} seconds, in the middle of tracking. The session now:")

    show("list", "--root", sessions)
    print(finished(run("list", "--root", sessions)))
    recorded = len(recorded_frames(sessions))

    again = ("resume", "--root", sessions, "--save", result)
    show(*again)
    print("\n".join(finished(run(*again)).splitlines()[:2]))

    print("\nTracking the same clip again without a kill, and comparing both results:")
    whole = folder / "uninterrupted"
    finished(run("track", shot.folder, "--tracks", tracks, "--root", whole, "--save", whole.with_suffix(".blend")))
    broken, unbroken = session_file(sessions), session_file(whole)
    assert broken is not None and unbroken is not None
    compare_replays(load_session(unbroken).replay(), load_session(broken).replay())
    if len(recorded_frames(sessions)) != len(recorded_frames(whole)):
        raise Difference(f"some of the {recorded} frames recorded before the kill were tracked again")
    files = read_blends([whole.with_suffix(".blend"), result])
    markers = compare_blends(*files.values())
    print(f"All {markers:,} markers of {len(shot.tracks)} tracks are the same, bit for bit, recorded and saved.")
    errors = errors_in_pixels(broken, shot)
    print(
        f"{len(errors)} tracks survive to the end, {statistics.fmean(map(statistics.fmean, errors)):.2f} pixels from "
        f"their true positions on average,\n{max(map(max, errors)):.2f} at most; the others left the frame or got lost."
    )
    report = export_session_report(broken, folder / "report.html")
    print(f"\nOpen {report} in a browser, or {result} in Blender.")
    print(f"Done in {time.monotonic() - began:.0f} seconds.")
    return 0


def show(*arguments: str | Path) -> None:
    """Print the command as a person would type it here."""
    print(f"\n$ {os.path.relpath(sys.executable)} . {' '.join(map(str, arguments))}", flush=True)


def finished(done: subprocess.CompletedProcess[str]) -> str:
    """The output of a command. Raises Difference if it failed."""
    if done.returncode:
        raise Difference(f"{' '.join(done.args[2:])} ended with {done.returncode}: {done.stderr}")
    return done.stdout.strip()


def errors_in_pixels(session: Path, shot: Shot) -> list[list[float]]:
    """For each track that survives, its distance from the true position on each frame, in pixels.

    Raises Difference if the tracker lost such a track.
    """
    from tracking_sessions.core.journal.rows import is_muted
    from tracking_sessions.core.recording.manager import load_session

    replay = load_session(session).replay()
    numbers = {data.name: number for number, data in replay.tracks.items()}
    errors: list[list[float]] = []
    for name in (track.name for track in shot.tracks if track.kind == "survives"):
        rows = replay.markers[numbers[name]]
        live = [frame for frame, row in rows.items() if not is_muted(row)]
        if len(live) != shot.frames:
            raise Difference(f"track {name} can be seen on all {shot.frames} frames and was followed on {len(live)}")
        found = ((memoryview(rows[frame]).cast("f")[CO], shot.truth(name, frame)) for frame in live)
        errors.append([math.hypot((x - u) * shot.width, (y - v) * shot.height) for (x, y), (u, v) in found])
    return errors


if __name__ == "__main__":
    sys.exit(main())
