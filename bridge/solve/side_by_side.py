# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks the passes of a shot in processes side by side on this machine, each some tracks in one direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...core.batch.child import Child
from ...core.errors import ExitCode, ProcessEnded
from ...core.model.counting import Counting
from ...core.model.types import Pass
from ...core.processes.own import own_command
from ...core.processes.process import cause_words, wait
from ...core.recording.manager import load_session
from ...core.storage.folder import SessionFolder
from ...core.tracking.apart import Part
from ...core.tracking.plan import ShotSpec
from .parted import Parted, Task

_POLL = 0.2  # seconds
_ENDED = (ExitCode.DONE, ExitCode.UNUSABLE)  # all tracks lost: what is recorded counts


class SideBySide(Parted):
    """Starts the processes of the passes of a run, `jobs` at a time, and waits for them."""

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
        """`blender`: as in `own_command`. `check` is called again and again, and raises Interrupted to stop them; it
        gets a function with their progress in words. The rest: as in `Parted`."""
        super().__init__(spec, folder, jobs, counting, width, frames)
        self._jobs, self._blender, self._check = jobs, blender, check
        self._waiting: list[Task] = []
        self._running: dict[Task, Child] = {}
        self._done: set[Task] = set()

    def _planned(self, tasks: Sequence[Task]) -> None:
        self._waiting = list(tasks)

    def _start(self, task: Task) -> Child:
        options: dict[str, str | float | bool] = {"root": str(task.folder), "resume": True, "events": True}
        words = self._shot_of(task).to_arguments()
        return Child(own_command(self._blender, "track", *words, **options), task.folder / "track")

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
        return self._parts_of(plan)

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


def _early(child: Child, code: int) -> ProcessEnded:
    """The error for a process that has ended too early, with this exit code."""
    if child.stopped is None:
        words = f"A process that tracks has ended ({cause_words(code)}); its output is in {child.log}"
        return ProcessEnded(words)
    exit_code = ExitCode.STOPPED if code == ExitCode.STOPPED else ExitCode.FAILED
    return ProcessEnded(f"A process that tracks has ended: {child.stopped.error}", child.stopped.reason, exit_code)
