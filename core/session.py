# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions: what scripts may rely on. The names of this module are a promise.

Frames of this interface are clip frames: 1 is the first frame of the clip, whatever number its file has.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .errors import LedgerBusy, LedgerUnreadable, StorageFailed, UsageError
from .footage.files import Footage, find_footage
from .footage.seen import FootageDetails, describe, save_details
from .library.catalogue import Entry, Unreadable, catalogue, session_names, sessions_folder
from .library.deletion import Deleted, delete_old, find_old, needed_sessions
from .model import (
    SESSION_ID,
    FootageMetadata,
    SessionState,
    SessionStatus,
    TrackingSession,
    timestamp,
)
from .recording import merge
from .recording.manager import TrackingSessionManager
from .recording.session_file import moment, new_state, resolve
from .report import html
from .storage.files import SUFFIXES, document_suffix, encode_document, make_folder, replace_file

_LONG_AGO = datetime.min.replace(tzinfo=UTC)

__all__ = [
    "SessionStatus",
    "TrackingSessionManager",
    "cleanup_old_sessions",
    "create_session",
    "export_session_report",
    "get_session_status",
    "list_sessions",
    "load_session",
    "merge_sessions",
    "resume_tracking",
]


def create_session(
    footage_path: str | os.PathLike[str],
    name: str,
    base_path: str | os.PathLike[str] | None = None,
    *,
    metadata: FootageMetadata | None = None,
    plate: tuple[Footage, FootageDetails] | None = None,
    blend: str = "",
    clip: str = "",
) -> TrackingSessionManager:
    """A new session of the footage: a movie, any file of an image sequence, or the folder of one.

    `base_path` is the folder of all sessions (`tracking_sessions` in the current folder if None). `metadata` may bring
    what only Blender knows: size, fps, colour space, the number of frames of a movie; `plate` the footage as a clip
    numbers it, and what was seen of it; `blend` and `clip` name the file and the clip in it that the tracks come from.
    Without Blender the length of a movie is not known: `total_frames` is 0 until a pass says which frames it is to
    cover.
    Raises FootageUnusable and StorageFailed.
    """
    found = plate[0] if plate is not None else find_footage(footage_path)
    details = plate[1] if plate is not None else describe(found)
    known = metadata or FootageMetadata(
        path="", frame_count=details.frame_count, size=details.size, start=found.counting.start
    )
    base = sessions_folder(base_path)
    now = datetime.now(UTC)
    # ids sort by age, those of the same second as well
    session_id = f"{now:%Y%m%d-%H%M%S}-{now.microsecond:05x}{secrets.token_hex(2)[:3]}"
    path = base / f"{session_id}{document_suffix()}"
    state = new_state(
        path,
        session_id=session_id,
        name=name or found.name,
        created=timestamp(),
        footage=replace(known, path=str(found.first), source=found.source, fingerprint=details.fingerprint),
        blend=blend,
        clip=clip,
    )
    make_folder(path.with_suffix(""))
    save_details(base.parent, found, details)
    replace_file(path, encode_document(state, path.suffix))
    save_details(base.parent, found, details)  # again: until now a cleaning may have taken it for unused
    return TrackingSessionManager(path)


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


def session_files(base_path: str | os.PathLike[str] | None = None) -> list[Path]:
    """The session files under `base_path`, by name, which is by age."""
    folder = sessions_folder(base_path)
    return [folder / name for name in session_names(folder)]


def newest_session_files(base_path: str | os.PathLike[str], count: int) -> tuple[list[Path], int]:
    """The `count` newest session files under `base_path`, the newest first, and how many older ones there are."""
    folder = sessions_folder(base_path)
    names = session_names(folder)
    return [folder / name for name in reversed(names[-count:])], max(0, len(names) - count)


def list_sessions(base_path: str | os.PathLike[str] | None = None) -> list[Path]:
    """The files of the sessions under `base_path` that can be read, the last one made first.

    Others are left out, and as they are. Raises SessionUnreadable if the folder cannot be read.
    """
    found = [one for one in catalogue(base_path) if not isinstance(one, Unreadable)]
    found.sort(key=lambda one: (moment(one.created) or _LONG_AGO, one.file), reverse=True)
    return [one.path for one in found]


