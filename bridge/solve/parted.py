# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts the passes of a shot by tracks, for other processes, which track each part in a session of its own.

One process alone would predict a backwards pass from the markers of the forwards one: the passes would not be
independent, and the result not that of several processes.
Each process records below the folder of the solves, until its frames are in the session of the shot. So a killed run
loses no frame that any of them has recorded.
"""

from __future__ import annotations

import json
import math
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...core.journal.rows import position_of, split_rows
from ...core.model.counting import Counting
from ...core.model.types import Pass
from ...core.recording.manager import load_session
from ...core.solve.seeding import SETTINGS, sizes
from ...core.storage.files import make_folder, replace_file
from ...core.storage.folder import SessionFolder, is_folder
from ...core.tracking.apart import ApartTracker, Part
from ...core.tracking.passes import Edits, Plan
from ...core.tracking.plan import ShotSpec

TRACKS = "tracks.json"


@dataclass(frozen=True)
class Task:
    """One process: `tracks` of a pass, tracked in the session folder `folder`."""

    folder: Path
    plan: Pass
    tracks: tuple[int, ...]


class Parted(ABC):
    """The passes of a run, each in `parts` or fewer; see `Shot.start`."""

    def __init__(self, spec: ShotSpec, folder: Path, parts: int, counting: Counting, width: int, frames: int) -> None:
        """`folder`: below which they are tracked. `width`: of the picture, pixels. `frames`: the length of the clip."""
        self._spec, self._folder, self._parts = spec, folder, parts
        self._counting, self._width, self._frames = counting, width, frames
        self._tasks: dict[int, list[Task]] = {}  # by the number of the pass

    def __call__(self, plan: Plan, found: Edits) -> ApartTracker | None:
        """The tracker of the passes, whose tracks must be new; None if others or changed markers are to be followed."""
        is_changed = plan.is_open and not found.edited.isdisjoint(plan.passes[0].tracks)
        if is_changed or any(not self._is_new(one, found) for one in plan.passes):
            return None
        parts = math.ceil(self._parts / len(plan.passes))
        self._tasks.clear()
        for one in plan.passes:
            numbers = sorted(one.tracks)
            groups = [tuple(numbers[start::parts]) for start in range(min(parts, len(numbers)))]
            self._tasks[one.number] = [
                Task(self._folder / f"pass-{one.number}-{index}-of-{len(groups)}", one, group)
                for index, group in enumerate(groups, 1)
            ]
            for task in self._tasks[one.number]:
                self._write(task, found)
        self._planned([task for tasks in self._tasks.values() for task in tasks])
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

    def _shot_of(self, task: Task) -> ShotSpec:
        """What its process is to track."""
        return replace(
            self._spec,
            name="",
            start=self._counting.shown(task.plan.start),
            end=self._counting.shown(task.plan.end),
            direction="backward" if task.plan.backwards else "forward",
            tracks=str(task.folder / TRACKS),
        )

    @abstractmethod
    def _planned(self, tasks: Sequence[Task]) -> None:
        """These are to be done, in this order."""

    @abstractmethod
    def _ended(self, plan: Pass) -> list[Part]:
        """What the processes of the pass have recorded."""

    def _parts_of(self, plan: Pass) -> list[Part]:
        tasks = self._tasks[plan.number]
        return [Part(load_session(SessionFolder(task.folder).session_files()[-1]), task.tracks) for task in tasks]

    def clear(self) -> None:
        """Delete what the processes have recorded, once it is in the session of the shot."""
        if is_folder(self._folder):
            shutil.rmtree(self._folder, ignore_errors=True)
