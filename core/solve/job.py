# SPDX-License-Identifier: GPL-3.0-or-later
"""A solve in a process of its own, which can be stopped, and whose crash or endless solve costs no session.

The process prints an event after each solve of Blender's, a line of JSON: `round` with the fields of a `Round`, then
`solved` with the id of the solve, which it has stored by then, or `stopped` with the reason. The owner of the session
records that solve.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ..errors import ExitCode, ProcessEnded, SolvingFailed
from ..processes.process import Process, cause_words
from ..storage.files import make_folder
from .solve import Round

LIMIT = 300.0
"""Seconds that one solve of Blender's may take. Solves are the slowest where they mean nothing: 83 s on a pan."""


class SolveJob:
    """A running solve. `rounds` are those done so far, `solve` the id of the stored solve at the end."""

    def __init__(self, command: Sequence[str], folder: Path, limit: float = LIMIT) -> None:
        """Start the process of this command line; its log goes to `folder`. `limit`: seconds for each of its solves.

        Raises StorageFailed, or UsageError if the program cannot be started.
        """
        make_folder(folder)
        self.rounds: list[Round] = []
        self.solve = ""
        self._limit = limit
        self._error = self._reason = ""
        self.process = Process(command, folder / "solving")
        self._heard = time.monotonic()

    def poll(self) -> bool:
        """Read what the process has done; returns whether it has ended, with a solve.

        Raises SolvingFailed if it has ended without one or one of its solves took too long, ProcessEnded if it was
        killed, has crashed, or something from outside hindered it, such as a full disk.
        """
        lines, code = self.process.poll()
        for line in lines:
            self._read(line)
        if code is None:
            if time.monotonic() - self._heard > self._limit:
                self.stop()
                raise SolvingFailed(
                    f"A solve took longer than {self._limit:g} seconds, as it does where the tracks fit no camera"
                )
            return False
        self._clear()
        if not self.solve:
            if self._error and code == ExitCode.STOPPED:
                raise ProcessEnded(self._error, self._reason, ExitCode.STOPPED)
            if self._error:
                raise SolvingFailed(self._error)
            words = f"The process that solves has ended ({cause_words(code)}); its output is in {self.process.log}"
            raise ProcessEnded(words)
        return True

    def stop(self) -> None:
        """End the process; it has stored a whole solve or none."""
        self.process.kill()
        self._clear()

    def _clear(self) -> None:
        if self.solve:
            self.process.log.unlink(missing_ok=True)

    def _read(self, line: bytes) -> None:
        event = _event(line)
        match event.get("event"):
            case "round":
                self._heard = time.monotonic()
                self.rounds.append(_round(event))
            case "solved":
                self.solve = str(event.get("id", ""))
            case "stopped":
                self._error, self._reason = str(event.get("error", "")), str(event.get("reason", ""))
            case _:
                pass


def round_line(step: Round) -> str:
    """The event of a round."""
    return json.dumps({"event": "round", **step._asdict()})


def solved_line(id: str) -> str:
    """The event of a stored solve."""
    return json.dumps({"event": "solved", "id": id})


def _event(line: bytes) -> Mapping[str, Any]:
    try:
        content: object = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return cast("Mapping[str, Any]", content) if isinstance(content, dict) else {}


def _round(event: Mapping[str, Any]) -> Round:
    def number(key: str) -> float:
        value = event.get(key)
        return value if isinstance(value, int | float) else 0

    cameras, tracks, markers = (int(number(key)) for key in ("cameras", "tracks", "markers"))
    return Round(str(event.get("name", "")), float(number("error")), cameras, tracks, markers)