def get_session_status(manager: TrackingSessionManager) -> SessionStatus:
    """How far the session is, the journal included."""
    return manager.session.status


def export_session_report(session_path: str | os.PathLike[str], output_path: str | os.PathLike[str]) -> Path:
    """Write a report to read in a browser, one HTML file that needs nothing else, and return its path."""
    manager = load_session(session_path)
    output = Path(output_path)
    make_folder(output.parent)
    footage = resolve(manager.path, manager.session.footage.path)
    session = manager.session
    page = html.render(session, manager.passes, manager.replay(), str(footage), manager.solves, manager.remaining)
    replace_file(output, page.encode("utf-8", "replace"))
    return output


def merge_sessions(
    session_paths: Sequence[str | os.PathLike[str]], output_path: str | os.PathLike[str]
) -> TrackingSessionManager:
    """One session out of several of the same footage, such as ranges tracked on different machines.

    `output_path` is the session file to make, with its journal in the folder of the same name; nothing is overwritten.
    Tracks of the same tracking object and name become one; where two sessions have a live marker on the same frame,
    the session that is named later wins. It is to cover what any of them was to cover, so frames that none has tracked
    are remaining, though no pass of it is left that could be resumed.

    The solves of all are kept, and `solve.best` is the best one: that with the lowest average_error of those that say
    one above 0. Where they say their camera_coverage, those with less than nine tenths of the widest one's are left
    out of the comparison, as a small error on few frames is no good camera. Of equals, and where none says its error,
    it is the last. A solve whose id another one has gets that of its session added.

    Raises UsageError if the footage differs or the output exists, and what reading and writing sessions raises.
    """
    if not session_paths:
        raise UsageError("Name at least one session to merge")
    sources = [load_session(path) for path in session_paths]
    first = sources[0].session
    for source in sources[1:]:
        if source.session.footage.fingerprint != first.footage.fingerprint:
            raise UsageError(f"“{source.session.name}” is of other footage than “{first.name}”: they cannot be merged")
    output = Path(output_path)
    if not output.name:
        raise UsageError("Name a file to merge into")
    output = output if output.suffix in SUFFIXES else output.with_suffix(document_suffix())
    if any(os.path.exists(output.with_suffix(suffix)) for suffix in ("", *SUFFIXES)):
        raise UsageError(f"{output} exists already: name another file")
    session_id = output.stem.lower()
    if not SESSION_ID.match(session_id) or session_id != output.stem:
        raise UsageError("Name the output with small letters, digits and hyphens only, 32 at most")
    footage = replace(first.footage, path=str(resolve(sources[0].path, first.footage.path)))
    state = new_state(output, session_id, f"{first.name} (merged)", timestamp(), footage)
    parts = [merge.Part(one.session.id, one.replay(), one.scope, one.solves) for one in sources]
    records = merge.merged_records(parts)
    make_folder(output.with_suffix(""))
    replace_file(output, encode_document(state, output.suffix))
    if output.parent.name == "sessions":  # a session folder, from which the merged session may be resumed
        save_details(output.parent.parent, Footage(Path(footage.path), footage.source), sources[0].details())
    merged = TrackingSessionManager(output)
    with merged:
        merged.append(*records)
        done = SessionStatus.COMPLETE if merged.solves else SessionStatus.TRACKING_COMPLETE
        merged.set_status(done if len(merged.session.tracked_frames) else SessionStatus.NOT_STARTED)
    return merged


def cleanup_old_sessions(base_path: str | os.PathLike[str], days_old: int = 30) -> int:
    """Delete the sessions not modified for `days_old` days, with all that belongs to them; return how many.

    One that somebody owns is never touched, nor one that a batch needs which is not finished, that cannot be read or
    does not say when it was modified; none is if the ledger of batches cannot be read. Raises StorageFailed.
    """
    root = Path(base_path)
    try:
        limit = datetime.now(UTC) - timedelta(days=days_old)
        needed = dict.fromkeys(needed_sessions(root), "a batch needs it")
    except OverflowError:  # before the beginning of time
        return 0
    except (LedgerUnreadable, LedgerBusy, StorageFailed):  # a batch may need any
        return 0
    done = Deleted[Entry]()
    delete_old(root, find_old(catalogue(root), limit, needed)[0], limit, done)
    return len(done.gone)
