# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks the passes of a shot in processes side by side, each some tracks in one direction.

One process alone would predict a backwards pass from the markers of the forwards one: the passes would not be
independent, and the result not that of several processes.
Each process records in a session of its own, below the folder of the solves, until its frames are in the session of the
shot. So a killed run loses no frame that any of them has recorded.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ...core.batch.child import Child
from ...core.errors import ExitCode, ProcessEnded
from ...core.journal.rows import position_of, split_rows
from ...core.model.counting import Counting
from ...core.model.types import Pass
from ...core.processes.own import own_command
from ...core.processes.process import cause_words, wait
from ...core.recording.manager import load_session
from ...core.solve.seeding import SETTINGS, sizes
from ...core.storage.files import make_folder, replace_file
from ...core.storage.folder import SessionFolder, is_folder
from ...core.tracking.apart import ApartTracker, Part
from ...core.tracking.passes import Edits, Plan
from ...core.tracking.plan import ShotSpec

_POLL = 0.2  # seconds
TRACKS = "tracks.json"
_ENDED = (ExitCode.DONE, ExitCode.UNUSABLE)  # all tracks lost: what is recorded counts


@dataclass(frozen=True)
class Task:
    """One process: `tracks` of a pass, tracked in the session folder `folder`."""

    folder: Path
    plan: Pass
    tracks: tuple[int, ...]


class SideBySide:
    """Starts the processes of the passes of a run, `jobs` at a time, and waits for them; see `Shot.start`."""

    def __init__(
        self,
        spec: ShotSpec,
        folder: Path,
        jobs: int,
        blender: str,
        counting: Counting,
        width: int,
        frames: int,
        check: Callable[[Callable[[], str]], None],
    ) -> None:
        """`folder`: below which they work. `blender`: as in `own_command`. `width`: of the picture,
        pixels. `frames`: the length of the clip. `check` is called again and again, and raises Interrupted to stop
        them; it gets a function with their progress in words."""
        self._spec, self._folder, self._jobs, self._blender = spec, folder, jobs, blender
        self._counting, self._width, self._frames, self._check = counting, width, frames, check
        self._waiting: list[Task] = []
        self._running: dict[Task, Child] = {}
        self._done: set[Task] = set()
        self._tasks: dict[int, list[Task]] = {}

    def __call__(self, plan: Plan, found: Edits) -> ApartTracker | None:
        """The tracker of the passes, whose tracks must be new; None if others or changed markers are to be followed."""
        is_changed = plan.is_open and not found.edited.isdisjoint(plan.passes[0].tracks)
        if is_changed or any(not self._is_new(one, found) for one in plan.passes):
            return None
        parts = math.ceil(self._jobs / len(plan.passes))
        self._waiting.clear()
        for one in plan.passes:
            numbers = sorted(one.tracks)
            groups = [tuple(numbers[start::parts]) for start in range(min(parts, len(numbers)))]
            self._tasks[one.number] = [
                Task(self._folder / f"pass-{one.number}-{index}-of-{len(groups)}", one, group)
                for index, group in enumerate(groups, 1)
            ]
            for task in self._tasks[one.number]:
                self._write(task, found)
            self._waiting += self._tasks[one.number]
        return ApartTracker(self._ended, self._frames)

    def _is_new(self, plan: Pass, found: Edits) -> bool:
        """Whether all tracks of the pass have a marker on its first frame, and were begun there."""
        number = self._counting.shown(plan.start)
        return all(
            track in found.tracks
            and found.tracks[track].name.startswith(f"Auto {number}-")
            and plan.start in split_rows(found.rows[track])
            for track in plan.tracks
        )

    def _write(self, task: Task, found: Edits) -> None:
        """The file with the start positions."""
        pattern, search = sizes(self._width)
        tracks = [
            {
                "name": found.tracks[number].name,
                "frame": self._counting.shown(task.plan.start),
                "co": position_of(split_rows(found.rows[number])[task.plan.start]),
                "pattern_size": pattern,
                "search_size": search,
                **SETTINGS,
            }
            for number in task.tracks
        ]
        make_folder(task.folder)
        replace_file(task.folder / TRACKS, json.dumps({"tracks": tracks}).encode())

    def _start(self, task: Task) -> Child:
        spec = replace(
            self._spec,
            name="",
            start=self._counting.shown(task.plan.start),
            end=self._counting.shown(task.plan.end),
            direction="backward" if task.plan.backwards else "forward",
            tracks=str(task.folder / TRACKS),
        )
        options: dict[str, str | float | bool] = {"root": str(task.folder), "resume": True, "events": True}
        return Child(own_command(self._blender, "track", *spec.to_arguments(), **options), task.folder / "track")

    def _ended(self, plan: Pass) -> list[Part]:
        """What the processes of the pass have recorded, once they have ended; those of others go on."""
        tasks = self._tasks[plan.number]
        try:
            while not self._done.issuperset(tasks):
                while self._waiting and len(self._running) < self._jobs:
                    task = self._waiting.pop(0)
                    self._running[task] = self._start(task)
                self._check(self._progress)
                wait([child.process for child in self._running.values()], _POLL)
                for task, child in list(self._running.items()):
                    code = child.poll()
                    if code is None:
                        continue
                    del self._running[task]
                    if code not in _ENDED:
                        raise _early(child, code)
                    self._done.add(task)
        except BaseException:
            self.stop()
            raise
        return [Part(load_session(SessionFolder(task.folder).session_files()[-1]), task.tracks) for task in tasks]

    def _progress(self) -> str:
        """What the running processes have recorded."""
        frames = total = 0
        for task in self._running:
            files = SessionFolder(task.folder).session_files()
            if files:
                progress = load_session(files[-1]).progress
                frames, total = frames + progress["tracked_frames"], total + progress["total_frames"]
        waiting = f", {len(self._waiting)} to start" if self._waiting else ""
        return f"{len(self._running)} running{waiting}: {frames} of {total} frames"

    def stop(self) -> None:
        """Let the processes record the frame in flight, and wait for their ends."""
        for child in self._running.values():
            child.stop()
        for child in self._running.values():
            while child.poll() is None:
                wait([child.process], _POLL)
        self._running.clear()

    def clear(self) -> None:
        """Delete what the processes have recorded, once it is in the session of the shot."""
        if is_folder(self._folder):
            shutil.rmtree(self._folder, ignore_errors=True)


def _early(child: Child, code: int) -> ProcessEnded:
    """The error for a process that has ended too early, with this exit code."""
    if child.stopped is None:
        words = f"A process that tracks has ended ({cause_words(code)}); its output is in {child.log}"
        return ProcessEnded(words)
    exit_code = ExitCode.STOPPED if code == ExitCode.STOPPED else ExitCode.FAILED
    return ProcessEnded(f"A process that tracks has ended: {child.stopped.error}", child.stopped.reason, exit_code)
