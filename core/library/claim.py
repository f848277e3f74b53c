# SPDX-License-Identifier: GPL-3.0-or-later
"""The right to begin a session of some footage.

Two processes that look for a session at once find none. One of them makes it, then the other finds that.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import LeaseHeld, SessionUnreadable, StorageFailed
from ..footage.files import IMAGE_SUFFIXES
from ..footage.names import sequence_name
from ..model.wording import timestamp
from ..storage.files import make_folder
from ..storage.folder import SessionFolder
from ..storage.lease import Lease

PATIENCE = 600.0  # seconds to wait for another process that begins a session, which may look for features for long
_POLL = 0.2


class Claim:
    """The claim of this process, until `release`."""

    def __init__(self, lease: Lease) -> None:
        self._lease: Lease | None = lease

    def check(self) -> None:
        """Raises LeaseLost if another process counts this one as dead and has taken over."""
        if self._lease is not None:
            self._lease.check()

    def release(self) -> None:
        """Let others begin. What this leaves of its files is nothing, so that a session folder does not fill up."""
        if self._lease is None:
            return
        self._lease.release()
        folder = self._lease.folder
        with suppress(OSError):
            os.unlink(folder / f"lease.{self._lease.generation}")
            os.rmdir(folder)
            os.rmdir(folder.parent)
        self._lease = None


@contextmanager
def claimed(
    root: Path, source: Path, name: str = "", *, sleep: Callable[[float], None] = time.sleep
) -> Generator[Claim]:
    """Claim the footage or the .blend `source`, and the clip `name` in it, in the session folder `root`.

    Waits for another process that has claimed it. Raises LeaseHeld after `PATIENCE`, SessionUnreadable, StorageFailed.
    """
    if os.path.exists(root) and not os.path.isdir(root):
        raise SessionUnreadable(root, "it is a file, and no session folder")
    folder = SessionFolder(root).beginning(_key(root, source, name))
    claim = Claim(_taken(folder, sleep))
    try:
        yield claim
    finally:
        claim.release()


def _taken(folder: Path, sleep: Callable[[float], None]) -> Lease:
    began = time.monotonic()
    while True:
        make_folder(folder)
        try:
            return Lease.take(folder, timestamp(), wait=True)
        except LeaseHeld:
            if time.monotonic() - began > PATIENCE:
                raise
        except StorageFailed as failed:  # whoever had claimed it has just removed the folder
            if failed.error.errno != errno.ENOENT or time.monotonic() - began > PATIENCE:
                raise
        sleep(_POLL)


def _key(root: Path, source: Path, name: str) -> str:
    """The same on all machines that see footage and session folder in one tree, wherever they have mounted that."""
    if source.suffix.lower() in IMAGE_SUFFIXES:
        source = source.with_name(sequence_name(source.name))
    try:
        path = os.path.relpath(os.path.realpath(source), os.path.realpath(root))
    except ValueError:  # another drive
        path = os.path.realpath(source)
    text = f"{os.path.normcase(path)}\0{name}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
