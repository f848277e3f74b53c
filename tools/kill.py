# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills real tracking runs with SIGKILL at random instants, resumes them, and compares them with runs without a kill.

    .venv/bin/python tools/kill.py --kills 60 -v          generated clips, every direction and pattern matching
    .venv/bin/python tools/kill.py --kills 20 --mire2     501 frames of real footage as well (Debian: visp-images-data)

Each run is a process of the command line with real footage and Blender's own tracker. Each shot gets several kills,
also while it resumes, until a run completes it. After each kill the journal must hold its earlier content unchanged.
In the end it must hold each frame once, and every value of every marker, in the journal and in the saved .blend, must
equal that of the run without a kill.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).resolve().parent.parent / "__main__.py"))["_load"]()

from tracking_sessions.tools.comparison import (
    Difference,
    Witness,
    compare_blends,
    compare_replays,
    journal_size,
    read_blends,
    recorded_frames,
    session_file,
)
from tracking_sessions.tools.processes import POLL_EVERY, TIME_LIMIT, command, kill_when, run

if TYPE_CHECKING:
    from tracking_sessions.core.journal.replay import Replay
    from tracking_sessions.tests.footage import Shot

PHASES = ("before its first frame", "while it tracked", "after its last frame")


@dataclass(frozen=True)
class Case:
    """Footage to track: `arguments` follow its name on the command line."""

    name: str
    footage: Path
    arguments: tuple[str, ...]


@dataclass
class Reference:
    """A run of the case without a kill, with instants in seconds from its start."""

    case: Case
    replay: Replay
    frames: list[tuple[int, ...]]
    save: Path
    journal_size: int
    first: float  # the first frame is recorded
    last: float  # the last frame is recorded
    total: float


@dataclass
class Kill:
    """A kill: the process had recorded `frames`, the session `recorded` in all."""

    case: str
    resumed: bool
    phase: str
    seconds: float
    frames: int
    recorded: int

    def __str__(self) -> str:
        victim = "a resume" if self.resumed else "the first run"
        return (
            f"{self.case:<20} {victim:<13} killed after {self.seconds:5.3f} s, {self.phase}: "
            f"{self.frames} by it, {self.recorded} recorded"
        )


# Rounds


