# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes that name ledgers outside of the session folder.

The folder of a batch lies in the session folder of its sessions. If its ledger lies elsewhere, a note in the folder of
the batch names it, so that no command deletes the sessions that the batch needs.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import StorageFailed
from ..storage.files import replace_file
from ..storage.folder import SessionFolder

NOTE = "ledger"
_NOTE_LIMIT = 8_192  # bytes of a note


def note_ledger(folder: Path, ledger: Path) -> None:
    """Write the path of the ledger into the folder of a batch. Raises StorageFailed."""
    replace_file(folder / NOTE, os.fsencode(ledger))


def noted_ledger(root: Path, batch: str) -> Path | None:
    """The ledger that the note of the batch names; None if it has none. Raises StorageFailed."""
    note = SessionFolder(root).batch(batch) / NOTE
    try:
        with open(note, "rb") as file:
            ledger = os.fsdecode(file.read(_NOTE_LIMIT))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageFailed(note, error) from error
    return Path(ledger) if os.path.isabs(ledger) and "\0" not in ledger else None


def names_in(folder: Path) -> list[str]:
    """The names in the folder; none if another process has just deleted it. Raises StorageFailed."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StorageFailed(folder, error) from error
