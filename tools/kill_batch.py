# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills a batch of real tracking, its children and its supervisor, at random instants until it is done.

    .venv/bin/python tools/kill_batch.py --kills 30 -v

Twelve shots of different length and direction, of which eight can be tracked. Of the others one has a gap, one a cut
picture, one no tracks, and one gets a spoilt reference picture during its tracking, on which Blender dies of a
segmentation fault. After each kill of the supervisor the ledger must be sound, no child may survive, and each shot that
the ledger calls completed must be complete. In the end each good shot must hold every frame once, with the bits of a
run without a kill, and each bad shot must have an error.
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
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).resolve().parent.parent / "__main__.py"))["_load"]()

from tracking_sessions.tools.comparison import Difference, compare_replays
from tracking_sessions.tools.processes import command, run

LIMIT = 900.0  # seconds for the whole run
GOOD = 8
FAILED = 1


class Night:
    """The shots in a folder, their batch, its ledger and its sessions."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.folder = folder
        self.root = folder / "tracking_sessions"
        self.entries: list[dict[str, Any]] = []
        self._make_shots(quick)
        self.manifest = folder / "night.yaml"
        self.manifest.write_text(json.dumps({"shots": self.entries}), encoding="utf-8")  # JSON is YAML
        self._spoilt = False

    def _make_shots(self, quick: bool) -> None:
        from tracking_sessions.tests.footage import make_shot
        from tracking_sessions.tools.kill import write_tracks

        lengths = [150, 240, 120, 360, 200, 120, 300, 180, 30, 30, 30, 150]
        width, height = (320, 180) if quick else (480, 270)
        for number, frames in enumerate([max(24, length // 3) for length in lengths] if quick else lengths, 1):
            folder = self.folder / f"shot{number:02}"
            shot = make_shot(folder / "plate", frames, width, height, seed=number, tracks=12)
            direction = ("forward", "backward", "both")[number % 3] if number <= GOOD else "forward"
            start = {"forward": 1, "backward": frames, "both": frames // 2}[direction]
            match = ("KEYFRAME", "PREV_FRAME")[number % 2] if number <= GOOD else "KEYFRAME"
            tracks = write_tracks(folder / "tracks.json", shot, start, pattern_match=match)
            entry = {"footage": f"shot{number:02}/plate", "name": f"shot{number:02}", "tracks": str(tracks)}
            self.entries.append({**entry, "direction": direction, "start": start})
        plates = [sorted((self.folder / f"shot{number:02}" / "plate").iterdir()) for number in range(1, 13)]
        plates[8][14].unlink()
        plates[9][20].write_bytes(plates[9][20].read_bytes()[:-500])
        del self.entries[10]["tracks"]  # the batch runs without --detect
        self.reference = plates[11][0]

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        log = open(self.folder / "night.log", "a", encoding="utf-8")  # noqa: SIM115  # open as long as the process
        return subprocess.Popen(
            command("batch", *arguments, "--root", self.root),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )

    def has_begun(self) -> bool:
        """Whether the batch has printed its name."""
        return "Batch " in (self.folder / "night.log").read_text("utf-8")

    def spoil(self) -> bool:
        """Spoil the reference picture of the last shot during its tracking, outside the samples of the footage check.

        Returns True after it did so: the process that tracks the shot still has the picture in memory.
        """
        if self._spoilt or not (session := self.sessions().get("shot12")):
            return False
        if len(session.session.tracked_frames) > 5:
            data = bytearray(self.reference.read_bytes())
            for at in range(len(data) // 4, len(data) // 4 + 4000):
                data[at] ^= 0xFF
            self.reference.write_bytes(data)
            self._spoilt = True
        return self._spoilt

    def sessions(self) -> dict[str, Any]:
        """The session of each shot, by name."""
        from tracking_sessions.core.errors import TrackingSessionError
        from tracking_sessions.core.library.catalogue import session_files
        from tracking_sessions.core.recording.manager import load_session

        found: dict[str, Any] = {}
        for path in session_files(self.root):
            try:
                manager = load_session(path)
            except TrackingSessionError:
                continue  # another process is making it
            if manager.session.name in found and manager.passes and found[manager.session.name].passes:
                raise Difference(f"{manager.session.name} is tracked in two sessions")
            if manager.passes or manager.session.name not in found:
                found[manager.session.name] = manager
        return found

    def check_ledger(self) -> None:
        """Check the ledger, and that each of its completed shots is complete. Raises Difference."""
        from tracking_sessions.core.batch.ledger import Ledger
        from tracking_sessions.core.batch.shots import ShotStatus
        from tracking_sessions.core.model.types import SessionStatus

        with Ledger(self.root, readonly=True) as ledger:
            if ledger.check():
                raise Difference(f"the ledger is damaged: {ledger.check()}")
            shots = [shot for batch in ledger.batches() for shot in ledger.shots(batch.id)]
        sessions = self.sessions()  # read after the ledger, because the batch continues
        for shot in shots:
            session = sessions.get(shot.spec.name)
            if shot.session and (session is None or session.session.id != shot.session):
                raise Difference(f"{shot.spec.name} is in session {shot.session}, says the ledger")
            done = session is not None and session.session.status is SessionStatus.TRACKING_COMPLETE
            if shot.status is ShotStatus.COMPLETED and not done:
                raise Difference(f"{shot.spec.name} is completed in the ledger only")


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()]
    except OSError:
        return []


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def kill_supervisor(process: subprocess.Popen[str]) -> None:
    children = children_of(process.pid)
    process.kill()
    killed = time.monotonic()
    process.wait()
    while any(map(lives, children)):
        if time.monotonic() - killed > 1.0:
            raise Difference("a child outlives its supervisor by a second")
        time.sleep(0.005)


def kill_child(process: subprocess.Popen[str], chance: random.Random, polls: dict[int, int]) -> bool:
    """Kill a child that has recorded frames: a crash without progress would count against its shot."""
    for pid in chance.sample(found := children_of(process.pid), len(found)):
        try:
            journals = sum(1 for file in os.scandir(f"/proc/{pid}/fd") if "journal." in os.readlink(file.path))
        except OSError:
            continue
        if journals and polls.setdefault(pid, 0) >= 2:
            os.kill(pid, signal.SIGKILL)
            return True
        polls[pid] = polls.get(pid, 0) + journals
    return False


def check_end(night: Night) -> tuple[int, int]:
    """Compare all good shots with runs without a kill; returns their number and the markers. Raises Difference."""
    from tracking_sessions.core.batch.ledger import Ledger
    from tracking_sessions.core.batch.shots import ShotStatus
    from tracking_sessions.core.journal.chain import JournalReader
    from tracking_sessions.core.journal.codec import decoded
    from tracking_sessions.core.journal.records import FrameRecord

    with Ledger(night.root, readonly=True) as ledger:
        (batch,) = ledger.batches()
        shots = {shot.spec.name: shot for shot in ledger.shots(batch.id)}
    sessions = night.sessions()
    markers = 0
    for number, entry in enumerate(night.entries, 1):
        name = entry["name"]
        shot = shots[name]
        if number > GOOD:
            if shot.status not in (ShotStatus.SKIPPED, ShotStatus.FAILED) or not shot.error:
                raise Difference(f"{name} cannot be tracked, but is {shot.status.value}: {shot.error!r}")
            print(f"{name}: {shot.status.value}: {shot.error}")
            continue
        if shot.status is not ShotStatus.COMPLETED:
            raise Difference(f"{name} is {shot.status.value}: {shot.error}")
        session = sessions[name]
        records = decoded(JournalReader(session.folder, session.session.id).records())
        steps = Counter((record.number, record.frame) for record, _ in records if isinstance(record, FrameRecord))
        if set(steps.values()) != {1}:
            raise Difference(f"{name}: frames were tracked twice: {[step for step, n in steps.items() if n > 1]}")
        root = night.folder / "whole" / name
        arguments = ("--tracks", entry["tracks"], "--direction", entry["direction"], "--start", str(entry["start"]))
        done = run("track", night.folder / entry["footage"], "--root", root, *arguments, limit=LIMIT)
        if done.returncode:
            raise Difference(f"{name} cannot be tracked without a kill either: {done.stderr}")
        (whole,) = _sessions(root)
        compare_replays(whole.replay(), session.replay())
        markers += sum(map(len, session.replay().markers.values()))
    return GOOD, markers


def _sessions(root: Path) -> list[Any]:
    from tracking_sessions.core.library.catalogue import session_files
    from tracking_sessions.core.recording.manager import load_session

    return [load_session(path) for path in session_files(root)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill a batch at random instants until it is done.")
    parser.add_argument("--kills", type=int, default=30, help="at least so many (default: 30)")
    parser.add_argument("--seed", type=int, default=None, help="the same kills again, as far as time allows")
    parser.add_argument("--quick", action="store_true", help="shorter shots in smaller pictures, for ten kills at most")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    chance = random.Random(seed)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kill_batch_") as name:
        night = Night(Path(name), quick=options.quick)
        try:
            kills = _kill(night, chance, options)
            shots, markers = check_end(night)
        except Difference as difference:
            print(f"{difference}\nThe log: {(night.folder / 'night.log').read_text('utf-8')[-3000:]}")
            return 1
    print(
        f"{kills['supervisor']} kills of the supervisor and {kills['child']} of children: no frame lost or tracked "
        f"twice, all {markers} markers of {shots} shots equal those of runs without a kill, bit for bit."
    )
    return 0


def _kill(night: Night, chance: random.Random, options: argparse.Namespace) -> Counter[str]:
    kills: Counter[str] = Counter()
    process = night.start("run", night.manifest, "--jobs", str(options.jobs))
    until = time.monotonic() + LIMIT
    while not night.has_begun() and process.poll() is None:
        time.sleep(0.02)  # `batch resume` needs the batch in the ledger
    while time.monotonic() < until:
        wanted = options.kills - sum(kills.values())
        pause = time.monotonic() + chance.uniform(0.1, 1.5 if options.quick else 2.0)
        polls: dict[int, int] = {}
        spoils = False
        while time.monotonic() < pause and process.poll() is None and not spoils:
            spoils = night.spoil()
            time.sleep(0.02)
        if process.poll() is not None:
            if process.returncode not in (FAILED, 0):
                raise Difference(f"the batch ended with {process.returncode}")
            if wanted > 0:
                raise Difference(f"the batch was done after {sum(kills.values())} kills: give more or longer shots")
            return kills
        if wanted <= 0 and not spoils:
            continue
        kills_child = chance.random() < 0.6 and not spoils
        while kills_child and process.poll() is None and time.monotonic() < pause + 2:
            if kill_child(process, chance, polls):
                kills["child"] += 1
                break
            time.sleep(0.02)
        else:
            if process.poll() is None:
                kill_supervisor(process)
                kills["supervisor"] += 1
                process = night.start("resume")
        night.check_ledger()
        if options.verbose:
            print(f"{dict(kills)}", flush=True)
    process.kill()
    raise Difference("it took too long")


if __name__ == "__main__":
    sys.exit(main())
