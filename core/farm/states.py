# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the shots of a submission stand: a small file for each, which its task writes.

What was tracked stands in the session. The file says which session that is, and what no session tells: that a shot
cannot be used, why it has failed, where it runs. The task touches it as a sign of life.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

from ..batch.shots import ShotStatus
from ..model.wording import timestamp
from ..storage.files import make_folder, replace_file

SIGN_OF_LIFE = 20.0  # seconds between two signs of life
SILENCE = 90.0  # seconds without one after which a task counts as dead
_LIMIT = 1 << 16  # bytes of a state


@dataclass(frozen=True)
class State:
    """Where a shot stands. `status`: PROCESSING while its task runs, PENDING once that has stopped, or a final one."""

    index: int
    status: ShotStatus = ShotStatus.PENDING
    session: str = ""
    error: str = ""  # why it was stopped, waits, has failed or was skipped
    verdict: str = ""  # on its camera
    host: str = ""
    job: str = ""  # as the engine calls it
    begun: int = 0  # tasks that were begun since the last new frame
    tracked: int = 0  # frames, when the last task was begun
    frames: tuple[int, int] = (0, 0)  # tracked, and in all, when it last stopped or ended
    crashes: int = 0  # of children
    segments: str = ""  # the manifest of the segments that it waits for
    started: str = ""  # the first task
    ended: str = ""  # its final status
    task: str = ""  # a mark of the task that writes it

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "status": self.status.value}


def _state_of(index: int, data: bytes) -> State:
    """The state in a file; that of a shot that was never begun if the file is damaged."""
    try:
        content: object = json.loads(data)
        values = cast("dict[str, Any]", content)
        values["status"] = ShotStatus(values["status"])
        values["frames"] = tuple(map(int, values["frames"]))
        known: dict[str, Any] = {entry.name: values[entry.name] for entry in fields(State) if entry.name in values}
        known["index"] = index
        state = State(**known)
    except (ValueError, TypeError, KeyError, RecursionError):
        return State(index)
    default = State(index)
    is_sound = len(state.frames) == 2 and all(
        type(getattr(state, entry.name)) is type(getattr(default, entry.name))
        for entry in fields(State)
        if entry.name not in ("status", "frames")
    )
    return state if is_sound else default


class States:
    """The states of a submission, in the folder of its manifest."""

    def __init__(self, submission: Path) -> None:
        self._folder = submission / "states"

    def path(self, index: int) -> Path:
        return self._folder / f"{index}.json"

    def begun(self) -> set[int]:
        """The numbers of the shots that have a state."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return set()
        return {int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdecimal()}

    def read(self, index: int) -> tuple[State, float]:
        """The state of a shot, and the time of its last sign of life on the clock of the file server."""
        try:
            with open(self.path(index), "rb") as file:
                return _state_of(index, file.read(_LIMIT)), os.fstat(file.fileno()).st_mtime
        except OSError:
            return State(index), 0.0

    def write(self, state: State) -> None:
        """Raises StorageFailed."""
        make_folder(self._folder)
        replace_file(self.path(state.index), json.dumps(state.to_json()).encode())

    def now(self) -> float:
        """The time on the clock that stamps the states: that of the file server, as far as one may write there."""
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                return os.fstat(file.fileno()).st_mtime
        except OSError:
            return time.time()


class OwnState:
    """The state of a shot as the task that runs it writes it, until another task of the shot begins."""

    def __init__(self, states: States, index: int, *, host: str, job: str, tracked: int) -> None:
        """Begin: `tracked` frames are there. Raises StorageFailed."""
        self._states = states
        before, _ = states.read(index)
        has_progress = tracked != before.tracked or before.status.is_final
        self.current = replace(
            before,
            status=ShotStatus.PROCESSING,
            error="",
            verdict="",
            host=host,
            job=job,
            begun=1 if has_progress else before.begun + 1,
            tracked=tracked,
            started=before.started or timestamp(),
            ended="",
            segments="",
            task=secrets.token_hex(8),
        )
        self._touched = time.monotonic()
        states.write(self.current)

    @property
    def is_mine(self) -> bool:
        """Whether no other task of the shot was begun since."""
        return self._newest().task == self.current.task

    def _newest(self) -> State:
        return self._states.read(self.current.index)[0]

    def change(self, **values: Any) -> None:
        """Write some of the values, unless another task has taken the shot over. Raises StorageFailed.

        That a shot is completed is told all the same, once the other task has ended with less.
        """
        self.current = replace(self.current, **values)
        newest = self._newest()
        others = (ShotStatus.PROCESSING, ShotStatus.COMPLETED)
        is_better = self.current.status is ShotStatus.COMPLETED and newest.status not in others
        if newest.task == self.current.task or is_better:
            self._states.write(self.current)

    def show_life(self) -> None:
        """Touch the file now and then. A disk that refuses that is found by what has to be written."""
        if time.monotonic() - self._touched < SIGN_OF_LIFE:
            return
        self._touched = time.monotonic()
        try:
            if self.is_mine:
                os.utime(self._states.path(self.current.index))
        except OSError:
            pass
