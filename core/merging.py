# SPDX-License-Identifier: GPL-3.0-or-later
"""One journal out of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from .journal import MARKER_HEAD, MUTED, RecordType
from .model import TrackData, timestamp
from .ranges import FrameRanges
from .replay import Replay, encode_json, encode_markers


def tracks_record(tracks: Sequence[TrackData]) -> tuple[RecordType, bytes]:
    """The record that makes `tracks` known, or their new settings."""
    return RecordType.TRACKS, encode_json({"tracks": [asdict(track) for track in tracks]})


def merged_records(replays: Sequence[Replay]) -> list[tuple[RecordType, bytes]]:
    """The records of a journal that holds the tracks of all `replays`.

    Tracks are the same if tracking object and name are. A live marker wins over a muted one, a later replay over an
    earlier one.
    """
    tracks: dict[tuple[str, str], TrackData] = {}
    markers: dict[tuple[str, str], dict[int, bytes]] = {}
    tracked = FrameRanges()
    for replay in replays:
        tracked.update(replay.tracked)
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
    for start, end in tracked.ranges():
        records.append((RecordType.EVENT, encode_json(_covered(start, end))))
    return records


def _covered(start: int, end: int) -> dict[str, Any]:
    return {"event": "tracked", "frames": f"{start}-{end}", "time": timestamp()}


def _is_muted(row: bytes) -> bool:
    return bool(MARKER_HEAD.unpack_from(row)[2] & MUTED)
