# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions that the unfinished batches of a session folder still need."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ..errors import LedgerUnreadable
from ..storage.folder import SessionFolder
from .ledger import Ledger
from .ledger_places import names_in, noted_ledger


class Need(NamedTuple):
    """An unfinished batch that has begun a session, and the ledger of the batch."""

    batch: str
    ledger: Path


def needed_sessions(root: Path, db: Path | None = None) -> dict[str, Need]:
    """The ids of the sessions under `root` that unfinished batches have begun, each with such a batch.

    Reads the ledger there, each ledger that a folder of a batch there names, and `db`. Raises LedgerUnreadable, also
    for a missing ledger that a folder names, LedgerBusy or StorageFailed.
    """
    found: dict[str, Need] = {}
    folder = SessionFolder(root)
    noted = (noted_ledger(root, batch) for batch in sorted(names_in(folder.batches)))
    for path in dict.fromkeys((folder.ledger, *filter(None, (*noted, db)))):
        with Ledger(root, db=path, readonly=True) as ledger:
            if ledger.is_apart and not os.path.lexists(path):
                advice = f"put it back, or delete its folders in {folder.batches} if it is gone for good"
                raise LedgerUnreadable(path, "it is missing", advice)
            found.update({session: Need(batch, ledger.path) for session, batch in ledger.needed().items()})
    return found


def batch_of(session_path: str | os.PathLike[str], db: Path | None = None) -> Need | None:
    """An unfinished batch that has begun this session; None if there is none. `db` and errors: `needed_sessions`."""
    path = Path(session_path)
    folder = SessionFolder.of(path)
    return needed_sessions(folder.root, db).get(path.stem) if folder.contains(path) else None
