# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconciles a clip with its session: each gets the markers that it lacks.

An unchanged track gets the recorded markers, bit for bit. A track changed in the clip keeps its markers and gets only
the frames that it lacks. The journal gets the clip's changes before the clip is written to.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ...core.errors import ClipChanged
from ...core.journal.chain import JournalReader
from ...core.journal.changes import is_other
from ...core.journal.codec import event_record
from ...core.journal.records import Event, FoundRecord, JournalRecord, MarkersRecord, TracksRecord, tracks_removed
from ...core.journal.replay import Replay
from ...core.journal.rows import join_rows, renumbered, split_rows
from ...core.model.types import TrackData
from ...core.model.wording import moment
from ...core.recording.manager import TrackingSessionManager
from ...core.storage.folder import resolve
from ...core.tracking.passes import Edits
from ...core.tracking.reconcile import joined, never_recorded, new_in_clip
from ..clip.markers import SETTINGS, merge_rows, read_rows, read_settings, write_rows, write_settings
from ..clip.movie_clip import mark_position
from ..open_file import open_file
from .working_set import OBJECT_NAME, remove_leftovers

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingObject, MovieTrackingTrack

Records = list[JournalRecord]


class Changed(NamedTuple):
    """A track that was changed in the clip since the file was saved."""

    found: dict[int, bytes]  # its markers
    rows: dict[int, bytes]  # its future markers: its own, and the recorded ones on frames that it lacks
    data: TrackData  # its settings


# The opened file


def note_opened(clip: MovieClip) -> None:
    """Note digests of the tracks in a clip of the file that was just opened."""
    open_file.digests[clip.session_uid] = {
        (where.name, track.name): _digest(track) for where in clip.tracking.objects for track in where.tracks
    }


def _digest(track: MovieTrackingTrack) -> bytes:
    digest = hashlib.blake2b(read_rows(track, 0), digest_size=16)
    digest.update(repr(read_settings(track, SETTINGS)).encode())
    return digest.digest()


def _precedes(session: TrackingSessionManager, known: Replay) -> bool:
    """Whether the open file was last saved before the pass or edit whose records it lacks.

    Then markers of the file that the journal lacks are older than these: the artist changed them before.
    """
    blend = session.session.blend
    try:
        saved = os.stat(bpy.data.filepath).st_mtime
        is_ours = known.since is not None or (
            bool(blend) and os.path.samefile(resolve(session.path, blend), bpy.data.filepath)
        )
    except OSError:
        return False
    begun = moment(known.begun or "")
    return is_ours and begun is not None and saved < begun.timestamp()


# Into the clip


def restore(clip: MovieClip, session: TrackingSessionManager, known: Replay) -> int:
    """Record the clip's changes, then write the recorded markers that the clip lacks to it.

    Returns the number of tracks that were changed in the clip and kept their markers. `known` is the replay of the
    whole journal; it gets the new records. Raises ClipChanged, LeaseLost, StorageFailed.
    """
    remove_leftovers(clip)
    objects = clip.tracking.objects
    active = objects.active
    for name in dict.fromkeys(data.object for data in known.tracks.values()):
        before = known.renamed_objects.get(name, name)
        if before in objects and name not in objects:
            objects[before].name = name
    called = objects_called(clip, known)
    _rename(clip, known, called)
    recorded = dict(known.tracks)
    is_unmarked = known.since is None
    coming = known.markers if is_unmarked else known.changed
    whole = set(recorded if is_unmarked else known.replaced)
    made = set(known.changed)
    there = _tracks_there(clip, known, called)
    changed = _changed(clip, session, known, there, coming)
    kept = sum(bool(coming.get(number)) for number in changed)
    records = _records_of(changed, known) + _new_tracks(clip, known, called)
    if records:
        end = session.acquire().append(*records)
        for record in records:
            known.apply(record, end)
    for number, data in recorded.items():
        track = there.get(number)
        is_new = track is None
        if is_new and not is_unmarked and number not in made:
            continue  # the artist deleted the track and saved the file
        if track is None:
            where = objects.get(called[data.object]) or objects.new(data.object)
            track = where.tracks.new(name=data.name, frame=1)
            if (where.name, track.name) != (called[data.object], data.name):
                raise ClipChanged(f"Blender cannot make track “{data.name}” of “{data.object}” again under its name")
        if (is_unmarked or is_new) and number not in changed:
            write_settings(track, data.settings)
        if is_new or number in whole or number in changed:
            rows = known.rows(number)
            if rows:
                write_rows(track, rows)
        else:
            merge_rows(track, coming.get(number, {}))
    objects.active = active
    mark_position(clip, session.id, session.position)
    return kept


