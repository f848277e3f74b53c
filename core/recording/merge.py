# SPDX-License-Identifier: GPL-3.0-or-later
"""Merges several sessions into one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UsageError
from ..footage.details import save_details
from ..footage.files import Footage
from ..journal.codec import event_record
from ..journal.records import Event, JournalRecord, MarkersRecord, TracksRecord
from ..journal.review import Action, merged_review, review_event
from ..journal.rows import is_muted, join_rows, renumbered
from ..journal.solves import unmarked
from ..model.ranges import FrameRanges
from ..model.types import SESSION_ID, SessionStatus, TrackData
from ..model.wording import timestamp
from ..storage.files import SUFFIXES, document_suffix, encode_document, make_folder, replace_file
from ..storage.folder import SessionFolder, resolve
from .manager import TrackingSessionManager, load_session
from .session_file import new_state


class MergedSolve(NamedTuple):
    """A solve of a session, `source`, as it comes into a merged one.

    `id`: in the source, `entry["id"]`: in the merged session. `numbers`: the number of each track of the source, and
    its number in the merged session.
    """

    entry: dict[str, Any]
    source: TrackingSessionManager
    id: str
    numbers: Mapping[int, int]


Bring = Callable[[SessionFolder, str, MergedSolve], None]
"""Brings the files of a solve to those of the merged session, given its session folder and its id."""


def _merged_records(
    sources: Sequence[TrackingSessionManager],
) -> tuple[list[JournalRecord], list[MergedSolve]]:
    """The records of a journal with the tracks and solves of all sessions, and these solves.

    A live marker wins over a muted one, a later session over an earlier one.
    """
    tracks: dict[tuple[str, str], TrackData] = {}
    numbers: list[dict[int, int]] = []  # of each source: the new numbers of its tracks
    markers: dict[tuple[str, str], dict[int, bytes]] = {}
    tracked, requested = FrameRanges(), FrameRanges()
    for source in sources:
        replay = source.replay()
        tracked.update(replay.tracked)
        requested.update(source.scope)
        numbers.append({})
        for number, track in replay.tracks.items():
            key = (track.object, track.name)
            tracks[key] = replace(track, id=tracks[key].id if key in tracks else len(tracks) + 1)
            numbers[-1][number] = tracks[key].id
            mine = markers.setdefault(key, {})
            for frame, row in replay.markers.get(number, {}).items():
                if frame not in mine or not is_muted(row) or is_muted(mine[frame]):
                    mine[frame] = row
    records: list[JournalRecord] = [TracksRecord(tuple(tracks.values()))]
    for key, rows in markers.items():
        number = tracks[key].id
        records.append(MarkersRecord(number, renumbered(join_rows(rows), number)))
    records.append(event_record(Event.TRACKED, frames=str(tracked), asked=str(requested)))
    review = merged_review([(source.review, source.session.tracked_frames) for source in sources], numbers)
    if review.id:
        records.append(review_event(Action.STATE, **review.to_state()))
    solves = _solves(sources, numbers)
    return records + [event_record(Event.SOLVE, solve=solve.entry) for solve in solves], solves


def _solves(sources: Sequence[TrackingSessionManager], numbers: Sequence[Mapping[int, int]]) -> list[MergedSolve]:
    """The solves of all sessions, in order, each with the session that made it and an id of its own."""
    solves: dict[str, dict[str, Any]] = {}
    merged: list[MergedSolve] = []
    for source, renumbering in zip(sources, numbers, strict=True):
        for entry in source.solves:
            solve = {**entry, "session": entry.get("session") or source.id}
            same = solves.get(solve["id"])
            if same is not None and unmarked(same) == unmarked(solve):  # several sources were merged from its session
                same.update(solve)
                continue
            if solve["id"] in solves:
                solve["id"] = f"{solve['id']}-{solve['session']}"
            count, named = 1, solve["id"]
            while solve["id"] in solves and solves[solve["id"]] != solve:
                count += 1
                solve["id"] = f"{named}-{count}"
            solves[solve["id"]] = solve
            merged.append(MergedSolve(solve, source, entry["id"], renumbering))
    return merged


def merge_sessions(
    session_paths: Sequence[str | os.PathLike[str]], output_path: str | os.PathLike[str], *, bring: Bring | None = None
) -> TrackingSessionManager:
    """Merge sessions of the same footage, such as ranges tracked on different machines, into a new one.

    `output_path` is the new session file, with its journal in the folder of the same name; nothing is overwritten.
    Tracks with the same tracking object and name become one; if two sessions have a live marker on the same frame, the
    later argument wins. The merged session covers the frames of all of them: untracked frames remain, but there is no
    pass to resume.

    The merged session keeps all solves; if two have the same id, the later one gets the id of its session added.
    `journal.solves.best_solve` chooses the best. `bring` is called for each if the output lies in a session folder.

    Raises UsageError if the footage differs or the output exists, and the errors of reading and writing sessions.
    """
    if not session_paths:
        raise UsageError("Name at least one session to merge")
    sources = [load_session(path) for path in session_paths]
    first = sources[0].session
    for source in sources:
        if not source.session.footage.fingerprint:
            raise UsageError(f"“{source.session.name}” has no details of its footage: resume it before")
        if source.session.footage.fingerprint != first.footage.fingerprint:
            raise UsageError(f"“{source.session.name}” and “{first.name}” cannot be merged: their footage differs")
    output = Path(output_path)
    if not output.name:
        raise UsageError("Name a file to merge into")
    output = output if output.suffix in SUFFIXES else output.with_suffix(document_suffix())
    if any(os.path.exists(output.with_suffix(suffix)) for suffix in ("", *SUFFIXES)):
        raise UsageError(f"{output} already exists: name another file")
    session_id = output.stem.lower()
    if not SESSION_ID.match(session_id) or session_id != output.stem:
        raise UsageError("Name the output with small letters, digits and hyphens only, 32 at most")
    footage = replace(first.footage, path=str(resolve(sources[0].path, first.footage.path)))
    state = new_state(output, session_id, f"{first.name} (merged)", timestamp(), footage)
    records, solves = _merged_records(sources)
    make_folder(output.with_suffix(""))
    replace_file(output, encode_document(state, output.suffix))
    folder = SessionFolder.of(output)
    if folder.contains(output):  # else it could not be resumed
        save_details(folder, Footage(Path(footage.path), footage.source), sources[0].details())
        if bring is not None:
            for solve in solves:
                bring(folder, session_id, solve)
    merged = TrackingSessionManager(output)
    with merged:
        merged.acquire().append(*records)
        done = SessionStatus.COMPLETE if merged.solves else SessionStatus.TRACKING_COMPLETE
        merged.set_status(done if len(merged.session.tracked_frames) else SessionStatus.NOT_STARTED)
    return merged
