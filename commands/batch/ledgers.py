# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of batches that a command names, and the session folder of a batch."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from ...core.batch.ledger import Ledger
from ...core.batch.shots import BatchRow
from ...core.errors import UsageError
from ..finding import root_of
from ..words import root_words


def open_ledger(options: argparse.Namespace, *, readonly: bool = True) -> Ledger:
    """The ledger that `--db` names, else that of the session folder. Raises UsageError and the errors of the ledger."""
    return Ledger(root_of(options.root).absolute(), db=checked_db(options), readonly=readonly)


def checked_db(options: argparse.Namespace, *, make: bool = False) -> Path | None:
    """The file that `--db` names. Raises UsageError if it is missing, with `make` only if its folder is."""
    db: Path | None = options.db
    if db is not None and not os.path.lexists(db):
        if not make:
            raise UsageError(f"There is no ledger {db}: check the path (“batch run SHOT… --db FILE” makes one)")
        if not db.absolute().parent.is_dir():
            raise UsageError(f"There is no folder {db.absolute().parent} to keep a ledger in: make it first")
    return db


def home_of(ledger: Ledger, batch: BatchRow, options: argparse.Namespace) -> Path:
    """The session folder of the batch. Raises UsageError if it is missing, or `--root` names another folder."""
    if not ledger.is_apart:
        return ledger.root
    home = Path(batch.root)
    if options.root is not None and os.path.realpath(options.root) != batch.root:
        raise UsageError(f"Batch {batch.id} belongs to the session folder {home}: leave --root away, or name that")
    if not home.is_dir():
        raise UsageError(f"The session folder {home} of batch {batch.id} is gone: put it back, or a link to it there")
    return home


def place_words(root: Path, db: Path | None) -> str:
    """The arguments for a command to find a batch: its ledger `db`, which knows the session folder, or `root`."""
    return root_words(root) if db is None else f" --db {shlex.quote(str(db))}"


def words_of(ledger: Ledger) -> str:
    """The arguments for a command to find a batch of the ledger."""
    return place_words(ledger.root, ledger.path if ledger.is_apart else None)
