# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist at random: the actions from which `sequences.py` makes its sequences, on one clip in the bpy wheel."""

from __future__ import annotations

from collections.abc import Iterator

from .edits import Edits
from .files import Files
from .passes import Passes
from .sessions import Sessions

ACTIONS = {
    "track": 12, "resume": 14, "drop": 1, "blender_tracks": 10, "blender_steps": 5, "edit": 14, "delete_tracks": 2,
    "script": 10, "rename": 1, "objects": 1, "undo": 10, "redo": 25, "save": 6, "load": 3, "kill": 5, "restore": 25,
    "go_back": 5, "start_fresh": 2, "bring_back": 25,
}  # fmt: skip
"""The actions, and how often each is chosen."""
_IF_IT_CAN = {"restore": 25, "resume": 14, "bring_back": 25, "redo": 25}
"""How often these are chosen while there is something to restore, to resume, to bring back or to redo; else seldom."""


class Artist(Passes, Edits, Files, Sessions):
    """A clip in a saved file, and what can be done with it. Each action returns words for its log."""

    def actions(self) -> Iterator[str]:
        """An endless sequence of actions."""
        while True:
            can = self._can()
            weights = ACTIONS | {name: often if can[name] else 1 for name, often in _IF_IT_CAN.items()}
            yield self.chance.choices(list(weights), list(weights.values()))[0]

    def _can(self) -> dict[str, bool]:
        seen = self.seen
        return {
            "restore": bool(seen.missing or seen.undone),
            "resume": bool(seen.resumable),
            "bring_back": bool(self.discarded),
            "redo": self.has_undone,
        }
