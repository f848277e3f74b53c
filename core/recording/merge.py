# SPDX-License-Identifier: GPL-3.0-or-later
"""One journal out of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from ..frames.ranges import FrameRanges
from ..journal.chain import MARKER_HEAD, MUTED, RecordType
from ..journal.replay import Replay, encode_json, encode_markers
from ..model import TrackData, timestamp


def tracks_record(tracks: Sequence[TrackData]) -> tuple[RecordType, bytes]:
    """The record that makes `tracks` known, or their new settings."""
    return RecordType.TRACKS, encode_json({"tracks": [asdict(track) for track in tracks]})


class Part(NamedTuple):
    """What a session brings to one that several are merged into."""

    session: str
    replay: Replay
    asked: FrameRanges  # the clip frames that it was to cover
    solves: Sequence[dict[str, Any]]


def merged_records(parts: Sequence[Part]) -> list[tuple[RecordType, bytes]]:
    """The records of a journal that holds the tracks and the solves of all `parts`.

    Tracks are the same if tracking object and name are. A live marker wins over a muted one, a later part over an
    earlier one.
    """
    tracks: dict[tuple[str, str], TrackData] = {}
    markers: dict[tuple[str, str], dict[int, bytes]] = {}
    tracked, asked = FrameRanges(), FrameRanges()
    for _, replay, scope, _ in parts:
        tracked.update(replay.tracked)
        asked.update(scope)
        for number, track in replay.tracks.items():
            key = (track.object, track.name)
            tracks[key] = replace(track, id=tracks[key].id if key in tracks else len(tracks) + 1)
            mine = markers.setdefault(key, {})
            for frame, row in replay.markers.get(number, {}).items():
                if frame not in mine or not _is_muted(row) or _is_muted(mine[frame]):
                    mine[frame] = row
    records = [tracks_record(list(tracks.values()))]
    for key, rows in markers.items():
        number = tracks[key].id
        packed = b"".join(
            MARKER_HEAD.pack(number, *MARKER_HEAD.unpack_from(row)[1:]) + row[MARKER_HEAD.size :]
            for _, row in sorted(rows.items())
        )
        records.append((RecordType.MARKERS, encode_markers(number, packed)))
    events = [{"event": "tracked", "frames": str(tracked), "asked": str(asked)}]
    events += [{"event": "solve", "solve": solve} for solve in _solves(parts)]
    records += [(RecordType.EVENT, encode_json({**event, "time": timestamp()})) for event in events]
    return records


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


def _is_muted(row: bytes) -> bool:
    return bool(MARKER_HEAD.unpack_from(row)[2] & MUTED)
