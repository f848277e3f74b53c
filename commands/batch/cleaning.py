# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that delete batches: `batch delete` and `batch clean`. The sessions of their shots stay."""

from __future__ import annotations

import argparse
import json
import platform
from typing import Any

from ...core.batch.deletion import delete_batch, described
from ...core.batch.ledger import Ledger
from ...core.batch.shots import BatchRow
from ...core.errors import BatchRuns, TrackingSessionError
from ...core.model.wording import short, size_words
from ..arguments import add_db, add_force, add_json, add_root, command, patiently
from ..cleaning import add_cleaning, clean
from ..finding import root_of
from ..terminal import agreed, say
from ..words import shots_words
from .ledgers import open_ledger


def add_commands(parts: Any) -> None:
    words = "delete a batch and the logs of its shots; their sessions stay"
    parser = command(parts, "delete", _delete, words, "batch delete 20260131-1015")
    parser.add_argument("batch", metavar="BATCH", help="its id, or the beginning of it")
    add_force(parser)
    add_root(parser)
    add_db(parser)
    add_json(parser)

    words = "delete batches that ended long ago, and the logs of their shots; their sessions stay"
    add_cleaning(command(parts, "clean", _clean, words, "batch clean --older-than 2w --dry-run"))


def _clean(options: argparse.Namespace) -> list[str]:
    return clean(options, root_of(options.root).absolute(), None)


def _delete(options: argparse.Namespace) -> list[str]:
    with open_ledger(options) as ledger:
        batch = ledger.batch(options.batch)
        owner = ledger.owner(batch.id)
        if owner is not None and owner.host == platform.node():
            raise BatchRuns(batch.id, str(owner))
        words, old = _words(ledger, batch), described(ledger, batch)
    if not options.force and not agreed(f"Delete {words}?", f"This would delete {words}: run it again with --force"):
        say("Nothing was deleted.")
        return ["null"] if options.json else []
    with open_ledger(options, readonly=False) as ledger:
        if not patiently(lambda wait: delete_batch(ledger, old, unfinished=True, wait=wait)):
            raise TrackingSessionError(f"Batch {batch.id} was left alone: somebody has worked on it just now")
    if options.json:
        return [json.dumps({"id": batch.id, "freed": old.size})]
    return [f"Deleted batch {batch.id}, which freed {size_words(old.size)}; the sessions of its shots are kept."]


def _words(ledger: Ledger, batch: BatchRow) -> str:
    """The batch in a question."""
    counts = ledger.counts(batch.id)
    total, left = counts.total(), sum(count for status, count in counts.items() if not status.is_final)
    name = f" “{short(batch.name)}”" if batch.name else ""
    open_words = f", {left} of them not done" if left else ""
    return f"batch {batch.id}{name} ({shots_words(total)}{open_words}; their sessions stay)"
