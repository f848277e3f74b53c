# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about sessions that the footage has already: go on with them, or set them aside."""

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
    """A session of a shot. `is_damaged`: its journal is, in the middle."""

    shot: ShotSpec
    said: Entry
    is_damaged: bool


def decide(question: str, error: TrackingSessionError) -> str:
    """Ask what to do about unfinished sessions: `resume` or `fresh`. Raises `error` if nobody is there to ask."""
    if not can_ask():
        raise error
    answers = {"resume": "go on with it", "fresh": "set it aside and start anew", "quit": "do nothing"}
    answer = ask(question, answers)
    if answer not in ("resume", "fresh"):
        raise UsageError("Nothing was begun")
    return answer


def settle(root: Path, shots: Sequence[ShotSpec], *, resume: bool, fresh: bool) -> None:
    """See to it that `track --resume` does with each shot what is wanted.

    Without `resume` and `fresh` unfinished sessions are asked about on a terminal. Sessions are set aside all or, if
    one of them is in use, none. Raises UsageError, LeaseHeld and what setting them aside raises.
    """
    if resume:
        return
    sessions = _recorded(root)
    if fresh:
        _set_aside(_of_shots(sessions, shots))
        return
    unfinished = _of_shots([(said, is_damaged) for said, is_damaged in sessions if _is_unfinished(said)], shots)
    if unfinished:
        names = [f"{short(one.shot.title)} ({one.said.id})" for one in unfinished[:_SHOWN]]
        count = len({(one.shot.footage, one.shot.clip) for one in unfinished})
        have = "has an unfinished session" if count == 1 else "have unfinished sessions"
        words = f"{count} of {shots_words(len(shots))} {have}: {', '.join(names)}{', …' * (len(unfinished) > _SHOWN)}"
        advice = "go on with what is recorded with --resume, or set it aside with --fresh"
        if decide(f"{words}.", UsageError(f"{words}: {advice}")) == "fresh":
            _set_aside(_of_shots(sessions, [one.shot for one in unfinished]))


def _is_unfinished(said: Entry) -> bool:
    return said.state == SessionState.ACTIVE and said.status == SessionStatus.TRACKING


def _set_aside(found: Sequence[_Session]) -> None:
    for one in found:
        if one.said.state == SessionState.COMMITTED:
            raise UsageError(
                f"{short(one.shot.title)} has a session that was committed: to track it anew, first set that aside "
                f"with: discard {one.said.id}"
            )
        owner = one.said.owner
        if owner:
            raise LeaseHeld(owner)
    for one in found:
        with TrackingSessionManager(one.said.path, salvage=one.is_damaged) as manager:
            manager.acquire(salvage=one.is_damaged)
            manager.set_state(SessionState.DISCARDED)
    if found:
        say(f"Set aside {len(found)} session{'s' * (len(found) != 1)}; “list --status discarded” shows them.")


def _recorded(root: Path) -> list[tuple[Entry, bool]]:
    """The sessions that have recorded something, newest first, each with whether its journal is damaged."""
    found: list[tuple[Entry, bool]] = []
    for one in catalogue(root, say):
        said = one if isinstance(one, Entry) else one.known
        if said is None:
            assert isinstance(one, Unreadable)
            say(f"{one.error}. It may be a session of a shot.")
        elif said.state != SessionState.DISCARDED and said.status != SessionStatus.NOT_STARTED:
            found.append((said, isinstance(one, Unreadable)))
    return found


def _of_shots(sessions: Sequence[tuple[Entry, bool]], shots: Sequence[ShotSpec]) -> list[_Session]:
    """Those of the sessions that belong to one of the shots, in their order."""
    if not sessions:
        return []  # no footage needs to be looked for
    sought = {clip: shot for shot in shots if (clip := _clip_of(shot)) is not None}
    clips = ClipQueries(sought)
    owned = ((clips.of(SessionSource.of_entry(said)), said, is_damaged) for said, is_damaged in sessions)
    return [_Session(sought[clip], said, is_damaged) for clip, said, is_damaged in owned if clip is not None]


def _clip_of(shot: ShotSpec) -> ClipQuery | None:
    """What is known of it without Blender; None if it cannot be tracked, which is said when it is its turn."""
    path = Path(shot.footage)
    if path.suffix.lower() == ".blend":
        return ClipQuery(blend=path, name=shot.clip) if path.is_file() else None
    try:
        return ClipQuery(find_footage(path))
    except FootageUnusable:
        return None