def _tracks_there(clip: MovieClip, known: Replay, called: Mapping[str, str]) -> dict[int, MovieTrackingTrack]:
    """The recorded tracks that the clip has, by number."""
    there: dict[int, MovieTrackingTrack] = {}
    for number, data in known.tracks.items():
        where = clip.tracking.objects.get(called[data.object])
        track = where.tracks.get(data.name) if where is not None else None
        if track is not None:
            there[number] = track
    return there


def _changed(
    clip: MovieClip,
    session: TrackingSessionManager,
    known: Replay,
    there: Mapping[int, MovieTrackingTrack],
    coming: Mapping[int, Mapping[int, bytes]],
) -> dict[int, Changed]:
    """The tracks, by number, with markers that were never recorded, or with other settings than would be written."""
    opened = open_file.digests.get(clip.session_uid, {}) if _precedes(session, known) else {}
    found: dict[int, dict[int, bytes]] = {}
    for number, track in there.items():
        name = (known.tracks[number].object, track.name)
        if name not in opened or opened[name] != _digest(track):
            found[number] = split_rows(read_rows(track, number))
    new = {number: new_in_clip(mine, known.markers.get(number, {})) for number, mine in found.items()}
    if any(new.values()):
        new = never_recorded(JournalReader(session.folder, session.id, salvage=True).records(), new)
    changed: dict[int, Changed] = {}
    for number, mine in found.items():
        recorded = known.tracks[number]
        data = replace(recorded, settings=read_settings(there[number]))
        own = new.get(number)
        if own:
            changed[number] = Changed(mine, joined(mine, own, coming.get(number, {})), data)
        elif known.since is None and any(data.settings[name] != recorded.settings.get(name) for name in SETTINGS):
            changed[number] = Changed(mine, known.markers.get(number, {}), data)
    return changed


def _records_of(changed: Mapping[int, Changed], known: Replay) -> Records:
    """The records of the markers that the clip has of these tracks, and of those that it will have.

    A FoundRecord replaces no recorded marker, so a full disk between the two kinds of records loses none.
    """
    if not changed:
        return []
    described = [track.data for number, track in changed.items() if known.tracks[number] != track.data]
    records: Records = [TracksRecord(tuple(described))] if described else []
    records.append(event_record(Event.FOUND_IN_CLIP, tracks=list(changed)))
    records += [FoundRecord(number, join_rows(track.found)) for number, track in changed.items()]
    records += [
        MarkersRecord(number, join_rows(track.rows))
        for number, track in changed.items()
        if track.rows != known.markers.get(number)
    ]
    return records


def _new_tracks(clip: MovieClip, known: Replay, called: Mapping[str, str]) -> Records:
    """The records of the tracks that only the clip has."""
    numbers = {(called[data.object], data.name) for data in known.tracks.values()}
    names = {now: name for name, now in called.items()}
    last = known.last_track
    described: list[TrackData] = []
    records: Records = []
    for where in clip.tracking.objects:
        if where.name.startswith(OBJECT_NAME):
            continue
        if all((where.name, track.name) in numbers for track in where.tracks):
            continue
        rows_of = {track.name: read_rows(track, 0) for track in where.tracks}
        renamed = _renamed(names.get(where.name, where.name), rows_of, known)
        for track in where.tracks:
            if (where.name, track.name) in numbers or track.name in renamed:
                continue
            last += 1
            described.append(TrackData(last, where.name, track.name, read_settings(track)))
            records.append(MarkersRecord(last, renumbered(rows_of[track.name], last)))
    return [TracksRecord(tuple(described)), *records] if described else []


