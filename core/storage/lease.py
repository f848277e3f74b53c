# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease of a session: the process that made the highest `lease.<n>` may write.

A process takes over by making the next number, which the file system grants to one process only. A lease file names
its owner and carries a counter that the owner moves. The process table decides whether an owner on this host is alive,
the counter whether an owner elsewhere is, timed on the clock of the process that waits: no lease trusts the clock of
another machine.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..errors import LeaseHeld, LeaseLost, StorageFailed
from .files import sync_folder, write_all
from .folder import numbered

LEASE_TIME = 60.0
"""Seconds for which the counter must stand still before an owner on another host counts as dead."""

STARTING_TIME = 2.0
"""Seconds until a lease file without content counts as dead: its maker is about to write it, or lost power before."""

_COUNTER_DIGITS = 20
_SIZE_LIMIT = 4096


@dataclass(frozen=True)
class Owner:
    """The content of a lease file. `released`: the owner has given up the lease."""

    host: str = ""
    machine: str = ""
    boot: str = ""
    pid: int = 0
    started: str = ""  # start time of the process in clock ticks since boot: reveals a reused pid
    token: str = ""  # differs for each lease of one process
    since: str = ""
    counter: int = 0
    released: bool = False

    def __str__(self) -> str:
        if not self.pid:
            return "a process that is just starting"
        return f"process {self.pid} on {self.host} since {self.since}"


def _read_text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _machine() -> str:
    return _read_text("/etc/machine-id").strip()


