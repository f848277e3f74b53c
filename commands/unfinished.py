# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that the footage of a command has already: resume them, or set them aside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..core.errors import FootageUnusable, LeaseHeld, TrackingSessionError, UsageError
from ..core.footage.files import find_footage
from ..core.library.catalogue import Entry, Unreadable, catalogue
from ..core.library.matching import ClipQueries, ClipQuery, SessionSource
from ..core.model.types import SessionState, SessionStatus
from ..core.model.wording import short
from ..core.recording.manager import TrackingSessionManager
from ..core.tracking.plan import ShotSpec
from .terminal import ask, can_ask, say
from .words import shots_words

_SHOWN = 5  # shots that a question names


class _Session(NamedTuple):
    """A session of a shot. `is_damaged`: in the middle of its journal."""

    shot: ShotSpec
    entry: Entry
    is_damaged: bool


def decide(question: str, error: TrackingSessionError) -> str:
    """Ask about unfinished sessions: `resume` or `fresh`. Raises `error` without a terminal."""
    if not can_ask():
        raise error
    answers = {"resume": "go on with it", "fresh": "set it aside and start anew", "quit": "do nothing"}
    answer = ask(question, answers)
    if answer not in ("resume", "fresh"):
        raise UsageError("Nothing was begun")
    return answer


def settle(root: Path, shots: Sequence[ShotSpec], *, resume: bool, fresh: bool) -> None:
    """Set aside all sessions that `track --resume` must not resume, or none if one of them is in use.

    Without `resume` and `fresh` it asks on a terminal about unfinished sessions. Raises UsageError, LeaseHeld and the
    errors of recording.
    """
    if resume:
        return
    sessions = _recorded(root)
    if fresh:
        _set_aside(_of_shots(sessions, shots))
        return
    unfinished = _of_shots([(entry, is_damaged) for entry, is_damaged in sessions if _is_unfinished(entry)], shots)
    if unfinished:
        names = [f"{short(session.shot.title)} ({session.entry.id})" for session in unfinished[:_SHOWN]]
        count = len({(session.shot.footage, session.shot.clip) for session in unfinished})
        have = "has an unfinished session" if count == 1 else "have unfinished sessions"
        words = f"{count} of {shots_words(len(shots))} {have}: {', '.join(names)}{', …' * (len(unfinished) > _SHOWN)}"
        advice = "go on with them with --resume, or set them aside with --fresh"
        if decide(f"{words}.", UsageError(f"{words}: {advice}")) == "fresh":
            _set_aside(_of_shots(sessions, [session.shot for session in unfinished]))


def _is_unfinished(entry: Entry) -> bool:
    return entry.state == SessionState.ACTIVE and entry.status == SessionStatus.TRACKING


def _set_aside(found: Sequence[_Session]) -> None:
    for shot, entry, _ in found:
        if entry.state == SessionState.COMMITTED:
            raise UsageError(
                f"{short(shot.title)} has a session that was committed: to track it anew, first set that aside "
                f"with: discard {entry.id}"
            )
        owner = entry.owner
        if owner:
            raise LeaseHeld(owner)
    for _, entry, is_damaged in found:
        with TrackingSessionManager(entry.path, salvage=is_damaged) as manager:
            manager.acquire(salvage=is_damaged)
            manager.set_state(SessionState.DISCARDED)
    if found:
        say(f"Set aside {len(found)} session{'s' * (len(found) != 1)}; “list --status discarded” shows them.")


def _recorded(root: Path) -> list[tuple[Entry, bool]]:
    """The sessions with records, newest first, each with whether its journal is damaged."""
    found: list[tuple[Entry, bool]] = []
    for listed in catalogue(root, say):
        entry = listed if isinstance(listed, Entry) else listed.known
        if entry is None:
            assert isinstance(listed, Unreadable)
            say(f"{listed.error}. It may be a session of a shot.")
        elif entry.state != SessionState.DISCARDED and entry.status != SessionStatus.NOT_STARTED:
            found.append((entry, isinstance(listed, Unreadable)))
    return found


def _of_shots(sessions: Sequence[tuple[Entry, bool]], shots: Sequence[ShotSpec]) -> list[_Session]:
    """The sessions that belong to one of the shots, in their order."""
    if not sessions:
        return []  # without looking for footage
    sought = {clip: shot for shot in shots if (clip := _clip_of(shot)) is not None}
    clips = ClipQueries(sought)
    owned = ((clips.of(SessionSource.of_entry(entry)), entry, is_damaged) for entry, is_damaged in sessions)
    return [_Session(sought[clip], entry, is_damaged) for clip, entry, is_damaged in owned if clip is not None]


def _clip_of(shot: ShotSpec) -> ClipQuery | None:
    """The clip of the shot, found without Blender; None if the shot cannot be tracked, which its child reports."""
    path = Path(shot.footage)
    if shot.is_blend:
        return ClipQuery(blend=path, name=shot.clip) if path.is_file() else None
    try:
        return ClipQuery(find_footage(path))
    except FootageUnusable:
        return None
