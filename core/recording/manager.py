# SPDX-License-Identifier: GPL-3.0-or-later
"""The manager of one session: who reads its file and its journal, and the only one who writes them."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import SessionUnreadable, StorageFailed, UsageError
from ..footage.details import FootageDetails, load_details
from ..journal.chain import Header, JournalReader, JournalWriter, Position, Record, journal_path
from ..journal.losses import Losses
from ..journal.missing import NOTHING, Lacking, lacking_after
from ..journal.records import (
    EndRecord,
    Event,
    FrameRecord,
    JournalRecord,
    RecordInvalid,
    RecordType,
    decoded,
    encode,
    event_record,
    pass_record,
)
from ..journal.replay import Replay
from ..journal.summary import Summary
from ..model.counting import Counting
from ..model.ranges import FRAME_LIMIT, FrameRanges
from ..model.types import Outcome, Pass, PassSummary, SessionState, SessionStatus, TrackingSession
from ..model.wording import timestamp
from ..storage.files import (
    encode_document,
    existing_document,
    make_folder,
    read_document,
    replace_file,
    sync_file,
)
from ..storage.folder import SessionFolder, relative
from ..storage.lease import LEASE_TIME, Lease, live_owner
from .session_file import checked_session, summary_from_state, summary_to_state

FILE_INTERVAL = 1.0  # seconds between two updates of the session file and of the lease while a pass runs


class TrackingSessionManager:
    """One session: reads it, and, once it owns the lease, writes it. All frames are clip frames: 1 is the first one.

    Reading needs no lease. What writes takes it if it is free (LeaseHeld otherwise) and keeps it until `close`, or
    until the manager is dropped; use it in a `with` statement. `durable`: each checkpoint waits for the disk.
    """

    _lease: Lease | None = None

    def __init__(
        self,
        session_path: str | os.PathLike[str],
        *,
        durable: bool = True,
        salvage: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the session whose file is `session_path`; the suffix may be that of YAML or JSON.

        With `salvage` what stands before damage in the journal is read. Raises SessionUnreadable or JournalDamaged.
        """
        self.path = existing_document(Path(session_path))
        self.durable = durable
        self._salvage = salvage
        self._clock = clock
        self._journal: JournalWriter | None = None
        self._next_file = 0.0
        self._ready: tuple[Position, dict[str, Any], bytes] | None = None  # a session file that is to be written
        self._state = read_document(self.path)
        self._session = checked_session(self.path, self._state)
        self.folder = self.path.with_suffix("")
        self._summary, self._position, self._checksum = summary_from_state(self.path, self._state)
        self.refresh()

    def refresh(self) -> None:
        """Read what was recorded since it was read. Raises JournalDamaged or SessionUnreadable: begin anew then."""
        reader = JournalReader(self.folder, self._session.id, salvage=self._salvage)
        with self._reading():
            after = self._position
            if not after.generation or not reader.counts(after):
                # cut, written by a process that had lost the session, or restored without its journal
                self._summary, self._position, after = Summary(), NOTHING, NOTHING
            self._read(reader, reader.records(after, self._checksum) if after.generation else reader.records())

    @contextmanager
    def _reading(self) -> Generator[None]:
        try:
            yield
        except RecordInvalid as error:
            raise SessionUnreadable(self.path, str(error)) from error
        except OSError as error:
            raise SessionUnreadable(self.folder, error.strerror or str(error)) from error

    def _read(self, reader: JournalReader, records: Iterable[Record]) -> None:
        self._summary.read(records)
        self._note_end(reader)

    def _note_end(self, reader: JournalReader) -> None:
        if reader.end is not None:
            self._position, self._checksum = reader.end, reader.checksum

    # What is known

    @property
    def session(self) -> TrackingSession:
        summary = self._summary
        return replace(
            self._session,
            state=summary.state or self._session.state,
            status=summary.status,
            total_frames=len(summary.asked) or self._session.footage.frame_count,
            tracked_frames=summary.tracked,
            checkpoint_frame=summary.checkpoint[0] if summary.checkpoint else None,
            checkpoint_operation=summary.checkpoint[1] if summary.checkpoint else "",
            best_solve=summary.best_solve,
        )

    @property
    def state(self) -> dict[str, Any]:
        """The content of the session file, up to date."""
        session = self.session
        return {
            **self._state,
            "session": {**self._state["session"], "state": session.state.value},
            **summary_to_state(self._summary, session, self._position, self._checksum),
        }

    @property
    def passes(self) -> list[PassSummary]:
        """The last passes, oldest first."""
        return list(self._summary.passes)

    @property
    def lost(self) -> Losses:
        """The tracks that were lost, and on which frames; it goes on changing while a pass runs."""
        return self._summary.losses

    def name_lost(self) -> None:
        """Look up in the journal what `lost` lacks of names: those of tracks lost after the file was last written.

        Raises SessionUnreadable; damage is no hindrance, what stands behind it has no names.
        """
        if self.lost.lacks_names:
            named = Summary()
            with self._reading():
                records = JournalReader(self.folder, self._session.id, salvage=True).records()
                named.read(record for record in records if record.type == RecordType.TRACKS)
            self.lost.names.update(named.losses.names)

    @property
    def position(self) -> Position:
        """How much of the journal there is."""
        return self._position

    @property
    def is_owner(self) -> bool:
        return self._lease is not None

    @property
    def owner(self) -> str:
        """Who has the session now, in words; empty if nobody has."""
        with self._reading():
            return str(live_owner(self.folder) or "")

    @property
    def is_interrupted(self) -> bool:
        """Whether the session was being worked on and nobody does so any more."""
        working = self._summary.status in (SessionStatus.TRACKING, SessionStatus.SOLVING)
        with self._reading():
            return working and self.session.state is SessionState.ACTIVE and live_owner(self.folder) is None

    @property
    def counting(self) -> Counting:
        """How people count the frames of the clip."""
        return Counting(self._session.footage.start)

    @property
    def asked(self) -> FrameRanges:
        """The clip frames that the passes were to cover."""
        return self._summary.asked

    @property
    def scope(self) -> FrameRanges:
        """The clip frames that were to be covered: by the passes, or else the whole clip, if its length is known."""
        return self._summary.scope(self._session.footage.frame_count)

    @property
    def solves(self) -> list[dict[str, Any]]:
        """The solves as in the session file, oldest first."""
        return self._summary.solves

    @property
    def resume_frame(self) -> int | None:
        """The last recorded clip frame of unfinished tracking, from which it goes on; None if nothing is unfinished."""
        return self._summary.resume_frame

    def get_resume_point(self) -> int | None:
        """The next clip frame to track; None when nothing is left, because tracking is complete or lost all tracks.

        It is the first frame of a session that never began. Otherwise it follows the last recorded one in the direction
        of the pass; where that pass is at its end, it is the first that the next planned pass has to track. A script
        that saves checkpoints goes backwards if its `operation` says “backward”. Where the length of the clip is not
        known, there is always a next frame until tracking is marked as complete. A session that was discarded says the
        same as before: `session.state` tells that it was.
        """
        return self._summary.next_frame(self._session.footage.frame_count)

    @property
    def remaining(self) -> FrameRanges:
        """The clip frames that are still to be tracked, with those that no track reached."""
        return self._summary.remaining(self._session.footage.frame_count)

    @property
    def progress(self) -> dict[str, Any]:
        """As `get_progress`, but `remaining_frames` is how many there are: cheap, for those who look often."""
        return self._summary.progress(self._session.footage.frame_count)

    def get_progress(self) -> dict[str, Any]:
        """How far the session is.

        `total_frames`: how many frames the passes were to cover, or else the clip has; 0 if that is not known.
        `tracked_frames`: how many are recorded. `remaining_frames`: the list of the clip frames that are still to be
        tracked, ascending, with those that no track reached; empty if the length is not known. `percent_complete`:
        0.0 to 100.0, and 0.0 as long as the length is not known. `status`: the value of a `SessionStatus`.
        """
        return {**self.progress, "remaining_frames": list(self.remaining)}

    def counts(self, position: Position) -> bool:
        """Whether `position` lies in the part of the journal that counts. Raises JournalDamaged."""
        with self._reading():
            return JournalReader(self.folder, self._session.id, salvage=self._salvage).counts(position)

    def has_frames_after(self, mark: Position | None) -> bool:
        """Whether a file with this mark has lost anything."""
        return bool(len(self.lacking(mark).lost))

    def lacking(self, mark: Position | None, held: Position | None = None) -> Lacking:
        """What a file lacks that contains the journal up to `mark`: all if it is None or does not count.

        It had contained it up to `held`, before the artist took something back.
        """
        after = mark if mark is not None and self.counts(mark) else None
        reached = self._summary.checkpoint[0] if self._summary.checkpoint else 1
        with self._reading():
            return lacking_after(JournalReader(self.folder, self._session.id), after, mark, held, reached)

    def details(self) -> FootageDetails:
        """What was seen of the footage when the session was made. Raises SessionUnreadable or UsageError."""
        return load_details(SessionFolder.of(self.path), self._session.footage.fingerprint)

    def replay(self, *, with_markers: bool = True, since: Position | None = None) -> Replay:
        """All that the journal says. Raises JournalDamaged or SessionUnreadable."""
        replay = Replay(with_markers=with_markers, since=since)
        with self._reading():
            replay.read(JournalReader(self.folder, self._session.id, salvage=self._salvage).records())
        return replay

    # Owning and writing

    def acquire(
        self,
        *,
        wait: bool = False,
        salvage: bool = False,
        replay: Replay | None = None,
        lease_time: float = LEASE_TIME,
    ) -> None:
        """Become the owner; nothing to do for one who is. `replay` is filled with all that is recorded.

        `wait` and `lease_time` as in `Lease.take`. With `salvage` what stands before damage is kept, and the damaged
        files stay where they are. Raises LeaseHeld, StorageFailed, JournalDamaged or SessionUnreadable.
        """
        if self._lease is not None:
            return
        if not os.path.exists(self.path):
            raise SessionUnreadable(self.path, "it is gone")
        make_folder(self.folder)
        lease = Lease.take(self.folder, timestamp(), wait=wait, lease_time=lease_time)
        try:
            self._state = read_document(self.path)  # whoever had the session since may have changed it
            self._session = checked_session(self.path, self._state)
            reader = JournalReader(self.folder, self._session.id, salvage=salvage or self._salvage)
            self._summary, self._position, self._checksum = Summary(), NOTHING, 0
            with self._reading():
                for record, end in decoded(reader.records()):
                    self._summary.apply(record)
                    if replay is not None:
                        replay.apply(record, end)
            self._note_end(reader)
            self._keep_base()
            salt = int.from_bytes(secrets.token_bytes(8), "little")
            header = Header(self._session.id, lease.generation, salt, *self._position, self._checksum)
            self._journal = JournalWriter(self.folder, header, durable=self.durable)
        except BaseException:
            lease.release()
            raise
        self._lease = lease
        if reader.damage is not None:
            self.append_event(Event.SALVAGED, reason=str(reader.damage))

    def _keep_base(self) -> None:
        """Make what this owner builds on as durable as what it writes: a killed one may not have come to its fsync."""
        if self._position.generation:
            base = journal_path(self.folder, self._position.generation)
            try:
                sync_file(base)
            except OSError as error:
                raise StorageFailed(base, error) from error

    def append(self, *records: JournalRecord) -> Position:
        """Record all of `records` or none of them. Raises LeaseLost or StorageFailed."""
        self.acquire()
        assert self._lease is not None and self._journal is not None
        self._lease.check()
        self._position = self._journal.append(*map(encode, records))
        self._checksum = self._journal.checksum
        for record in records:
            self._summary.apply(record)
        return self._position

    def append_event(self, event: str, **details: Any) -> None:
        self.append(event_record(event, **details))

    def open_pass(self, plan: Pass, then: Sequence[Pass], before: Sequence[JournalRecord]) -> None:
        """Record that `plan` begins and `then` is to follow, behind the records `before` (tracks and edits)."""
        self.append(*before, pass_record(plan, then))
        self.write_file()

    def record_frame(self, number: int, frame: int, alive: int, rows: bytes) -> Position:
        """The checkpoint of one step of pass `number`, which reached `frame`; `rows` as in `rows.MARKER`.

        When it returns, the frame is recorded. Write the session file when `is_file_due`.
        """
        return self.append(FrameRecord(number, frame, alive, rows))

    @property
    def is_file_due(self) -> bool:
        """Whether the session file and the lease were last brought up to date about a second ago."""
        return self._clock() >= self._next_file

    def close_pass(self, number: int, outcome: Outcome, detail: str = "") -> None:
        self.append(EndRecord(number, outcome, detail, timestamp()))
        self.write_file()

    @property
    def is_file_ready(self) -> bool:
        """Whether `prepare_file` was called since the last record."""
        return self._ready is not None and self._ready[0] == self._position

    def prepare_file(self) -> None:
        """Do the half of `write_file` that needs no disk, for whoever has to do a little at a time."""
        state = self.state
        state["session"] = {**state["session"], "modified": timestamp()}
        self._ready = self._position, state, encode_document(state, self.path.suffix)

    def write_file(self) -> None:
        """Bring the session file and the lease up to date. Raises LeaseLost or StorageFailed."""
        assert self._lease is not None
        self._lease.check()
        if not self.is_file_ready:
            self.prepare_file()
        assert self._ready is not None
        _, self._state, encoded = self._ready
        self._ready = None
        replace_file(self.path, encoded)
        self._lease.renew()
        self._session = checked_session(self.path, self._state)
        self._next_file = self._clock() + FILE_INTERVAL

    def save_checkpoint(self, frame: int, operation: str) -> None:
        """Record that `operation` reached clip frame `frame`, in the journal and in the session file.

        Raises UsageError, LeaseHeld, LeaseLost or StorageFailed.
        """
        if not 0 <= frame <= FRAME_LIMIT:
            raise UsageError(f"{frame} is not a frame: give a clip frame from 0 to {FRAME_LIMIT}")
        self.append_event(Event.CHECKPOINT, frame=int(frame), operation=str(operation))
        self.write_file()

    def set_status(self, status: SessionStatus) -> None:
        self.append_event(Event.STATUS, status=status.value)
        self.write_file()

    def mark_tracking_complete(self) -> None:
        self.set_status(SessionStatus.TRACKING_COMPLETE)

    def mark_solve_complete(self, solve_id: str, **figures: Any) -> None:
        """Record a finished solve; `figures` such as average_error (pixels) are kept with it."""
        self.append_event(Event.SOLVE, solve={"id": str(solve_id), "created": timestamp(), **figures})
        self.write_file()

    def record_undone(self, mark: Position | None) -> None:
        """Record that a file with this mark is saved in which undo has taken back what is recorded behind it."""
        self.append_event(Event.UNDONE, **(mark or NOTHING)._asdict())

    def set_blend(self, blend: str, clip: str) -> None:
        """Note in which .blend the clip is now, and its name there."""
        self._note_footage(blend=relative(self.path, blend), clip=clip)

    def set_start(self, start: int) -> None:
        """Note which number people see on the first frame of the clip now, unless that is known."""
        if start != self.counting.start:
            self._note_footage(start=start)

    def _note_footage(self, **facts: Any) -> None:
        self.acquire()
        self._state["footage"] = {**self._state["footage"], **facts}
        self._ready = None
        self.write_file()

    def set_state(self, state: SessionState) -> None:
        """Commit or discard the session, or make it active again."""
        self.append_event(Event.STATE, state=state.value)
        self.write_file()

    def close(self) -> None:
        """Give the session up, if owned. Never fails."""
        journal, self._journal = self._journal, None
        lease, self._lease = self._lease, None
        if journal is not None:
            journal.close()
        if lease is not None:
            lease.release()

    def __del__(self) -> None:
        if self._lease is not None and self._lease.is_mine:
            self.close()

    def __enter__(self) -> TrackingSessionManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load_session(session_path: str | os.PathLike[str]) -> TrackingSessionManager:
    """The session whose file this is, for reading. Raises SessionUnreadable or JournalDamaged."""
    return TrackingSessionManager(session_path)


