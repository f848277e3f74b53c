# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands for batches of shots: `batch run`, `resume`, `list`, `info`, `delete` and `clean`."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from ...core.batch.ledger import Ledger
from ...core.batch.progress import BatchProgress
from ...core.batch.shot_entry import KEYS
from ...core.batch.shots import BatchRow, BatchStatus, ShotStatus
from ...core.batch.supervisor import CRASHES
from ...core.model.wording import short
from ...core.tracking.plan import SHARED
from ..arguments import FRAMES_COUNT, add_db, add_json, add_limit, add_options, add_root, add_status, command, positive
from ..terminal import Signals, say
from ..words import INTERRUPTED, shots_words
from . import cleaning, run
from .ledgers import open_ledger, words_of
from .screen import BatchScreen
from .words import described_batch, described_head, owner_of, summary

_FOLLOW_INTERVAL = 0.5  # seconds between two looks at the ledger
_KINDS = [INTERRUPTED, *(status.value for status in BatchStatus)]


def add_commands(commands: Any) -> None:
    words = "track many shots, each in a process of its own"
    batch = commands.add_parser(
        "batch",
        help=words,
        description=f"{words[0].upper()}{words[1:]}.",
        epilog="Example: tracking_sessions batch run shots --jobs 4 --detect",
    )
    parts = batch.add_subparsers(title="commands", metavar="COMMAND", required=True)

    one = command(parts, "run", run.run, "track shots as a new batch", "batch run shots.csv --jobs 4 --root sessions")
    one.description = f"{one.description} {FRAMES_COUNT}"
    one.add_argument(
        "shots",
        metavar="SHOT",
        nargs="+",
        help="a movie, an image sequence (any file of it, its folder, or a name such as plate.%%04d.exr), a .blend, a "
        "folder of folders with one of them each, or a list of shots: "
        f"YAML, JSON or CSV with {', '.join(KEYS)}",
    )
    add_root(one)
    add_db(one, "keep the ledger of the batch there and not in the session folder; made if it is missing")
    one.add_argument("--name", default="", help="a name for the batch (default: that of what it is read from)")
    one.add_argument("--jobs", type=positive, default=1, metavar="N", help="how many shots at a time (default: 1)")
    one.add_argument(
        "--crashes",
        type=positive,
        default=CRASHES,
        metavar="N",
        help=f"crashes without progress in between after which a shot is given up (default: {CRASHES})",
    )
    which = one.add_mutually_exclusive_group()
    which.add_argument("--resume", action="store_true", help="go on with unfinished sessions of these shots")
    which.add_argument(
        "--fresh", action="store_true", help="set all sessions of these shots aside (they are kept) and start anew"
    )
    shared = one.add_argument_group("for all shots that do not say it themselves")
    add_options(shared, SHARED, shared=True)
    add_json(one)

    one = command(parts, "resume", run.resume, "go on with a batch that was stopped", "batch resume 20260131-1015")
    _add_batch(one, "the latest unfinished one")

    one = command(parts, "list", _list, "list the batches, newest first", "batch list --status interrupted")
    add_root(one)
    add_db(one)
    add_status(one, _KINDS)
    add_limit(one, "batches")
    add_json(one)

    words = "show how far a batch is, and what is wrong with its shots"
    one = command(parts, "info", _info, words, "batch info 20260131-1015 --follow")
    _add_batch(one, "the latest one")
    one.add_argument("--follow", action="store_true", help="watch it until it ends, or until Ctrl+C")

    cleaning.add_commands(parts)


def _add_batch(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "batch", metavar="BATCH", nargs="?", help=f"its id, or the beginning of it (default: {default})"
    )
    add_root(parser)
    add_db(parser)
    add_json(parser)


def _list(options: argparse.Namespace) -> list[str]:
    rows: list[dict[str, Any]] = []
    with open_ledger(options) as ledger:
        where = ledger.path if ledger.is_apart else ledger.root
        for batch in ledger.batches():
            row = described_head(ledger, batch)
            if options.status not in (None, row["status"]):
                continue
            counts = ledger.counts(batch.id)
            rows.append({**row, "counts": {status.value: counts[status] for status in ShotStatus}})
            if len(rows) == options.limit:
                break
    if options.json:
        return [json.dumps(rows, indent=1)]
    if not rows:
        say(f"There are no such batches in {where}." if options.status else f"There are no batches in {where}.")
    lines: list[str] = []
    for row in rows:
        counts = row["counts"]
        bad = "".join(f", {counts[status]} {status}" for status in ("failed", "skipped", "lost") if counts[status])
        lines.append(
            f"{row['id']}  {row['created']}  {row['status'].replace('_', ' '):<11}  "
            f"{counts['completed']} of {shots_words(sum(counts.values()))} done{bad}  {short(row['name'])}".rstrip()
            + (f"  (run by {row['owner']})" if row["owner"] else "")
        )
    return lines


def _info(options: argparse.Namespace) -> list[str]:
    with open_ledger(options) as ledger:
        batch = ledger.batch(options.batch) if options.batch else next(iter(ledger.batches()), None)
        if batch is None:
            say(f"There are no batches in {ledger.path if ledger.is_apart else ledger.root}.")
            return ["null"] if options.json else []
        if options.follow:
            _follow(ledger, batch)
            batch = ledger.batch(batch.id)
        document = described_batch(ledger, batch, BatchProgress(Path(batch.root), ledger.shots(batch.id)))
        place = words_of(ledger)
    if options.json:
        return [json.dumps(document, indent=1)]
    facts = [
        ("Batch", document["id"]),
        ("Name", short(document["name"], 200)),
        ("Status", document["status"].replace("_", " ")),
        ("Owner", document["owner"] or "nobody"),
        ("Created", document["created"]),
    ]
    return [
        *(f"{name + ':':<10}{value}".rstrip() for name, value in facts),
        *summary(document),
        f"Next:     {_advice(document, place)}",
    ]


def _advice(document: dict[str, Any], place: str) -> str:
    if document["owner"]:
        return f"wait, or watch it with: batch info {document['id']} --follow{place}"
    if document["status"] == BatchStatus.COMPLETED:
        return (
            "nothing to do" if document["counts"]["completed"] == len(document["shots"]) else "see what is wrong above"
        )
    return f"go on with: batch resume {document['id']}{place}"


def _follow(ledger: Ledger, batch: BatchRow) -> None:
    """Show how far the batch is until nobody runs it any more, or until a signal."""
    view = BatchProgress(Path(batch.root), ledger.shots(batch.id))
    with Signals() as signals, BatchScreen(view) as screen:
        while not signals.name and owner_of(ledger, batch.id):
            began = time.monotonic()
            for shot in ledger.shots(batch.id):
                screen.update(shot)
            screen.refresh()
            took = time.monotonic() - began
            time.sleep(max(_FOLLOW_INTERVAL, 10 * took))  # many shots take a while to read
