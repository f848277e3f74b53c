# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what artists do, at random, and checks after each step that nothing is lost and the panel is right.

    .venv/bin/python tools/sequences.py --count 10000            that many sequences
    .venv/bin/python tools/sequences.py --seed 7 --only 315 -v   one of them again, with each step

A sequence is our passes and Blender's, edits, undo, redo, save, load, kill, restore, the way back in the history, fresh
starts, in one real file with the real tracker. The checks are the methods of `Watcher`.
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
from typing import TYPE_CHECKING

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).resolve().parent.parent / "__main__.py"))["_load"]()

import bpy

from tracking_sessions.core.errors import TrackingSessionError
from tracking_sessions.core.recording.manager import TrackingSessionManager, load_session
from tracking_sessions.tools.artist import Artist, Refused, actions
from tracking_sessions.tools.clip_tracks import Wrong, live, same, tracks_at, tracks_of

if TYPE_CHECKING:
    from tracking_sessions.tests.footage import Shot

STEPS = 12  # of a sequence
FRAMES = 16
_MAY_END = ("track", "resume", "drop", "blender_tracks", "blender_steps", "go_back", "start_fresh", "bring_back")


class Watcher:
    """Knows what must be true of the clip of an artist."""

    def __init__(self, artist: Artist) -> None:
        self.artist = artist
        self._unfinished: dict[int, frozenset[int]] = {}
        self._session = ""
        self.since: list[str] = []
        """The actions since the last check."""

    def check(self) -> None:
        """Check everything. Raises Wrong."""
        artist = self.artist
        recording = artist.recording
        session = recording.session if recording is not None else None
        if recording is not None and recording.error:
            raise Wrong(f"the recording has stopped: {recording.error}")
        if recording is not None and session is not None:
            self._check_recorded(session)
        self._check_passes()
        self._check_panel(session)
        self.since = []

    def _check_recorded(self, session: TrackingSessionManager) -> None:
        artist = self.artist
        clip = tracks_of(artist.clip)
        same(clip, tracks_at(load_session(session.path).replay()), "the journal", "the clip")
        known = artist.states.setdefault(session.id, [])
        newest = session.history().states[-1].position
        if not known or known[-1][0] != newest:
            known.append((newest, clip))
        position, then = artist.chance.choice(known)
        same(then, tracks_at(session.state_at(position)), f"the state at {position}", "the clip then")

    def _check_passes(self) -> None:
        """No pass with living tracks is forgotten."""
        paths = self.artist.session_paths()
        seen = self.artist.seen
        path = next((path for path in paths if path.stem == seen.session), None)
        before = self._unfinished if seen.session == self._session else {}
        self._session = seen.session
        if path is None:
            self._unfinished = {}
            return
        manager = load_session(path)
        now = {known.number: known.followed for known in manager.unfinished}
        tracks = manager.replay().tracks
        if not set(self.since).intersection(_MAY_END):
            for number, followed in before.items():
                gone = {one for one in followed - now.get(number, frozenset()) if one in tracks}
                if gone:
                    raise Wrong(f"pass {number} no longer follows the tracks {sorted(gone)} after {self.since}")
        self._unfinished = now

    def _check_panel(self, session: TrackingSessionManager | None) -> None:
        """The numbers of the panel equal the clip."""
        seen = self.artist.seen
        if seen.error:
            raise Wrong(f"the panel shows an error: {seen.error}")
        if session is None:
            self._check_unrecorded()
            return
        mine = live(tracks_of(self.artist.clip))
        names = {number: (data.object, data.name) for number, data in session.replay().tracks.items()}
        for number, key in names.items():
            covered = set(session.coverage.frames.get(number, ()))
            if covered != mine[key]:
                raise Wrong(
                    f"the summary says that {key} is live on {sorted(covered)}, but it is on {sorted(mine[key])}"
                )
        coming: set[int] = set()
        for aside in session.asides:
            then = session.state_at(aside.position)
            frames = live({(str(n), ""): ({}, then.rows(n)) for n in then.tracks})
            for number in aside.gone_back & then.tracks.keys():
                coming |= frames[str(number), ""] - mine.get(names.get(number, ("", "")), set())
        shown = set(seen.missing_frames) | set(seen.undone_frames)
        if shown != coming:
            raise Wrong(f"the panel says that the frames {sorted(shown)} are missing, but {sorted(coming)} are")

    def _check_unrecorded(self) -> None:
        seen = self.artist.seen
        path = next((path for path in self.artist.session_paths() if path.stem == seen.session), None)
        if path is None:
            return
        mine, recorded = live(tracks_of(self.artist.clip)), live(tracks_at(load_session(path).replay()))
        lacks = any(frames - mine.get(key, set()) for key, frames in recorded.items())
        if lacks and not (seen.missing or seen.undone):
            raise Wrong("the clip lacks recorded markers, but the panel offers none")


class Sequence:
    """One sequence of actions, repeatable by its seed and number."""

    def __init__(self, footage: Shot, folder: Path, seed: int, number: int) -> None:
        self.log: list[str] = []
        chance = random.Random(f"{seed} {number}")
        bpy.ops.wm.read_factory_settings(use_empty=False)  # gives up the sessions in the folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.artist = Artist(footage, folder / "shot.blend", chance)
        self._watcher = Watcher(self.artist)
        self._chance = chance

    def run(self, count: Counter[str], steps: int = STEPS) -> None:
        """Do the steps; count what was done. Raises Wrong, or any error of the extension."""
        names = actions(self._chance)
        for _ in range(steps):
            name = next(names)
            self.log.append(name)
            self._watcher.since.append(name)
            try:
                self.log[-1] += " " + getattr(self.artist, name)()
            except (Refused, TrackingSessionError) as error:
                self.log[-1] += f" refused: {error}"
                count[f"{name}: {str(error)[:70]}"] += 1
                stands = True
            else:
                count[name] += 1
                stands = name in ("restore", "go_back") or self._chance.random() < 0.8
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


def make_footage(folder: Path) -> Shot:
    from tracking_sessions.tests.footage import make_shot

    return make_shot(folder, FRAMES, 320, 180, tracks=12)


def run_sequence(footage: Shot, folder: Path, seed: int, number: int, count: Counter[str]) -> tuple[str, list[str]]:
    """Run one sequence; returns what is wrong, or nothing, and its steps."""
    log: list[str] = []
    try:
        with _silent():
            sequence = Sequence(footage, folder, seed, number)
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
        footage = make_footage(Path(scratch) / "shot")
        registration.register()
        began, count, wrong = time.monotonic(), Counter[str](), 0
        numbers = [options.only] if options.only is not None else range(options.first, options.first + options.count)
        for number in numbers:
            found, log = run_sequence(footage, Path(scratch) / "work", seed, number, count)
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