def resume_tracking(session_path: str | os.PathLike[str]) -> TrackingSessionManager:
    """The session, owned by the caller, who goes on from `get_resume_point()` and closes it in the end.

    Raises UsageError if its tracking is complete or it was discarded or committed, LeaseHeld, SessionUnreadable,
    JournalDamaged or StorageFailed.
    """
    manager = TrackingSessionManager(session_path)
    _check_unfinished(manager.session)
    manager.acquire()
    try:
        _check_unfinished(manager.session)  # somebody may have finished it meanwhile
    except UsageError:
        manager.close()
        raise
    return manager


def _check_unfinished(session: TrackingSession) -> None:
    if session.is_unfinished:
        return
    if session.status is SessionStatus.FAILED:
        raise UsageError(f"“{session.name}” is marked as failed: start a new session")
    if session.status not in (SessionStatus.NOT_STARTED, SessionStatus.TRACKING):
        raise UsageError(f"The tracking of “{session.name}” is finished: there is nothing to resume")
    if session.state is SessionState.DISCARDED:
        raise UsageError(f"“{session.name}” was discarded: bring it back first (commit), or start a new session")
    raise UsageError(f"“{session.name}” was committed as it is: start a new session")


def get_session_status(manager: TrackingSessionManager) -> SessionStatus:
    """How far the session is, the journal included."""
    return manager.session.status
