# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of one session: its file, and the journal records that the file does not cover yet."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import JournalDamaged, SessionUnreadable
from ..journal.chain import NOTHING, JournalReader
from ..journal.codec import decoded
from ..journal.records import RecordInvalid
from ..journal.replay import Replay
from ..journal.summary import Summary
from ..model.types import SessionState, TrackingSession
from ..storage.files import existing_document, read_document
from .session_file import checked_session, summary_from_state, summary_to_state


class SessionContent:
    """The content of a session, shared by the manager, which reads it, and the recorder, which changes it."""

    def __init__(self, path: Path, *, salvage: bool = False) -> None:
        """Read the session file `path` and the records behind it, as `TrackingSessionManager`."""
        self.path = existing_document(path)
        self._salvage = salvage
        self.set_file(read_document(self.path))
        self.folder = self.path.with_suffix("")
        self.summary, self.position, self.checksum = summary_from_state(self.path, self.file_state)
        self.refresh()

    def set_file(self, state: dict[str, Any]) -> None:
        """Replace the content of the session file in memory. Raises SessionUnreadable."""
        self.file_session = checked_session(self.path, state)
        self.file_state = state

    def refresh(self, *, salvage: bool = False, replay: Replay | None = None) -> JournalDamaged | None:
        """Read the records appended since the last read, also into `replay`. After an error, discard this object.

        With `salvage` it reads up to damage and returns that. Raises JournalDamaged or SessionUnreadable.
        """
        reader = self.reader(salvage=salvage)
        with self.reading():
            if not reader.contains(self.position):
                # the journal was cut or is missing, or a process that had lost the lease wrote the session file
                self.summary, self.position, self.checksum = Summary(), NOTHING, 0
            for record, end in decoded(reader.records(self.position, self.checksum)):
                self.summary.apply(record, end)
                if replay is not None:
                    replay.apply(record, end)
        self.position, self.checksum = reader.end, reader.checksum
        return reader.damage

    def read_again(self, *, salvage: bool, replay: Replay | None, whole: bool = True) -> JournalDamaged | None:
        """Read the session file and, once, the whole journal, as `refresh`.

        With `whole` off only what the session file does not cover, as far as the checksum there tells.
        """
        self.set_file(read_document(self.path))
        self.position = NOTHING
        if not whole:
            found = summary_from_state(self.path, self.file_state)
            reader = self.reader()
            with self.reading():
                if reader.contains(found[1]) and reader.checksum_at(found[1]) == found[2]:
                    self.summary, self.position, self.checksum = found
        return self.refresh(salvage=salvage, replay=replay)

    def reader(self, *, salvage: bool = False) -> JournalReader:
        return JournalReader(self.folder, self.file_session.id, salvage=salvage or self._salvage)

    @contextmanager
    def reading(self) -> Generator[None]:
        """Turn errors of reading the journal into SessionUnreadable, which names the session."""
        try:
            yield
        except RecordInvalid as error:
            raise SessionUnreadable(self.path, str(error)) from error
        except OSError as error:
            raise SessionUnreadable(self.folder, error.strerror or str(error)) from error

    @property
    def state(self) -> SessionState:
        return self.summary.state or self.file_session.state

    @property
    def session(self) -> TrackingSession:
        summary, session = self.summary, self.file_session
        return replace(
            session,
            state=self.state,
            status=summary.status,
            total_frames=len(summary.requested) or session.footage.frame_count,
            tracked_frames=summary.tracked,
            checkpoint_frame=summary.checkpoint[0] if summary.checkpoint else None,
            checkpoint_operation=summary.checkpoint[1] if summary.checkpoint else "",
            best_solve=summary.best_solve,
        )

    def to_state(self) -> dict[str, Any]:
        """The content of the session file, up to date."""
        return {
            **self.file_state,
            "session": {**self.file_state["session"], "state": self.state.value},
            **summary_to_state(self.summary, self.session, self.position, self.checksum),
        }
