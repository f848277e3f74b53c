# SPDX-License-Identifier: GPL-3.0-or-later
"""The state that lives as long as the open file. No logic, and nothing that a file must store."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from ..core.journal.chain import Position
from ..core.model.types import TrackingSession

View = TypeVar("View")


class OpenFile:
    """The open file and the sessions of its clips, as this Blender knows them."""

    def __init__(self) -> None:
        self.running: Any = None
        """The pass that runs in a window; see `tracking.live.running`."""
        self.modal: dict[str, Any] = {}
        """The operators that wait for events, by their jobs."""
        self.revision = 0
        """Grows whenever the sessions may have changed; a view of an earlier revision is out of date."""
        self.reset()

    def reset(self) -> None:
        """Forget everything, because another file is open."""
        self.left: dict[str, Path] = {}
        """The session folders, by session id, that the file was saved away from; undo may remove a clip's note."""
        self.digests: dict[int, dict[tuple[str, str], bytes]] = {}
        """A digest of each track in the file, by clip (`session_uid`), tracking object and name."""
        self.recordings: dict[int, Any] = {}
        """The recordings of the clips (`session_uid`); see `sessions.recording`."""
        self.documents: dict[Path, tuple[float, TrackingSession | None]] = {}
        """The session files read, each with its modification time; None for an unreadable file."""
        self._written: dict[str, tuple[int, Position]] = {}
        """Per session: the clip it was written to and the last journal position written, ignoring later undo."""
        self._views: dict[type[Any], Any] = {}
        self.forget()

    def forget(self) -> None:
        """Let every view read the sessions again."""
        self.revision += 1

    def view(self, kind: type[View]) -> View:
        """The view of this kind, made at the first call; it lives as long as the file is open."""
        if kind not in self._views:
            self._views[kind] = kind()
        return self._views[kind]

    def note_written(self, clip: int, session_id: str, position: Position) -> None:
        """Note that the session's journal up to `position` was written to the clip (`session_uid`)."""
        self._written[session_id] = clip, max(position, self.written(clip, session_id) or position)

    def written(self, clip: int, session_id: str) -> Position | None:
        """The last position of the session's journal that was written to the clip."""
        uid, position = self._written.get(session_id, (0, None))
        return position if uid == clip else None

    def forget_written(self, session_id: str) -> None:
        """Note that no clip contains the session's frames."""
        self._written.pop(session_id, None)

    def written_in(self, clips: set[int]) -> set[str]:
        """The sessions whose frames were written to these clips."""
        return {session_id for session_id, (clip, _) in self._written.items() if clip in clips}


open_file = OpenFile()
