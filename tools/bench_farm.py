# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures shots on a farm: a task beside its tracking, the manifest, and the files that the server is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from tracking_sessions.core.batch.shots import ShotStatus
from tracking_sessions.core.farm.manifest import FarmShot, Manifest
from tracking_sessions.core.farm.states import State, States
from tracking_sessions.core.farm.status import Standing, standings
from tracking_sessions.core.farm.submission import Resources
from tracking_sessions.core.farm.submitting import create, submission_of
from tracking_sessions.core.library.catalogue import SETTLED
from tracking_sessions.core.processes.own import farm_command
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.footage import make_shot
from tracking_sessions.tools.bench_figures import Report
from tracking_sessions.tools.bench_sessions import make_sessions
from tracking_sessions.tools.kill import write_tracks
from tracking_sessions.tools.processes import command
from tracking_sessions.tools.slow_disk import Operation, SlowDisk

CACHE = 3.0  # seconds for which a client of the file server believes what it has asked
REPEATS = 3
LOOKUPS = 20
ENGINES = ("slurm", "openjd", "flamenco")


def measure_farm(folder: Path, count: int, frames: int, report: Report) -> None:
    """`count`: the most shots of a submission; `frames`: of the shot that is tracked."""
    plate = folder / "plate"
    tracks = write_tracks(folder / "tracks.json", make_shot(plate, frames, 320, 180, tracks=12), 1)
    spec = ShotSpec(str(plate), tracks=str(tracks))
    _measure_submissions(folder / "submitted", count, report)
    _measure_status(folder / "status", count // 10, report)
    _measure_task(folder / "task", spec, report)
    _measure_operations(folder, spec, count // 100, report)


def _took(work: Callable[[], object]) -> float:
    """Seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _found(path: Path, index: int) -> FarmShot:
    """A shot, as a task finds it."""
    return Manifest(path).shot(index)


def _standings(manifest: Manifest) -> list[Standing]:
    return list(standings(manifest))


def _specs(count: int) -> list[ShotSpec]:
    return [ShotSpec(f"/show/seq/{number:06}/plate.####.exr", detect=True) for number in range(1, count + 1)]


def _measure_submissions(root: Path, count: int, report: Report) -> None:
    """Make submissions, find single shots in them, and write their jobs."""
    found: list[float] = []
    for size in sorted({24, count // 100, count}):
        begun = time.perf_counter()
        manifest = create(root, _specs(size), "bench")
        made = time.perf_counter() - begun
        indices = sorted({1 + number * (size - 1) // LOOKUPS for number in range(LOOKUPS + 1)})
        looked = [_took(partial(_found, manifest.path, index)) for index in indices]
        found.append(median(looked) * 1e3)
        jobs = _jobs(manifest, size)
        print(
            f"\n{size:,} shots: submission made in {made:.2f} s ({manifest.path.stat().st_size / 1e6:.1f} MB), "
            f"a shot found in {found[-1]:.2f} ms{jobs}",
            flush=True,
        )
        if size == count // 100:
            report.target(f"a submission of {size:,} shots made", made, 1, " s")
    report.target(f"a shot found among {count:,}, times as long as among 24", found[-1] / found[0], 10, "")


def _jobs(manifest: Manifest, size: int) -> str:
    """The seconds that each engine takes to write its job, in words."""
    from tracking_sessions.core.farm.engines import engine_of

    words = ""
    for name in ENGINES:
        try:
            engine = engine_of(name, is_online=True)
        except ImportError:
            continue
        submission = submission_of(manifest, range(1, size + 1), farm_command("blender"), Resources())
        words += f", job of {name} in {_took(partial(engine.write, submission)):.2f} s"
    return words


def _measure_status(root: Path, count: int, report: Report) -> None:
    """Read where shots stand that all have a state, as once they are done."""
    for size in sorted({count // 10, count}):
        manifest = create(root, _specs(size), "bench")
        states = States(manifest.folder)
        states.path(1).parent.mkdir()
        for number in range(1, size + 1):
            state = State(number, ShotStatus.COMPLETED, "20260101-000000-00000000", frames=(120, 120), begun=1)
            states.path(number).write_text(json.dumps(state.to_json()), "utf-8")
        best = min(_took(partial(_standings, manifest)) for _ in range(REPEATS))
        print(f"\nwhere {size:,} shots stand: {best:.2f} s", flush=True)
    report.target(f"where {count:,} shots stand", best, 5, " s")


def _run(*arguments: str | Path) -> float:
    """Run a command of the extension; returns its seconds."""
    begun = time.perf_counter()
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - begun


def _measure_task(root: Path, spec: ShotSpec, report: Report) -> None:
    """A task beside the same `track`, and a task of a shot that is done."""
    alone: list[float] = []
    tasks: list[float] = []
    again: list[float] = []
    for turn in range(REPEATS):
        alone.append(_run("track", spec.footage, f"--tracks={spec.tracks}", f"--root={root / f'alone{turn}'}"))
        manifest = create(root / f"task{turn}", [spec])
        words = "task", f"--manifest={manifest.path}", "--index=1"
        tasks.append(_run(*words))
        again.append(_run(*words))
    print(
        f"\ntrack {median(alone):.2f} s, as a task {median(tasks):.2f} s, a task of a shot that is done "
        f"{median(again):.2f} s",
        flush=True,
    )
    report.target("a task beside its tracking", median(tasks) - median(alone), 2, " s")


def _measure_operations(folder: Path, spec: ShotSpec, most: int, report: Report) -> None:
    """Count what a task asks of the file server, in session folders of more and more sessions and in one of its own."""
    if sys.platform != "linux" or os.geteuid():
        print("\noperations are counted on a mount, which takes root on Linux", flush=True)
        return
    print("\noperations of a task, with an index | without | in a folder of its own", flush=True)
    begins: dict[str, int] = {}
    for count in sorted({2, most // 10, most}):
        base = folder / f"asked{count}"
        make_sessions(base / "tracking_sessions", count)
        time.sleep(SETTLED + 0.1)
        for turn in ("without an index", "with an index", "apart"):
            base.joinpath("mount").mkdir(exist_ok=True)
            operations = _asked(base, spec, turn)
            begin = _parts(operations)["the child begins"]
            begins[turn] = sum(begin.values())
            print(f"  {count:,} sessions, {turn}: {begins[turn]:,} until the first frame", flush=True)
            if turn == "apart" and count == most:
                _print_parts(operations)
            time.sleep(SETTLED + 0.1)
    report.target("apart: operations until the first frame", begins["apart"], 300, "")


def _asked(base: Path, spec: ShotSpec, turn: str) -> list[Operation]:
    """What one task of the shot asks. It begins a new session, as its footage is that of no session yet."""
    root, mount, trace = base / "tracking_sessions", base / "mount", base / f"{turn}.operations"
    with SlowDisk(root, mount, trace, cache=CACHE) as disk:
        manifest = create(disk.place, [spec], apart=turn == "apart")
        before = len(disk.operations)
        _run("task", f"--manifest={manifest.path}", "--index=1")
        operations = disk.operations[before:]
    if turn != "apart":  # the next one begins anew
        newest = max(root.glob("sessions/*.yaml"), key=lambda path: path.stat().st_mtime_ns)
        newest.unlink()
    return operations


def _parts(operations: list[Operation]) -> dict[str, Counter[str]]:
    """The kinds of operations, by who asks and when. Closing a file the kernel reports twice; once is enough."""
    asked = [operation for operation in operations if not operation.kind.startswith("release")]
    journal = [place for place, one in enumerate(asked) if one.kind == "fsync" and "/journal." in one.path]
    first, last = journal[4], journal[-4]
    child = asked[first].pid
    parts = {
        "the task begins": Counter[str](),
        "the child begins": Counter[str](),
        "frames": Counter[str](),
        "the task meanwhile": Counter[str](),
        "the child ends": Counter[str](),
        "the task ends": Counter[str](),
    }
    for place, one in enumerate(asked):
        is_child = one.pid == child
        names = (
            ("the task begins", "the child begins")
            if place < first
            else ("the task meanwhile", "frames")
            if place < last
            else ("the task ends", "the child ends")
        )
        parts[names[is_child]][one.kind] += 1
    return parts


def _print_parts(operations: list[Operation]) -> None:
    for part, kinds in _parts(operations).items():
        shown = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        print(f"    {part}: {sum(kinds.values())} ({shown})", flush=True)
