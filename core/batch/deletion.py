# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting batches: their rows in the ledger, and the folders with what their shots have printed. The sessions stay.

The rows go first, all at once: a batch is there or it is not, whenever a process is killed. A folder whose batch the
ledger does not know is what such a process has left, and counts as old like a batch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ..errors import LeaseHeld, LedgerBusy, LedgerUnreadable, StorageFailed
from ..library.deletion import Deletion, owned
from ..model.types import SESSION_ID
from ..model.wording import moment
from ..storage.folder import SessionFolder, is_folder
from ..storage.lease import live_owner
from .ledger import Ledger
from .ledger_places import NOTE, noted_ledger
from .shots import BatchRow

_PRINTED = re.compile(r"[1-9][0-9]*\.(log|events)\Z")
_LEASE = re.compile(r"(lease\.[1-9][0-9]*|\.lease\.[0-9]+\.[0-9a-f]+\.tmp)\Z")


class OldBatch(NamedTuple):
    """A batch that ended long ago, or only its folder: then `name` and `status` are empty."""

    id: str
    name: str
    status: str
    modified: str  # when it ended; of a mere folder when something was printed into it last, empty if nothing is left
    size: int  # bytes of its folder


def find_old_batches(
    ledger: Ledger, limit: datetime, *, home: Path | None = None
) -> tuple[list[OldBatch], list[tuple[Path, str]]]:
    """The batches that ended before `limit`, newest first, and those of them to be left alone, each with the reason.

    With `home` only those of that session folder, of all that a ledger may serve. Raises StorageFailed and what the
    ledger raises.
    """
    folders = _folders(ledger)  # before the ledger is read: a batch has its rows earlier than its folder
    found: list[OldBatch] = []
    for batch in ledger.batches():
        ended = moment(batch.modified)
        is_wanted = home is None or os.path.realpath(home) == batch.root
        if is_wanted and not batch.is_unfinished and ended is not None and ended < limit:
            found.append(described(ledger, batch))
        folders.pop(batch.id, None)
    found += filter(None, (_leftover(folder, limit) for _, folder in sorted(folders.items(), reverse=True)))
    old: list[OldBatch] = []
    left: list[tuple[Path, str]] = []
    for one in found:
        folder = ledger.folder(one.id)
        try:
            owner = live_owner(folder)
        except OSError as error:
            raise StorageFailed(folder, error) from error
        if owner is not None:
            left.append((folder, f"it is in use by {owner}"))
        else:
            old.append(one)
    return old, left


def described(ledger: Ledger, batch: BatchRow) -> OldBatch:
    """A batch of the ledger, with the size of its folder."""
    folder = ledger.folder(batch.id)
    size = _size(_ours(folder)) if _is_there(folder) else 0
    return OldBatch(batch.id, batch.name, batch.status.value, batch.modified, size)


def _leftover(folder: Path, limit: datetime) -> OldBatch | None:
    """The folder as that of a batch which the ledger does not know; None if it is not old, or holds nothing of one."""
    ours = _ours(folder)
    if not ours and _names(folder):
        return None
    # leases do not count: whoever was killed here had made one
    last = max((one.st_mtime for path, one in ours.items() if _PRINTED.match(path.name)), default=None)
    if last is None:
        return OldBatch(folder.name, "", "", "", _size(ours))
    if last >= limit.timestamp():
        return None
    modified = datetime.fromtimestamp(max(0.0, last), UTC).isoformat(timespec="seconds")
    return OldBatch(folder.name, "", "", modified, _size(ours))


def delete_batches(root: Path, old: Sequence[OldBatch], *, db: Path | None = None) -> Generator[Deletion[OldBatch]]:
    """Delete those of the batches `old` of the session folder `root` that nobody has gone on with since.

    Each is deleted as it is asked for. `db` is their ledger, if it lies elsewhere. They are left alone if the ledger
    cannot be used. Raises StorageFailed.
    """
    rest = list(old)
    try:
        with Ledger(root, db=db, readonly=not any(one.status for one in old)) as ledger:
            while rest:
                one, folder = rest[0], ledger.folder(rest[0].id)
                try:
                    is_gone = _delete(ledger, folder, one)
                    left = "" if is_gone else "somebody has worked on it just now"
                except LeaseHeld as held:
                    left = f"it is in use by {held.owner}"
                del rest[0]
                yield Deletion(one, folder, 0 if left else one.size, left)
    except (LedgerBusy, LedgerUnreadable) as error:
        for one in rest:
            yield Deletion(one, SessionFolder(root).batch(one.id), left=error)


def delete_batch(ledger: Ledger, one: OldBatch, *, wait: bool = False) -> bool:
    """Delete a batch, also one that has not ended; False if somebody has gone on with it since it was looked at.

    `wait` as in `Lease.take`. Raises LeaseHeld, StorageFailed and what the ledger raises.
    """
    return _delete(ledger, ledger.folder(one.id), one, unfinished=True, wait=wait)


def _delete(ledger: Ledger, folder: Path, one: OldBatch, *, unfinished: bool = False, wait: bool = False) -> bool:
    """Whether it could be deleted. Raises LeaseHeld, StorageFailed, what the ledger raises."""
    has_folder = _is_there(folder)
    with owned(folder, wait=wait) if has_folder else nullcontext():
        if one.status and not ledger.delete(one.id, one.modified, unfinished=unfinished):
            return False
    if has_folder:
        try:
            for path in _ours(folder):
                os.unlink(path)
            if not _names(folder):  # what somebody has put there stays
                os.rmdir(folder)
        except FileNotFoundError:
            pass  # another process deletes it as well
        except OSError as error:
            raise StorageFailed(folder, error) from error
    return True


def _folders(ledger: Ledger) -> dict[str, Path]:
    """The folders of batches in the session folder of the ledger that can be its own, by their ids.

    Links are not followed: where they lead is somebody else's.
    """
    parent = SessionFolder(ledger.root).batches
    names = _names(parent) if is_folder(parent) else []
    folders = {name: parent / name for name in names if SESSION_ID.match(name) and is_folder(parent / name)}
    here = os.path.realpath(ledger.path)
    said = {name: noted_ledger(ledger.root, name) or SessionFolder(ledger.root).ledger for name in folders}
    return {name: folder for name, folder in folders.items() if os.path.realpath(said[name]) == here}


def _is_there(folder: Path) -> bool:
    return is_folder(folder.parent) and is_folder(folder)


def _ours(folder: Path) -> dict[Path, os.stat_result]:
    """The files in it that a batch has made."""
    found: dict[Path, os.stat_result] = {}
    for name in _names(folder):
        if _PRINTED.match(name) or _LEASE.match(name) or name == NOTE:
            try:
                found[folder / name] = os.lstat(folder / name)
            except OSError:
                pass  # it has just gone
    return found


def _size(files: dict[Path, os.stat_result]) -> int:
    return sum(one.st_size for one in files.values())


def _names(folder: Path) -> list[str]:
    """What is in it; nothing if it has just gone."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageFailed(folder, error) from error
