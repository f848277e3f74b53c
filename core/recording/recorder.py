# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorder of one session: the only one who writes its journal and its file, as long as it owns the lease."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import SessionUnreadable, StorageFailed
from ..journal.chain import Header, JournalWriter, Position, journal_path
from ..journal.missing import NOTHING
from ..journal.records import EndRecord, Event, FrameRecord, JournalRecord, encode, event_record, pass_record
from ..journal.replay import Replay
from ..model.types import Outcome, Pass
from ..model.wording import timestamp
from ..storage.files import encode_document, make_folder, replace_file, sync_file
from ..storage.folder import relative
from ..storage.lease import LEASE_TIME, Lease
from .content import SessionContent

FILE_INTERVAL = 1.0  # seconds between two updates of the session file and of the lease while a pass runs


class SessionRecorder:
    """Owns the lease of a session, a journal file and the session file, from the moment it is made until `close`.

    All that changes `content` raises LeaseLost when another process has taken the session over, and StorageFailed.
    """

    _lease: Lease | None = None

    def __init__(
        self,
        content: SessionContent,
        *,
        durable: bool = True,
        wait: bool = False,
        salvage: bool = False,
        replay: Replay | None = None,
        lease_time: float = LEASE_TIME,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the lease, and read all that is recorded, into `replay` as well.

        `durable`: each append waits for the disk. `wait` and `lease_time` as in `Lease.take`. With `salvage` what
        stands before damage is kept, and the damaged files stay where they are. Raises LeaseHeld, StorageFailed,
        JournalDamaged or SessionUnreadable.
        """
        if not os.path.exists(content.path):
            raise SessionUnreadable(content.path, "it is gone")
        make_folder(content.folder)
        lease = Lease.take(content.folder, timestamp(), wait=wait, lease_time=lease_time)
        try:
            damage = content.read_again(salvage=salvage, replay=replay)  # whoever had the session may have changed it
            _keep_base(content)
            salt = int.from_bytes(secrets.token_bytes(8), "little")
            header = Header(content.file_session.id, lease.generation, salt, *content.position, content.checksum)
            self._journal = JournalWriter(content.folder, header, durable=durable)
        except BaseException:
            lease.release()
            raise
        self._content = content
        self._clock = clock
        self._next_file = 0.0
        self._lease = lease
        if damage is not None:
            self.append_event(Event.SALVAGED, reason=str(damage))

    @property
    def is_open(self) -> bool:
        return self._lease is not None

    @property
    def position(self) -> Position:
        """How much of the journal there is."""
        return self._content.position

    def append(self, *records: JournalRecord) -> Position:
        """Record all of `records` or none of them."""
        self._own_lease().check()
        content = self._content
        content.position = self._journal.append(*map(encode, records))
        content.checksum = self._journal.checksum
        for record in records:
            content.summary.apply(record)
        return content.position

    def _own_lease(self) -> Lease:
        assert self._lease is not None, "the recorder is closed"
        return self._lease

    def append_event(self, event: str, **fields: Any) -> Position:
        return self.append(event_record(event, **fields))

    # A run

    def open_pass(self, plan: Pass, then: Sequence[Pass], before: Sequence[JournalRecord]) -> None:
        """Record that `plan` begins and `then` is to follow, behind the records `before` (tracks and edits)."""
        self.append(*before, pass_record(plan, then))
        self.write_file()

    def record_frame(self, number: int, frame: int, alive: int, rows: bytes) -> Position:
        """Record one step of pass `number`, which reached `frame`; `rows` as in `rows.MARKER`.

        When it returns, the frame is recorded. Write the session file when `is_file_due`.
        """
        return self.append(FrameRecord(number, frame, alive, rows))

    def close_pass(self, number: int, outcome: Outcome, detail: str = "") -> None:
        self.append(EndRecord(number, outcome, detail, timestamp()))
        self.write_file()

    # The session file

    @property
    def is_file_due(self) -> bool:
        """Whether the session file and the lease were last brought up to date about a second ago."""
        return self._clock() >= self._next_file

    def write_file(self) -> None:
        """Bring the session file and the lease up to date."""
        self._own_lease().check()
        content = self._content
        state = content.to_state()
        state["session"] = {**state["session"], "modified": timestamp()}
        replace_file(content.path, encode_document(state, content.path.suffix))
        self._own_lease().renew()
        content.set_file(state)
        self._next_file = self._clock() + FILE_INTERVAL

    def set_blend(self, blend: str, clip: str) -> None:
        """Note in which .blend the clip is now, and its name there."""
        self._note_footage(blend=relative(self._content.path, blend), clip=clip)

    def set_start(self, start: int) -> None:
        """Note which number people see on the first frame of the clip now, unless that is known."""
        if start != self._content.file_session.footage.start:
            self._note_footage(start=start)

    def _note_footage(self, **facts: Any) -> None:
        state = self._content.file_state
        self._content.file_state = {**state, "footage": {**state["footage"], **facts}}
        self.write_file()

    def record_undone(self, mark: Position | None) -> None:
        """Record that a file with this mark is saved in which undo has taken back the records behind it."""
        self.append_event(Event.UNDONE, **(mark or NOTHING)._asdict())

    def close(self) -> None:
        """Release the session. Never fails."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._journal.close()
            lease.release()

    def __del__(self) -> None:
        if self._lease is not None and self._lease.is_mine:
            self.close()


def _keep_base(content: SessionContent) -> None:
    """Make what this owner builds on as durable as what it writes: a killed one may not have come to its fsync."""
    if content.position.generation:
        base = journal_path(content.folder, content.position.generation)
        try:
            sync_file(base)
        except OSError as error:
            raise StorageFailed(base, error) from error
