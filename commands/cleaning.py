# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that decide what becomes of sessions."""

from __future__ import annotations

import argparse
import json
import platform
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..core.catalogue import Entry, catalogue
from ..core.deletion import bytes_freed, delete_files, delete_unused_footage, find_old, is_session
from ..core.errors import JournalDamaged, LeaseHeld, SessionUnreadable, StorageFailed, UsageError
from ..core.lease import live_owner
from ..core.model import SessionState, SessionStatus, TrackingSession
from ..core.session import TrackingSessionManager
from ..terminal import say, short
from .arguments import (
    INTERRUPTED,
    add_json,
    add_root,
    add_session,
    age,
    agreed,
    command,
    count_words,
    described,
    find,
    find_file,
    patiently,
    root_of,
    size_words,
    status_words,
)

SHOWN = 20  # sessions in a question
_AGE = re.compile(r"(\d{1,6})([dwm])\Z", re.ASCII)
_DAYS = {"d": 1, "w": 7, "m": 30}


def add_commands(commands: Any) -> None:
    words = "delete sessions in which nothing has happened for long, and what belongs to them"
    one = command(commands, "clean", _clean, words, "clean --older-than 2w --dry-run")
    one.add_argument(
        "--older-than",
        metavar="AGE",
        type=_age,
        required=True,
        help="how long nothing may have happened: days, weeks or months of 30 days, as 7d, 2w or 1m",
    )
    one.add_argument("--dry-run", action="store_true", help="delete nothing, only say which sessions it would be")
    _add_force(one)
    add_root(one)
    add_json(one)

    words = "delete a session, also one that cannot be read, and what belongs to it"
    one = command(commands, "delete", _delete, words, "delete 20260131-101500-5f0c2d1e")
    add_session(one)
    _add_force(one)
    add_json(one)

    words = "set a session aside: it is kept, and no longer in the way of another one of its footage"
    one = command(commands, "discard", _discard, words, "discard 20260131-101500-5f0c2d1e")
    add_session(one)
    add_json(one)

    words = "accept what a finished session has tracked, or bring a discarded one back"
    one = command(commands, "commit", _commit, words, "commit 20260131-101500-5f0c2d1e")
    add_session(one)
    add_json(one)


def _add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="do not ask")


