# SPDX-License-Identifier: GPL-3.0-or-later
"""The state that dies with the open file. No logic, and nothing that a file must remember."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from ..core.journal.chain import Position
from ..core.model.types import TrackingSession

View = TypeVar("View")


class OpenFile:
    """What this Blender knows of the open file and of the sessions of its clips."""

    def __init__(self) -> None:
        self.running: Any = None
        """The pass that is tracked in a window; see `tracking.live.running`."""
        self.modal: dict[str, Any] = {}
        """The operators that wait for events, by their jobs."""
        self.revision = 0
        """Grows whenever the sessions may have changed: a view with another number is out of date."""
        self.reset()

    def reset(self) -> None:
        """Forget everything, because another file is open."""
        self.left: dict[str, Path] = {}
        """The folders of sessions that the file was saved away from. Its clips say so too, until undo takes it back."""
        self.digests: dict[int, dict[tuple[str, str], bytes]] = {}
        """The tracks as the file has them, by clip (`session_uid`), tracking object and name."""
        self.documents: dict[Path, tuple[float, TrackingSession | None]] = {}
        """The session files that were read, with the time they were modified; None for those that cannot be read."""
        self._held: dict[str, tuple[int, Position]] = {}
        self._views: dict[type[Any], Any] = {}
        self.forget()

    def forget(self) -> None:
        """Let every view read the sessions again."""
        self.revision += 1

    def view(self, kind: type[View]) -> View:
        """The view of this kind, made when it is first asked for; it lives as long as the file is open."""
        if kind not in self._views:
            self._views[kind] = kind()
        return self._views[kind]

    # How much of a session this Blender has put into a clip, whatever undo took back since

    def hold(self, clip: int, session_id: str, position: Position) -> None:
        """Note that the clip (`session_uid`) has had the session's journal up to `position`."""
        self._held[session_id] = clip, max(position, self.held(clip, session_id) or position)

    def held(self, clip: int, session_id: str) -> Position | None:
        """The farthest position of the session's journal that the clip has had."""
        uid, position = self._held.get(session_id, (0, None))
        return position if uid == clip else None

    def let_go(self, session_id: str) -> None:
        """Note that no clip has the session's frames any more."""
        self._held.pop(session_id, None)

    def held_in(self, clips: set[int]) -> set[str]:
        """The sessions whose frames these clips have had."""
        return {session_id for session_id, (clip, _) in self._held.items() if clip in clips}


open_file = OpenFile()
