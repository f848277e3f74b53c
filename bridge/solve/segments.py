# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaves the passes of a shot to the nodes of a farm: each part of one is a shot of a manifest, a segment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...core.batch.shots import ShotStatus
from ...core.errors import ProcessEnded, SegmentsWanted
from ...core.farm.manifest import FILE, FarmShot, Head, write_manifest
from ...core.farm.states import States
from ...core.model.types import Pass
from ...core.model.wording import timestamp
from ...core.storage.files import make_folder
from ...core.storage.folder import SessionFolder
from ...core.tracking.apart import Part
from .parted import Parted, Task

_ENDED = (ShotStatus.COMPLETED, ShotStatus.LOST, ShotStatus.SKIPPED)


class Segments(Parted):
    """The passes of a run as segments that farm tasks track; once they have, their frames are those of the run."""

    _all: Sequence[Task] = ()

    def _planned(self, tasks: Sequence[Task]) -> None:
        self._all = tasks

    def _ended(self, plan: Pass) -> list[Part]:
        """Raises SegmentsWanted as long as a segment is to be tracked, ProcessEnded if one cannot be."""
        numbers = sorted(self._tasks)
        folder = self._folder / f"passes-{numbers[0]}-{numbers[-1]}"
        states = States(folder)
        for index, task in enumerate(self._all, 1):
            state, _ = states.read(index)
            if state.status not in _ENDED:
                self._write_manifest(folder)
                raise SegmentsWanted(folder / FILE)
            if not SessionFolder(task.folder).session_files():
                raise ProcessEnded(f"A segment cannot be tracked: {state.error}")
        return self._parts_of(plan)

    def _write_manifest(self, folder: Path) -> None:
        shots = [FarmShot(index, self._shot_of(task), task.folder) for index, task in enumerate(self._all, 1)]
        make_folder(folder / "logs")
        head = Head(folder.name, self._spec.title, timestamp(), self._folder, len(shots))
        write_manifest(folder / FILE, head, shots)
