# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about sessions that the footage has already: go on with them, or set them aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..core.catalogue import Entry, Unreadable, catalogue
from ..core.errors import FootageUnusable, LeaseHeld, TrackingSessionError, UsageError
from ..core.footage import describe, find_footage
from ..core.ledger import FootageKey, ShotSpec
from ..core.manager import TrackingSessionManager
from ..core.model import SessionState, SessionStatus
from ..core.session_file import resolve
from ..terminal import ask, can_ask, say, short
from .batch_view import shots_words

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
    found = [] if resume else list(_sessions_of(root, shots))
    unfinished = [
        one for one in found if one.said.state == SessionState.ACTIVE and one.said.status == SessionStatus.TRACKING
    ]
    if unfinished and not fresh:
        names = [f"{short(one.shot.title)} ({one.said.id})" for one in unfinished[:_SHOWN]]
        count = len({one.shot.footage for one in unfinished})
        have = "has an unfinished session" if count == 1 else "have unfinished sessions"
        words = f"{count} of {shots_words(len(shots))} {have}: {', '.join(names)}{', …' * (len(unfinished) > _SHOWN)}"
        advice = "go on with what is recorded with --resume, or set it aside with --fresh"
        if decide(f"{words}.", UsageError(f"{words}: {advice}")) == "fresh":
            asked = {one.shot.footage for one in unfinished}
            _set_aside([one for one in found if one.shot.footage in asked])
    elif fresh:
        _set_aside(found)


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


def _sessions_of(root: Path, shots: Sequence[ShotSpec]) -> Iterator[_Session]:
    """The sessions of the shots that have recorded something and were not discarded, newest first.

    `track` knows footage that was moved by its content, and so does this.
    """
    by_folder: dict[str, list[tuple[FootageKey, ShotSpec]]] = {}
    for shot in shots:
        key = FootageKey.of(shot)
        by_folder.setdefault(key.folder, []).append((key, shot))
    by_content: dict[str, ShotSpec] | None = None
    for one in catalogue(root, say):
        said = one if isinstance(one, Entry) else one.known
        if said is None:
            assert isinstance(one, Unreadable)
            say(f"{one.error}. It may be a session of a shot.")
            continue
        if said.state == SessionState.DISCARDED or said.status == SessionStatus.NOT_STARTED:
            continue
        own = list(_keys(said))
        found = (shot for mine in own for key, shot in by_folder.get(mine.folder, ()) if key.overlaps(mine))
        shot = next(found, None)
        if shot is None and not said.blend and not said.footage_path.exists():
            by_content = _by_content(shots) if by_content is None else by_content
            shot = by_content.get(said.fingerprint)
        if shot is not None:
            yield _Session(shot, said, is_damaged=isinstance(one, Unreadable))


def _by_content(shots: Sequence[ShotSpec]) -> dict[str, ShotSpec]:
    """The shots by the fingerprint of their footage, but for those that have none; a .blend does not tell it."""
    found: dict[str, ShotSpec] = {}
    for shot in shots:
        if Path(shot.footage).suffix.lower() != ".blend":
            try:
                found[describe(find_footage(shot.footage)).fingerprint] = shot
            except FootageUnusable:
                pass  # the shot says that itself, when it is its turn
    return found


def _keys(said: Entry) -> Iterator[FootageKey]:
    """What the session may have been tracked from: its .blend, or the footage itself."""
    if said.blend:
        yield FootageKey.of(ShotSpec(str(resolve(said.path, said.blend)), clip=said.clip))
    if not said.blend or said.clip == said.footage_path.name:  # Blender gives a clip the name of its file
        yield FootageKey.of(ShotSpec(str(said.footage_path)))