def _age(text: str) -> timedelta:
    match = _AGE.match(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{short(text)!r} is no age: write a number and d, w or m, as 7d, 2w or 1m")
    return timedelta(days=int(match[1]) * _DAYS[match[2]])


# clean and delete


def _clean(options: argparse.Namespace) -> list[str]:
    root = root_of(options.root).absolute()
    entries = catalogue(root, say)
    try:
        limit = datetime.now(UTC) - options.older_than
    except OverflowError:  # before the beginning of time
        limit = datetime.min.replace(tzinfo=UTC)
    old, left = find_old(entries, limit)
    freed = bytes_freed(root, old, entries) if old else 0
    if old and not options.dry_run:
        what = f"{count_words(len(old))} ({size_words(freed)})"
        shown = [*map(_line, old[:SHOWN]), *["…"] * (len(old) > SHOWN)]
        instead = f"This would delete {what}: see which with --dry-run, and delete them with --force"
        if options.force or agreed(f"Delete {what}?", instead, shown):
            old, freed = _deleted(root, old, limit, left)
        else:
            say("Nothing was deleted.")
            old, freed = [], 0
    elif not old:
        say("No session is that old: there is nothing to clean.")
    for path, reason in left:
        say(f"{path.stem} is left alone: {reason.removesuffix('. It was left as it is')}.")
    if options.json:
        rows = ",\n".join(json.dumps(_row(one)) for one in old)
        others = json.dumps([{"file": str(path), "reason": reason} for path, reason in left])
        head = f'"dry_run": {json.dumps(options.dry_run)}, "freed": {freed}, "left": {others}'
        return [f'{{{head}, "sessions": [\n{rows}\n]}}']
    lines = [_line(one) for one in old]
    did = "would be deleted, which frees" if options.dry_run else "deleted, which freed"
    return [*lines, f"{count_words(len(old))} {did} {size_words(freed)}."] if old else []


def _deleted(root: Path, old: list[Entry], limit: datetime, left: list[tuple[Path, str]]) -> tuple[list[Entry], int]:
    """Those that were deleted, and how many bytes that freed; others are added to `left`. Raises StorageFailed."""
    deleted: list[Entry] = []
    freed = 0
    try:
        for one in old:
            try:
                size = delete_files(one.path, modified_before=limit)
            except (SessionUnreadable, JournalDamaged, LeaseHeld) as error:
                left.append((one.path, str(error)))
                continue
            if size is None:
                left.append((one.path, "somebody has worked on it just now"))
            else:
                deleted.append(one)
                freed += size
    except StorageFailed:
        say(f"{count_words(len(deleted))} deleted, which freed {size_words(freed)}; the others are left.")
        raise
    return deleted, freed + delete_unused_footage(root, {one.fingerprint for one in deleted})


def _row(one: Entry) -> dict[str, Any]:
    shown = {"id": one.id, "name": one.name, "file": one.file, "state": one.state, "status": _status(one)}
    return {**shown, "modified": one.modified, "size": one.size}


def _line(one: Entry) -> str:
    words = status_words({"status": _status(one), "state": one.state})
    return f"{one.id}  {age(one.modified):>14}  {size_words(one.size):>9}  {words}  {short(one.name)}"


def _status(one: Entry) -> str:
    return INTERRUPTED if one.is_working else one.status  # nobody owns it


def _delete(options: argparse.Namespace) -> list[str]:
    path = find_file(options.session, root_of(options.root)).absolute()
    if not is_session(path):
        raise UsageError(f"{path} is no session: name the file or the id of one")
    folder = path.with_suffix("")
    fingerprints: set[str] = set()
    try:
        manager = TrackingSessionManager(path, salvage=True)  # damage is no reason to keep it
        progress = manager.get_progress()
        fingerprints.add(manager.session.footage.fingerprint)
        what = f"“{short(manager.session.name)}” ({path.stem}), {progress['tracked_frames']} frames tracked"
    except SessionUnreadable:
        what = f"{path}, which cannot be read"
    owner = live_owner(folder)
    if owner is not None and owner.host == platform.node():
        raise LeaseHeld(str(owner))
    if not options.force and not agreed(f"Delete {what}?", f"This would delete {what}: run it again with --force"):
        say("Nothing was deleted.")
        return ["null"] if options.json else []
    freed = patiently(lambda wait: delete_files(path, wait=wait)) or 0
    if path.parent.name == "sessions":
        freed += delete_unused_footage(path.parent.parent, fingerprints)
    if options.json:
        return [json.dumps({"id": path.stem, "file": str(path), "freed": freed})]
    return [f"Deleted {path.stem}, which freed {size_words(freed)}."]


# discard and commit


def _discard(options: argparse.Namespace) -> list[str]:
    return _decided(options, lambda session: SessionState.DISCARDED)


def _commit(options: argparse.Namespace) -> list[str]:
    return _decided(options, _committed)


def _committed(session: TrackingSession) -> SessionState:
    """What becomes of a session that is committed: an unfinished one is brought back, to go on with."""
    if session.status in (SessionStatus.TRACKING_COMPLETE, SessionStatus.COMPLETE):
        return SessionState.COMMITTED
    if session.state is SessionState.ACTIVE:
        raise UsageError(
            f"“{short(session.name)}” is not finished: go on with it with: resume {session.id}, "
            f"or set it aside with: discard {session.id}"
        )
    return SessionState.ACTIVE


def _decided(options: argparse.Namespace, decide: Callable[[TrackingSession], SessionState]) -> list[str]:
    with find(options.session, root_of(options.root)) as manager:
        is_new = decide(manager.session) is not manager.session.state
        if is_new:
            patiently(lambda wait: manager.acquire(wait=wait))
            manager.set_state(decide(manager.session))  # others may have changed it before
    session = manager.session
    if options.json:
        return [json.dumps(described(manager), indent=1)]
    named = f"“{short(session.name)}” ({session.id})"
    if not is_new:
        say(f"Nothing to do: {named} is {session.state.value}.")
        return []
    if session.state is SessionState.ACTIVE:
        go_on = "resume " + session.id if manager.passes else "track --resume"
        return [f"{named} is back; go on with: {go_on}"]
    back = f"; bring it back with: commit {session.id}" if session.state is SessionState.DISCARDED else "."
    return [f"{session.state.value.capitalize()} {named}{back}"]
