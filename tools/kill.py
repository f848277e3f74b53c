# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill real tracking runs with SIGKILL at random instants, resume them, and compare with runs that nobody killed.

    .venv/bin/python tools/kill.py --kills 60 -v          generated clips, every direction and way of matching
    .venv/bin/python tools/kill.py --kills 20 --mire2     501 frames of real footage as well (Debian: visp-images-data)

Each run is a process of the command line: real footage on disk, Blender's own tracker. A shot is killed several times,
the runs that resume it too, until one completes it. After each kill the journal is read: nothing that it held before
may have changed. In the end it must hold each frame once, and every value of every marker, in the journal and in the
saved .blend, must be that of the run that nobody killed.
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracking_sessions.core.replay import Replay
    from tracking_sessions.tests.footage import Shot

ROOT = Path(__file__).resolve().parent.parent
TIME_LIMIT = 300.0  # seconds for one process; a bpy whose pipe was closed once hung at exit
PHASES = ("before its first frame", "while it tracked", "after its last frame")
_LOOK_EVERY = 0.001  # seconds between two looks at the size of the journal

# Prints all marker values of .blend files as JSON: {file: {"objects": [...], "tracks": {object/name: {frame: hex}}}}.
# It shares no code with the extension.
READ_BLEND = """
import bpy, json, sys
import numpy as np
found = {}
for path in sys.argv[1:]:
    bpy.ops.wm.open_mainfile(filepath=path, load_ui=False)
    clip, = bpy.data.movieclips
    tracks = {}
    for where in clip.tracking.objects:
        for track in where.tracks:
            count = len(track.markers)
            columns = []
            for name, width, kind in (("frame", 1, "i"), ("mute", 1, "i"), ("is_keyed", 1, "i"), ("co", 2, "f"),
                                      ("pattern_corners", 8, "f"), ("search_min", 2, "f"), ("search_max", 2, "f")):
                column = np.zeros(count * width, {"i": np.int32, "f": np.float32}[kind])
                track.markers.foreach_get(name, column)
                columns.append(column.view(np.uint8).reshape(count, -1))
            rows = np.concatenate(columns, axis=1)
            frames = columns[0].copy().view(np.int32)[:, 0]
            tracks[where.name + "/" + track.name] = {str(f): row.tobytes().hex() for f, row in zip(frames, rows)}
    found[path] = {"objects": [where.name for where in clip.tracking.objects], "tracks": tracks}
sys.stderr.write(json.dumps(found))
"""


class Difference(Exception):
    """A promise was broken: something was lost or differs."""


@dataclass(frozen=True)
class Case:
    """Something to track: `arguments` follow the name of the footage on the command line."""

    name: str
    footage: Path
    arguments: tuple[str, ...]


@dataclass
class Reference:
    """A run of the case that nobody killed, and when things happened in it (seconds from its start)."""

    case: Case
    replay: Replay
    frames: list[tuple[int, ...]]
    save: Path
    journal_size: int
    first: float  # the first frame was recorded
    last: float  # the last one
    total: float


@dataclass
class Kill:
    """What a kill hit. `frames` were recorded by the process, `recorded` in all."""

    case: str
    resumed: bool
    phase: str
    seconds: float
    frames: int
    recorded: int

    def __str__(self) -> str:
        what = "a resume" if self.resumed else "the first run"
        return (
            f"{self.case:<20} {what:<13} killed after {self.seconds:5.3f} s, {self.phase}: "
            f"{self.frames} by it, {self.recorded} recorded"
        )


# Processes


def command(*arguments: str | Path) -> list[str]:
    """The command line of the checkout in a process of its own."""
    return [sys.executable, str(ROOT), *map(str, arguments)]


def run(*arguments: str | Path, limit: float = TIME_LIMIT) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises subprocess.TimeoutExpired."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=limit)


def journal_size(root: Path) -> int:
    """Bytes in all journal files under the session folder."""
    return sum(size for _, size in _journals(root))


def _journals(root: Path) -> Iterator[tuple[Path, int]]:
    for path in root.glob("sessions/*/journal.*"):
        try:
            yield path, path.stat().st_size
        except FileNotFoundError:
            continue


