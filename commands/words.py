# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions in words and as JSON."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from ..core.journal.lost_passes import lost_fields, lost_passes
from ..core.library.catalogue import Entry
from ..core.model.types import SessionStatus
from ..core.model.wording import count_words
from ..core.recording.manager import TrackingSessionManager
from ..core.storage.folder import FOLDER_NAME

INTERRUPTED = "interrupted"


def described(manager: TrackingSessionManager) -> dict[str, Any]:
    session = manager.session
    return {
        "id": session.id,
        "name": session.name,
        "file": str(manager.path.absolute()),
        "state": session.state.value,
        "created": session.created,
        "modified": session.modified,
        "owner": manager.owner,
        **manager.progress,
        **lost_fields(lost_passes(manager.passes, session.tracked_frames), manager.counting),
        "status": INTERRUPTED if manager.is_interrupted else session.status.value,
    }


def described_entry(entry: Entry) -> dict[str, Any]:
    """The same from the list, without reading the session. Raises SessionUnreadable."""
    owner = entry.owner
    return {
        "id": entry.id,
        "name": entry.name,
        "file": entry.file,
        "state": entry.state,
        "created": entry.created,
        "modified": entry.modified,
        "owner": owner,
        **entry.progress,
        "lost_at": entry.lost_at or None,
        "shown_lost_at": entry.shown_lost_at if entry.lost_at else None,
        "status": INTERRUPTED if entry.is_working and not owner else entry.status,
    }


def lacks_frames(row: dict[str, Any]) -> bool:
    """Whether tracking is complete and requested frames are missing: no session of a merge had them."""
    return row["status"] == SessionStatus.TRACKING_COMPLETE and row["lost_at"] is None and row["remaining_frames"] > 0


def status_words(row: dict[str, Any]) -> str:
    """Status and state of a session; without frames or tracks at its end tracking is not called complete."""
    parts = [row["status"].replace("_", " ")]
    if row["lost_at"] is not None:
        parts = parts if row["status"] != SessionStatus.TRACKING_COMPLETE else []
        parts.append(f"lost at frame {row['shown_lost_at']}")
    elif lacks_frames(row):
        parts = [f"tracked but for {count_words(row['remaining_frames'], 'frame')}"]
    return ", ".join([*parts, *([row["state"]] if row["state"] != "active" else [])])


def shots_words(count: int) -> str:
    return f"{count:,} shot{'s' * (count != 1)}"


def root_words(root: Path) -> str:
    """The argument that names the session folder; empty for the default."""
    return "" if root == Path(FOLDER_NAME).absolute() else f" --root {shlex.quote(str(root))}"
