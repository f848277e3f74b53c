# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings an earlier state of a session back, and names states, in the journal alone."""

from __future__ import annotations

from ..errors import UsageError
from ..journal.chain import Position
from ..journal.records import Event
from ..journal.states import Comparison, compare, records_to
from .manager import TrackingSessionManager

NAME_LIMIT = 200  # characters


def go_back(manager: TrackingSessionManager, position: Position, *, wait: bool = False) -> Comparison:
    """Record that the session goes back to the state at `position`; returns what that changes.

    A .blend lacks these records until it restores them. Nothing is recorded if the newest state is equal. Raises
    UsageError without such a state, and the errors of owning and writing a session.
    """
    now = manager.acquire_replay(wait=wait)
    then = manager.state_at(position)
    records = records_to(now, then, position)
    if records:
        recorder = manager.acquire()
        recorder.append(*records)
        recorder.write_file()
    return compare(now, then, manager.session.footage.size)


def name_state(manager: TrackingSessionManager, position: Position, name: str, *, wait: bool = False) -> None:
    """Name the state at `position`; an empty name takes its name away. Names are unique.

    Raises UsageError without such a state or for a name that another one has, and the errors of writing a session.
    """
    recorder = manager.acquire(wait=wait)
    states = manager.history().states
    name = " ".join(name.split())[:NAME_LIMIT]
    if not any(state.position == position for state in states):
        raise UsageError("The session has no such state: it may have been let go")
    if name and any(state.name == name and state.position != position for state in states):
        raise UsageError(f"Another state is called “{name}”: choose another name")
    recorder.append_event(Event.NAMED, **position._asdict(), name=name)
    recorder.write_file()