def kill_when(ready: Callable[[], bool], delay: float, *arguments: str | Path) -> tuple[int, float, str]:
    """Start a command, wait until `ready`, then `delay` seconds more, and kill it with SIGKILL.

    Returns the exit code (-9 if the kill came in time), how long it ran in seconds, and its standard error.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=errors)
        try:
            while process.poll() is None and time.monotonic() < started + TIME_LIMIT:
                if ready():
                    time.sleep(delay)
                    break
                time.sleep(_LOOK_EVERY)
        finally:
            process.send_signal(signal.SIGKILL)
            code = process.wait(TIME_LIMIT)
        seconds = time.monotonic() - started
        errors.seek(0)
        return code, seconds, errors.read()


def read_blends(paths: list[Path]) -> dict[Path, dict[str, Any]]:
    """All marker values of .blend files with one clip each, read by a Blender that knows nothing of the extension."""
    if not paths:
        return {}
    with tempfile.TemporaryFile("w+") as errors:  # Blender itself prints to standard output
        done = subprocess.run(
            [sys.executable, "-I", "-c", READ_BLEND, *map(str, paths)],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            check=False,
            timeout=TIME_LIMIT,
        )
        errors.seek(0)
        said = errors.read()
    if done.returncode:
        raise Difference(f"a saved file cannot be read: {said[-2000:]}")
    return {Path(path): content for path, content in json.loads(said[said.index('{"') :]).items()}


# What is recorded


def session_file(root: Path) -> Path | None:
    """The only session under the folder; None if none is there yet."""
    from tracking_sessions.core.session import session_files

    found = session_files(root)
    if len(found) > 1:
        raise Difference(f"{root} has {len(found)} sessions, there must be one")
    return found[0] if found else None


def recorded_frames(root: Path) -> list[tuple[int, ...]]:
    """Pass, frame and all else of each frame record before its markers, in the order of the journal."""
    from tracking_sessions.core.journal import FRAME_HEAD, JournalReader, RecordType

    path = session_file(root)
    if path is None:
        return []
    records = JournalReader(path.with_suffix(""), path.stem).records()
    return [FRAME_HEAD.unpack_from(record.payload) for record in records if record.type == RecordType.FRAME]


class Witness:
    """Looks at a session from outside after each kill, and remembers what was recorded."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.frames: list[tuple[int, ...]] = []
        self._bytes: dict[str, bytes] = {}  # what counts of each journal file

    def look(self) -> None:
        """Raises Difference if anything that was recorded is gone or has changed."""
        from tracking_sessions.core.journal import JournalReader
        from tracking_sessions.core.session import load_session

        path = session_file(self.root)
        if path is None:
            if self._bytes:
                raise Difference("the session is gone")
            return
        load_session(path)  # must always be possible
        frames = recorded_frames(self.root)
        if frames[: len(self.frames)] != self.frames:
            raise Difference(f"of {len(self.frames)} recorded frames not all stand any more: {frames}")
        self.frames = frames
        folder = path.with_suffix("")
        for name, kept in self._bytes.items():
            if (folder / name).read_bytes()[: len(kept)] != kept:
                raise Difference(f"the first {len(kept)} bytes of {name} have changed")
        reader = JournalReader(folder, path.stem)
        for record in reader.records():
            name = f"journal.{record.end.generation}"
            self._bytes[name] = (folder / name).read_bytes()[: record.end.offset]


def compare_replays(reference: Replay, other: Replay) -> None:
    """Raise Difference unless both journals come to the same tracks, settings and markers, bit for bit."""
    if reference.tracks != other.tracks:
        raise Difference("the tracks or their settings differ")
    if reference.tracked != other.tracked:
        raise Difference(f"the tracked frames differ: {other.tracked}, without a kill {reference.tracked}")
    for number, data in reference.tracks.items():
        compare_markers(data.name, reference.markers[number], other.markers[number])


def compare_blends(reference: dict[str, Any], other: dict[str, Any]) -> int:
    """Raise Difference unless both files hold the same markers, bit for bit; returns how many there are."""
    if reference["objects"] != other["objects"] or reference["tracks"].keys() != other["tracks"].keys():
        raise Difference(f"the saved tracking objects or tracks differ: {other['objects']} {sorted(other['tracks'])}")
    for name, markers in reference["tracks"].items():
        compare_markers(f"{name} in the saved file", markers, other["tracks"][name])
    return sum(map(len, reference["tracks"].values()))