def _boot() -> str:
    """The id of this boot and of the process namespace: process ids are comparable only within both."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{_read_text('/proc/sys/kernel/random/boot_id').strip()} {namespace}".strip()


def _process_started(pid: int) -> str:
    """The start time of a process in ticks since boot, from /proc; empty if it has ended or is a zombie."""
    fields = _read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


_held: set[str] = set()
"""The tokens of the leases that this process holds."""

_stood_still: set[tuple[str, Owner]] = set()
"""The lease files whose counter stood still for long enough, with their owner. A moved counter is another entry."""


def _is_here(owner: Owner) -> bool:
    """Whether the process table of this host shows if the owner is alive; else only the counter does."""
    return bool(owner.started) and owner.host == platform.node() and owner.boot == _boot()


def _is_dead(owner: Owner) -> bool:
    """Whether the owner is known to be dead: it ran on this machine and has ended."""
    if not owner.pid or owner.host != platform.node():
        return False
    if owner.pid == os.getpid() and owner.boot == _boot() and owner.token:
        return owner.token not in _held  # this process released it, but a full disk refused the note
    if os.name != "posix":
        return False
    if owner.boot != _boot():  # a reboot ends every process, if it is the same machine and not a namesake
        rebooted = owner.boot.partition(" ")[0] != _boot().partition(" ")[0]
        return rebooted and bool(owner.machine) and owner.machine == _machine()
    if owner.started:
        return _process_started(owner.pid) != owner.started
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # the process lives and belongs to another user
    return False


def read_owner(folder: Path, generation: int) -> Owner | None:
    """The owner in `lease.<generation>`; an empty Owner if the content is invalid; None without the file.

    Raises OSError.
    """
    try:
        with open(folder / f"lease.{generation}", "rb") as file:
            data = file.read(_SIZE_LIMIT)
    except FileNotFoundError:
        return None
    head, _, tail = data.partition(b"\n")
    try:
        content = json.loads(head)
        counter = int(tail[:_COUNTER_DIGITS] or b"0")
    except (ValueError, RecursionError):
        return Owner()
    if not isinstance(content, dict):
        return Owner()
    fields = cast("dict[str, Any]", content)
    pid = fields.get("pid")
    return Owner(
        **{name: str(fields.get(name, "")) for name in ("host", "machine", "boot", "started", "token", "since")},
        pid=pid if isinstance(pid, int) and 0 < pid < 1 << 31 else 0,
        counter=counter,
        released=tail[_COUNTER_DIGITS : _COUNTER_DIGITS + 1] == b"R",
    )


def live_owner(folder: Path) -> Owner | None:
    """The owner of the session; None without a live owner.

    An owner on another host counts as alive until a `Watch` has seen its counter stand still. Raises OSError.
    """
    return _live_owner(folder)[1]


def _live_owner(folder: Path) -> tuple[Path, Owner | None]:
    """The newest lease file and its live owner."""
    generations = numbered(folder, "lease")
    path = folder / f"lease.{generations[-1] if generations else 0}"
    owner = read_owner(folder, generations[-1]) if generations else None
    if owner is None or owner.released or _is_dead(owner) or (os.fspath(path), owner) in _stood_still:
        return path, None
    return path, owner


class Watch:
    """Polls, without blocking, whether the owner of a session is still alive.

    If the counter stands still for `lease_time` seconds between two polls, this whole process counts the owner as dead
    until the counter moves.
    """

    def __init__(
        self, folder: Path, *, lease_time: float = LEASE_TIME, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.owner: Owner | None = None
        """The live owner at the last poll, if any."""
        self.has_moved = False
        """Whether an owner has shown life: its counter moved, or another owner followed it."""
        self._folder = folder
        self._file: Path | None = None
        self._lease_time = lease_time
        self._clock = clock
        self._since = 0.0

    def poll(self) -> bool:
        """Whether the session has no live owner now. Raises StorageFailed."""
        try:
            path, owner = _live_owner(self._folder)
        except OSError as error:
            raise StorageFailed(self._folder, error) from error
        if (path, owner) != (self._file, self.owner):
            self.has_moved = self.has_moved or None not in (owner, self.owner)
            self._file, self.owner, self._since = path, owner, self._clock()
        if owner is None:
            return True
        needed = self._lease_time if owner.pid else min(self._lease_time, STARTING_TIME)
        if _is_here(owner) or self._clock() - self._since < needed:
            return False
        _stood_still.add((os.fspath(path), owner))
        return True


class Lease:
    """The right to write a session as generation `generation`, until `release` or until another process takes over."""

    def __init__(self, folder: Path, generation: int, token: str, descriptor: int, size: int) -> None:
        self.folder = folder
        self.generation = generation
        self._token = token
        self._descriptor = descriptor
        self._counter_at = size - _COUNTER_DIGITS - 1
        self._counter = 0
        self._pid = os.getpid()
        self._own = os.fspath(folder / f"lease.{generation}")
        self._next = os.fspath(folder / f"lease.{generation + 1}")

    @classmethod
    def take(
        cls,
        folder: Path,
        since: str,
        *,
        wait: bool = False,
        lease_time: float = LEASE_TIME,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Lease:
        """Become the owner. `since` is a UTC timestamp for people to read.

        Takes over at once if the lease is released or its owner on this host is dead. Otherwise raises LeaseHeld, or,
        with `wait`, watches an owner on another host for `lease_time` seconds and takes over if its counter stands
        still. Always watches a lease without an owner for `STARTING_TIME`. Also raises LeaseHeld when another process
        was quicker, and StorageFailed.
        """
        watch = Watch(folder, lease_time=lease_time, clock=clock)
        while True:
            try:  # before the poll: a process that takes over meanwhile takes this number
                highest = max([*numbered(folder, "lease"), *numbered(folder, "journal")], default=0)
            except OSError as error:
                raise StorageFailed(folder, error) from error
            if watch.poll():
                break
            owner = watch.owner
            assert owner is not None
            is_here = _is_here(owner)
            if watch.has_moved or is_here or not (wait or not owner.pid):
                raise LeaseHeld(str(owner), elsewhere=not is_here and not wait)
            sleep(min(1.0, (lease_time if owner.pid else STARTING_TIME) / 10))
        return cls._make(folder, highest + 1, since)

    @classmethod
    def _make(cls, folder: Path, generation: int, since: str) -> Lease:
        path = folder / f"lease.{generation}"
        token = os.urandom(8).hex()
        content = {
            "host": platform.node(),
            "machine": _machine(),
            "boot": _boot(),
            "pid": os.getpid(),
            "started": _process_started(os.getpid()),
            "since": since,
            "token": token,
        }
        data = json.dumps(content).encode() + b"\n" + b"0" * _COUNTER_DIGITS + b"\n"
        try:
            descriptor = _make_whole(path, data)
        except FileExistsError:
            raise LeaseHeld(str(read_owner(folder, generation) or Owner())) from None
        except OSError as error:
            raise StorageFailed(path, error) from error
        _held.add(token)
        lease = cls(folder, generation, token, descriptor, len(data))
        try:
            sync_folder(folder)
        except OSError as error:
            lease.release()
            raise StorageFailed(path, error) from error
        return lease

    @property
    def is_mine(self) -> bool:
        """Whether this process took the lease itself, and did not inherit it through a fork."""
        return self._pid == os.getpid()

    def check(self) -> None:
        """Check that this lease is still the newest, with two system calls.

        Raises LeaseLost if another process took over, StorageFailed if the folder is gone.
        """
        try:
            os.stat(self._own)
        except OSError as error:
            raise StorageFailed(self.folder, error) from error
        try:
            os.stat(self._next)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageFailed(self.folder, error) from error
        raise LeaseLost

    def renew(self) -> None:
        """Move the counter, which shows other hosts that the owner is alive. Raises StorageFailed."""
        self._counter += 1
        self._write(f"{self._counter:0{_COUNTER_DIGITS}d}\n")

    def release(self) -> None:
        """Give up the session, so that the next owner need not wait. Never raises: a dead owner frees it too."""
        try:
            self._write(f"{self._counter:0{_COUNTER_DIGITS}d}R")
        except StorageFailed:
            pass  # this process may take over at once, others when it ends
        _held.discard(self._token)
        try:
            os.close(self._descriptor)
        except OSError:
            pass  # the system closes it even so

    def _write(self, text: str) -> None:
        try:
            os.lseek(self._descriptor, self._counter_at, os.SEEK_SET)
            write_all(self._descriptor, text.encode())
        except OSError as error:
            raise StorageFailed(self.folder / f"lease.{self.generation}", error) from error


def _make_whole(path: Path, data: bytes) -> int:
    """Create the file `path` with `data` and return its descriptor; with hard links it never exists without `data`.

    Raises FileExistsError if another process was quicker, and OSError.
    """
    temporary = path.with_name(f".lease.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    descriptor = _make_new(temporary, data)
    try:
        os.link(temporary, path)
        return descriptor
    except FileExistsError:
        os.close(descriptor)
        raise
    except (OSError, NotImplementedError):  # a file system without hard links
        os.close(descriptor)
    finally:
        _remove(temporary)
    return _make_new(path, data)


def _make_new(path: Path, data: bytes) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)  # a power cut would leave an empty lease, without an owner to find dead
    except OSError:
        os.close(descriptor)
        _remove(path)
        raise
    return descriptor


def _remove(path: Path) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # a leftover harms nothing
