# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes in which the shots of a batch are tracked, so that a crash of Blender costs one frame of one shot."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..errors import StorageFailed, UsageError
from .events import Begun, Done, Stopped, parse

PARENT = "TRACKING_SESSIONS_PARENT"
"""The variable with the id of the process that a child is not to outlive."""

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in linux/prctl.h
_POLL = 0.05  # seconds between two looks where the system does not tell that a process has ended


class Child:
    """A process that tracks and prints events, one line of JSON each.

    `log` is the file with all else that it prints; `begun`, `done` and `stopped` are the last of each that it said.
    """

    def __init__(self, command: Sequence[str], stem: Path) -> None:
        """Start it, with files named `stem` and `.log` (which grows) and `.events`.

        Raises StorageFailed, or UsageError if there is no such program.
        """
        self.log = stem.with_name(f"{stem.name}.log")
        self.begun: Begun | None = None
        self.done: Done | None = None
        self.stopped: Stopped | None = None
        self.began = time.monotonic()
        self._events = stem.with_name(f"{stem.name}.events")
        self._read = 0  # bytes of it
        try:
            with open(self._events, "wb") as events, open(self.log, "ab") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=events,
                    stderr=log,
                    env={**os.environ, PARENT: str(os.getpid())},
                    start_new_session=True,  # so that Ctrl+C reaches nobody but the supervisor, who passes it on
                    preexec_fn=_dying_with_its_parent(),  # noqa: PLW1509  # one system call
                )
        except OSError as error:
            if error.filename == command[0]:
                raise UsageError(f"{command[0]} cannot be started: {error.strerror}") from error
            raise StorageFailed(Path(error.filename or self.log), error) from error
        self.pid = self._process.pid
        self.ended = _descriptor_of(self.pid)
        """A file descriptor that can be read once the process has ended, where the system has such."""

    def poll(self) -> int | None:
        """Read what it has printed since; its exit code if it has ended, below 0 the signal that ended it."""
        code = self._process.poll()
        try:
            with open(self._events, "rb") as file:
                file.seek(self._read)
                data = file.read()
        except OSError:
            data = b""
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            match parse(line):
                case Begun() as begun:
                    self.begun = begun
                case Done() as done:
                    self.done = done
                case Stopped() as stopped:
                    self.stopped = stopped
                case None:
                    pass
        if code is not None:
            self._close()
        return code

    def _close(self) -> None:
        if self.ended is not None:
            os.close(self.ended)
            self.ended = None

    def stop(self) -> None:
        """Let it record the frame in flight and end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self._close()


def _descriptor_of(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # an old kernel, or a sandbox
        return None


def wait(children: Iterable[Child], seconds: float) -> None:
    """Wait for so long, or until one of them has ended."""
    descriptors = [child.ended for child in children]
    if None in descriptors:
        time.sleep(min(seconds, _POLL))
        return
    ends = select.poll()
    for descriptor in descriptors:
        assert descriptor is not None
        ends.register(descriptor, select.POLLIN)
    ends.poll(seconds * 1000)


def parent_is_gone() -> bool:
    """Whether this process is the child of a batch whose supervisor has died.

    On Linux it has been ended by then, but for the moment before it could say that it wants to be.
    """
    parent = os.environ.get(PARENT, "")
    return parent.isdecimal() and os.name == "posix" and os.getppid() != int(parent)


def _dying_with_its_parent() -> Callable[[], object] | None:
    """What a new process calls before it becomes the child, so that the system kills it with its parent."""
    if sys.platform != "linux":
        return None
    import ctypes

    control = ctypes.CDLL(None).prctl
    return lambda: control(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
