# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracks of a clip and of a state of its session, to be compared."""

from __future__ import annotations

from pathlib import Path
from struct import Struct
from typing import Any

from tracking_sessions.bridge.clip.markers import read_rows, read_settings
from tracking_sessions.bridge.sessions.looking import tracks_in
from tracking_sessions.core.journal.changes import Key
from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.journal.rows import is_muted, renumbered, split_rows
from tracking_sessions.tests.core import format_reader

Settings = dict[str, object]
Tracks = dict[Key, tuple[Settings, bytes]]
"""The settings, apart from the selection, and the packed markers of each track."""


_HEAD = Struct("<IiI")  # of a row: track number, frame, flags


class Wrong(Exception):
    """An invariant does not hold."""


def tracks_of(clip: Any) -> Tracks:
    return {key: (_lasting(read_settings(track)), read_rows(track, 0)) for key, track in tracks_in(clip).items()}


def tracks_at(replay: Replay) -> Tracks:
    return {
        (data.object, data.name): (_lasting(data.settings), renumbered(replay.rows(number), 0))
        for number, data in replay.tracks.items()
    }


def tracks_recorded(path: Path) -> Tracks:
    """The newest state in the journal of the session file `path`, as a second reader of journals finds it."""
    state = format_reader.read(path.with_suffix(""), path.stem)
    return {
        (data["object"], data["name"]): (
            _lasting(data["settings"]),
            b"".join(_HEAD.pack(0, frame, row[0]) + row[1] for frame, row in sorted(state.markers[number].items())),
        )
        for number, data in state.tracks.items()
    }


def _lasting(settings: dict[str, Any]) -> dict[str, object]:
    return {name: value for name, value in settings.items() if not name.startswith("select")}


def live(tracks: Tracks) -> dict[Any, set[int]]:
    """The frames of the live markers of each track."""
    return {
        key: {frame for frame, row in split_rows(rows).items() if not is_muted(row)}
        for key, (_, rows) in tracks.items()
    }


def same(wanted: Tracks, found: Tracks, name: str, other: str) -> None:
    """Raise Wrong with the first difference."""
    if wanted == found:
        return
    for key in wanted.keys() | found.keys():
        if key not in found or key not in wanted:
            raise Wrong(f"{name} {'has' if key in found else 'lacks'} the track {key}, unlike {other}")
        (settings, rows), (others, other_rows) = wanted[key], found[key]
        for setting in settings.keys() | others.keys():
            if settings.get(setting) != others.get(setting):
                values = f"{others.get(setting)!r}, in {other} {settings.get(setting)!r}"
                raise Wrong(f"in {name} the track {key} has the {setting} {values}")
        mine, theirs = split_rows(rows), split_rows(other_rows)
        frames = sorted(at for at in mine.keys() | theirs.keys() if mine.get(at) != theirs.get(at))
        if frames:
            lacking = [at for at in frames if at not in theirs]
            more = [at for at in frames if at not in mine]
            raise Wrong(f"{name} and {other} differ on {frames} of {key}: {lacking} are gone, {more} are more")
