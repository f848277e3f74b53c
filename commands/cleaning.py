# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that clean and delete sessions, and clean batches."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ..core.batch.deletion import OldBatch, delete_batches, find_old_batches
from ..core.batch.needs import Need, batch_of, needed_sessions
from ..core.errors import (
    LeaseHeld,
    LedgerBusy,
    LedgerUnreadable,
    SessionUnreadable,
    StorageFailed,
    TrackingSessionError,
    UsageError,
)
from ..core.library.catalogue import Entry, Unreadable, catalogue
from ..core.library.deletion import Deleted, Reason, bytes_freed, delete_files, delete_old, find_old, is_session
from ..core.model.wording import age, count_words, short, size_words
from ..core.recording.manager import TrackingSessionManager
from ..core.storage.folder import SessionFolder
from ..core.storage.lease import live_owner
from .arguments import add_db, add_force, add_json, add_root, add_session, age_given, command, patiently
from .batch.ledgers import checked_db, open_ledger, place_words
from .errors import error_words
from .finding import find_file, root_of
from .terminal import agreed, say
from .words import INTERRUPTED, described_entry, status_words

SHOWN = 20  # sessions and batches in a question
SHOWN_LEFT = 3  # sessions that are left alone for one reason
_UNSURE = "possibly needed by a batch; to delete one anyway: delete SESSION --force"


def add_commands(commands: Any) -> None:
    words = "delete sessions that have not changed for long, and batches that ended as long ago"
    parser = command(commands, "clean", _clean, words, "clean --older-than 2w --dry-run")
    add_cleaning(parser)

    words = "delete a session, readable or not, and the files that belong to it"
    parser = command(commands, "delete", _delete, words, "delete 20260131-101500-5f0c2d1e")
    add_session(parser)
    add_db(parser, "a ledger of batches that lies elsewhere, to ask as well whether a batch needs the session")
    add_force(parser)
    add_json(parser)


def add_cleaning(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--older-than",
        metavar="AGE",
        type=age_given,
        required=True,
        help="time since the last change: days, weeks or months of 30 days, as 7d, 2w or 1m",
    )
    parser.add_argument("--dry-run", action="store_true", help="delete nothing, only list what would be deleted")
    add_force(parser)
    add_root(parser)
    add_db(parser)
    add_json(parser)


# clean and delete


class _Found(NamedTuple):
    """Old sessions and batches; for each that is left alone its name, its file or folder, and the reason."""

    sessions: list[Entry]
    batches: list[OldBatch]
    left: list[tuple[str, Path, str]]


def _clean(options: argparse.Namespace) -> list[str]:
    root = root_of(options.root).absolute()
    return clean(options, root, catalogue(root, say))


def clean(options: argparse.Namespace, root: Path, entries: Sequence[Entry | Unreadable] | None) -> list[str]:
    """Delete the old sessions of `entries`, under `root`, and its old batches; without `entries` old batches only."""
    db = checked_db(options)
    try:
        limit = datetime.now(UTC) - options.older_than
    except OverflowError:  # before the beginning of time
        limit = datetime.min.replace(tzinfo=UTC)
    found = _found(options, root, entries, limit)
    freed = bytes_freed(root, found.sessions, entries or ()) + sum(batch.size for batch in found.batches)
    if not found.sessions and not found.batches:
        kinds = "No batch" if entries is None else "No session and no batch"
        say(f"{'There' if found.left else f'{kinds} is that old: there'} is nothing to clean.")
    elif not options.dry_run:
        words = f"{_count(found)} ({size_words(freed)})"
        lines = _lines(found)
        shown = [*lines[:SHOWN], *["…"] * (len(lines) > SHOWN)]
        instead = f"This would delete {words}: see which with --dry-run, and delete them with --force"
        if options.force or agreed(f"Delete {words}?", instead, shown):
            found, freed = _deleted(root, db, found, limit)
        else:
            say("Nothing was deleted.")
            found, freed = _Found([], [], found.left), 0
    _say_left(found.left)
    if options.json:
        return [_document(found, freed, dry_run=options.dry_run)]
    did = "would be deleted, which frees" if options.dry_run else "deleted, which freed"
    total = f"{_count(found)} {did} {size_words(freed)}."
    return [*_lines(found), total] if found.sessions or found.batches else []


def _found(
    options: argparse.Namespace, root: Path, entries: Sequence[Entry | Unreadable] | None, limit: datetime
) -> _Found:
    try:
        needed = needed_sessions(root, options.db) if entries is not None else {}
        with open_ledger(options) as ledger:
            batches, owned = find_old_batches(ledger, limit, home=root if entries is not None else None)
    except (LedgerUnreadable, LedgerBusy, StorageFailed) as error:
        if entries is None:
            raise
        unsure, left = find_old(entries, limit, {})
        left += [(entry.path, _UNSURE) for entry in unsure]
        return _Found(
            [], [], [*_named(left), ("Each batch", options.db or SessionFolder(root).ledger, error_words(error))]
        )
    sessions, left = find_old(entries or (), limit, {session: _needs(root, need) for session, need in needed.items()})
    return _Found(sessions, batches, [*_named(left), *_named(owned, "Batch ")])


def _named(left: Iterable[tuple[Path, Reason]], kind: str = "") -> list[tuple[str, Path, str]]:
    return [
        (f"{kind}{path.stem}", path, reason if isinstance(reason, str) else error_words(reason))
        for path, reason in left
    ]


