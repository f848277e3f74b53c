# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletes batches: their entries in the ledger, and the folders with the logs of their shots. The sessions stay.

One transaction deletes the entries first, so that a killed process leaves no part of a batch in the ledger, but maybe
a folder whose batch the ledger does not have. Such a folder gets old like a batch.
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
from .ledger import Ledger
from .ledger_places import NOTE, names_in, noted_ledger
from .shots import BatchRow

_PRINTED = re.compile(r"[1-9][0-9]*\.(log|events)\Z")
_LEASE = re.compile(r"(lease\.[1-9][0-9]*|\.lease\.[0-9]+\.[0-9a-f]+\.tmp)\Z")


class OldBatch(NamedTuple):
    """A batch that ended long ago, or only its folder: then `name` and `status` are empty."""

    id: str
    name: str
    status: str
    modified: str  # when it ended; of a mere folder the time of its newest log, empty if it has none
    size: int  # bytes of its folder


def find_old_batches(
    ledger: Ledger, limit: datetime, *, home: Path | None = None
) -> tuple[list[OldBatch], list[tuple[Path, str]]]:
    """The batches that ended before `limit`, newest first, and the folders of those in use, each with the reason.

    With `home` only the batches of that session folder; a ledger may serve several. Raises StorageFailed and the
    errors of the ledger.
    """
    folders = _folders(ledger)  # before the ledger is read: a batch is in the ledger before it has a folder
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
    for batch in found:
        owner = ledger.owner(batch.id)
        if owner is not None:
            left.append((ledger.folder(batch.id), f"it is in use by {owner}"))
        else:
            old.append(batch)
    return old, left


def described(ledger: Ledger, batch: BatchRow) -> OldBatch:
    """A batch of the ledger, with the size of its folder."""
    folder = ledger.folder(batch.id)
    size = _size(_batch_files(folder)) if _exists(folder) else 0
    return OldBatch(batch.id, batch.name, batch.status.value, batch.modified, size)


def _leftover(folder: Path, limit: datetime) -> OldBatch | None:
    """A folder whose batch the ledger does not have; None if it is not old, or has files, but none of a batch."""
    files = _batch_files(folder)
    if not files and names_in(folder):
        return None
    # leases do not count: the process that was killed had made one
    last = max((status.st_mtime for path, status in files.items() if _PRINTED.match(path.name)), default=None)
    if last is not None and last >= limit.timestamp():
        return None
    modified = "" if last is None else datetime.fromtimestamp(max(0.0, last), UTC).isoformat(timespec="seconds")
    return OldBatch(folder.name, "", "", modified, _size(files))


def delete_batches(root: Path, old: Sequence[OldBatch], *, db: Path | None = None) -> Generator[Deletion[OldBatch]]:
    """Delete the batches `old` of the session folder `root`, each when the caller asks for the next deletion.

    `db` is their ledger, if it lies elsewhere. A batch stays if it has changed since it was read, or if the ledger
    cannot be used. Raises StorageFailed.
    """
    rest = list(old)
    try:
        with Ledger(root, db=db, readonly=not any(batch.status for batch in old)) as ledger:
            while rest:
                batch, folder = rest[0], ledger.folder(rest[0].id)
                try:
                    left = "" if delete_batch(ledger, batch) else "somebody has worked on it just now"
                except LeaseHeld as held:
                    left = f"it is in use by {held.owner}"
                del rest[0]
                yield Deletion(batch, folder, 0 if left else batch.size, left)
    except (LedgerBusy, LedgerUnreadable) as error:
        for batch in rest:
            yield Deletion(batch, SessionFolder(root).batch(batch.id), left=error)


def delete_batch(ledger: Ledger, batch: OldBatch, *, unfinished: bool = False, wait: bool = False) -> bool:
    """Delete a batch that has ended, with `unfinished` any batch; False if it has changed since it was read.

    `wait` as in `Lease.take`. Raises LeaseHeld, StorageFailed and the errors of the ledger.
    """
    folder = ledger.folder(batch.id)
    has_folder = _exists(folder)
    with owned(folder, wait=wait) if has_folder else nullcontext():
        if batch.status and not ledger.delete(batch.id, batch.modified, unfinished=unfinished):
            return False
    if has_folder:
        try:
            for path in _batch_files(folder):
                os.unlink(path)
            if not names_in(folder):  # files of others stay
                os.rmdir(folder)
        except FileNotFoundError:
            pass  # another process deletes the batch as well
        except OSError as error:
            raise StorageFailed(folder, error) from error
    return True


def _folders(ledger: Ledger) -> dict[str, Path]:
    """The folders in the session folder whose batches belong to this ledger, by batch id. Links are not followed."""
    parent = SessionFolder(ledger.root).batches
    names = names_in(parent) if is_folder(parent) else []
    folders = {name: parent / name for name in names if SESSION_ID.match(name) and is_folder(parent / name)}
    here = os.path.realpath(ledger.path)
    noted = {name: noted_ledger(ledger.root, name) or SessionFolder(ledger.root).ledger for name in folders}
    return {name: folder for name, folder in folders.items() if os.path.realpath(noted[name]) == here}


def _exists(folder: Path) -> bool:
    return is_folder(folder.parent) and is_folder(folder)


def _batch_files(folder: Path) -> dict[Path, os.stat_result]:
    """The files in the folder that a batch makes."""
    found: dict[Path, os.stat_result] = {}
    for name in names_in(folder):
        if _PRINTED.match(name) or _LEASE.match(name) or name == NOTE:
            try:
                found[folder / name] = os.lstat(folder / name)
            except OSError:
                pass  # another process has just deleted it
    return found


def _size(files: dict[Path, os.stat_result]) -> int:
    return sum(status.st_size for status in files.values())
