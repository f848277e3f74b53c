# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of local batches, `batch.db` beside the sessions: the requested shots of each batch, and their status.

It may lie elsewhere and serve several session folders: each batch then belongs to the folder that it was made for.

The session of a shot records its tracked frames, the ledger does not. The owner of the lease in a batch's folder
supervises the batch, and alone may change it. Each change is one short transaction that is on disk when the call
returns, so a process may be killed at any time, and others may read meanwhile.

All methods raise LedgerUnreadable (damaged, or another program's), LedgerBusy, and StorageFailed (a full disk).
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import Action, LedgerUnreadable, ShotTakenOver, StorageFailed, UsageError
from ..model.ids import find_id, new_id
from ..model.types import SESSION_ID
from ..model.wording import timestamp
from ..storage.files import make_folder
from ..storage.folder import SessionFolder
from ..storage.lease import Owner, live_owner
from ..tracking.plan import ShotSpec, check_text, json_text
from .ledger_database import SCHEMA, open_ledger, translated
from .ledger_rows import BATCHES, NEEDED, OLD_SHOTS, SHOTS, SHOTS_3, Rows, stored_error, stored_spec
from .shots import SHOT_LIMIT, BatchRow, BatchStatus, ShotClip, ShotRow, ShotStatus


class Ledger:
    """The batches of the session folder `root`; use it as a context manager, or close it.

    `db` is the ledger, if it lies elsewhere: it may have batches of other session folders as well. With `readonly`
    nothing is made or changed, and a missing ledger has no batches. A ledger belongs to the thread that opened it.
    """

    def __init__(self, root: Path, *, db: Path | None = None, readonly: bool = False) -> None:
        self.root = Path(root)
        self._real_root = os.path.realpath(root)
        own = SessionFolder(self.root).ledger
        self.is_apart = db is not None and os.path.realpath(db) != os.path.realpath(own)
        """Whether the ledger lies outside of the session folder."""
        self.path = Path(os.path.abspath(db)) if db is not None and self.is_apart else own
        self._rows = Rows(self.path, None if self.is_apart else self._real_root)
        try:
            self._db = open_ledger(self.path, readonly=readonly)
        except LedgerUnreadable as error:
            if self.is_apart and error.advice is Action.MOVE_LEDGER_AWAY:  # it may be no ledger at all
                raise LedgerUnreadable(self.path, error.reason, Action.CHOOSE_LEDGER) from error
            raise

    def folder(self, batch: str) -> Path:
        """The folder of a batch's lease and of the logs of its shots, in its own session folder."""
        root: Path | str = self.root
        if self.is_apart:
            with translated(self.path):
                found = self._db.execute("SELECT root FROM batches WHERE id = ?", (batch,)).fetchone()
            root = self._rows.root(found[0]) if found else root
        return SessionFolder(root).batch(batch)

    def owner(self, batch: str) -> Owner | None:
        """The live owner of the lease of the batch."""
        folder = self.folder(batch)
        try:
            return live_owner(folder)
        except OSError as error:
            raise StorageFailed(folder, error) from error

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; may be called twice."""
        with translated(self.path):
            self._db.close()

    # Batches

    def create(self, name: str, shots: Sequence[ShotSpec], config: Mapping[str, Any]) -> BatchRow:
        """Add a batch of these shots in `root`, in this order, IN_PROGRESS. `config` is JSON. Raises UsageError."""
        if not 0 < len(shots) <= SHOT_LIMIT:
            raise UsageError(f"A batch has 1 to {SHOT_LIMIT} shots, not {len(shots)}: name some footage, or part it")
        batch = new_id()
        created = timestamp()
        here = SessionFolder(self._real_root).ledger
        rows = [(batch, number, stored_spec(spec, number, here)) for number, spec in enumerate(shots, 1)]
        try:
            check_text(name, "The name of the batch")
            check_text(self._real_root, "The session folder")
            options = json_text(config)
        except ValueError as error:
            raise UsageError(str(error)) from None
        make_folder(self.root)  # the ledger may lie elsewhere
        with self._writing():
            self._db.execute(
                "INSERT INTO batches (id, name, status, config, root, created, modified) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (batch, name, BatchStatus.IN_PROGRESS, options, self._real_root, created, created),
            )
            self._db.executemany("INSERT INTO shots (batch, number, spec) VALUES (?, ?, ?)", rows)
        return self.batch(batch)

    def batches(self) -> list[BatchRow]:
        """All batches, newest first."""
        with translated(self.path):
            return [self._rows.batch(row) for row in self._db.execute(BATCHES + " ORDER BY rowid DESC")]

    def batch(self, id: str) -> BatchRow:
        """The batch with this id, or the only one whose id begins with it. Raises UsageError."""
        with translated(self.path):
            ids = [str(found) for (found,) in self._db.execute("SELECT id FROM batches ORDER BY rowid DESC")]
            try:
                found = find_id(id, ids, "batches")
            except ValueError as error:
                raise UsageError(str(error)) from None
            row = self._db.execute(f"{BATCHES} WHERE id = ?", (found,)).fetchone()
        if row is None:
            words = f"There is no batch {id[:40]!r} in {self.path}"
            raise UsageError(words, Action.LIST_BATCHES, Action.CHOOSE_FOLDER)
        return self._rows.batch(row)

    def latest_unfinished(self, is_live: Callable[[str], bool] = lambda batch: False) -> BatchRow | None:
        """The newest unfinished batch without a supervisor, else the newest unfinished one, or None.

        `is_live` checks by the id of a batch whether a live process owns its lease.
        """
        unfinished = [batch for batch in self.batches() if batch.is_unfinished]
        return next((batch for batch in unfinished if not is_live(batch.id)), unfinished[0] if unfinished else None)

    def needed(self) -> dict[str, str]:
        """The ids of all sessions of unfinished batches, each with the id of its batch.

        Raises LedgerUnreadable for any damage: a session that is missing here may be deleted.
        """
        faults = self.check()
        if faults:
            raise LedgerUnreadable(self.path, f"it is damaged ({faults[0][:200]})")
        with translated(self.path):
            return {self._rows.id(session): self._rows.id(batch) for session, batch in self._db.execute(NEEDED)}

    def delete(self, batch: str, modified: str, *, unfinished: bool = False) -> bool:
        """Delete a batch that has ended, and its shots; False, with nothing done, if it has changed since `modified`.

        With `unfinished` also a batch that has not ended. The caller owns the batch's lease.
        """
        with self._writing():
            query = "DELETE FROM batches WHERE id = ? AND modified = ? AND (? OR status IN ('completed', 'failed'))"
            return bool(self._db.execute(query, (batch, modified, unfinished)).rowcount)

    def set_status(self, batch: str, status: BatchStatus) -> None:
        """The caller owns the batch's lease."""
        with self._writing():
            self._touch(batch, status)

    # Shots

    def shots(self, batch: str) -> list[ShotRow]:
        """The shots of a batch, by number."""
        with translated(self.path):
            rows = self._db.execute(
                self._shots + " WHERE batch = ? ORDER BY number LIMIT ?", (batch, SHOT_LIMIT)
            ).fetchall()
        return [self._rows.shot(row) for row in rows]

    def counts(self, batch: str) -> Counter[ShotStatus]:
        """The number of shots of the batch in each status; quick enough for a poll every second."""
        with translated(self.path):
            rows = self._db.execute("SELECT status, count(*) FROM shots WHERE batch = ? GROUP BY status", (batch,))
            found = {str(status): int(count) for status, count in rows}
        return Counter({status: found[status] for status in ShotStatus if status in found})

    def claim(self, batch: str, is_live: Callable[[str], bool]) -> ShotRow | None:
        """Claim the next pending shot: it becomes PROCESSING, with one more attempt.

        A shot waits while another shot of its footage is PROCESSING, in this batch or in one that `is_live` by its id.
        None if no shot is pending, or all pending shots wait (see `counts`).
        """
        with self._writing():
            shot = self._next(batch, is_live)
            if shot is None:
                return None
            self._db.execute(
                "UPDATE shots SET status = 'processing', attempts = attempts + 1, error = '', verdict = '', ended = '',"
                " started = iif(started = '', ?, started) WHERE id = ?",
                (timestamp(), shot.id),
            )
            self._touch(batch)
            return self._shot(shot.id)

    def _next(self, batch: str, is_live: Callable[[str], bool]) -> ShotRow | None:
        rows = self._db.execute(self._shots + " WHERE shots.status = 'processing'").fetchall()
        processing = [self._rows.shot(row) for row in rows]
        live = {id: id == batch or is_live(id) for id in {shot.batch for shot in processing}}
        busy = [ShotClip.of(shot.spec) for shot in processing if live[shot.batch]]
        query = self._shots + " WHERE shots.status = 'pending' AND batch = ? ORDER BY number"
        with closing(self._db.execute(query, (batch,))) as rows:
            for row in rows:
                shot = self._rows.shot(row)
                if not busy or not any(map(ShotClip.of(shot.spec).overlaps, busy)):
                    return shot
        return None

    # Changes of a claimed shot. Each takes the ShotRow that the previous change returned, and raises ShotTakenOver if
    # another process has claimed the shot since, because this one seemed dead.

    def note_session(self, shot: ShotRow, session: str) -> ShotRow:
        """Store the id of the session of the shot, as soon as it is known. Raises UsageError for a malformed id."""
        if not SESSION_ID.match(session):
            raise UsageError(f"{session[:40]!r} is not the id of a session")
        return self._change(shot, "session = ?", session)

    def note_attempt(self, shot: ShotRow) -> ShotRow:
        """Count another child for the shot, before it starts; `claim` counts the first."""
        return self._change(shot, "attempts = attempts + 1")

    def note_crash(self, shot: ShotRow, error: str, *, progressed: bool) -> ShotRow:
        """Count a crash of the shot's child, or, after progress, set the count of crashes to 0."""
        crashes = "0" if progressed else "crashes + 1"
        return self._change(shot, f"crashes = {crashes}, error = ?", stored_error(error))

    def finish(self, shot: ShotRow, status: ShotStatus, error: str = "", verdict: str = "") -> ShotRow:
        """Set a final status: COMPLETED, FAILED, SKIPPED, LOST or NO_CAMERA; `error` is the reason."""
        if not status.is_final:
            raise ValueError(status)
        changes = "status = ?, error = ?, verdict = ?, ended = ?"
        return self._change(shot, changes, status, stored_error(error), stored_error(verdict), timestamp())

    def release(self, shot: ShotRow, error: str = "") -> ShotRow:
        """Make a stopped shot, or one whose session is in use, pending again; it keeps its session and crashes."""
        return self._change(shot, "status = 'pending', error = ?", stored_error(error))

    def requeue(self, batch: str, status: ShotStatus = ShotStatus.PROCESSING) -> int:
        """Make the shots in this status pending again; returns their number.

        The caller has just taken the batch's lease: a shot that is PROCESSING then belongs to a supervisor that died.
        A shot in a final status also loses its count of crashes.
        """
        with self._writing():
            reset = ", crashes = 0, ended = ''" if status.is_final else ""
            query = f"UPDATE shots SET status = 'pending'{reset} WHERE batch = ? AND status = ?"
            changed = self._db.execute(query, (batch, status)).rowcount
            self._touch(batch)
            return changed

    def check(self) -> list[str]:
        """The faults that SQLite finds in the file; empty if it is sound."""
        with translated(self.path):
            faults = [str(row[0]) for row in self._db.execute("PRAGMA integrity_check")]
            orphans = self._db.execute("PRAGMA foreign_key_check").fetchall()
        broken = [f"row {row[1]} of {row[0]} belongs to no row of {row[2]}" for row in orphans]
        return broken if faults == ["ok"] else faults + broken

    # Rows and transactions

    @contextmanager
    def _writing(self) -> Generator[None]:
        """One transaction: at its end all changes are on disk, or none."""
        with translated(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # the next opening rolls back; the first error is the one to report
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                raise

    def _change(self, shot: ShotRow, changes: str, *values: object) -> ShotRow:
        with self._writing():
            query = f"UPDATE shots SET {changes} WHERE id = ? AND status = 'processing' AND attempts = ?"
            if not self._db.execute(query, (*values, shot.id, shot.attempts)).rowcount:
                raise ShotTakenOver(shot.batch, shot.number)
            self._touch(shot.batch)
            return self._shot(shot.id)

    def _touch(self, batch: str, status: BatchStatus | None = None) -> None:
        query = "UPDATE batches SET modified = ?, status = coalesce(?, status) WHERE id = ?"
        if not self._db.execute(query, (timestamp(), status, batch)).rowcount:
            raise UsageError(f"There is no batch {batch[:40]!r} in {self.path}", Action.LIST_BATCHES)

    @property
    def _shots(self) -> str:
        schema = self._db.execute("PRAGMA user_version").fetchone()[0]
        return {SCHEMA: SHOTS, 3: SHOTS_3}.get(schema, OLD_SHOTS)

    def _shot(self, id: int) -> ShotRow:
        return self._rows.shot(self._db.execute(self._shots + " WHERE shots.id = ?", (id,)).fetchone())
