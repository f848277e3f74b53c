# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what artists do, at random, and checks after each step that nothing is lost and the panel is right.

    .venv/bin/python tools/sequences.py --count 10000            that many sequences
    .venv/bin/python tools/sequences.py --seed 7 --only 315 -v   one of them again, with each step

A sequence is our passes and Blender's, edits, undo, redo, save, load, kill, restore, the way back in the history, fresh
starts, in one real file with the real tracker. `watcher.py` has the checks, and `expected.py` the clip that a
restore has to make. Calls with other seeds run side by side; TMPDIR=/dev/shm spares the disk.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import runpy
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).resolve().parent.parent / "__main__.py"))["_load"]()

from tracking_sessions.core.errors import TrackingSessionError
from tracking_sessions.tests.footage import make_shot
from tracking_sessions.tools.artist import Artist
from tracking_sessions.tools.artist.desk import Refused, make_start
from tracking_sessions.tools.clip_tracks import Wrong
from tracking_sessions.tools.watcher import Watcher

STEPS = 12  # of a sequence
FRAMES = 10


class Sequence:
    """One sequence of actions, repeatable by its seed and number."""

    def __init__(self, start: Path, folder: Path, seed: int, number: int) -> None:
        """Copy the file `start` into a folder of its own in `folder`, which loses those of earlier sequences."""
        self.log: list[str] = []
        chance = random.Random(f"{seed} {number}")
        earlier = list(folder.iterdir()) if folder.exists() else []
        own = folder / f"{number}-{len(earlier)}"
        own.mkdir(parents=True)
        self.artist = Artist(start, own / "shot.blend", chance)  # opening it gives up the sessions of the earlier one
        for path in earlier:
            shutil.rmtree(path)
        self._watcher = Watcher(self.artist)
        self._chance = chance

    def run(self, count: Counter[str], steps: int = STEPS) -> None:
        """Do the steps; count what was done. Raises Wrong, or any error of the extension."""
        names = self.artist.actions()
        try:
            for _ in range(steps):
                self._do(next(names), count)
        finally:
            count.update(self.artist.compared)

    def _do(self, name: str, count: Counter[str]) -> None:
        self.log.append(name)
        self._watcher.since.append(name)
        try:
            self.log[-1] += " " + getattr(self.artist, name)()
        except (Refused, TrackingSessionError) as error:
            self.log[-1] += f" refused: {error}"
            count[f"{name}: refused"] += 1
            stands = True
        else:
            count[name] += 1
            stands = name in ("restore", "go_back", "bring_back") or self._chance.random() < 0.8
        if stands:
            self.artist.stand()
            self.log[-1] += "; stands"
            self._watcher.check()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without the lines that Blender prints for each file."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


def make_file(folder: Path) -> Path:
    """A plate and a file with tracks of it, in `folder`; returns the path of the file."""
    path = folder / "start.blend"
    with _silent():
        make_start(make_shot(folder / "shot", FRAMES, 320, 180, tracks=12), path)
    return path


def run_sequence(start: Path, folder: Path, seed: int, number: int, count: Counter[str]) -> tuple[str, list[str]]:
    """Run one sequence; returns what is wrong, or nothing, and its steps."""
    log: list[str] = []
    try:
        with _silent():
            sequence = Sequence(start, folder, seed, number)
            log = sequence.log
            sequence.run(count)
    except Wrong as error:
        return str(error), log
    except Exception:
        return traceback.format_exc(), log
    return "", log


def main() -> int:
    parser = argparse.ArgumentParser(description="Do what artists do at random, and check that nothing is lost.")
    parser.add_argument("--count", type=int, default=100, metavar="N", help="how many sequences (default 100)")
    parser.add_argument("--seed", type=int, help="repeats the sequences of an earlier call")
    parser.add_argument("--only", type=int, metavar="K", help="only the sequence of this number")
    parser.add_argument("--first", type=int, default=0, metavar="K", help="begin with the sequence of this number")
    parser.add_argument("-v", "--verbose", action="store_true", help="each step")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(3), "little")
    print(f"Seed {seed}", flush=True)

    from tracking_sessions import registration
    from tracking_sessions.bridge.tracking import shot

    shot.can_read = lambda path: True  # else a Blender of its own tries each picture on which all tracks get lost

    with tempfile.TemporaryDirectory(prefix="sequences-") as scratch:
        os.environ["BLENDER_USER_DATAFILES"] = str(Path(scratch) / "user")
        start = make_file(Path(scratch))
        registration.register()
        began, count, wrong = time.monotonic(), Counter[str](), 0
        numbers = [options.only] if options.only is not None else range(options.first, options.first + options.count)
        for number in numbers:
            found, log = run_sequence(start, Path(scratch) / "work", seed, number, count)
            if found or options.verbose:
                print(f"Sequence {number} of seed {seed}:", *log, sep="\n  ", flush=True)
            if found:
                wrong += 1
                print(f"WRONG: {found}\nRepeat it with --seed {seed} --only {number} -v\n", flush=True)
            elif number % 100 == 99:
                print(f"{number + 1} sequences, {wrong} wrong, {time.monotonic() - began:.0f} s", flush=True)
        for name, times in sorted(count.items()) if options.verbose or len(numbers) > 1 else ():
            print(f"{times:7}  {name}")
        print(f"{len(numbers)} sequences, {wrong} wrong, {time.monotonic() - began:.0f} s")
        registration.unregister()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
