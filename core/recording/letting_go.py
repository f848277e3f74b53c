# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets old states of a session go: writes a new journal without them, then deletes the old files.

The new journal appears whole, under the generation of a lease of its own; readers and owners find the old files or the
new one. The old files are deleted by an owner whose journal goes on from the new one.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import NamedTuple

from ..errors import JournalDamaged
from ..journal import letting_go
from ..journal.chain import Header, JournalReader, JournalWriter, journal_path
from ..journal.history import History
from ..model.wording import timestamp
from ..storage.folder import numbered
from ..storage.lease import Lease
from .content import SessionContent

_LEFTOVER = re.compile(r"\.journal\.\d+\.\d+\.tmp\Z")


class LetGo(NamedTuple):
    """The number of states that were let go, and the bytes of the journal before and after."""

    states: int
    before: int
    after: int


def let_go(content: SessionContent, before: str, *, wait: bool = False) -> int:
    """Write a journal without old states, as `journal.letting_go.choose`; this process must not own the session.

    Returns the number of states that are gone. Deletes nothing yet: see `delete_outside`. Raises LeaseHeld, LeaseLost,
    StorageFailed, JournalDamaged, SessionUnreadable, and UsageError for a session of a newer version.
    """
    lease = Lease.take(content.folder, timestamp(), wait=wait)
    journal: JournalWriter | None = None
    try:
        with content.reading():
            reader = JournalReader(content.folder, content.file_session.id)  # what is behind damage must stay
            history = History()
            history.read(reader.records())
            salt = int.from_bytes(secrets.token_bytes(8), "little")
            header = Header(content.file_session.id, lease.generation, salt)
            journal = JournalWriter(content.folder, header, durable=False, is_hidden=True)
            states = letting_go.let_go(history, reader, before, journal)
        if states:
            lease.check()
            journal.publish()
        return states
    finally:
        if journal is not None:
            journal.discard()
        lease.release()


def delete_outside(content: SessionContent) -> None:
    """Delete the journal files before the one that the journal begins with. Never fails: what stays harms nothing.

    The caller owns the session, so all later owners go on from its journal.
    """
    folder = content.folder
    try:
        first = content.reader().generations[0]
        old = [journal_path(folder, number) for number in numbered(folder, "journal") if number < first]
        left = [folder / name for name in os.listdir(folder) if _LEFTOVER.match(name)]
    except (OSError, JournalDamaged):
        return
    for path in old + left:
        try:
            os.unlink(path)
        except OSError:
            pass  # another process reads it, on Windows; the next time deletes it


def journal_size(folder: Path) -> int:
    """The bytes of the journal files of the session. Raises OSError."""
    return sum(os.path.getsize(journal_path(folder, number)) for number in numbered(folder, "journal"))