def compare_markers(name: str, reference: dict[Any, Any], other: dict[Any, Any]) -> None:
    if reference == other:
        return
    wrong = sorted(frame for frame in reference.keys() | other.keys() if reference.get(frame) != other.get(frame))
    raise Difference(f"track {name}: {len(wrong)} markers differ, the first on frame {wrong[0]}")


# Rounds


def track_reference(case: Case, folder: Path) -> Reference:
    """Track the case without a kill. Raises Difference if even that fails."""
    from tracking_sessions.core.session import load_session

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
        time.sleep(_LOOK_EVERY)
    process.kill()
    said = process.communicate()[1]
    total = time.monotonic() - started
    if process.returncode:
        raise Difference(f"{case.name} cannot be tracked at all: {said}")
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
    """Track the case in `folder` and kill it `kills` times on the way, then let it complete; yields each kill.

    Fewer kills come about when a process is quicker than its kill. Raises Difference. `save` is folder/result.blend.
    """
    from tracking_sessions.core.session import load_session

    root, save = folder / "tracking_sessions", folder / "result.blend"
    folder.mkdir(parents=True)
    witness = Witness(root)
    track = ("track", reference.case.footage, *reference.case.arguments, "--resume", "--root", root, "--save", save)
    for number in range(kills):
        before = len(witness.frames)
        size, delay = random_instant(reference, root, number, kills, chance)
        # a farm passes `track --resume` again, a person says `resume`; a session without a frame may have no pass yet
        again = ("resume", "--root", root, "--save", save) if before and chance.random() < 0.5 else track
        code, seconds, said = kill_when(lambda size=size: journal_size(root) >= size, delay, *again)
        witness.look()
        if code != -signal.SIGKILL:
            if code:
                raise Difference(f"{reference.case.name}: {' '.join(map(str, again))} ended with {code}: {said}")
            break
        after = len(witness.frames)
        phase = PHASES[2 if after == len(reference.frames) else 1 if after > before else 0]
        yield Kill(reference.case.name, number > 0, phase, seconds, after - before, after)
    done = run(*track)
    if done.returncode:
        raise Difference(f"{reference.case.name}: the last resume ended with {done.returncode}: {done.stderr}")
    witness.look()
    if witness.frames != reference.frames:
        raise Difference(f"{reference.case.name}: each frame must be recorded once: {witness.frames}")
    path = session_file(root)
    assert path is not None
    compare_replays(reference.replay, load_session(path).replay())


def random_instant(
    reference: Reference, root: Path, number: int, kills: int, chance: random.Random
) -> tuple[int, float]:
    """When to kill: bytes that the journal must have, and seconds after that.

    Somewhere before the first frame, while frames are tracked (leaving some for the kills to come), or after the last.
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
    """The start positions of the shot's tracks that can be seen on `frame`, for --tracks."""
    tracks = [
        {
            "name": one.name,
            "frame": frame,
            "co": shot.truth(one.name, frame),
            "pattern_size": 21,
            "search_size": 61,
            **settings,
        }
        for one in shot.tracks
        if shot.visible(one.name, frame)
    ]
    path.write_text(json.dumps({"tracks": tracks}, indent=1), encoding="utf-8")
    return path


def generated_cases(folder: Path, frames: int = 60) -> list[Case]:
    """A small rendered shot, forward, backward and both ways, with both ways of matching patterns."""
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
    runpy.run_path(str(ROOT / "__main__.py"))["_load"]()
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
        place = folder / "rounds" / f"{len(rounds):04d}"
        wanted = min(chance.randint(2, 6), options.kills - len(kills))
        for kill in kill_round(reference, place, wanted, chance):
            kills.append(kill)
            if options.verbose:
                print(f"{len(kills):4}  {kill}", flush=True)
        rounds.append((reference, place / "result.blend"))
    markers = check_blends(rounds)
    print_table(references, kills)
    print(
        f"{len(kills)} kills in {len(rounds)} shots, {time.monotonic() - began:.0f} s: no recorded frame lost, "
        f"and all {markers} markers of the saved files equal those of runs without a kill, bit for bit."
    )
    return 0


def check_blends(rounds: list[tuple[Reference, Path]]) -> int:
    """Compare the saved files of all rounds with those of their references; returns the number of markers compared."""
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