def objects_called(clip: MovieClip, known: Replay) -> dict[str, str]:
    """The names in the clip of the recorded tracking objects, by their recorded names.

    A missing object counts as renamed if one unrecorded object shares more markers with it than any other, in tracks
    of the same names. Otherwise it keeps its recorded name.
    """
    objects = clip.tracking.objects
    recorded: dict[str, list[TrackData]] = {}
    for data in known.tracks.values():
        recorded.setdefault(data.object, []).append(data)
    called = {name: name for name in recorded}
    others = [where for where in objects if where.name not in recorded]
    for name in [name for name in recorded if name not in objects]:
        found = sorted((sum(_shared(where, data, known) for data in recorded[name]), where.name) for where in others)
        scores = [0, 0, *(score for score, _ in found)]
        if scores[-1] > scores[-2] and found[-1][1] not in called.values():
            called[name] = found[-1][1]
    return called


def _shared(where: MovieTrackingObject, data: TrackData, known: Replay) -> int:
    """The number of markers that the recorded track shares with the track of its name in the tracking object."""
    track = where.tracks.get(data.name)
    if track is None:
        return 0
    return len(known.markers.get(data.id, {}).items() & split_rows(read_rows(track, data.id)).items())


def _rename(clip: MovieClip, known: Replay, called: Mapping[str, str]) -> None:
    """Give renamed tracks their newest recorded names."""
    waiting = {number: before for number, before in known.renamed.items() if number in known.tracks}
    while True:
        left = dict(waiting)
        for number, before in left.items():
            data = known.tracks[number]
            where = clip.tracking.objects.get(called[data.object])
            track = where.tracks.get(before) if where is not None else None
            if where is not None and track is not None and where.tracks.get(data.name) is None:
                track.name = data.name
                del waiting[number]  # another track may get the old name
        if waiting == left:
            return


# Into the journal


def edits(clip: MovieClip, where: MovieTrackingObject, known: Replay) -> Edits:
    """The unrecorded changes of the artist in the tracks of `where`."""
    called = objects_called(clip, known)
    numbers = {(called[data.object], data.name): number for number, data in known.tracks.items()}
    last = known.last_track
    rows_of = {track.name: read_rows(track, 0) for track in where.tracks}
    recorded = next((name for name, now in called.items() if now == where.name), where.name)
    renamed = _renamed(recorded, rows_of, known)
    for number in renamed.values():
        del numbers[where.name, known.tracks[number].name]
    numbers.update({(where.name, name): number for name, number in renamed.items()})
    found = Edits({}, {}, set(), [])
    described: list[TrackData] = []
    for track in where.tracks:
        number = numbers.pop((where.name, track.name), 0)
        if not number:
            last = number = last + 1
        data = TrackData(number, where.name, track.name, read_settings(track))
        found.tracks[number] = data
        if is_other(known.tracks.get(number), data):
            described.append(data)
        rows = found.rows[number] = renumbered(rows_of[track.name], number)
        if rows != known.rows(number):
            found.edited.add(number)
            found.records.append(MarkersRecord(number, rows))
    objects = clip.tracking.objects
    gone = [number for (name, _), number in numbers.items() if name == where.name or name not in objects]
    if gone:
        found.records.insert(0, tracks_removed(gone))
    if described:
        found.records.insert(0, TracksRecord(tuple(described)))
    return found


def _renamed(where: str, rows_of: Mapping[str, bytes], known: Replay) -> dict[str, int]:
    """The numbers of renamed tracks of the tracking object, by their new names.

    A renamed track has exactly the recorded markers of a track whose name is gone. `rows_of` has the markers of the
    tracks by name, packed with the number 0. Leaves out tracks that only exchanged their names.
    """
    recorded = {data.name: number for number, data in known.tracks.items() if data.object == where}
    if recorded.keys() >= rows_of.keys():
        return {}
    rows = {name: renumbered(known.rows(number), 0) for name, number in recorded.items()}
    gone = {rows[name]: number for name, number in recorded.items() if rows_of.get(name) != rows[name]}
    found = {name: gone.pop(mine) for name, mine in rows_of.items() if rows.get(name) != mine and mine in gone}
    renamed: dict[str, int] = {}
    while True:
        free = [name for name in found if name not in recorded or recorded[name] in renamed.values()]
        if not free:
            return renamed
        renamed.update({name: found.pop(name) for name in free})
