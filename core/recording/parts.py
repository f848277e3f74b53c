# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of processes that track passes of a session side by side, until their frames are in that session."""

from __future__ import annotations

import os

from ..errors import JournalDamaged, SessionUnreadable
from ..storage.folder import SessionFolder
from .manager import TrackingSessionManager, load_session


def part_sessions(session: TrackingSessionManager) -> list[TrackingSessionManager]:
    """The newest session of each process, as far as it can be read; none once the passes are in the session."""
    parts = SessionFolder.of(session.path).parts(session.id)
    found: list[TrackingSessionManager] = []
    try:
        names = sorted(os.listdir(parts))
    except OSError:
        names = []
    for name in names:
        try:
            found += [load_session(path) for path in SessionFolder(parts / name).session_files()[-1:]]
        except (SessionUnreadable, JournalDamaged):
            pass  # its process reports it
    return found
