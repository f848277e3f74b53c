# SPDX-License-Identifier: GPL-3.0-or-later
"""One journal out of several."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UsageError
from ..footage.details import save_details
from ..footage.files import Footage
from ..journal.records import Event, JournalRecord, MarkersRecord, TracksRecord, event_record
from ..journal.replay import Replay
from ..journal.rows import is_muted, join_rows, renumbered
from ..model.ranges import FrameRanges
from ..model.types import SESSION_ID, SessionStatus, TrackData
from ..model.wording import timestamp
from ..storage.files import SUFFIXES, document_suffix, encode_document, make_folder, replace_file
from ..storage.folder import SessionFolder, resolve
from .manager import TrackingSessionManager, load_session
from .session_file import new_state


class Part(NamedTuple):
    """What a session brings to one that several are merged into."""

    session: str
    replay: Replay
    requested: FrameRanges  # the clip frames that it was to cover
    solves: Sequence[dict[str, Any]]


def merged_records(parts: Sequence[Part]) -> list[JournalRecord]:
    """The records of a journal that holds the tracks and the solves of all `parts`.

    Tracks are the same if tracking object and name are. A live marker wins over a muted one, a later part over an
    earlier one.
    """
    tracks: dict[tuple[str, str], TrackData] = {}
    markers: dict[tuple[str, str], dict[int, bytes]] = {}
    tracked, requested = FrameRanges(), FrameRanges()
    for _, replay, scope, _ in parts:
        tracked.update(replay.tracked)
        requested.update(scope)
        for number, track in replay.tracks.items():
            key = (track.object, track.name)
            tracks[key] = replace(track, id=tracks[key].id if key in tracks else len(tracks) + 1)
            mine = markers.setdefault(key, {})
            for frame, row in replay.markers.get(number, {}).items():
                if frame not in mine or not is_muted(row) or is_muted(mine[frame]):
                    mine[frame] = row
    records: list[JournalRecord] = [TracksRecord(tuple(tracks.values()))]
    for key, rows in markers.items():
        number = tracks[key].id
        records.append(MarkersRecord(number, renumbered(join_rows(rows), number)))
    records.append(event_record(Event.TRACKED, frames=str(tracked), asked=str(requested)))
    return records + [event_record(Event.SOLVE, solve=solve) for solve in _solves(parts)]


def _solves(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The solves of all, in order, each with the session in which it was made, and under an id of its own."""
    solves: dict[str, dict[str, Any]] = {}
    for part in parts:
        for one in part.solves:
            solve = {**one, "session": one.get("session") or part.session}
            if solves.get(solve["id"]) == solve:
                continue  # of a session that was merged before
            if solve["id"] in solves:
                solve["id"] = f"{solve['id']}-{solve['session']}"
            count, named = 1, solve["id"]
            while solve["id"] in solves and solves[solve["id"]] != solve:
                count += 1
                solve["id"] = f"{named}-{count}"
            solves[solve["id"]] = solve
    return list(solves.values())


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
    parts = [Part(one.session.id, one.replay(), one.scope, one.solves) for one in sources]
    records = merged_records(parts)
    make_folder(output.with_suffix(""))
    replace_file(output, encode_document(state, output.suffix))
    folder = SessionFolder.of(output)
    if folder.contains(output):  # so that the merged session may be resumed
        save_details(folder, Footage(Path(footage.path), footage.source), sources[0].details())
    merged = TrackingSessionManager(output)
    with merged:
        merged.acquire().append(*records)
        done = SessionStatus.COMPLETE if merged.solves else SessionStatus.TRACKING_COMPLETE
        merged.set_status(done if len(merged.session.tracked_frames) else SessionStatus.NOT_STARTED)
    return merged
