# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that decide on a session: `commit` and `discard`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.errors import ReviewOpen, UsageError
from ..core.model.types import SessionState, SessionStatus
from ..core.model.wording import short
from ..core.recording.manager import TrackingSessionManager
from ..core.report.html import export_session_report
from ..core.review.frames import FrameStates
from .arguments import add_json, add_session, add_who, command, patiently
from .finding import find, find_file, root_of
from .terminal import say
from .words import described


def add_commands(commands: Any) -> None:
    words = "set a session aside: it is kept, and its footage may get another session"
    parser = command(commands, "discard", _discard, words, "discard 20260131-101500-5f0c2d1e")
    add_session(parser)
    add_json(parser)

    words = "accept the result of a finished session, or bring a discarded session back"
    parser = command(commands, "commit", _commit, words, "commit 20260131-101500-5f0c2d1e --report 010.html")
    add_session(parser)
    parser.add_argument("-f", "--force", action="store_true", help="commit it although its review has open frames")
    add_who(parser)
    parser.add_argument("--report", metavar="FILE", type=Path, help="write a report of the session, as “report” does")
    add_json(parser)


# commit and discard


def _discard(options: argparse.Namespace) -> list[str]:
    return _decided(options, lambda manager: (SessionState.DISCARDED, {}))


def _commit(options: argparse.Namespace) -> list[str]:
    lines = _decided(options, lambda manager: _committed(manager, who=options.who, force=options.force))
    if options.report is not None:
        path = find_file(options.session, root_of(options.root))
        say(f"Wrote {export_session_report(path, options.report)}.")
    return lines


def _committed(manager: TrackingSessionManager, *, who: str, force: bool) -> tuple[SessionState, dict[str, str]]:
    """The state of a session after `commit`, which brings an unfinished session back, and who decided on what."""
    session = manager.session
    if session.status in (SessionStatus.TRACKING_COMPLETE, SessionStatus.COMPLETE):
        words = FrameStates(manager).open_words if manager.review.id else ""
        if words and not force and session.state is not SessionState.COMMITTED:
            raise ReviewOpen(short(session.name), words)
        return SessionState.COMMITTED, {"who": who, **({"open": words} if words else {})}
    if session.state is SessionState.ACTIVE:
        raise UsageError(
            f"“{short(session.name)}” is not finished: go on with: resume {session.id}, "
            f"or set it aside with: discard {session.id}"
        )
    return SessionState.ACTIVE, {}


def _decided(
    options: argparse.Namespace, decide: Callable[[TrackingSessionManager], tuple[SessionState, dict[str, str]]]
) -> list[str]:
    with find(options.session, root_of(options.root)) as manager:
        is_new = decide(manager)[0] is not manager.session.state
        if is_new:
            patiently(lambda wait: manager.acquire(wait=wait))
            state, facts = decide(manager)  # another process may have changed it before
            manager.set_state(state, **facts)
    session = manager.session
    if options.json:
        return [json.dumps(described(manager), indent=1)]
    words = f"“{short(session.name)}” ({session.id})"
    if not is_new:
        say(f"Nothing to do: {words} is {session.state.value}.")
        return []
    if session.state is SessionState.ACTIVE:
        go_on = "resume " + session.id if manager.passes else "track --resume"
        return [f"{words} is back; go on with: {go_on}"]
    back = f"; bring it back with: commit {session.id}" if session.state is SessionState.DISCARDED else "."
    return [f"{session.state.value.capitalize()} {words}{back}"]