def _needs(root: Path, need: Need) -> str:
    where = place_words(root, None if need.ledger == SessionFolder(root).ledger else need.ledger)
    return f"needed by batch {need.batch}; go on with: batch resume {need.batch}{where}"


def _deleted(root: Path, db: Path | None, found: _Found, limit: datetime) -> tuple[_Found, int]:
    """Delete them. Returns the deleted and the left ones, and the bytes freed. Raises TrackingSessionError."""
    needed = needed_sessions(root, db) if found.sessions else {}  # again: the question may have waited for long
    left = [(entry.path, _needs(root, needed[entry.id])) for entry in found.sessions if entry.id in needed]
    sessions, batches = Deleted[Entry](), Deleted[OldBatch]()
    try:
        sessions.add(delete_old(root, [entry for entry in found.sessions if entry.id not in needed], limit))
        batches.add(delete_batches(root, found.batches, db=db))  # last: on a full disk the ledger needs the room
    except TrackingSessionError:
        count, freed = _count(_Found(sessions.gone, batches.gone, [])), sessions.freed + batches.freed
        say(f"{count} deleted, which freed {size_words(freed)}; the others are left.")
        raise
    left = [*found.left, *_named(left), *_named(sessions.left), *_named(batches.left, "Batch ")]
    return _Found(sessions.gone, batches.gone, left), sessions.freed + batches.freed


def _say_left(left: Sequence[tuple[str, Path, str]]) -> None:
    by_reason: dict[str, list[str]] = {}
    for name, _, reason in left:
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        more = f" and {len(names) - SHOWN_LEFT:,} more" if len(names) > SHOWN_LEFT else ""
        words = f"{', '.join(names[:SHOWN_LEFT])}{more} {'is' if len(names) == 1 else 'are'} left alone"
        say(f"{words}: {reason.removesuffix('. It was left as it is')}.")


def _document(found: _Found, freed: int, *, dry_run: bool) -> str:
    left = json.dumps([{"file": str(path), "reason": reason} for _, path, reason in found.left])
    batches = json.dumps([batch._asdict() for batch in found.batches])
    rows = ",\n".join(json.dumps(_row(entry)) for entry in found.sessions)
    head = f'"dry_run": {json.dumps(dry_run)}, "freed": {freed}, "left": {left}, "batches": {batches}'
    return f'{{{head}, "sessions": [\n{rows}\n]}}'


def _row(entry: Entry) -> dict[str, Any]:
    row = {"id": entry.id, "name": entry.name, "file": entry.file, "state": entry.state, "status": _status(entry)}
    return {**row, "modified": entry.modified, "size": entry.size}


def _count(found: _Found) -> str:
    sessions, batches = len(found.sessions), len(found.batches)
    words = f"{batches:,} batch{'es' * (batches != 1)}"
    if not batches:
        return count_words(sessions)
    return f"{count_words(sessions)} and {words}" if sessions else words


def _lines(found: _Found) -> list[str]:
    lines: list[str] = []
    for entry in found.sessions:
        words = status_words({**described_entry(entry), "status": _status(entry)})
        lines.append(_line(entry, f"{words}  {short(entry.name)}"))
    for batch in found.batches:
        words = f"batch, {batch.status}  {short(batch.name)}".rstrip() if batch.status else "folder of a deleted batch"
        lines.append(_line(batch, words))
    return lines


def _line(old: Entry | OldBatch, words: str) -> str:
    return f"{old.id}  {age(old.modified):>14}  {size_words(old.size):>9}  {words}"


def _status(entry: Entry) -> str:
    return INTERRUPTED if entry.is_working else entry.status  # it has no owner


def _delete(options: argparse.Namespace) -> list[str]:
    db = checked_db(options)
    path = find_file(options.session, root_of(options.root)).absolute()
    if not is_session(path):
        raise UsageError(f"{path} is no session: name the file or the id of one")
    try:
        manager = TrackingSessionManager(path, salvage=True)  # a damaged session can be deleted as well
        progress = manager.progress
        words = f"“{short(manager.session.name)}” ({path.stem}), {progress['tracked_frames']} frames tracked"
    except SessionUnreadable:
        words = f"{path}, which cannot be read"
    owner = live_owner(path.with_suffix(""))
    if owner is not None and owner.host == platform.node():
        raise LeaseHeld(str(owner))
    need = _need(path, db)
    instead = f"This would delete {words}: run it again with --force"
    if need:
        instead = f"This would delete {words}. {need}. To delete it anyway: --force"
    if options.force and need:
        say(f"{need}.")
    if not options.force and not agreed(f"Delete {words}?", instead, [f"{need}."] if need else []):
        say("Nothing was deleted.")
        return ["null"] if options.json else []
    freed = patiently(lambda wait: delete_files(path, wait=wait))
    if options.json:
        return [json.dumps({"id": path.stem, "file": str(path), "freed": freed})]
    return [f"Deleted {path.stem}, which freed {size_words(freed)}."]


def _need(path: Path, db: Path | None) -> str:
    """The batch that needs the session, in words, or why that is unknown; empty if none does."""
    try:
        need = batch_of(path, db)
    except (LedgerUnreadable, LedgerBusy, StorageFailed) as error:
        return f"Whether a batch needs it is not known: {error_words(error)}"
    return f"It is {_needs(SessionFolder.of(path).root, need)}" if need else ""
