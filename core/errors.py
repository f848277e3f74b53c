# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors that a user can act on.

Each class has the exit code of the command line, the actions that help, and the data that callers or the words of an
action need. The message names the problem; the command line and Blender word the actions, each in its own terms
(`worded`). Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from enum import Enum, IntEnum, auto
from pathlib import Path


class ExitCode(IntEnum):
    """The exit codes of the command line."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNUSABLE = 3
    NO_CAMERA = 4
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
    AUDIT = auto()
    COMMIT_ANYWAY = auto()
    GO_ON = auto()
    SET_ASIDE = auto()
    # on a request
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
    """The base class. The message is a sentence without its full stop."""

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
    """The request is wrong: a range outside the clip, an unknown session."""

    exit_code = ExitCode.USAGE


class FramesNotJudged(UsageError):
    """Frames, `frames` as people count them, were not audited since their markers changed, and cannot be approved."""

    def __init__(self, frames: str) -> None:
        self.frames = frames
        super().__init__(f"The frames {frames} are not audited", Action.AUDIT)


class ReviewOpen(TrackingSessionError):
    """A session is to be committed, but not every frame is approved; `words` says how many are in which state."""

    def __init__(self, name: str, words: str) -> None:
        self.words = words
        super().__init__(f"“{name}” is not approved: {words}", Action.COMMIT_ANYWAY)


class TrackingUnfinished(UsageError):
    """A session is to be committed, but passes of it are left to track."""

    def __init__(self, session_id: str, name: str) -> None:
        self.session_id = session_id
        super().__init__(f"“{name}” is not finished", Action.GO_ON, Action.SET_ASIDE)


class UnfinishedSession(UsageError):
    """The footage has an unfinished session, and the request neither resumes nor replaces it."""

    def __init__(self, session_id: str, name: str) -> None:
        self.session_id = session_id
        self.name = name
        super().__init__(
            f"“{name}” ({session_id}) is an unfinished session of this footage", Action.RESUME, Action.START_FRESH
        )


class ClipUnnamed(UsageError):
    """The .blend has several clips, `clips`, and the request names none."""

    def __init__(self, count: int, clips: str) -> None:
        self.clips = clips
        super().__init__(f"The file has {count} clips", Action.CHOOSE_CLIP)


class ShotUnusable(TrackingSessionError):
    """The shot cannot be tracked, and another attempt will not help."""

    exit_code = ExitCode.UNUSABLE


class NothingToTrack(ShotUnusable):
    """No selected, visible, unlocked track has a usable marker on the start frame."""


class TracksFileInvalid(ShotUnusable):
    """A file of start positions is invalid."""


class ManifestInvalid(UsageError):
    """A list of shots for a batch is invalid."""


class FootageUnusable(ShotUnusable):
    """The footage is missing, damaged, incomplete or changed; `frame` is the clip frame at fault, if any."""

    def __init__(self, message: str, path: Path, frame: int | None = None, *actions: Action, joint: str = ": ") -> None:
        self.path = path
        self.frame = frame
        super().__init__(message, *actions, joint=joint)


class PictureUnusable(FootageUnusable):
    """The picture of clip frame `frame` is empty or damaged; its file may be replaced."""


class SessionUnreadable(TrackingSessionError):
    """A file of a session cannot be read. It stays unchanged."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} cannot be read: {reason}. It was left as it is")


class SolveUnreadable(TrackingSessionError):
    """A stored solve, `path`, cannot be read. Its files stay unchanged."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} cannot be read: {reason}. It was left as it is: put a good copy back, or solve again")


class NoCamera(TrackingSessionError):
    """A solve has no camera, or a session no solve with one: `what`, and the `reason`."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what} has no camera: {reason}")


class CameraFileInvalid(TrackingSessionError):
    """A file with a camera, `path`, cannot be read; `line`, from 1 on, is at fault, or 0: the whole file."""

    def __init__(self, path: Path, reason: str, line: int = 0) -> None:
        self.path = path
        self.line = line
        super().__init__(f"{path}, line {line}: {reason}" if line else f"{path} cannot be read: {reason}")


class LedgerUnreadable(TrackingSessionError):
    """The ledger of batches is unreadable or invalid. It stays unchanged."""

    def __init__(self, path: Path, reason: str, advice: str | Action = Action.MOVE_LEDGER_AWAY) -> None:
        self.reason = reason
        self.advice = advice
        message = f"{path}, the ledger of batches, cannot be used: {reason}. The sessions are unharmed"
        if isinstance(advice, Action):
            super().__init__(message, advice)
        else:
            super().__init__(f"{message}: {advice}")


