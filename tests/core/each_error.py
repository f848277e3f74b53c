# SPDX-License-Identifier: GPL-3.0-or-later
"""One error of each class and of each set of actions."""

from __future__ import annotations

import errno
from pathlib import Path

from tracking_sessions.core.errors import (
    Action,
    BatchRuns,
    CameraFileInvalid,
    ClipChanged,
    ClipUnnamed,
    FootageUnusable,
    FramesNotJudged,
    Interrupted,
    JournalDamaged,
    LeaseHeld,
    LeaseLost,
    LedgerBusy,
    LedgerUnreadable,
    ManifestInvalid,
    NoCamera,
    NothingToTrack,
    PictureUnusable,
    ProcessEnded,
    ReviewOpen,
    SaveUnsound,
    SegmentsWanted,
    SessionUnreadable,
    ShotTakenOver,
    ShotUnusable,
    SolveUnreadable,
    SolvingFailed,
    StorageFailed,
    SubmitFailed,
    TrackingSessionError,
    TrackingUnfinished,
    TracksFileInvalid,
    UnfinishedSession,
    UsageError,
)

PATH = Path("shot")
# Each with the sentence of the command line.
EACH_ERROR: tuple[tuple[TrackingSessionError, str], ...] = (
    (TrackingSessionError("It failed"), "It failed"),
    (UsageError("There is no batch 'x'", Action.LIST_BATCHES), "There is no batch 'x': see “batch list”"),
    (
        UsageError("There is no batch 'x'", Action.LIST_BATCHES, Action.CHOOSE_FOLDER),
        "There is no batch 'x': see “batch list”, or name the folder: --root",
    ),
    (
        UsageError("Frame 1 is before the clip: go to 7 in the file", Action.CHOOSE_START, joint=", or "),
        "Frame 1 is before the clip: go to 7 in the file, or name another with --start",
    ),
    (UsageError("5 is before 9", Action.SWAP_RANGE), "5 is before 9: swap --start and --end"),
    (UsageError("a.txt does not end", Action.CHOOSE_SAVE), "a.txt does not end: name another file with --save"),
    (UsageError("It is empty", Action.BEGIN_AGAIN), "It is empty: begin it again with: track --resume"),
    (
        UnfinishedSession("id", "{door}"),
        "“{door}” (id) is an unfinished session of this footage: "
        "go on with it with --resume, or set it aside with --fresh",
    ),
    (
        TrackingUnfinished("id", "{shot}"),
        "“{shot}” is not finished: go on with: resume id, or set it aside with: discard id",
    ),
    (ClipUnnamed(2, "a, b"), "The file has 2 clips: name one with --clip (a, b)"),
    (FramesNotJudged("3 to 4"), "The frames 3 to 4 are not audited: audit them with: audit SESSION"),
    (
        ReviewOpen("{shot}", "3 failed"),
        "“{shot}” is not approved: 3 failed: commit it all the same with --force",
    ),
    (ShotUnusable("It is linked"), "It is linked"),
    (
        NothingToTrack("The clip has no tracks", Action.ADD_TRACKS),
        "The clip has no tracks: find features with --detect, or name positions with --tracks",
    ),
    (
        NothingToTrack("It has no texture to follow", Action.CHOOSE_TEXTURED_START, joint=". "),
        "It has no texture to follow. Name a frame that has some with --start, or positions with --tracks",
    ),
    (
        NothingToTrack("Patterns do not fit", Action.CHOOSE_PATTERN_SIZE),
        "Patterns do not fit: name a smaller size with --set pattern_size=N",
    ),
    (TracksFileInvalid("It is not JSON"), "It is not JSON"),
    (ManifestInvalid("It is not CSV"), "It is not CSV"),
    (
        FootageUnusable("Copy it again", PATH, 1, Action.BEGIN_ELSEWHERE, joint=", or "),
        "Copy it again, or begin on another frame with --start",
    ),
    (PictureUnusable("Frame 1 is empty", PATH, 1), "Frame 1 is empty"),
    (SessionUnreadable(PATH, "no YAML"), "shot cannot be read: no YAML. It was left as it is"),
    (
        SolveUnreadable(PATH, "it is cut"),
        "shot cannot be read: it is cut. It was left as it is: put a good copy back, or solve again",
    ),
    (ProcessEnded("A process that tracks has ended (SIGKILL)"), "A process that tracks has ended (SIGKILL)"),
    (SubmitFailed("The farm has taken no job"), "The farm has taken no job"),
    (
        SegmentsWanted(PATH),
        "The segments in shot are to be tracked first; then run the same command again",
    ),
    (SolvingFailed("A solve took longer than 300 seconds"), "A solve took longer than 300 seconds"),
    (NoCamera("“shot”", "it was not solved yet"), "“shot” has no camera: it was not solved yet"),
    (CameraFileInvalid(PATH, "it is empty"), "shot cannot be read: it is empty"),
    (CameraFileInvalid(PATH, "“x” is no number", 7), "shot, line 7: “x” is no number"),
    (
        LedgerUnreadable(PATH, "it is damaged"),
        "shot, the ledger of batches, cannot be used: it is damaged. The sessions are unharmed: move it away, then "
        "resume the sessions with: batch run … --resume",
    ),
    (
        LedgerUnreadable(PATH, "it is damaged", Action.CHOOSE_LEDGER),
        "shot, the ledger of batches, cannot be used: it is damaged. The sessions are unharmed: name the ledger with "
        "--db, or put back a good copy of it",
    ),
    (
        LedgerUnreadable(PATH, "it is newer", "update the extension"),
        "shot, the ledger of batches, cannot be used: it is newer. The sessions are unharmed: update the extension",
    ),
    (
        LedgerBusy(PATH),
        "shot, the ledger of batches, is held by another process: close the program that has it open, "
        "then resume the batch",
    ),
    (
        ShotTakenOver("id", 2),
        "Another process has taken over shot 2 of batch id; this one stops. Nothing recorded is lost",
    ),
    (
        JournalDamaged(PATH, 137, 9000, "its checksum differs"),
        "shot is damaged in record 138 (byte 9000): its checksum differs. Restore a good copy, or keep the 137 "
        "records before it with: resume --salvage",
    ),
    (LeaseHeld("process 7"), "The session is in use by process 7: wait until it ends, or stop it there"),
    (
        BatchRuns("id", "process 7"),
        "The batch id is run by process 7: watch it with the same --root or --db and: batch info id --follow",
    ),
    (LeaseLost(), "Another process has taken over this session; this one stops. Nothing recorded is lost"),
    (
        StorageFailed(PATH, OSError(errno.ENOSPC, "")),
        "shot cannot be written: The disk is full. Everything recorded so far is kept; fix this, then resume",
    ),
    (
        SaveUnsound(PATH, "it has no clip"),
        "The result could not be saved: Blender wrote shot, but it has no clip when it is read back. The session "
        "holds everything that was tracked: save it again with: track --resume --save",
    ),
    (ClipChanged("The clip was deleted"), "The clip was deleted"),
    (Interrupted("SIGTERM"), "SIGTERM"),
)


def classes_of_errors() -> set[type[TrackingSessionError]]:
    """All classes in core/errors.py."""
    found = {TrackingSessionError}
    while more := {one for cls in found for one in cls.__subclasses__()} - found:
        found |= more
    return {one for one in found if one.__module__ == TrackingSessionError.__module__}
