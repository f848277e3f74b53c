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
from ...core.batch.shot_runs import CRASHES
from ...core.batch.shots import BatchRow, BatchStatus, ShotStatus
from ...core.model.wording import short
from ...core.tracking.plan import SHARED
from ..arguments import FRAMES_COUNT, add_db, add_json, add_limit, add_options, add_root, add_status, command, positive
from ..terminal import Signals, say
from ..words import INTERRUPTED, shots_words
from . import cleaning, run
from .ledgers import open_ledger, words_of
from .screen import BatchScreen
from .words import BAD, described_batch, described_head, summary

_FOLLOW_INTERVAL = 0.5  # seconds between two polls of the ledger
_KINDS = [INTERRUPTED, *(status.value for status in BatchStatus)]


def add_commands(commands: Any) -> None:
    words = "track many shots, each in a process of its own"
    batch = command(commands, "batch", run.run, words, "batch run shots --jobs 4 --detect")
    parts = batch.add_subparsers(title="commands", metavar="COMMAND", required=True)

    parser = command(
        parts, "run", run.run, "track shots as a new batch", "batch run shots.csv --jobs 4 --root sessions"
    )
    parser.description = f"{parser.description} {FRAMES_COUNT}"
    parser.add_argument(
        "shots",
        metavar="SHOT",
        nargs="+",
        help="a movie, an image sequence (any file of it, its folder, or a name such as plate.%%04d.exr), a .blend, a "
        "folder of folders with one of them each, or a list of shots: "
        f"YAML, JSON or CSV with {', '.join(KEYS)}",
    )
    add_root(parser)
    add_db(parser, "keep the ledger of the batch there and not in the session folder; made if it is missing")
    parser.add_argument("--name", default="", help="a name for the batch (default: that of the list, folder or shot)")
    parser.add_argument("--jobs", type=positive, default=1, metavar="N", help="how many shots at a time (default: 1)")
    parser.add_argument(
        "--crashes",
        type=positive,
        default=CRASHES,
        metavar="N",
        help=f"crashes without progress in between after which a shot fails (default: {CRASHES})",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--resume", action="store_true", help="go on with unfinished sessions of these shots")
    which.add_argument(
        "--fresh", action="store_true", help="set all sessions of these shots aside (they are kept) and start anew"
    )
    shared = parser.add_argument_group("for all shots without an option of their own")
    add_options(shared, SHARED, shared=True)
    add_json(parser)

    parser = command(parts, "resume", run.resume, "go on with a batch that was stopped", "batch resume 20260131-1015")
    _add_batch(parser, "the latest unfinished one")

    parser = command(parts, "list", _list, "list the batches, newest first", "batch list --status interrupted")
    add_root(parser)
    add_db(parser)
    add_status(parser, _KINDS)
    add_limit(parser, "batches")
    add_json(parser)

    words = "show the progress of a batch and the errors of its shots"
    parser = command(parts, "info", _info, words, "batch info 20260131-1015 --follow")
    _add_batch(parser, "the latest one")
    parser.add_argument("--follow", action="store_true", help="watch it until it ends, or until Ctrl+C")

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
        bad = "".join(f", {counts[status]} {name}" for status, name in BAD.items() if counts[status])
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
        where = words_of(ledger)
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
        f"Next:     {_advice(document, where)}",
    ]


def _advice(document: dict[str, Any], where: str) -> str:
    if document["owner"]:
        return f"wait, or watch it with: batch info {document['id']} --follow{where}"
    if document["status"] == BatchStatus.COMPLETED:
        return "nothing to do" if document["counts"]["completed"] == len(document["shots"]) else "see the errors above"
    return f"go on with: batch resume {document['id']}{where}"


def _follow(ledger: Ledger, batch: BatchRow) -> None:
    """Show the progress of the batch until no process runs it, or until a signal."""
    progress = BatchProgress(Path(batch.root), ledger.shots(batch.id))
    with Signals() as signals, BatchScreen(progress) as screen:
        while not signals.name and ledger.owner(batch.id):
            began = time.monotonic()
            for shot in ledger.shots(batch.id):
                screen.update(shot)
            screen.refresh()
            took = time.monotonic() - began
            time.sleep(max(_FOLLOW_INTERVAL, 10 * took))  # many shots take a while to read
