# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong in a way that the user can act on.

Each class carries its data as attributes, the exit code of the command line, and the actions that help. The message
says what happened; the command line and Blender say how to do the actions, each in its own words (`worded`). Anything
that is not a `TrackingSessionError` is a bug and keeps its traceback.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from enum import Enum, IntEnum, auto
from pathlib import Path


class ExitCode(IntEnum):
    """How a command ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNUSABLE = 3
    STOPPED = 75


class Action(Enum):
    """An action of the user that helps after an error."""

    # on a session
    RESUME = auto()
    BEGIN_AGAIN = auto()
    START_FRESH = auto()
    SALVAGE = auto()
    WAIT = auto()
    SAVE_AGAIN = auto()
    # on what is asked
    CHOOSE_CLIP = auto()
    CHOOSE_START = auto()
    BEGIN_ELSEWHERE = auto()
    CHOOSE_TEXTURED_START = auto()
    CHOOSE_PATTERN_SIZE = auto()
    CHOOSE_SAVE = auto()
    SWAP_RANGE = auto()
    ADD_TRACKS = auto()
    # on batches
    WATCH_BATCH = auto()
    LIST_BATCHES = auto()
    CHOOSE_FOLDER = auto()
    MOVE_LEDGER_AWAY = auto()
    CHOOSE_LEDGER = auto()


class TrackingSessionError(Exception):
    """The base of all errors that a user can act on. The message is a sentence by itself, without its full stop."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *actions: Action, joint: str = ": ") -> None:
        """`joint` stands between the message and its `actions`."""
        super().__init__(message)
        self.actions = actions
        self.joint = joint

    def worded(self, words: Mapping[Action, str]) -> str:
        """The message with its actions in these words, which may name attributes of the error in braces."""
        actions = ", or ".join(words[action].format_map(vars(self)) for action in self.actions)
        return f"{self}{self.joint}{actions}" if actions else str(self)


class UsageError(TrackingSessionError):
    """What was asked cannot be meant: a range outside the clip, an unknown session."""

    exit_code = ExitCode.USAGE


class UnfinishedSession(UsageError):
    """The footage has an unfinished session, and the request neither resumes nor replaces it."""

    def __init__(self, session_id: str, name: str) -> None:
        self.session_id = session_id
        self.name = name
        super().__init__(
            f"“{name}” ({session_id}) is an unfinished session of this footage", Action.RESUME, Action.START_FRESH
        )


class ClipUnnamed(UsageError):
    """The .blend has several clips, `clips`, and none was named."""

    def __init__(self, count: int, clips: str) -> None:
        self.clips = clips
        super().__init__(f"The file has {count} clips", Action.CHOOSE_CLIP)


class ShotUnusable(TrackingSessionError):
    """The shot cannot be tracked as it is, and trying again will not help."""

    exit_code = ExitCode.UNUSABLE


class NothingToTrack(ShotUnusable):
    """No selected, visible, unlocked track has a usable marker on the start frame."""


class TracksFileInvalid(ShotUnusable):
    """A file of start positions does not say what it should."""


class ManifestInvalid(UsageError):
    """A list of shots for a batch does not say what it should."""


class FootageUnusable(ShotUnusable):
    """The footage is missing, damaged, incomplete or has changed; `frame` is the clip frame, if one is to blame."""

    def __init__(self, message: str, path: Path, frame: int | None = None, *actions: Action, joint: str = ": ") -> None:
        self.path = path
        self.frame = frame
        super().__init__(message, *actions, joint=joint)


class PictureUnusable(FootageUnusable):
    """The picture of clip frame `frame` is empty or damaged, so that another file may be put in its place."""


