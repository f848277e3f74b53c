# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorder of one session: owns the lease, and alone writes the journal and the session file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import SessionUnreadable, StorageFailed
from ..footage.details import FootageDetails, save_details
from ..footage.files import Footage
from ..journal.chain import NOTHING, RECORD_OVERHEAD, Header, JournalWriter, Position, journal_path
from ..journal.codec import encode, event_record
from ..journal.head import Head
from ..journal.records import (
    EditRecord,
    EndRecord,
    Event,
    FrameRecord,
    JournalRecord,
    MarkersRecord,
    PassRecord,
    ReviewEvent,
    TracksRemovedEvent,
)
from ..journal.replay import Replay
from ..journal.review import Action as ReviewAction
from ..model.types import Outcome, Pass, SessionState
from ..model.wording import timestamp
from ..storage.files import encode_document, make_folder, replace_file, sync_file
from ..storage.folder import SessionFolder, relative
from ..storage.lease import Lease
from .content import SessionContent

FILE_INTERVAL = 1.0  # seconds between two updates of the session file and of the lease while a pass runs


class SessionRecorder:
    """Owns the lease, a journal file and the session file of a session, from its creation until `close`.

    Methods that write raise LeaseLost and StorageFailed.
    """

    _lease: Lease | None = None
    head: Head | None = None
    """The newest state, if somebody has given it to be kept up to date."""

    def __init__(
        self,
        content: SessionContent,
        *,
        durable: bool,
        wait: bool,
        salvage: bool,
        replay: Replay | None,
        clock: Callable[[], float],
        whole: bool = True,
    ) -> None:
        """Take the lease and read the whole journal, also into `replay`; `whole` as in `SessionContent.read_again`.

        `durable`: each append waits for the disk. `wait` as in `Lease.take`. With `salvage` the records before damage
        are kept; the damaged files stay unchanged. Raises LeaseHeld, StorageFailed, JournalDamaged or
        SessionUnreadable.
        """
        if not os.path.exists(content.path):
            raise SessionUnreadable(content.path, "it is gone")
        make_folder(content.folder)
        lease = Lease.take(content.folder, timestamp(), wait=wait)
        try:
            damage = content.read_again(
                salvage=salvage, replay=replay, whole=whole
            )  # an earlier owner may have changed it
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
    def position(self) -> Position:
        """The end of the journal."""
        return self._content.position

    def append(self, *records: JournalRecord, waits: bool = True) -> Position:
        """Record all of `records` or none of them. They are recorded when this returns.

        Before a change of what was committed, they say that the session is active again. With `waits` off they survive
        the process at once, and a power cut after the next append or `write_file`.
        """
        self._own_lease().check()
        content = self._content
        if content.state is SessionState.COMMITTED and any(map(_is_change, records)):
            commit = {key: content.summary.decision.get(key, "") for key in ("who", "time", "open")}
            active = event_record(Event.STATE, state=SessionState.ACTIVE.value, reason="changed", commit=commit)
            records = (active, *records)
        encoded = [encode(record) for record in records]
        generation, offset = self._journal.position
        content.position = self._journal.append(*encoded, waits=waits)
        content.checksum = self._journal.checksum
        for record, (_, payload) in zip(records, encoded, strict=True):
            offset += RECORD_OVERHEAD + len(payload)
            content.summary.apply(record, Position(generation, offset))
            if self.head is not None:
                self.head.apply(record)
        return content.position

    def _own_lease(self) -> Lease:
        assert self._lease is not None, "the recorder is closed"
        return self._lease

    def append_event(self, event: str, **fields: Any) -> Position:
        return self.append(event_record(event, **fields))

    # A run

    def open_pass(self, plan: Pass, then: Sequence[Pass], before: Sequence[JournalRecord]) -> None:
        """Record `before` (tracks and edits), then that `plan` begins and the passes `then` follow."""
        self.append(*before, PassRecord(plan, tuple(then), plan.operation, timestamp()))
        self.write_file()

    def close_pass(self, number: int, outcome: Outcome, detail: str = "") -> None:
        self.append(EndRecord(number, outcome, detail, timestamp()))
        self.write_file()

    # The session file

    @property
    def is_file_due(self) -> bool:
        """Whether the last write of the session file was at least FILE_INTERVAL ago."""
        return self._clock() >= self._next_file

    def write_file(self) -> None:
        """Write the session file and renew the lease."""
        self._own_lease().check()
        self._journal.sync()
        content = self._content
        state = content.to_state()
        state["session"] = {**state["session"], "modified": timestamp()}
        replace_file(content.path, encode_document(state, content.path.suffix))
        self._own_lease().renew()
        content.set_file(state)
        self._next_file = self._clock() + FILE_INTERVAL

    def renew_lease(self) -> None:
        """Show life to processes on other machines, which wait `LEASE_TIME` for it."""
        self._own_lease().renew()

    def set_blend(self, blend: str, clip: str) -> None:
        """Note the .blend of the clip and the clip's name there."""
        self._note_footage(blend=relative(self._content.path, blend), clip=clip)

    def set_start(self, start: int) -> None:
        """Note the displayed number of the first frame of the clip, if it has changed."""
        if start != self._content.file_session.footage.start:
            self._note_footage(start=start)

    def set_details(self, footage: Footage, details: FootageDetails) -> None:
        """Note the details of the footage in a session that was made without them."""
        folder = SessionFolder.of(self._content.path)
        save_details(folder, footage, details)
        self._note_footage(fingerprint=details.fingerprint)
        save_details(folder, footage, details)  # again: a cleaning may have deleted it as unused meanwhile

    def _note_footage(self, **facts: Any) -> None:
        state = self._content.file_state
        self._content.file_state = {**state, "footage": {**state["footage"], **facts}}
        self.write_file()

    def record_undone(self, mark: Position | None) -> None:
        """Record that a .blend with this mark is saved after undo has removed the records behind it."""
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


def _is_change(record: JournalRecord) -> bool:
    """Whether the record changes what a person accepts by a commit: markers, or the approval of frames."""
    if isinstance(record, ReviewEvent):
        return record.fields.get("action") in (ReviewAction.TAKE_BACK, ReviewAction.NOT_FINE)
    return isinstance(record, EditRecord | MarkersRecord | FrameRecord | PassRecord | TracksRemovedEvent)


def _keep_base(content: SessionContent) -> None:
    """Sync the file that this owner builds on: a killed owner may not have reached its fsync."""
    if content.position.generation:
        base = journal_path(content.folder, content.position.generation)
        try:
            sync_file(base)
        except OSError as error:
            raise StorageFailed(base, error) from error
