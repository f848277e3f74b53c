# SPDX-License-Identifier: GPL-3.0-or-later
"""The manager of one session: reads it, and offers its public methods to scripts. `SessionRecorder` writes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..footage.details import FootageDetails, load_details
from ..journal.asides import Aside
from ..journal.chain import NOTHING, JournalReader, Position, Record
from ..journal.coverage import Coverage
from ..journal.history import History
from ..journal.letting_go import moved_in
from ..journal.losses import Losses
from ..journal.missing import MissingFrames, missing_frames
from ..journal.records import Event, RecordType
from ..journal.replay import Replay
from ..journal.review import Review
from ..journal.states import first_state, state_at
from ..journal.summary import Summary
from ..model.counting import Counting
from ..model.ranges import FRAME_LIMIT, FrameRanges
from ..model.types import PassSummary, SessionState, SessionStatus, TrackingSession
from ..model.wording import timestamp
from ..storage.folder import SessionFolder
from ..storage.lease import live_owner
from .content import SessionContent
from .letting_go import LetGo, delete_outside, journal_size, let_go
from .recorder import SessionRecorder


class TrackingSessionManager:
    """Reads one session and, as the owner of its lease, writes it. Frames are clip frames: 1 is the first.

    Reading needs no lease. Methods that write take it, or raise LeaseHeld, and keep it until `close` or until the
    manager is dropped; use the manager in a `with` statement. `durable`: each checkpoint waits for the disk.
    """

    def __init__(
        self,
        session_path: str | os.PathLike[str],
        *,
        durable: bool = True,
        salvage: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the session whose file is `session_path`; the suffix may be `.yaml` or `.json`.

        With `salvage` it reads a damaged journal up to the damage. Raises SessionUnreadable or JournalDamaged.
        """
        self.durable = durable
        self._clock = clock
        self._content = SessionContent(Path(session_path), salvage=salvage)
        self._recorder: SessionRecorder | None = None
        self.path = self._content.path
        self.folder = self._content.folder

    def refresh(self) -> None:
        """Read the records appended since the last read. After an error, discard this manager and open a new one."""
        self._content.refresh()

    # Reading

    @property
    def id(self) -> str:
        return self.path.stem

    @property
    def session(self) -> TrackingSession:
        return self._content.session

    @property
    def state(self) -> dict[str, Any]:
        """The content of the session file, up to date."""
        return self._content.to_state()

    @property
    def passes(self) -> list[PassSummary]:
        """The last passes, oldest first."""
        return list(self._content.summary.passes)

    @property
    def unfinished(self) -> list[PassSummary]:
        """As `Summary.unfinished`."""
        return self._content.summary.unfinished

    @property
    def coverage(self) -> Coverage:
        """The live frames of each track; a running pass changes them."""
        return self._content.summary.coverage

    @property
    def asides(self) -> list[Aside]:
        """The states that were set aside and not restored, oldest first."""
        return self._content.summary.asides.entries

    @property
    def is_leading_away(self) -> bool:
        """Whether the last records lead from a state that was set aside back to an earlier one."""
        return self._content.summary.asides.is_leading_away

    @property
    def lost(self) -> Losses:
        """The lost tracks and their frames; a running pass changes them."""
        return self._content.summary.losses

    def name_lost(self) -> None:
        """Read the names that `lost` lacks, of tracks lost after the last write of the session file, from the journal.

        Tracks behind damage stay without names. Raises SessionUnreadable.
        """
        if self.lost.lacks_names:
            named = Summary()
            with self._content.reading():
                records = self._content.reader(salvage=True).records()
                named.read(record for record in records if record.type == RecordType.TRACKS)
            self.lost.names.update(named.losses.names)

    @property
    def position(self) -> Position:
        """The end of the journal."""
        return self._content.position

    @property
    def owner(self) -> str:
        """The live owner in words; empty if there is none."""
        with self._content.reading():
            return str(live_owner(self.folder) or "")

    @property
    def is_interrupted(self) -> bool:
        """Whether the session is active and tracking or solving, but has no live owner."""
        working = self._content.summary.status in (SessionStatus.TRACKING, SessionStatus.SOLVING)
        return working and self._content.state is SessionState.ACTIVE and not self.owner

    @property
    def counting(self) -> Counting:
        """The displayed numbers of the clip frames."""
        return Counting(self._content.file_session.footage.start)

    @property
    def requested(self) -> FrameRanges:
        """The clip frames of all passes."""
        return self._content.summary.requested

    @property
    def scope(self) -> FrameRanges:
        """As `Summary.scope`."""
        return self._content.summary.scope(self._content.file_session.footage.frame_count)

    @property
    def review(self) -> Review:
        """The verdicts on the frames, and what people decided; recording changes it."""
        return self._content.summary.review

    @property
    def decision(self) -> dict[str, Any]:
        """As `Summary.decision`."""
        return self._content.summary.decision

    @property
    def solves(self) -> list[dict[str, Any]]:
        """The solves as in the session file, oldest first."""
        return self._content.summary.solves

    @property
    def resume_frame(self) -> int | None:
        """As `Summary.resume_frame`."""
        return self._content.summary.resume_frame

    def get_resume_point(self) -> int | None:
        """The next clip frame to track; None when nothing is left, because tracking is complete or lost all tracks.

        A new session begins at its first frame. Otherwise the next frame follows the last recorded one in the
        direction of the pass, or is the first frame of the next planned pass. A script that saves checkpoints goes
        backwards if its `operation` contains “backward”. If the length of the clip is unknown, there is always a next
        frame until tracking is marked as complete. Discarding a session (`session.state`) does not change its frame.
        """
        return self._content.summary.next_frame(self._content.file_session.footage.frame_count)

    @property
    def remaining(self) -> FrameRanges:
        """The clip frames still to track, including those that no track reached."""
        return self._content.summary.remaining(self._content.file_session.footage.frame_count)

    @property
    def progress(self) -> dict[str, Any]:
        """As `get_progress`, but with the number of `remaining_frames`, which is cheap to get."""
        return self._content.summary.progress(self._content.file_session.footage.frame_count)

    def get_progress(self) -> dict[str, Any]:
        """The progress of the session.

        `total_frames`: the number of frames of the passes, or without passes of the clip; 0 if unknown.
        `tracked_frames`: the number of recorded frames. `remaining_frames`: the list of the clip frames still to track,
        ascending, including those that no track reached; empty if the length is unknown. `percent_complete`: 0.0 to
        100.0; 0.0 if the length is unknown. `status`: the value of a `SessionStatus`.
        """
        return {**self.progress, "remaining_frames": list(self.remaining)}

    def contained(self, mark: Position | None) -> Position | None:
        """The place of a .blend's mark in the journal, None if it has none. Raises JournalDamaged.

        That is the mark itself, or where its state is now, after others were let go.
        """
        if mark is None or mark == NOTHING:
            return None
        with self._content.reading():
            reader = self._content.reader()
            if reader.contains(mark):
                return mark
            was_before = mark.generation < next(iter(reader.generations), 0)
            return moved_in(reader.records(), mark) if was_before else None

    def missing_frames(self, mark: Position | None, contained: Position | None = None) -> MissingFrames:
        """The frames that a .blend with `mark` lacks: all if the mark is None or invalid.

        The open file contained the journal up to `contained` before undo. Raises JournalDamaged.
        """
        after = self.contained(mark)
        reached = self._content.summary.checkpoint[0] if self._content.summary.checkpoint else 1
        with self._content.reading():
            return missing_frames(JournalReader(self.folder, self.session.id), after, mark, contained, reached)

    def details(self) -> FootageDetails:
        """The details of the footage at the creation of the session. Raises SessionUnreadable or UsageError."""
        return load_details(SessionFolder.of(self.path), self._content.file_session.footage.fingerprint)

    def replay(self, *, since: Position | None = None, until: Position | None = None) -> Replay:
        """The replay of the journal, all of it or up to a record's end. Raises JournalDamaged or SessionUnreadable."""
        replay = Replay(since=since)
        with self._content.reading():
            records = self._content.reader().records()
            replay.read(records if until is None else takewhile(lambda record: record.end <= until, records))
        return replay

    def records(self) -> Iterator[Record]:
        """The records of the journal, oldest first. Raises JournalDamaged or SessionUnreadable."""
        with self._content.reading():
            yield from self._content.reader().records()

    def checking(self) -> Iterator[None]:
        """Check the whole journal, a record at a time. Raises JournalDamaged or SessionUnreadable."""
        for _ in self.records():
            yield

    # States

    def history(self) -> History:
        """The states of the session; of a damaged journal those before the damage. Raises SessionUnreadable."""
        history = History()
        reader = self._content.reader(salvage=True)
        with self._content.reading():
            history.read(reader.records())
        history.damage = reader.damage
        return history

    def state_at(self, position: Position) -> Replay:
        """As `journal.states.state_at`; of a damaged journal any state before the damage.

        Raises UsageError and SessionUnreadable.
        """
        with self._content.reading():
            return state_at(self._content.reader(salvage=True), position)

    def first_state(self) -> Replay:
        """As `journal.states.first_state`. Raises SessionUnreadable."""
        with self._content.reading():
            return first_state(self._content.reader(salvage=True))

    def let_go(self, before: str = "", *, wait: bool = False) -> LetGo:
        """Let old states go, all but those with a name, those that can be restored and the newest one.

        With `before`, a timestamp, only states reached earlier. Gives up the session, if this manager owns it. Raises
        LeaseHeld, LeaseLost, StorageFailed, JournalDamaged, SessionUnreadable, UsageError.
        """
        self.close()
        with self._content.reading():
            size = journal_size(self.folder)
        states = let_go(self._content, before, wait=wait)
        with self:
            self.acquire(wait=wait).write_file()
            delete_outside(self._content)
        with self._content.reading():
            return LetGo(states, size, journal_size(self.folder))

    # Recording

    def acquire(
        self, *, wait: bool = False, salvage: bool = False, replay: Replay | None = None, whole: bool = True
    ) -> SessionRecorder:
        """Become the owner, if this manager is not, and return the recorder, which lasts until `close`.

        The options and errors are those of `SessionRecorder`.
        """
        if self._recorder is None:
            self._recorder = SessionRecorder(
                self._content,
                durable=self.durable,
                wait=wait,
                salvage=salvage,
                replay=replay,
                clock=self._clock,
                whole=whole,
            )
        return self._recorder

    def acquire_replay(self, *, since: Position | None = None, wait: bool = False, salvage: bool = False) -> Replay:
        """Become the owner as `acquire` does, and return the replay of the journal, which is read once.

        `since` as in `Replay`.
        """
        if self._recorder is not None:
            return self.replay(since=since)
        replay = Replay(since=since)
        self.acquire(wait=wait, salvage=salvage, replay=replay)
        return replay

    def save_checkpoint(self, frame: int, operation: str) -> None:
        """Record that `operation` reached clip frame `frame`, in the journal and in the session file.

        Raises UsageError, LeaseHeld, LeaseLost or StorageFailed.
        """
        if not 0 <= frame <= FRAME_LIMIT:
            raise UsageError(f"{frame} is not a frame: give a clip frame from 0 to {FRAME_LIMIT}")
        self._note(Event.CHECKPOINT, frame=int(frame), operation=str(operation))

    def _note(self, event: Event, **fields: Any) -> None:
        """Record the event and write the session file."""
        recorder = self.acquire()
        recorder.append_event(event, **fields)
        recorder.write_file()

    def set_status(self, status: SessionStatus) -> None:
        """Record the status. Raises LeaseHeld, LeaseLost or StorageFailed, as do the methods below."""
        self._note(Event.STATUS, status=status.value)

    def mark_tracking_complete(self) -> None:
        self.set_status(SessionStatus.TRACKING_COMPLETE)

    def mark_solve_complete(self, solve_id: str, **figures: Any) -> None:
        """Record a finished solve with its `figures`, such as average_error (pixels)."""
        self._note(Event.SOLVE, solve={"id": str(solve_id), "created": timestamp(), **figures})

    def set_state(self, state: SessionState, **facts: Any) -> None:
        """Commit or discard the session, or make it active again; `facts`, such as `who`, are kept in its history."""
        self._note(Event.STATE, state=state.value, **facts)

    def close(self) -> None:
        """Release the session, if owned. Never fails."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.close()

    def __enter__(self) -> TrackingSessionManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load_session(session_path: str | os.PathLike[str]) -> TrackingSessionManager:
    """Open the session of this file for reading. Raises SessionUnreadable or JournalDamaged."""
    return TrackingSessionManager(session_path)


def resume_tracking(session_path: str | os.PathLike[str]) -> TrackingSessionManager:
    """Open and own the session. The caller continues from `get_resume_point()`, then closes the manager.

    Raises UsageError if its tracking is complete or it is discarded or committed, LeaseHeld, SessionUnreadable,
    JournalDamaged or StorageFailed.
    """
    manager = TrackingSessionManager(session_path)
    _check_unfinished(manager.session)
    manager.acquire()
    try:
        _check_unfinished(manager.session)  # another process may have finished it meanwhile
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
        raise UsageError(f"“{session.name}” is discarded: bring it back first (commit), or start a new session")
    raise UsageError(f"“{session.name}” is committed: start a new session")


def get_session_status(manager: TrackingSessionManager) -> SessionStatus:
    """The status of the session, from its file and journal."""
    return manager.session.status
