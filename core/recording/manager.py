# SPDX-License-Identifier: GPL-3.0-or-later
"""The manager of one session reads it, and keeps what docs and scripts rely on; `SessionRecorder` writes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..footage.details import FootageDetails, load_details
from ..journal.chain import JournalReader, Position
from ..journal.losses import Losses
from ..journal.missing import MissingFrames, missing_after
from ..journal.records import Event, RecordType
from ..journal.replay import Replay
from ..journal.summary import Summary
from ..model.counting import Counting
from ..model.ranges import FRAME_LIMIT, FrameRanges
from ..model.types import PassSummary, SessionState, SessionStatus, TrackingSession
from ..model.wording import timestamp
from ..storage.folder import SessionFolder
from ..storage.lease import LEASE_TIME, live_owner
from .content import SessionContent
from .recorder import SessionRecorder


class TrackingSessionManager:
    """One session: reads it, and, once it owns the lease, writes it. All frames are clip frames: 1 is the first one.

    Reading needs no lease. What writes takes it if it is free (LeaseHeld otherwise) and keeps it until `close`, or
    until the manager is dropped; use it in a `with` statement. `durable`: each checkpoint waits for the disk.
    """

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
        self.durable = durable
        self._clock = clock
        self._content = SessionContent(Path(session_path), salvage=salvage)
        self._recorder: SessionRecorder | None = None
        self.path = self._content.path
        self.folder = self._content.folder

    def refresh(self) -> None:
        """Read the records appended since the last read. After an error, discard this manager and open a new one.

        Raises JournalDamaged or SessionUnreadable.
        """
        self._content.refresh()

    # What is known

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
    def lost(self) -> Losses:
        """The tracks that were lost, and on which frames; it goes on changing while a pass runs."""
        return self._content.summary.losses

    def name_lost(self) -> None:
        """Look up in the journal what `lost` lacks of names: those of tracks lost after the file was last written.

        Raises SessionUnreadable; damage is no hindrance, what stands behind it has no names.
        """
        if self.lost.lacks_names:
            named = Summary()
            with self._content.reading():
                records = self._content.reader(salvage=True).records()
                named.read(record for record in records if record.type == RecordType.TRACKS)
            self.lost.names.update(named.losses.names)

    @property
    def position(self) -> Position:
        """How much of the journal there is."""
        return self._content.position

    @property
    def is_owner(self) -> bool:
        return self._recorder is not None

    @property
    def owner(self) -> str:
        """Who has the session now, in words; empty if nobody has."""
        with self._content.reading():
            return str(live_owner(self.folder) or "")

    @property
    def is_interrupted(self) -> bool:
        """Whether the session was being worked on and nobody does so any more."""
        working = self._content.summary.status in (SessionStatus.TRACKING, SessionStatus.SOLVING)
        with self._content.reading():
            return working and self._content.state is SessionState.ACTIVE and live_owner(self.folder) is None

    @property
    def counting(self) -> Counting:
        """How people count the frames of the clip."""
        return Counting(self._content.file_session.footage.start)

    @property
    def requested(self) -> FrameRanges:
        """The clip frames that the passes were to cover."""
        return self._content.summary.requested

    @property
    def scope(self) -> FrameRanges:
        """The clip frames that were to be covered: by the passes, or else the whole clip, if its length is known."""
        return self._content.summary.scope(self._content.file_session.footage.frame_count)

    @property
    def solves(self) -> list[dict[str, Any]]:
        """The solves as in the session file, oldest first."""
        return self._content.summary.solves

    @property
    def resume_frame(self) -> int | None:
        """The last recorded clip frame of unfinished tracking, from which it goes on; None if nothing is unfinished."""
        return self._content.summary.resume_frame

    def get_resume_point(self) -> int | None:
        """The next clip frame to track; None when nothing is left, because tracking is complete or lost all tracks.

        It is the first frame of a session that never began. Otherwise it follows the last recorded one in the direction
        of the pass; where that pass is at its end, it is the first that the next planned pass has to track. A script
        that saves checkpoints goes backwards if its `operation` says “backward”. Where the length of the clip is not
        known, there is always a next frame until tracking is marked as complete. A session that was discarded says the
        same as before: `session.state` tells that it was.
        """
        return self._content.summary.next_frame(self._content.file_session.footage.frame_count)

    @property
    def remaining(self) -> FrameRanges:
        """The clip frames that are still to be tracked, with those that no track reached."""
        return self._content.summary.remaining(self._content.file_session.footage.frame_count)

    @property
    def progress(self) -> dict[str, Any]:
        """As `get_progress`, but `remaining_frames` is how many there are: cheap, for those who look often."""
        return self._content.summary.progress(self._content.file_session.footage.frame_count)

    def get_progress(self) -> dict[str, Any]:
        """How far the session is.

        `total_frames`: how many frames the passes were to cover, or else the clip has; 0 if that is not known.
        `tracked_frames`: how many are recorded. `remaining_frames`: the list of the clip frames that are still to be
        tracked, ascending, with those that no track reached; empty if the length is not known. `percent_complete`:
        0.0 to 100.0, and 0.0 as long as the length is not known. `status`: the value of a `SessionStatus`.
        """
        return {**self.progress, "remaining_frames": list(self.remaining)}

    def contains(self, position: Position) -> bool:
        """Whether `position` lies in the part of the journal that counts. Raises JournalDamaged."""
        return self._content.contains(position)

    def has_frames_after(self, mark: Position | None) -> bool:
        """Whether a file with this mark has lost anything."""
        return bool(len(self.missing_frames(mark).lost))

    def contained(self, mark: Position | None) -> Position | None:
        """The mark of a file, if it lies in the journal, which the file then contains up to there."""
        return mark if mark is not None and self.contains(mark) else None

    def missing_frames(self, mark: Position | None, held: Position | None = None) -> MissingFrames:
        """What a file lacks that contains the journal up to `mark`: all if it is None or does not count.

        It had contained it up to `held`, before the artist took something back.
        """
        return self.missing_after(self.contained(mark), mark, held)

    def missing_after(self, after: Position | None, mark: Position | None, held: Position | None) -> MissingFrames:
        """As `lacking`, where `after` is the result of `contained` for the mark."""
        reached = self._content.summary.checkpoint[0] if self._content.summary.checkpoint else 1
        with self._content.reading():
            return missing_after(JournalReader(self.folder, self._content.file_session.id), after, mark, held, reached)

    def details(self) -> FootageDetails:
        """What was seen of the footage when the session was made. Raises SessionUnreadable or UsageError."""
        return load_details(SessionFolder.of(self.path), self._content.file_session.footage.fingerprint)

    def replay(self, *, with_markers: bool = True, since: Position | None = None) -> Replay:
        """All that the journal says. Raises JournalDamaged or SessionUnreadable."""
        replay = Replay(with_markers=with_markers, since=since)
        with self._content.reading():
            replay.read(self._content.reader().records())
        return replay

    # Recording

    def acquire(self, *, wait: bool = False, salvage: bool = False, lease_time: float = LEASE_TIME) -> SessionRecorder:
        """Become the owner, unless this manager is it already, and return the recorder, which lasts until `close`.

        `wait` and `lease_time` as in `Lease.take`. With `salvage` what stands before damage is kept, and the damaged
        files stay where they are. Raises LeaseHeld, StorageFailed, JournalDamaged or SessionUnreadable.
        """
        if self._recorder is None:
            self._recorder = self._record(wait=wait, salvage=salvage, lease_time=lease_time)
        return self._recorder

    def acquire_replay(self, *, since: Position | None = None, wait: bool = False, salvage: bool = False) -> Replay:
        """Become the owner as `acquire` does, and return all that is recorded, from one reading of the journal.

        `since` as in `Replay`.
        """
        if self._recorder is not None:
            return self.replay(since=since)
        replay = Replay(since=since)
        self._recorder = self._record(wait=wait, salvage=salvage, replay=replay)
        return replay

    def _record(self, **options: Any) -> SessionRecorder:
        return SessionRecorder(self._content, durable=self.durable, clock=self._clock, **options)

    def save_checkpoint(self, frame: int, operation: str) -> None:
        """Record that `operation` reached clip frame `frame`, in the journal and in the session file.

        Raises UsageError, LeaseHeld, LeaseLost or StorageFailed.
        """
        if not 0 <= frame <= FRAME_LIMIT:
            raise UsageError(f"{frame} is not a frame: give a clip frame from 0 to {FRAME_LIMIT}")
        self._note(Event.CHECKPOINT, frame=int(frame), operation=str(operation))

    def _note(self, event: Event, **fields: Any) -> None:
        """Record the event, and bring the session file up to date."""
        recorder = self.acquire()
        recorder.append_event(event, **fields)
        recorder.write_file()

    def set_status(self, status: SessionStatus) -> None:
        """Record the status. Raises LeaseHeld, LeaseLost or StorageFailed, as all methods below."""
        self._note(Event.STATUS, status=status.value)

    def mark_tracking_complete(self) -> None:
        self.set_status(SessionStatus.TRACKING_COMPLETE)

    def mark_solve_complete(self, solve_id: str, **figures: Any) -> None:
        """Record a finished solve; `figures` such as average_error (pixels) are kept with it."""
        self._note(Event.SOLVE, solve={"id": str(solve_id), "created": timestamp(), **figures})

    def set_state(self, state: SessionState) -> None:
        """Commit or discard the session, or make it active again."""
        self._note(Event.STATE, state=state.value)

    def close(self) -> None:
        """Give the session up, if owned. Never fails."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.close()

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