def track_reference(case: Case, folder: Path) -> Reference:
    """Track the case without a kill. Raises Difference if that fails."""
    from tracking_sessions.core.recording.manager import load_session

    root, save = folder / "tracking_sessions", folder / "result.blend"
    folder.mkdir(parents=True)
    started = time.monotonic()
    process = subprocess.Popen(
        command("track", case.footage, *case.arguments, "--root", root, "--save", save),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    moments: list[float] = []
    sizes: list[int] = []
    while process.poll() is None and time.monotonic() < started + TIME_LIMIT:
        size = journal_size(root)
        if size and (not sizes or size != sizes[-1]):
            moments.append(time.monotonic() - started)
            sizes.append(size)
        time.sleep(POLL_EVERY)
    process.kill()
    output = process.communicate()[1]
    total = time.monotonic() - started
    if process.returncode:
        raise Difference(f"{case.name} cannot be tracked at all: {output}")
    path = session_file(root)
    assert path is not None
    return Reference(
        case=case,
        replay=load_session(path).replay(),
        frames=recorded_frames(root),
        save=save,
        journal_size=journal_size(root),
        first=moments[1],
        last=moments[-1],
        total=total,
    )


def kill_round(reference: Reference, folder: Path, kills: int, chance: random.Random) -> Iterator[Kill]:
    """Track the case in `folder`, kill it up to `kills` times, then let it complete; yields each kill.

    A process that ends before its kill ends the kills. Raises Difference. Saves folder/result.blend.
    """
    from tracking_sessions.core.recording.manager import load_session

    root, save = folder / "tracking_sessions", folder / "result.blend"
    folder.mkdir(parents=True)
    witness = Witness(root)
    track = ("track", reference.case.footage, *reference.case.arguments, "--resume", "--root", root, "--save", save)
    for number in range(kills):
        before = len(witness.frames)
        size, delay = random_instant(reference, root, number, kills, chance)
        # a farm repeats `track --resume`, a person types `resume`; a session without a frame may have no pass yet
        again = ("resume", "--root", root, "--save", save) if before and chance.random() < 0.5 else track
        code, seconds, output = kill_when(lambda size=size: journal_size(root) >= size, delay, *again)
        witness.check()
        if code != -signal.SIGKILL:
            if code:
                raise Difference(f"{reference.case.name}: {' '.join(map(str, again))} ended with {code}: {output}")
            break
        after = len(witness.frames)
        phase = PHASES[2 if after == len(reference.frames) else 1 if after > before else 0]
        yield Kill(reference.case.name, number > 0, phase, seconds, after - before, after)
    done = run(*track)
    if done.returncode:
        raise Difference(f"{reference.case.name}: the last resume ended with {done.returncode}: {done.stderr}")
    witness.check()
    if witness.frames != reference.frames:
        raise Difference(f"{reference.case.name}: each frame must be recorded once: {witness.frames}")
    path = session_file(root)
    assert path is not None
    compare_replays(reference.replay, load_session(path).replay())


def random_instant(
    reference: Reference, root: Path, number: int, kills: int, chance: random.Random
) -> tuple[int, float]:
    """The instant of a kill: the size of the journal in bytes, and seconds after that.

    It lies before the first frame, between two frames (with some left for the following kills), or after the last.
    """
    there = journal_size(root)
    kind = chance.random()
    if kind < 0.25:
        return 0, chance.uniform(0.0, reference.first)
    if kind > (0.55 if number == kills - 1 else 0.92):
        return reference.journal_size, chance.uniform(0.0, reference.total - reference.last)
    frame_time = (reference.last - reference.first) / len(reference.frames)
    share = chance.uniform(0.0, 2.0 / (kills - number + 1))
    left = max(0, reference.journal_size - there)
    return there + 1 + int(left * min(1.0, share)), chance.uniform(0.0, 2 * frame_time)


# Cases


def write_tracks(path: Path, shot: Shot, frame: int, **settings: Any) -> Path:
    """Write the start positions of the shot's visible tracks on `frame`, for --tracks."""
    tracks = [
        {
            "name": track.name,
            **({"frame": frame} if frame > 1 else {}),
            "co": shot.truth(track.name, frame),
            "pattern_size": 21,
            "search_size": 61,
            **settings,
        }
        for track in shot.tracks
        if shot.visible(track.name, frame)
    ]
    path.write_text(json.dumps({"tracks": tracks}, indent=1), encoding="utf-8")
    return path


def generated_cases(folder: Path, frames: int = 60) -> list[Case]:
    """A small rendered shot, forward, backward and both, with each kind of pattern matching."""
    from tracking_sessions.tests.footage import make_shot

    shot = make_shot(folder / "shot", frames, 320, 180, tracks=12)
    cases: list[Case] = []
    for direction, start in (("forward", 1), ("backward", frames), ("both", frames // 2)):
        for match in ("KEYFRAME", "PREV_FRAME"):
            tracks = write_tracks(folder / f"{direction}_{match}.json", shot, start, pattern_match=match)
            arguments = ("--tracks", str(tracks), "--direction", direction)
            cases.append(Case(f"{direction} {match}", shot.folder, arguments))
    return cases


def mire2_cases(folder: Path, frames: int | None = None) -> list[Case]:
    """Real footage, forward and backward, all 501 frames or the first `frames`. Raises FileNotFoundError without it."""
    from tracking_sessions.tests.pictures import mire2

    files = mire2(folder / "mire2")
    last = str(frames or len(files))
    forward = ("--detect", "--start", "1", "--end", last)
    backward = ("--detect", "--start", last, "--end", "1", "--direction", "backward")
    return [
        Case("mire-2 forward", files[0].parent, forward),
        Case("mire-2 backward", files[0].parent, backward),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill tracking runs at random instants, resume, compare bit by bit.")
    parser.add_argument("--kills", type=int, default=60, metavar="N", help="how many (default 60)")
    parser.add_argument("--mire2", action="store_true", help="501 frames of real footage as well")
    parser.add_argument("--seed", type=int, help="repeats the choice of instants of an earlier call")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in this new folder and leave all there")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for each kill")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(3), "little")
    print(f"Seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kill-") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _kill(options, folder, random.Random(seed))
        except Difference as difference:
            print(f"DIFFERENT: {difference}\nRepeat it with --seed {seed} --keep DIR", file=sys.stderr)
            return 1


def _kill(options: argparse.Namespace, folder: Path, chance: random.Random) -> int:
    began = time.monotonic()
    cases = generated_cases(folder)
    if options.mire2:
        cases += mire2_cases(folder)
    references = [track_reference(case, folder / "references" / case.name) for case in cases]
    kills: list[Kill] = []
    rounds: list[tuple[Reference, Path]] = []
    while len(kills) < options.kills:
        reference = references[len(rounds) % len(references)]
        target = folder / "rounds" / f"{len(rounds):04d}"
        wanted = min(chance.randint(2, 6), options.kills - len(kills))
        for kill in kill_round(reference, target, wanted, chance):
            kills.append(kill)
            if options.verbose:
                print(f"{len(kills):4}  {kill}", flush=True)
        rounds.append((reference, target / "result.blend"))
    markers = check_blends(rounds)
    print_table(references, kills)
    print(
        f"{len(kills)} kills in {len(rounds)} shots, {time.monotonic() - began:.0f} s: no recorded frame lost, "
        f"and all {markers} markers of the saved files equal those of runs without a kill, bit for bit."
    )
    return 0


def check_blends(rounds: list[tuple[Reference, Path]]) -> int:
    """Compare the saved files of all rounds with their references; returns the number of markers."""
    read = read_blends([*{reference.save for reference, _ in rounds}, *(path for _, path in rounds)])
    return sum(compare_blends(read[reference.save], read[path]) for reference, path in rounds)


def print_table(references: list[Reference], kills: list[Kill]) -> None:
    count = Counter((kill.case, kill.resumed, kill.phase) for kill in kills)
    head = "".join(f"{phase:>24}" for phase in PHASES)
    print(f"\n{'kills':<32}{head}")
    for name in (reference.case.name for reference in references):
        for resumed in (False, True):
            figures = "".join(f"{count[name, resumed, phase]:>24}" for phase in PHASES)
            print(f"{name:<22}{'resumes' if resumed else 'first runs':<10}{figures}")
    total = "".join(f"{sum(n for (_, _, p), n in count.items() if p == phase):>24}" for phase in PHASES)
    print(f"{'all':<32}{total}\n")


if __name__ == "__main__":
    sys.exit(main())
