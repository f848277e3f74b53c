# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletes sessions with their reports and solves, and the details of footage that no other session uses."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from ..errors import JournalDamaged, LeaseHeld, SessionUnreadable, StorageFailed, TrackingSessionError
from ..model.wording import moment, timestamp
from ..recording.manager import TrackingSessionManager
from ..recording.session_file import checked_session
from ..storage.files import read_document
from ..storage.folder import SessionFolder, bytes_of, is_folder
from ..storage.lease import LEASE_TIME, Lease
from .catalogue import Entry, Unreadable, catalogue

_T = TypeVar("_T")
_WRITTEN = re.compile(r"(lease|journal)\.[1-9][0-9]*\Z")


def delete_session(manager: TrackingSessionManager) -> None:
    """Delete the session that `manager` owns with its belongings: its file first, so that a failure leaves no session.

    Raises StorageFailed.
    """
    try:
        os.unlink(manager.path)
        manager.close()  # Windows deletes no open file
        delete_folder(manager.folder)
        _delete_belongings(manager.path)
    except OSError as error:
        raise StorageFailed(manager.folder, error) from error
    _delete_footage_of(manager.path, {manager.session.footage.fingerprint})


def delete_files(session_path: str | os.PathLike[str], *, wait: bool = False, lease_time: float = LEASE_TIME) -> int:
    """Delete a session without a live owner, readable or not; return the number of bytes freed.

    Deletes the folder of its name only if that is empty or has journals or leases: any file may be given.
    `wait` and `lease_time` as in `Lease.take`. Raises LeaseHeld or StorageFailed.
    """
    path = Path(session_path)
    try:
        used = {checked_session(path, read_document(path)).footage.fingerprint}
    except SessionUnreadable:
        used = set[str]()
    freed = _delete_files(path, None, wait=wait, lease_time=lease_time)
    assert freed is not None
    return freed + _delete_footage_of(path, used)


def is_session(path: Path) -> bool:
    """Whether the file, readable or not, is a session file, from its folder or the journal beside it."""
    return SessionFolder.of(path).contains(path) or _has_written(path.with_suffix(""))


Reason = str | TrackingSessionError
"""The reason why a session or batch was not deleted."""


class Deletion(NamedTuple, Generic[_T]):
    """The deletion of a session or batch, or the reason against it. `deleted` is None for unused footage details."""

    deleted: _T | None
    path: Path
    freed: int = 0  # bytes
    left: Reason = ""  # the reason; empty if it was deleted


class Deleted(Generic[_T]):
    """The sum of several deletions."""

    def __init__(self) -> None:
        self.gone: list[_T] = []
        self.left: list[tuple[Path, Reason]] = []  # not deleted, each with the reason
        self.freed = 0  # bytes

    def add(self, deletions: Iterable[Deletion[_T]]) -> Deleted[_T]:
        """Run the deletions and add each; after an error the earlier ones are counted."""
        for deletion in deletions:
            self.freed += deletion.freed
            if deletion.left:
                self.left.append((deletion.path, deletion.left))
            elif deletion.deleted is not None:
                self.gone.append(deletion.deleted)
        return self


def delete_old(root: Path, old: Iterable[Entry], limit: datetime) -> Generator[Deletion[Entry]]:
    """Delete the sessions `old` under `root` that nobody has modified since `limit`, and yield each deletion.

    Raises StorageFailed.
    """
    used: set[str] = set()
    failed: StorageFailed | None = None
    try:
        for entry in old:
            try:
                size = _delete_files(entry.path, limit)
            except (SessionUnreadable, JournalDamaged, LeaseHeld) as error:
                yield Deletion(entry, entry.path, left=error)
                continue
            if size is None:
                yield Deletion(entry, entry.path, left="somebody has worked on it just now")
            else:
                used.add(entry.fingerprint)
                yield Deletion(entry, entry.path, size)
    except StorageFailed as error:
        failed = error
    except BaseException:
        _delete_unused_footage(root, used)
        raise
    yield Deletion(None, root, _delete_unused_footage(root, used))
    if failed is not None:
        raise failed


def _delete_files(
    path: Path, modified_before: datetime | None, *, wait: bool = False, lease_time: float = LEASE_TIME
) -> int | None:
    """Delete a session with its report and solves; return the number of bytes freed.

    With `modified_before` it keeps a session that was modified later or has no time, and returns None. The file goes
    first, so that a failure leaves no session. Raises LeaseHeld or StorageFailed, and with `modified_before` the
    errors of reading.
    """
    folder = path.with_suffix("")
    try:
        is_ours = _has_written(folder) or (is_folder(folder) and not os.listdir(folder))
        freed = bytes_of(path) + _bytes_in(_belongings(path))
        with owned(folder, wait=wait, lease_time=lease_time) if is_ours else nullcontext():
            if modified_before is not None and not _is_older(path, modified_before):
                return None
            os.unlink(path)
        if is_ours:
            delete_folder(folder)
        _delete_belongings(path)
    except OSError as error:
        raise StorageFailed(path, error) from error
    return freed


@contextmanager
def owned(folder: Path, *, wait: bool = False, lease_time: float = LEASE_TIME) -> Generator[None]:
    """Own the lease in `folder` until the end of the block: Windows deletes no open file.

    A full disk needs no lease: no other process can take one there. Raises LeaseHeld or StorageFailed.
    """
    try:
        lease = Lease.take(folder, timestamp(), wait=wait, lease_time=lease_time)
    except StorageFailed as failed:
        if failed.error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        lease = None
    try:
        yield
    finally:
        if lease is not None:
            lease.release()


