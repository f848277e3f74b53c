# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledgers that an older version made: read as they are, and brought up to date by whoever writes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tracking_sessions.core.batch.ledger import BatchStatus, Ledger
from tracking_sessions.core.errors import LedgerUnreadable
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.core.claims import LOST, PENDING, everything_dead, make, posix, statuses
from tracking_sessions.tests.core.shots import run_child

DIE_UPGRADING = """
from pathlib import Path
from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.tests.core.claims import die_at_each_step
die_at_each_step(Path(sys.argv[1]), lambda root: Ledger(root).close())
"""


def make_old(root: Path) -> None:
    """Make the ledger one of schema 1, which had no lost shots."""
    with closing(sqlite3.connect(SessionFolder(root).ledger, isolation_level=None)) as raw:
        (sql,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'shots'").fetchone()
        for statement in (
            "CREATE TEMP TABLE kept AS SELECT * FROM shots",
            "DROP TABLE shots",
            sql.replace(", 'lost'", ""),
            "INSERT INTO shots SELECT * FROM kept",
            "CREATE INDEX shots_by_status ON shots (status, batch, number)",
            "PRAGMA user_version = 1",
        ):
            raw.execute(statement)


def test_an_older_ledger_is_read_as_it_is_and_brought_up_to_date_by_whoever_writes(ledger: Ledger, root: Path) -> None:
    batch, gone = make(ledger), make(ledger)
    first = ledger.claim(batch, everything_dead)
    shots = ledger.shots(batch)
    ledger.set_status(gone, BatchStatus.COMPLETED)
    highest = ledger.shots(gone)[-1].id
    assert ledger.delete(gone, ledger.batch(gone).modified)
    ledger.close()
    make_old(root)
    with closing(sqlite3.connect(SessionFolder(root).ledger)) as raw, raw:
        raw.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'shots'", (highest,))
    with Ledger(root, readonly=True) as reader:
        assert reader.shots(batch) == shots
    with closing(sqlite3.connect(SessionFolder(root).ledger)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (1,)
    with Ledger(root) as writer:
        assert writer.shots(batch) == shots and writer.check() == []
        assert writer.finish(first, LOST, "at frame 4").status is LOST
        assert writer.counts(batch)[LOST] == 1
        assert writer.shots(make(writer))[0].id > highest  # no id is given twice
    with Ledger(root) as again:
        assert statuses(again, batch) == [LOST, PENDING, PENDING]


def test_an_older_ledger_with_somebody_elses_trigger_is_refused(ledger: Ledger, root: Path) -> None:
    make(ledger)
    ledger.close()
    make_old(root)
    with closing(sqlite3.connect(SessionFolder(root).ledger)) as raw, raw:
        raw.execute("CREATE TRIGGER t AFTER UPDATE ON shots BEGIN DELETE FROM batches; END")
    with pytest.raises(LedgerUnreadable, match="not those of a ledger"):
        Ledger(root)


@posix
def test_whoever_is_killed_while_bringing_a_ledger_up_to_date_leaves_it_whole(ledger: Ledger, root: Path) -> None:
    batch = make(ledger)
    shots = ledger.shots(batch)
    ledger.close()
    make_old(root)
    died = int(run_child(DIE_UPGRADING, root))
    assert died > 10
    for number in range(1, died + 2):
        with Ledger(root.with_name(str(number))) as copy:
            assert len(copy.shots(batch)) == len(shots) and copy.check() == []