class LedgerBusy(TrackingSessionError):
    """Another process has locked the ledger for too long."""

    exit_code = ExitCode.STOPPED

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path}, the ledger of batches, is held by another process: close the program that has it open, "
            "then resume the batch"
        )


class ShotTakenOver(TrackingSessionError):
    """Another process has taken over the shot of a batch; updates from this one no longer count."""

    exit_code = ExitCode.STOPPED

    def __init__(self, batch: str, number: int) -> None:
        super().__init__(
            f"Another process has taken over shot {number} of batch {batch}; this one stops. Nothing recorded is lost"
        )


class JournalDamaged(TrackingSessionError):
    """Bytes in the middle of a journal are wrong. `records` complete records stand before the damage."""

    def __init__(self, path: Path, record: int, offset: int, reason: str) -> None:
        self.path = path
        self.record = record
        self.offset = offset
        self.reason = reason
        super().__init__(
            f"{path} is damaged in record {record + 1} (byte {offset}): {reason}. Restore a good copy",
            Action.SALVAGE,
            joint=", or ",
        )


class LeaseHeld(TrackingSessionError):
    """Another process owns the session: `owner`, in words. `elsewhere`: only waiting shows whether it is alive."""

    exit_code = ExitCode.STOPPED

    def __init__(self, owner: str, *, elsewhere: bool = False) -> None:
        self.owner = owner
        self.elsewhere = elsewhere
        super().__init__(f"The session is in use by {owner}", Action.WAIT)


class BatchRuns(TrackingSessionError):
    """Another process runs the batch."""

    exit_code = ExitCode.STOPPED

    def __init__(self, batch: str, owner: str) -> None:
        self.batch = batch
        super().__init__(f"The batch {batch} is run by {owner}", Action.WATCH_BATCH)


class LeaseLost(TrackingSessionError):
    """Another process took over the session; writes of this one no longer count."""

    exit_code = ExitCode.STOPPED

    def __init__(self) -> None:
        super().__init__("Another process has taken over this session; this one stops. Nothing recorded is lost")


class StorageFailed(TrackingSessionError):
    """The session folder cannot be written. Earlier records stay."""

    exit_code = ExitCode.STOPPED

    def __init__(self, path: Path, error: OSError) -> None:
        self.path = path
        self.error = error
        reason = {
            errno.ENOSPC: "The disk is full",
            errno.EDQUOT: "The disk quota is used up",
            errno.EROFS: "The disk is read-only",
            errno.EACCES: "There is no permission to write there",
            errno.EPERM: "There is no permission to write there",
            errno.ENOENT: "The session folder is gone",
        }.get(error.errno or 0, error.strerror or str(error))
        super().__init__(
            f"{path} cannot be written: {reason}. Everything recorded so far is kept; fix this, then resume"
        )


class SaveUnsound(TrackingSessionError):
    """The saved .blend, read back, lacks results. The file at its path stays unchanged."""

    def __init__(self, path: Path, lacks: str) -> None:
        super().__init__(
            f"The result could not be saved: Blender wrote {path.name}, but {lacks} when it is read back. "
            "The session holds everything that was tracked",
            Action.SAVE_AGAIN,
        )


class ClipChanged(TrackingSessionError):
    """The clip in Blender differs from the session's, or is in use."""


class SubmitFailed(TrackingSessionError):
    """A farm has not taken a job; `jobs` are the ids of those that it took before."""

    def __init__(self, message: str, jobs: Sequence[str] = ()) -> None:
        self.jobs = list(jobs)
        super().__init__(message)


class SolvingFailed(TrackingSessionError):
    """A solve has ended without a result, such as a camera or the reason why there is none."""


class ProcessEnded(TrackingSessionError):
    """A process that works for this one has ended early.

    `stop`: the `StopReason` that it gave; empty if it was killed or has crashed.
    """

    def __init__(self, message: str, stop: str = "", exit_code: ExitCode = ExitCode.FAILED) -> None:
        self.stop = stop
        self.exit_code = exit_code
        super().__init__(message)


class SegmentsWanted(TrackingSessionError):
    """The shot goes on once the shots of the manifest, segments of its passes, are tracked."""

    exit_code = ExitCode.STOPPED

    def __init__(self, manifest: Path) -> None:
        self.manifest = manifest
        super().__init__(f"The segments in {manifest} are to be tracked first; then run the same command again")


class Interrupted(TrackingSessionError):
    """A signal or a key stopped the run; the current frame is recorded."""

    exit_code = ExitCode.STOPPED
