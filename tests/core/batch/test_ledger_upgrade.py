# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledgers that an older version made: read unchanged, and upgraded by the first writer."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.shots import BatchStatus
from tracking_sessions.core.errors import LedgerUnreadable
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.claims import NO_CAMERA, PENDING, everything_dead, make, posix, statuses
from tracking_sessions.tests.core.shots import run_child

DIE_UPGRADING = """
from pathlib import Path
from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.tests.core.claims import die_at_each_step
die_at_each_step(Path(sys.argv[1]), lambda root: Ledger(root).close())
"""


SHOTS_2 = """CREATE TABLE shots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    batch TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    footage TEXT NOT NULL,
    name TEXT NOT NULL,
    clip TEXT NOT NULL,
    first INTEGER,
    last INTEGER,
    direction TEXT NOT NULL CHECK (direction IN ('forward', 'backward', 'both')),
    detect INTEGER NOT NULL CHECK (detect IN (0, 1)),
    tracks TEXT NOT NULL,
    settings TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'skipped', 'lost')),
    session TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    started TEXT NOT NULL DEFAULT '',
    ended TEXT NOT NULL DEFAULT '',
    UNIQUE (batch, number)
)"""
SHOTS_1 = SHOTS_2.replace(", 'lost'", "")
SHOTS_3 = """CREATE TABLE shots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    batch TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'skipped', 'lost')),
    session TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    started TEXT NOT NULL DEFAULT '',
    ended TEXT NOT NULL DEFAULT '',
    UNIQUE (batch, number)
)"""
OTHERS = "status, session, error, attempts, crashes, started, ended"
FIELDS = ("footage", "name", "clip", "start", "end", "direction", "detect", "tracks", "settings")
NOTHING = {"name": "", "clip": "", "direction": "forward", "detect": 0, "tracks": "", "settings": {}}


def make_old(root: Path, schema: int = 1) -> None:
    """Make the ledger one of schema 1, which had no lost shots, 2, or 3, which had no cameras.

    The first two had a column for each option.
    """
    with closing(sqlite3.connect(SessionFolder(root).ledger, isolation_level=None)) as raw:
        rows = raw.execute(f"SELECT id, batch, number, spec, {OTHERS} FROM shots").fetchall()
        raw.execute("DROP TABLE shots")
        raw.execute({1: SHOTS_1, 2: SHOTS_2, 3: SHOTS_3}[schema])
        for id, batch, number, spec, *others in rows:
            asked = {**NOTHING, **json.loads(spec)}
            asked["settings"] = json.dumps(asked["settings"])
            options = [spec] if schema == 3 else map(asked.get, FIELDS)
            values = (id, batch, number, *options, *others)
            raw.execute(f"INSERT INTO shots VALUES ({', '.join('?' * len(values))})", values)
        raw.execute("CREATE INDEX shots_by_status ON shots (status, batch, number)")
        raw.execute(f"PRAGMA user_version = {schema}")


ASKED = ShotSpec(
    "/plates/Ä 1.blend",
    name="010 “x”",
    clip="plate",
    start=9,
    end=0,
    direction="backward",
    detect=True,
    tracks="/t.json",
    settings={"motion_model": "Affine", "size": [1, 2.5]},
)


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_each_option_of_a_shot_in_an_older_ledger_is_kept(ledger: Ledger, root: Path, schema: int) -> None:
    batch = ledger.create("night", [ASKED, ShotSpec("/x.mov")], {}).id
    ledger.close()
    make_old(root, schema)
    with Ledger(root, readonly=True) as reader:
        assert [shot.spec for shot in reader.shots(batch)] == [ASKED, ShotSpec("/x.mov")]
        Ledger(root).close()
        assert [shot.spec for shot in reader.shots(batch)] == [ASKED, ShotSpec("/x.mov")]  # it goes on in the new one
    with Ledger(root) as writer:
        assert [shot.spec for shot in writer.shots(batch)] == [ASKED, ShotSpec("/x.mov")]


@pytest.mark.parametrize(
    "change",
    ["settings = '[]'", "settings = '{'", "first = 'x'", "footage = x'ff'", "name = CAST(x'ff' AS TEXT)", "first = -1"],
)
def test_nonsense_in_an_older_ledger_is_reported_after_its_upgrade(ledger: Ledger, root: Path, change: str) -> None:
    batch = ledger.create("night", [ASKED], {}).id
    ledger.close()
    make_old(root, 2)
    with closing(sqlite3.connect(SessionFolder(root).ledger)) as raw, raw:
        raw.execute(f"UPDATE shots SET {change}")
    for readonly in (True, False):
        with pytest.raises(LedgerUnreadable), Ledger(root, readonly=readonly) as opened:
            opened.shots(batch)


def test_a_damaged_older_ledger_stays_unchanged(ledger: Ledger, root: Path) -> None:
    make(ledger)
    ledger.close()
    make_old(root)
    with closing(sqlite3.connect(SessionFolder(root).ledger)) as raw, raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        raw.execute("UPDATE shots SET status = 'begun'")
    before = SessionFolder(root).ledger.read_bytes()
    with pytest.raises(LedgerUnreadable, match="damaged"):
        Ledger(root)
    assert SessionFolder(root).ledger.read_bytes() == before


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_a_reader_leaves_an_older_ledger_and_a_writer_upgrades_it(ledger: Ledger, root: Path, schema: int) -> None:
    batch, gone = make(ledger), make(ledger)
    first = ledger.claim(batch, everything_dead)
    shots = ledger.shots(batch)
    ledger.set_status(gone, BatchStatus.COMPLETED)
    highest = ledger.shots(gone)[-1].id
    assert ledger.delete(gone, ledger.batch(gone).modified)
    ledger.close()
    make_old(root, schema)
    with closing(sqlite3.connect(SessionFolder(root).ledger)) as raw, raw:
        raw.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'shots'", (highest,))
    with Ledger(root, readonly=True) as reader:
        assert reader.shots(batch) == shots
    with closing(sqlite3.connect(SessionFolder(root).ledger)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (schema,)
    with Ledger(root) as writer:
        assert writer.shots(batch) == shots and writer.check() == []
        assert writer.finish(first, NO_CAMERA, "it turns", "tripod").verdict == "tripod"
        assert writer.counts(batch)[NO_CAMERA] == 1
        assert writer.shots(make(writer))[0].id > highest  # no id is given twice
    with Ledger(root) as again:
        assert statuses(again, batch) == [NO_CAMERA, PENDING, PENDING]


def test_an_older_ledger_with_a_foreign_trigger_is_refused(ledger: Ledger, root: Path) -> None:
    make(ledger)
    ledger.close()
    make_old(root)
    with closing(sqlite3.connect(SessionFolder(root).ledger)) as raw, raw:
        raw.execute("CREATE TRIGGER t AFTER UPDATE ON shots BEGIN DELETE FROM batches; END")
    with pytest.raises(LedgerUnreadable, match="not those of a ledger"):
        Ledger(root)


@posix
@pytest.mark.slow
def test_a_process_killed_during_an_upgrade_leaves_the_ledger_whole(ledger: Ledger, root: Path) -> None:
    batch = make(ledger)
    shots = ledger.shots(batch)
    ledger.close()
    make_old(root)
    died = int(run_child(DIE_UPGRADING, root))
    assert died > 10
    for number in range(1, died + 2):
        with Ledger(root.with_name(str(number))) as copy:
            assert len(copy.shots(batch)) == len(shots) and copy.check() == []
