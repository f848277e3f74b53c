# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves a session to another session folder, and compares sessions of one id in two folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import SessionUnreadable, StorageFailed, TrackingSessionError, UsageError
from ..footage.details import copy_details
from ..journal.chain import HEADER_SIZE, journal_path
from ..model.types import TrackingSession
from ..model.wording import timestamp
from ..recording.session_file import checked_session
from ..storage.files import (
    copy_file,
    encode_document,
    existing_document,
    read_document,
    replace_file,
    sync_folder,
)
from ..storage.folder import SessionFolder, numbered, rebased
from ..storage.lease import Lease, read_owner
from .deletion import delete_folder, delete_rest

_COMPARED_AT_ONCE = 1 << 20  # bytes


def move_session(session_path: str | os.PathLike[str], root: str | os.PathLike[str]) -> Path:
    """Move a session without an owner to the session folder `root`, also on another disk, and return its new file.

    Its report, solves and footage details go with it; its paths lead to the same footage and .blend. The new file is
    the last to be written and the old one the first to be deleted: a kill leaves the session in the old folder, in the
    new one, or in both (see `has_all_of`), and the next call finishes the move. Raises LeaseHeld, SessionUnreadable,
    StorageFailed, or UsageError if `root` has other frames under this id; the session is then where it was.
    """
    path = existing_document(Path(session_path))
    folder, target = SessionFolder.of(path), SessionFolder(root)
    new = existing_document(target.sessions / path.name)
    if os.path.islink(path.with_suffix("")):
        raise SessionUnreadable(path.with_suffix(""), "it is a link, so its files belong elsewhere")
    lease = Lease.take(path.with_suffix(""), timestamp())
    try:
        if _is_same(path, new, lease):
            return path
        state = read_document(path)
        session = checked_session(path, state)
        if not os.path.lexists(new):
            _copy(path, new, state, session)
        elif not has_all_of(new, path, to_the_end=True):
            raise UsageError(f"{new} has other frames than {path}: delete one of the two sessions")
        try:
            os.unlink(path)
        except OSError:
            return new  # the next call deletes it
    finally:
        lease.release()
    try:
        copy_details(folder, target, session.footage.fingerprint)  # again: a cleaning may have deleted them as unused
        delete_rest(path, {session.footage.fingerprint})
    except (OSError, TrackingSessionError):
        pass  # without its file this is no session
    return new


def _is_same(path: Path, new: Path, lease: Lease) -> bool:
    """Whether both are one file, if only through another mount: the new folder then has the lease of the old one."""
    try:
        if os.path.samefile(path.parent, new.parent):
            return True
        mine, there = (read_owner(file.with_suffix(""), lease.generation) for file in (path, new))
    except OSError:
        return False
    return mine is not None and there is not None and mine.token == there.token


def has_all_of(path: Path, other: Path, *, to_the_end: bool = False) -> bool:
    """Whether the session of the file `path` has recorded all that the session of `other`, of the same id, has.

    Compares the headers and sizes of the journal files, or with `to_the_end` all their bytes.
    """
    mine, its = path.with_suffix(""), other.with_suffix("")
    limit = None if to_the_end else HEADER_SIZE
    try:
        return os.path.exists(path) and all(
            _begins_with(journal_path(mine, number), journal_path(its, number), limit)
            for number in numbered(its, "journal")
        )
    except OSError:
        return False


def _begins_with(path: Path, other: Path, limit: int | None) -> bool:
    """Whether the file is as long as the other one or longer, and equals it up to `limit`. Raises OSError."""
    size = os.stat(other).st_size
    if os.stat(path).st_size < size:
        return False
    rest = size if limit is None else min(size, limit)
    with open(path, "rb") as mine, open(other, "rb") as its:
        while rest > 0:
            count = min(rest, _COMPARED_AT_ONCE)
            if mine.read(count) != its.read(count):
                return False
            rest -= count
    return True


def _copy(path: Path, new: Path, state: dict[str, Any], session: TrackingSession) -> None:
    """Copy all files of the session, the session file at the end. Raises StorageFailed, and leaves no session then."""
    copied = new.with_name(f".{new.stem}.moving")
    try:
        for leftover in (copied, new.with_suffix("")):
            if os.path.lexists(leftover):
                delete_folder(leftover)  # of a process that died before it wrote the session file
        copied.mkdir(parents=True)
        _copy_files(path.with_suffix(""), copied)
        os.replace(copied, new.with_suffix(""))
        _copy_belongings(path, new, session.footage.fingerprint)
        target = SessionFolder.of(new)
        for folder in (target.sessions, target.root, target.root.parent):
            sync_folder(folder)
        replace_file(new, encode_document(_rebased(path, new, state, session), new.suffix))
    except (OSError, StorageFailed) as error:
        _undo(copied, new, session.footage.fingerprint)
        if isinstance(error, StorageFailed):
            raise
        raise StorageFailed(new, error) from error


def _copy_files(folder: Path, target: Path) -> None:
    """Copy the files of a session, but no temporary ones, and no lease: the copy has no owner. Raises OSError."""
    for name in sorted(os.listdir(folder)):
        file = folder / name
        if file.is_file() and not file.is_symlink() and not name.startswith((".", "lease.")):
            copy_file(file, target / name)
    sync_folder(target)


def _copy_belongings(path: Path, new: Path, fingerprint: str) -> None:
    """Copy report, solves and footage details. Raises OSError."""
    folder, target, id = SessionFolder.of(path), SessionFolder.of(new), path.stem
    copy_details(folder, target, fingerprint)
    if folder.report(id).is_file():
        target.report(id).parent.mkdir(parents=True, exist_ok=True)
        copy_file(folder.report(id), target.report(id))
    if folder.solves(id).is_dir():
        target.solves(id).mkdir(parents=True, exist_ok=True)
        _copy_files(folder.solves(id), target.solves(id))


def _rebased(path: Path, new: Path, state: dict[str, Any], session: TrackingSession) -> dict[str, Any]:
    """The content of the session file for its new place."""
    known: dict[str, Any] = state.get("footage") or {}
    footage = {
        **known,
        "path": rebased(path, session.footage.path, new),
        "blend": rebased(path, session.blend, new),
    }
    return {**state, "footage": footage}


def _undo(copied: Path, new: Path, fingerprint: str) -> None:
    """Delete the parts of a failed copy, the session file first."""
    deletions: tuple[Callable[[], None], ...] = (
        lambda: os.unlink(new),  # it was written, but not synced
        lambda: delete_folder(copied),
        lambda: delete_rest(new, {fingerprint}),
    )
    for delete in deletions:
        try:
            delete()
        except (OSError, TrackingSessionError):
            pass  # it was not made, or the next call deletes it
