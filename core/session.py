# SPDX-License-Identifier: GPL-3.0-or-later
"""The public interface for scripts: ten stable names. The extension itself does not import this module.

Frames are clip frames: 1 is the first frame of the clip, whatever its file number.
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
from .report.html import export_session_report
from .solve.merging import merge_sessions

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
    """Delete sessions not modified for `days_old` days, with their reports and solves; return their number.

    It keeps sessions that have an owner, that an unfinished batch needs, that are unreadable or have no time; if the
    ledger of batches is unreadable, it keeps all. Raises StorageFailed.
    """
    root = Path(base_path)
    try:
        limit = datetime.now(UTC) - timedelta(days=days_old)
        needed = dict.fromkeys(needed_sessions(root), "a batch needs it")
    except (OverflowError, LedgerUnreadable, LedgerBusy, StorageFailed):
        return 0  # the limit is before the year 1, or a batch may need any session
    done = Deleted[Entry]().add(delete_old(root, find_old(catalogue(root), limit, needed)[0], limit))
    return len(done.gone)
