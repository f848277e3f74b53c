# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that share a folder: each has a name, process ids, a clock, and a slow mount of the folder with its own cache.

All see the shared folder under one path, where this process sees what the file server has.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tracking_sessions.tools.processes import ROOT
from tracking_sessions.tools.slow_disk import SlowDisk

WORKER = Path(__file__).with_name("worker.py")
DELAY = 0.002  # seconds of each operation
CACHE = 3.0  # seconds for which a host believes what it has asked, as clients of NFS do
LIMIT = 120.0  # seconds for a process
_BEGIN = 'hostname "$1" && mount --bind "$2" "$3" && shift 3 && exec "$@"'


def _wrong(clock: str) -> dict[str, str]:
    """The environment of a process whose clock is off. Times of files stay those of the server."""
    libraries = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert libraries, "a clock that is off takes the Debian package faketime"
    apart = {"FAKETIME_DISABLE_SHM": "1", "NO_FAKE_STAT": "1"}
    return {"LD_PRELOAD": str(libraries[0]), "FAKETIME": clock, **apart}


class Task:
    """A process on a host, with all that it starts."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def end(self) -> tuple[int, str]:
        """Wait for its end; the exit code and what it has printed."""
        out, _ = self._process.communicate(timeout=LIMIT)
        return self._process.returncode, out

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to each process of the task."""
        for pid in self._pids():
            os.kill(pid, number)

    def _pids(self) -> Iterator[int]:
        """The processes of the namespace, the newest last."""
        outside = os.readlink("/proc/self/ns/pid")
        (first,) = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text("ascii").split()
        inside = os.readlink(f"/proc/{first}/ns/pid")
        assert inside != outside
        for name in sorted(filter(str.isdecimal, os.listdir("/proc")), key=int):
            try:
                if os.readlink(f"/proc/{name}/ns/pid") == inside:
                    yield int(name)
            except OSError:
                pass  # it has ended

    def kill(self) -> None:
        self._process.kill()  # the kernel kills the rest
        self._process.communicate(timeout=LIMIT)


class Host:
    """`clock`: how far its clock is off, such as +1h."""

    def __init__(self, name: str, disk: SlowDisk, shared: Path, clock: str) -> None:
        self.name, self.disk = name, disk
        self._shared = shared
        self._clock = clock
        self._tasks: list[Task] = []

    def start(self, *arguments: object) -> Task:
        """Start a command of the extension."""
        apart = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        begin = ["sh", "-c", _BEGIN, "sh", self.name, str(self.disk.place), str(self._shared)]
        process = subprocess.Popen(
            [*apart, *begin, sys.executable, str(WORKER), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(_wrong(self._clock) if self._clock else {})},
        )
        self._tasks.append(Task(process))
        return self._tasks[-1]

    def stop(self) -> None:
        for task in self._tasks:
            if task.is_running:
                task.kill()


class Hosts:
    """Makes hosts that share a folder, and ends what runs on them."""

    def __init__(self, folder: Path) -> None:
        self.shared = folder / "shared"
        self.shared.mkdir()
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def make(self, name: str, clock: str = "") -> Host:
        place, trace = self._folder / f"{name}.mount", self._folder / f"{name}.operations"
        disk = self._stack.enter_context(SlowDisk(self.shared, place, trace, delay=DELAY, cache=CACHE))
        host = Host(name, disk, self.shared, clock)
        self._stack.callback(host.stop)
        return host
