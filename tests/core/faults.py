# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts file operations on a session folder, makes them fail, kills processes at them, and damages files."""

from __future__ import annotations

import builtins
import errno
import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tracking_sessions.core.journal.chain import Position
from tracking_sessions.core.journal.records import FrameRecord, JournalRecord
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.tests.core.shots import SessionRun, finish, make_footage, start_run

BY_PATH = ("open", "replace", "link", "unlink", "stat", "mkdir", "listdir", "rmdir")
BY_DESCRIPTOR = ("write", "fsync", "close", "lseek", "ftruncate")
READING = frozenset({"read", "stat", "listdir"})
WRITING = frozenset({"open", "write", "fsync", "replace", "link", "mkdir", "ftruncate"})
RANGES = [(1, 4), (1, 1)]


class Faults:
    """Counts the operations on files below `root` and calls `before` and `after` around each of them."""

    def __init__(self, root: Path, before: Callable[[int, str], None], after: Callable[[int, str], None]) -> None:
        self.root = os.fspath(root)
        self.count = 0
        self.before = before
        self.after = after
        self._descriptors: set[int] = set()
        self._inside = False

    def _concerns(self, name: str, first: Any) -> bool:
        if self._inside:
            return False
        if name in BY_DESCRIPTOR:
            return first in self._descriptors
        return isinstance(first, (str, os.PathLike)) and os.fspath(first).startswith(self.root)

    def _wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if not arguments or not self._concerns(name, arguments[0]):
                return real(*arguments, **options)
            self._inside = True
            try:
                self.count += 1
                number = self.count
                try:
                    self.before(number, name)
                except OSError:
                    if name == "write":  # as much as still fits
                        real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                    if name == "close":  # the system closes the descriptor even so
                        self._descriptors.discard(arguments[0])
                        real(*arguments)
                    raise
                try:
                    # no power cut here: data in the kernel counts as on disk
                    result = None if name == "fsync" else real(*arguments, **options)
                finally:
                    self.after(number, name)
                if name == "open":
                    self._descriptors.add(result)
                if name == "close":
                    self._descriptors.discard(arguments[0])
                return result
            finally:
                self._inside = False

        return call

    @contextmanager
    def watching(self) -> Iterator[None]:
        real = {name: getattr(os, name) for name in BY_PATH + BY_DESCRIPTOR}
        real_open = builtins.open
        try:
            for name, function in real.items():
                setattr(os, name, self._wrap(name, function))
            # a file object closes and reads by itself: only its opening is an operation here
            builtins.open = self._wrap("read", real_open)
            yield
        finally:
            for name, function in real.items():
                setattr(os, name, function)
            builtins.open = real_open


def whole_session(root: Path, footage: Path, recorded: Callable[[int], None]) -> None:
    """A whole session of two passes; `recorded` gets each frame when it counts."""
    ticks = iter(range(10**6))
    path = create_session(footage, "shot", root).path
    with TrackingSessionManager(path, clock=lambda: float(next(ticks))) as session:
        run = start_run(session, RANGES)
        _tell(run, recorded)
        finish(run)


def _tell(run: SessionRun, recorded: Callable[[int], None]) -> None:
    append = run.recorder.append

    def tell(*records: JournalRecord) -> Position:
        position = append(*records)
        for record in records:
            if isinstance(record, FrameRecord):
                recorded(record.frame)
        return position

    run.recorder.append = tell  # type: ignore[method-assign]


def failing(
    numbers: Callable[[int], bool], code: int, names: frozenset[str] | None = None
) -> Callable[[int, str], None]:
    """Make the operations with these numbers (and names) fail."""

    def fail(number: int, name: str) -> None:
        if numbers(number) and (names is None or name in names):
            raise OSError(code, os.strerror(code))

    return fail


def nothing(number: int, name: str) -> None:
    pass


def count_operations(folder: Path) -> int:
    """The number of operations of a whole session, which stays in `folder` as the undisturbed one."""
    faults = Faults(folder / "tracking_sessions", nothing, nothing)
    footage = make_footage(folder / "plates")
    with faults.watching():
        whole_session(folder / "tracking_sessions", footage, lambda _: None)
    return faults.count


def kill_at_each_operation(folder: Path, count: int) -> None:
    """Run the session in child processes that die just before and just after each operation.

    Prints a line of JSON for each: the session folder and the frames that counted. To be called in a process without
    threads.
    """
    footage = folder / "plates"
    for number in range(1, count + 1):
        for moment in ("before", "after"):
            root = folder / f"{number}-{moment}"
            reading, writing = os.pipe()
            child = os.fork()
            if not child:
                try:
                    _run_and_die(root, footage, number, moment, writing)
                finally:
                    os._exit(1)
            os.close(writing)
            with open(reading, "rb") as pipe:
                frames = list(pipe.read())
            _, status = os.waitpid(child, 0)
            died = os.waitstatus_to_exitcode(status) == -signal.SIGKILL
            sys.stdout.write(json.dumps({"root": str(root), "frames": frames, "died": died}) + "\n")


def _run_and_die(root: Path, footage: Path, number: int, moment: str, pipe: int) -> None:
    def die(at: int, _: str) -> None:
        if at == number:
            os.kill(os.getpid(), signal.SIGKILL)

    faults = Faults(root, die if moment == "before" else nothing, die if moment == "after" else nothing)
    with faults.watching():
        whole_session(root, footage, lambda frame: _send(pipe, frame))


def _send(pipe: int, frame: int) -> None:
    os.write(pipe, bytes((frame,)))


ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)


def flip(path: Path, at: int, bits: int = 1) -> bytes:
    """Flip bits of one byte of a file, as a bad disk does; returns the new content."""
    data = bytearray(path.read_bytes())
    data[at] ^= bits
    path.write_bytes(data)
    return bytes(data)


def scrambled(content: bytes, chance: random.Random, characters: bytes) -> bytes:
    """Replace up to three bytes, up to four times, by up to three of these characters."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed))
        changed[at : at + chance.randint(0, 3)] = bytes(chance.choice(characters) for _ in range(chance.randint(0, 3)))
    return bytes(changed)