class SessionUnreadable(TrackingSessionError):
    """A file of a session cannot be read. It is left as it is."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} cannot be read: {reason}. It was left as it is")


class LedgerUnreadable(TrackingSessionError):
    """The ledger of batches cannot be read or believed. It is left as it is; the sessions do not depend on it."""

    def __init__(self, path: Path, reason: str, advice: str | Action = Action.MOVE_LEDGER_AWAY) -> None:
        self.path = path
        self.reason = reason
        self.advice = advice
        message = f"{path}, the ledger of batches, cannot be used: {reason}. The sessions are unharmed"
        if isinstance(advice, Action):
            super().__init__(message, advice)
        else:
            super().__init__(f"{message}: {advice}")


class LedgerBusy(TrackingSessionError):
    """Another process kept the ledger for longer than anybody should."""

    exit_code = ExitCode.STOPPED

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path}, the ledger of batches, is held by another process: close what has it open, then resume the batch"
        )


class ShotTakenOver(TrackingSessionError):
    """Another process has the shot of a batch now; what this one says of it does not count any more."""

    exit_code = ExitCode.STOPPED

    def __init__(self, batch: str, number: int) -> None:
        self.batch = batch
        self.number = number
        super().__init__(
            f"Another process has taken shot {number} of batch {batch} over; this one stops. Nothing recorded is lost"
        )


class JournalDamaged(TrackingSessionError):
    """Bytes in the middle of a journal are wrong. `records` complete records stand before the damage."""

    def __init__(self, path: Path, record: int, offset: int, reason: str) -> None:
        self.path = path
        self.record = record
        self.offset = offset
        self.reason = reason
        super().__init__(
            f"{path} is damaged in record {record + 1} (byte {offset}): {reason}. Put back a good copy",
            Action.SALVAGE,
            joint=", or ",
        )


class LeaseHeld(TrackingSessionError):
    """Somebody else owns the session. `owner` says who; `elsewhere` whether only waiting can tell if it still lives."""

    exit_code = ExitCode.STOPPED

    def __init__(self, owner: str, *, elsewhere: bool = False) -> None:
        self.owner = owner
        self.elsewhere = elsewhere
        super().__init__(f"The session is in use by {owner}", Action.WAIT)


class BatchRuns(TrackingSessionError):
    """Somebody runs the batch already."""

    exit_code = ExitCode.STOPPED

    def __init__(self, batch: str, owner: str) -> None:
        self.batch = batch
        self.owner = owner
        super().__init__(f"The batch {batch} is run by {owner}", Action.WATCH_BATCH)


class LeaseLost(TrackingSessionError):
    """Another process took the session over; nothing that this one writes counts any more."""

    exit_code = ExitCode.STOPPED

    def __init__(self) -> None:
        super().__init__("Another process has taken this session over; this one stops. Nothing recorded is lost")


class StorageFailed(TrackingSessionError):
    """The session folder cannot be written. What was recorded before stays."""

    exit_code = ExitCode.STOPPED

    def __init__(self, path: Path, error: OSError) -> None:
        self.path = path
        self.error = error
        what = {
            errno.ENOSPC: "The disk is full",
            errno.EDQUOT: "The disk quota is used up",
            errno.EROFS: "The disk is read-only",
            errno.EACCES: "There is no permission to write there",
            errno.EPERM: "There is no permission to write there",
            errno.ENOENT: "The session folder is gone",
        }.get(error.errno or 0, error.strerror or str(error))
        super().__init__(f"{path} cannot be written: {what}. Everything recorded so far is kept; mend it, then resume")


class SaveUnsound(TrackingSessionError):
    """The .blend that was to hold the result, read back, does not; what was at its place is left as it was."""

    def __init__(self, path: Path, lacks: str) -> None:
        self.path = path
        super().__init__(
            f"The result could not be saved: Blender wrote {path.name}, but {lacks} when it is read back. "
            "The session holds everything that was tracked",
            Action.SAVE_AGAIN,
        )


class ClipChanged(TrackingSessionError):
    """The clip in Blender is no longer what the session recorded, or is in use."""


class Interrupted(TrackingSessionError):
    """A signal or a key asked to stop; the frame in flight is recorded."""

    exit_code = ExitCode.STOPPED
