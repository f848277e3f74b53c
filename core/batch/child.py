# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes in which the shots of a batch are tracked, so that a crash of Blender costs one frame of one shot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..processes.process import Process
from .events import Begun, Done, Segments, Stopped, parse


class Child:
    """A process that tracks and prints events, one line of JSON each.

    `log` is the file with all its other output; `begun`, `segments`, `done` and `stopped` are the last event of each
    kind.
    """

    def __init__(self, command: Sequence[str], stem: Path) -> None:
        """Start the process. It appends to `stem`.log and writes its events to `stem`.events.

        Raises StorageFailed, or UsageError if the program cannot be started.
        """
        self.begun: Begun | None = None
        self.segments: Segments | None = None
        self.done: Done | None = None
        self.stopped: Stopped | None = None
        self.process = Process(command, stem)
        self.log, self.began, self.pid = self.process.log, self.process.began, self.process.pid

    def poll(self) -> int | None:
        """Read new events. Returns the exit code once the process has ended (below 0: minus the signal), else None."""
        lines, code = self.process.poll()
        for line in lines:
            match parse(line):
                case Begun() as begun:
                    self.begun = begun
                case Segments() as segments:
                    self.segments = segments
                case Done() as done:
                    self.done = done
                case Stopped() as stopped:
                    self.stopped = stopped
                case None:
                    pass
        return code

    def stop(self) -> None:
        """Ask the process to record the frame in flight and end."""
        self.process.stop()

    def kill(self) -> None:
        """Kill the process and wait for its end."""
        self.process.kill()