def find_old(
    entries: Iterable[Entry | Unreadable], limit: datetime, needed: Mapping[str, str]
) -> tuple[list[Entry], list[tuple[Path, Reason]]]:
    """The sessions to delete, not modified since `limit`, and the sessions to keep, each with the reason.

    `needed`: the ids of sessions to keep, with the reasons. Unreadable sessions are kept at any age.
    """
    old: list[Entry] = []
    left: list[tuple[Path, Reason]] = []
    for entry in entries:
        if isinstance(entry, Unreadable):
            left.append((entry.path, entry.error))
            continue
        modified = moment(entry.modified)
        if modified is None or modified >= limit:
            continue
        try:
            owner = entry.owner
        except SessionUnreadable as error:
            left.append((entry.path, error))
            continue
        reason = f"it is in use by {owner}" if owner else needed.get(entry.id)
        if reason:
            left.append((entry.path, reason))
        else:
            old.append(entry)
    return old, left


def _is_older(path: Path, limit: datetime) -> bool:
    modified = moment(TrackingSessionManager(path).session.modified)
    return modified is not None and modified < limit


def _has_written(folder: Path) -> bool:
    return is_folder(folder) and any(map(_WRITTEN.match, os.listdir(folder)))


def delete_rest(path: Path, fingerprints: Collection[str]) -> None:
    """Delete what is left of a session whose file is gone, and the details of these footages if no other session uses
    them. Raises OSError and SessionUnreadable.
    """
    delete_folder(path.with_suffix(""))
    _delete_belongings(path)
    _delete_footage_of(path, fingerprints)


def delete_folder(folder: Path) -> None:
    """Delete a folder of files; of a link only the link. Raises OSError."""
    if folder.is_symlink():
        os.unlink(folder)  # the target is not ours
        return
    for entry in os.listdir(folder):
        os.unlink(folder / entry)
    os.rmdir(folder)


# The belongings of a session: report, solves, details of footage


def _belongings(session_file: Path) -> list[Path]:
    """The report and the folder of solves of this session, if they exist."""
    folder, id = SessionFolder.of(session_file), session_file.stem
    found = (folder.report(id), folder.solves(id)) if folder.contains(session_file) else ()
    return [path for path in found if os.path.lexists(path)]


def _bytes_in(paths: Iterable[Path]) -> int:
    total = 0
    for path in paths:
        inside = [path / name for name in os.listdir(path)] if is_folder(path) else [path]
        total += sum(map(_size, inside))
    return total


def _delete_belongings(path: Path) -> None:
    for belonging in _belongings(path):
        if is_folder(belonging):
            delete_folder(belonging)
        else:
            os.unlink(belonging)


def bytes_freed(root: Path, going: Sequence[Entry], entries: Sequence[Entry | Unreadable]) -> int:
    """The bytes that deleting the sessions `going`, of all `entries` under `root`, would free."""
    with_more = SessionFolder(root).ids_with_belongings()
    total = sum(entry.size for entry in going)
    total += sum(_bytes_in(_belongings(entry.path)) for entry in going if entry.id in with_more)
    gone = {entry.file for entry in going}
    used = _used(entry for entry in entries if isinstance(entry, Unreadable) or entry.file not in gone)
    files = _footage_files(root, {entry.fingerprint for entry in going})
    return total + sum(_size(path) for path in files if used is not None and path.stem not in used)


def _size(path: str | os.PathLike[str]) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0  # it has just gone


def _used(entries: Iterable[Entry | Unreadable]) -> set[str] | None:
    """The fingerprints of the footage of these sessions; None if one is unreadable and may use any."""
    used: set[str] = set()
    for entry in entries:
        if isinstance(entry, Entry):
            used.add(entry.fingerprint)
        elif entry.known is not None:
            used.add(entry.known.fingerprint)
        else:
            return None
    return used


def _footage_files(root: Path, fingerprints: Collection[str]) -> list[Path]:
    folder = SessionFolder(root).footage_folder
    try:
        names = os.listdir(folder)
    except OSError:
        return []  # there are none
    return [folder / name for name in names if Path(name).stem in fingerprints and not name.startswith(".")]


def _delete_footage_of(session_path: Path, fingerprints: Collection[str]) -> int:
    folder = SessionFolder.of(session_path)
    return _delete_unused_footage(folder.root, fingerprints) if folder.contains(session_path) else 0


def _delete_unused_footage(root: Path, fingerprints: Collection[str]) -> int:
    """Delete the details of these footages that no session under `root` uses; return the bytes freed."""
    files = _footage_files(root, fingerprints)
    used = _used(catalogue(root)) if files else None
    aside: list[tuple[Path, Path]] = []
    for path in files:
        if used is not None and path.stem not in used:
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            if _renamed(path, temporary):
                aside.append((path, temporary))
    # a process that makes a session of it meanwhile saves the file again, or its session is found here
    used = _used(catalogue(root)) if aside else None
    freed = 0
    for path, temporary in aside:
        if used is None or path.stem in used:
            _renamed(temporary, path)
            continue
        size = _size(temporary)
        try:
            os.unlink(temporary)
            freed += size
        except OSError:
            pass  # a leftover harms nothing
    return freed


def _renamed(path: Path, target: Path) -> bool:
    try:
        os.replace(path, target)
    except OSError:
        return False  # it is gone, or belongs to another user
    return True
