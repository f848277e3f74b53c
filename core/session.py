# SPDX-License-Identifier: GPL-3.0-or-later
"""The promise to scripts: ten names, which stay. Nothing inside the extension imports this module.

Frames of this interface are clip frames: 1 is the first frame of the clip, whatever number its file has.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .batch.needs import needed_sessions
from .errors import LedgerBusy, LedgerUnreadable, StorageFailed
from .library.catalogue import Entry, catalogue, list_sessions
from .library.deletion import Deleted, delete_old, find_old
from .model.types import SessionStatus
from .recording.create import create_session
from .recording.manager import TrackingSessionManager, get_session_status, load_session, resume_tracking
from .recording.merge import merge_sessions
from .report.html import export_session_report

__all__ = [
    "SessionStatus",
    "TrackingSessionManager",
    "cleanup_old_sessions",
    "create_session",
    "export_session_report",
    "get_session_status",
    "list_sessions",
    "load_session",
    "merge_sessions",
    "resume_tracking",
]


def cleanup_old_sessions(base_path: str | os.PathLike[str], days_old: int = 30) -> int:
    """Delete the sessions not modified for `days_old` days, with all that belongs to them; return how many.

    One that somebody owns is never touched, nor one that a batch needs which is not finished, that cannot be read or
    does not say when it was modified; none is if the ledger of batches cannot be read. Raises StorageFailed.
    """
    root = Path(base_path)
    try:
        limit = datetime.now(UTC) - timedelta(days=days_old)
        needed = dict.fromkeys(needed_sessions(root), "a batch needs it")
    except OverflowError:  # before the beginning of time
        return 0
    except (LedgerUnreadable, LedgerBusy, StorageFailed):  # a batch may need any
        return 0
    done = Deleted[Entry]().add(delete_old(root, find_old(catalogue(root), limit, needed)[0], limit))
    return len(done.gone)
