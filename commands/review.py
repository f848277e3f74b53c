# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that judge a session and decide on it: `audit`, `commit` and `discard`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ExitCode, FootageUnusable, LeaseHeld, StorageFailed
from ..core.footage.files import find_footage
from ..core.model.flags import Severity
from ..core.model.types import SessionState
from ..core.model.wording import count_words, short
from ..core.recording.manager import TrackingSessionManager
from ..core.report.html import export_session_report
from ..core.review.auditing import Found, audit_session, rolling_words, verdict
from ..core.review.committing import decision
from ..core.review.frames import FrameStates
from ..core.storage.folder import resolve
from .arguments import NotAllDone, add_json, add_limit, add_session, add_who, command, patiently
from .errors import error_words
from .finding import find, find_file, need_bpy, root_of
from .reviewed import Named
from .terminal import say
from .words import described

if TYPE_CHECKING:
    from ..core.review.correlation import Read

_BARS = [severity.word for severity in reversed(Severity)]


def add_commands(commands: Any) -> None:
    words = "find the frames and tracks of a session that are suspect, and record the verdict on each frame"
    parser = command(commands, "audit", _audit, words, "audit 20260131-101500-5f0c2d1e --bar warning")
    add_session(parser)
    parser.add_argument(
        "--quick", action="store_true", help="only what neighbouring frames tell: no drift and no stray tracks"
    )
    words = "compare each pattern with its reference, too, which reads every picture; needs Blender or its bpy module"
    parser.add_argument("--pictures", action="store_true", help=words)
    parser.add_argument(
        "--bar",
        choices=_BARS,
        default=Severity.ERROR.word,
        help="exit with 1 if anything is found that is this bad or worse (default: error)",
    )
    add_limit(parser, "findings")
    add_json(parser)

    words = "set a session aside: it is kept, and its footage may get another session"
    parser = command(commands, "discard", _discard, words, "discard 20260131-101500-5f0c2d1e")
    add_session(parser)
    add_who(parser)
    add_json(parser)

    words = "accept the result of a finished session, or bring a discarded session back"
    parser = command(commands, "commit", _commit, words, "commit 20260131-101500-5f0c2d1e --report 010.html")
    add_session(parser)
    parser.add_argument("-f", "--force", action="store_true", help="commit it although its review has open frames")
    add_who(parser)
    parser.add_argument("--report", metavar="FILE", type=Path, help="write a report of the session, as “report” does")
    add_json(parser)


def _audit(options: argparse.Namespace) -> list[str]:
    with find(options.session, root_of(options.root)) as manager:
        replay = manager.replay()
        with _pictures(manager) if options.pictures else nullcontext() as read:
            found = audit_session(manager, replay, is_full=not options.quick, read=read)
        try:
            patiently(lambda wait: manager.acquire(wait=wait))
            recorder = manager.acquire()
            recorder.append(*verdict(manager, found))
            recorder.write_file()
        except (LeaseHeld, StorageFailed) as error:
            say(f"The verdict is not recorded. {error_words(error)}.")
        flags, tracks = found.flags, Named(replay, manager)
    bar = next(severity for severity in Severity if severity.word == options.bar)
    bad = [flag for flag in flags if flag.severity >= bar and not manager.review.is_fine(flag)]
    shown = flags[: options.limit or None]
    if options.json:
        lines = [json.dumps([tracks.described(flag) for flag in shown], indent=1)]
    else:
        lines = [*tracks.table(shown), _summary(manager, found)]
    if bad:
        words = f"“{short(manager.session.name)}” does not pass: {count_words(len(bad), 'finding')} at “{bar.word}”"
        raise NotAllDone(words if bar is Severity.ERROR else f"{words} or worse", ExitCode.FAILED, lines)
    return lines


@contextmanager
def _pictures(manager: TrackingSessionManager) -> Iterator[Read | None]:
    """The pictures of the session's footage, or None if it is gone; says which could not be read."""
    need_bpy()
    from ..bridge.clip.brightness import Frames

    recorded = manager.session.footage
    try:
        footage = find_footage(resolve(manager.path, recorded.path))
    except FootageUnusable as error:
        say(f"No pictures: {error_words(error)}.")
        yield None
        return
    with Frames(footage, recorded.size) as frames:
        yield frames.read
    if len(frames.unread):
        say(f"No picture: {manager.counting.named(frames.unread)}.")


def _summary(manager: TrackingSessionManager, found: Found) -> str:
    """How many findings there are, and how many frames are in which state."""
    counts = [
        count_words(number, severity.word)
        for severity in reversed(Severity)
        if (number := sum(flag.severity is severity for flag in found.flags))
    ]
    states = FrameStates(manager).counts()
    frames = ", ".join(f"{number:,} {status.word.lower()}" for status, number in states.items() if number)
    rolling = f" {rolling_words(found.rolling)}." if found.rolling else ""
    return f"{', '.join(counts) or 'Nothing found'}; frames: {frames}.{rolling}"


# commit and discard


def _discard(options: argparse.Namespace) -> list[str]:
    return _decided(options, lambda manager: (SessionState.DISCARDED, {"who": options.who}))


def _commit(options: argparse.Namespace) -> list[str]:
    lines = _decided(options, lambda manager: decision(manager, options.who, is_forced=options.force))
    if options.report is not None:
        path = find_file(options.session, root_of(options.root))
        say(f"Wrote {export_session_report(path, options.report)}.")
    return lines


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
