# SPDX-License-Identifier: GPL-3.0-or-later
"""States in words, for the command line and the panel."""

from __future__ import annotations

import re

from ..model.wording import count_words
from .chain import Position
from .history import Kind, State
from .records import Reason
from .states import Comparison

_ID = re.compile(r"(\d{1,9}):(\d{1,18})\Z", re.ASCII)
BLENDER = "blender"


def state_id(position: Position) -> str:
    """The name of a state that people type, such as `3:12034`."""
    return f"{position.generation}:{position.offset}"


def state_position(text: str) -> Position | None:
    """The position that `state_id` made; None for any other text."""
    found = _ID.match(text)
    return Position(int(found[1]), int(found[2])) if found else None


def action_words(state: State) -> str:
    """The action that led to the state, in the words of buttons."""
    match state.kind:
        case Kind.PASS:
            is_backwards = state.first is not None and state.last is not None and state.last < state.first
            words = "Track Backwards" if is_backwards else "Track Forwards"
            return f"{words} (Blender)" if state.who == BLENDER else words
        case Kind.EDIT:
            return state.who or "Changes in the Clip"
        case Kind.SOLVE:
            return "Solve"
        case Kind.SCRIPT:
            return f"Script: {state.who}" if state.who else "Script"
        case Kind.RESTORED:
            return "Restore"
        case Kind.SET_ASIDE:
            return "Undo" if state.who == Reason.UNDO else "Open Older File"


def difference_words(found: Comparison) -> str:
    """The differences of two states, without their frames, such as “2 tracks added, 1 changed by up to 3.1 pixels”."""
    counts = [
        (len(found.added), "added"),
        (len(found.gone), "gone"),
        (len(found.renamed), "renamed"),
        (len(found.changed), "changed"),
        (len(found.adjusted), "with other settings"),
    ]
    parts = [f"{count:,} {words}" for count, words in counts if count]
    if not parts:
        return "no difference"
    first = next(count for count, _ in counts if count)
    parts[0] = parts[0].replace(f"{first:,}", count_words(first, "track"), 1)
    if found.largest is not None:
        parts.append(f"the largest difference is {found.largest.pixels:.4g} pixels")
    return ", ".join(parts)
