# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may write a session: the maker of the highest `lease.<n>`.

Taking over means making the next number, which the file system grants to one process only. A lease says who holds it
and carries a counter that its owner moves. An owner on this host is judged by its process, one elsewhere by whether
the counter moves, on the clock of the process that waits: no clock of another machine is believed.
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
"""Seconds for which the counter of an owner on another host must stand still before it counts as dead."""

STARTING_TIME = 2.0
"""Seconds that a lease file without content is given: its maker is about to write it, or the power went before."""

_COUNTER_DIGITS = 20
_SIZE_LIMIT = 4096


@dataclass(frozen=True)
class Owner:
    """What a lease file says. `released` is True when its owner has ended in good order."""

    host: str = ""
    machine: str = ""
    boot: str = ""
    pid: int = 0
    started: str = ""  # start time of the process in clock ticks since boot, so that a reused pid is told apart
    token: str = ""  # tells the leases of one process apart
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
    """This boot of this machine and its process namespace: within one, process ids can be compared."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{_read_text('/proc/sys/kernel/random/boot_id').strip()} {namespace}".strip()


def _process_started(pid: int) -> str:
    """The start time of a process in ticks since boot, where /proc tells; empty if it is gone or a zombie."""
    fields = _read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


_held: set[str] = set()
"""The tokens of the leases that this process holds."""

_stood_still: set[tuple[str, Owner]] = set()
"""The lease files that this process has watched for long enough, with what they said; one that moves says more."""


def _is_here(owner: Owner) -> bool:
    """Whether the process itself tells if it lives; of any other owner only the counter does."""
    return bool(owner.started) and owner.host == platform.node() and owner.boot == _boot()


def _is_gone(owner: Owner) -> bool:
    """Whether the owner is known to be dead: it ran on this machine and no longer does."""
    if not owner.pid or owner.host != platform.node():
        return False
    if owner.pid == os.getpid() and owner.boot == _boot() and owner.token:
        return owner.token not in _held  # given up, though a full disk did not take the note of it
    if os.name != "posix":
        return False
    if owner.boot != _boot():  # a reboot ends every process; another machine of the same name is no reason
        rebooted = owner.boot.partition(" ")[0] != _boot().partition(" ")[0]
        return rebooted and bool(owner.machine) and owner.machine == _machine()
    if owner.started:
        return _process_started(owner.pid) != owner.started
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it is there and belongs to somebody else
    return False


def read_owner(folder: Path, generation: int) -> Owner | None:
    """The owner that `lease.<generation>` names; an empty Owner if that makes no sense; None if there is no such file.

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
    said = cast("dict[str, Any]", content)
    pid = said.get("pid")
    return Owner(
        host=str(said.get("host", "")),
        machine=str(said.get("machine", "")),
        boot=str(said.get("boot", "")),
        pid=pid if isinstance(pid, int) and 0 < pid < 1 << 31 else 0,
        started=str(said.get("started", "")),
        token=str(said.get("token", "")),
        since=str(said.get("since", "")),
        counter=counter,
        released=tail[_COUNTER_DIGITS : _COUNTER_DIGITS + 1] == b"R",
    )


def live_owner(folder: Path) -> Owner | None:
    """Who holds the session as far as one look can tell; None if nobody does.

    An owner on another host is believed to live until a `Watch` has seen it stand still. Raises OSError.
    """
    return _live_owner(folder)[1]


def _live_owner(folder: Path) -> tuple[Path, Owner | None]:
    """The newest lease file and who holds it."""
    generations = numbered(folder, "lease")
    path = folder / f"lease.{generations[-1] if generations else 0}"
    owner = read_owner(folder, generations[-1]) if generations else None
    if owner is None or owner.released or _is_gone(owner) or (os.fspath(path), owner) in _stood_still:
        return path, None
    return path, owner


class Watch:
    """Tells, look by look and without blocking, when the owner of a session is gone.

    An owner whose counter stood still for `lease_time` seconds between two looks is taken for dead by all of this
    process from then on, unless it moves after all.
    """

    def __init__(
        self, folder: Path, *, lease_time: float = LEASE_TIME, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.owner: Owner | None = None
        """Who had the session at the last look; None if nobody had."""
        self.has_moved = False
        """Whether an owner was seen to live: its counter moved, or another one followed it."""
        self._folder = folder
        self._file: Path | None = None
        self._lease_time = lease_time
        self._clock = clock
        self._since = 0.0

    def look(self) -> bool:
        """Whether the session is free now. Raises StorageFailed."""
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
    """The right to write a session as generation `generation`, until `release` or until somebody takes it over."""

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

        A released lease and one of a process of this host that is gone are taken over at once. Otherwise raises
        LeaseHeld, or, with `wait`, watches an owner on another host for `lease_time` seconds and takes over if its
        counter stands still. A lease that names nobody is watched for `STARTING_TIME` in any case. Also raises
        LeaseHeld when another process was quicker, and StorageFailed.
        """
        watch = Watch(folder, lease_time=lease_time, clock=clock)
        while True:
            try:  # before the look, so that whoever takes it over meanwhile has taken the number
                highest = max([*numbered(folder, "lease"), *numbered(folder, "journal")], default=0)
            except OSError as error:
                raise StorageFailed(folder, error) from error
            if watch.look():
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
        said = {
            "host": platform.node(),
            "machine": _machine(),
            "boot": _boot(),
            "pid": os.getpid(),
            "started": _process_started(os.getpid()),
            "since": since,
            "token": token,
        }
        data = json.dumps(said).encode() + b"\n" + b"0" * _COUNTER_DIGITS + b"\n"
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
        """Whether this process took it, and did not come by it as a fork of the one that did."""
        return self._pid == os.getpid()

    def check(self) -> None:
        """Two looks at the file system. Raises LeaseLost if somebody took over, StorageFailed if the folder is gone."""
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
        """Move the counter, so that other hosts see life. Raises StorageFailed."""
        self._counter += 1
        self._put(f"{self._counter:0{_COUNTER_DIGITS}d}\n")

    def release(self) -> None:
        """Give the session up, so that the next owner need not wait. Never fails: a lease can be found dead as well."""
        try:
            self._put(f"{self._counter:0{_COUNTER_DIGITS}d}R")
        except StorageFailed:
            pass  # other processes may take over when this one ends, and this one at once
        _held.discard(self._token)
        try:
            os.close(self._descriptor)
        except OSError:
            pass  # it is closed all the same

    def _put(self, text: str) -> None:
        try:
            os.lseek(self._descriptor, self._counter_at, os.SEEK_SET)
            write_all(self._descriptor, text.encode())
        except OSError as error:
            raise StorageFailed(self.folder / f"lease.{self.generation}", error) from error


def _make_whole(path: Path, data: bytes) -> int:
    """Make the file `path`; where there are hard links it holds `data` from its first moment. Returns its descriptor.

    Raises FileExistsError if somebody was quicker, and OSError.
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
        os.fsync(descriptor)  # a lease that a power cut left empty would name no owner to be found dead
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
