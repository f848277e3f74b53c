# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that ends with this one, and prints lines that this one reads without waiting."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import StorageFailed, UsageError

PARENT = "TRACKING_SESSIONS_PARENT"
"""The environment variable with the id of the parent's process; the child ends with it."""

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in linux/prctl.h
_POLL = 0.05  # seconds between two polls where no file descriptor reports the end of a process


class Process:
    """A process. `log` is the file with its standard error, `began` the time of its start by `time.monotonic`."""

    def __init__(self, command: Sequence[str], stem: Path) -> None:
        """Start the process. Its standard error is appended to `stem`.log. Its standard output goes to a file without a
        name on a disk of this machine: processes of other machines may have the same `stem`.

        Raises StorageFailed, or UsageError if the program cannot be started.
        """
        self.log = stem.with_name(f"{stem.name}.log")
        self.began = time.monotonic()
        try:
            self._output = _Output()
        except OSError as error:
            raise StorageFailed(Path(error.filename or tempfile.gettempdir()), error) from error
        try:
            with open(self._output.path, "wb") as output, open(self.log, "ab") as log:
                self._output.hide()
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=log,
                    env={**os.environ, PARENT: str(os.getpid())},
                    start_new_session=True,  # Ctrl+C reaches only the parent, which passes it on
                    preexec_fn=_kill_with_parent(),  # noqa: PLW1509  # one system call
                )
        except OSError as error:
            self._output.close()
            if error.filename == command[0]:
                raise UsageError(f"{command[0]} cannot be started: {error.strerror}") from error
            raise StorageFailed(Path(error.filename or self.log), error) from error
        self.pid = self._process.pid
        self.ended = _descriptor_of(self.pid)
        """A file descriptor that becomes readable when the process ends; None where the system has none."""

    def poll(self) -> tuple[list[bytes], int | None]:
        """The lines printed since the last call, and the exit code once the process has ended (below 0: minus the
        signal), else None."""
        code = self._process.poll()
        lines = self._output.lines()
        if code is not None:
            self._close()
        return lines, code

    def _close(self) -> None:
        self._output.close()
        if self.ended is not None:
            os.close(self.ended)
            self.ended = None

    def stop(self) -> None:
        """Ask the process to finish what is in flight, and end."""
        self._process.terminate()

    def kill(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        self._process.wait()
        self._close()


class _Output:
    """A file for what a process prints, which has no name once it is hidden: it ends with those who have it open."""

    def __init__(self) -> None:
        """Raises OSError."""
        descriptor, name = tempfile.mkstemp(prefix="tracking-sessions-")
        self.path = Path(name)
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._rest = b""

    def hide(self) -> None:
        """Take its name away, once the process has it open; Windows does not let go of it before the end."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def lines(self) -> list[bytes]:
        """The whole lines since the last call."""
        data = self._rest + (b"" if self._file.closed else self._file.read())
        whole = data.rfind(b"\n") + 1
        self._rest = data[whole:]
        return data[:whole].splitlines()

    def close(self) -> None:
        self._file.close()
        self.hide()


def _descriptor_of(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # an old kernel, or a sandbox
        return None


def wait(processes: Iterable[Process], seconds: float) -> None:
    """Wait until a process ends, at most `seconds`."""
    descriptors = [process.ended for process in processes]
    if None in descriptors:
        time.sleep(min(seconds, _POLL))
        return
    poll = select.poll()
    for descriptor in descriptors:
        assert descriptor is not None
        poll.register(descriptor, select.POLLIN)
    poll.poll(seconds * 1000)


def cause_words(code: int) -> str:
    """The signal or the exit code that ended a process."""
    number = -code if code < 0 else code - 128  # a shell in between adds 128
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"exit code {code}"


def parent_is_gone() -> bool:
    """Whether this process is the child of one that has died.

    On Linux the kernel kills the child with its parent; this covers the moment before the child has asked for that.
    """
    parent = os.environ.get(PARENT, "")
    return parent.isdecimal() and os.name == "posix" and os.getppid() != int(parent)


def _kill_with_parent() -> Callable[[], object] | None:
    """The call by which a new process, before it becomes the child, asks the kernel to kill it with its parent."""
    if sys.platform != "linux":
        return None
    import ctypes

    control = ctypes.CDLL(None).prctl
    return lambda: control(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
