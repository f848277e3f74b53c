# SPDX-License-Identifier: GPL-3.0-or-later
"""The records that turn the newest state of a journal into the tracks of a clip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..model.types import TrackData
from .head import Head, Key, difference
from .records import JournalRecord, TracksRecord, tracks_removed
from .rows import renumbered


class Found(NamedTuple):
    """A track in a clip: its settings, and its packed markers by frame, with any track number."""

    settings: dict[str, object]
    rows: bytes


def numbers_of(head: Head) -> dict[Key, int]:
    """The numbers of the recorded tracks, by their names; not to be changed."""
    return head.numbers


def renamed(head: Head, there: Iterable[Key], rows_of: Mapping[Key, bytes]) -> dict[Key, int]:
    """The numbers of renamed tracks, by their new names.

    A track that the head does not have under this name is a renamed one if it has exactly the markers of one that is
    gone from the clip. `rows_of` has the packed markers of the new tracks.
    """
    numbers = numbers_of(head)
    present = set(there)
    gone = {renumbered(head.rows(number), 0): number for key, number in numbers.items() if key not in present}
    found: dict[Key, int] = {}
    for key, rows in rows_of.items():
        number = gone.pop(renumbered(rows, 0), None) if rows else None
        if number is not None:
            found[key] = number
    return found


def changes(
    head: Head, found: Mapping[Key, Found], gone: Sequence[int] = (), names: Mapping[Key, int] | None = None
) -> list[JournalRecord]:
    """The records that give the head the tracks `found`, and take the tracks `gone` from it; empty without a change.

    The other tracks of the head stay. A removed track that comes back as it was, as by undo, has its number again.
    `names`: the numbers of tracks under other names than the recorded ones.
    """
    numbers = numbers_of(head) | dict(names or {})
    last = head.last_track
    described: list[TrackData] = []
    edits: list[JournalRecord] = []
    for (object_name, name), track in found.items():
        number = numbers.get((object_name, name), 0) or head.removed(object_name, name, track.rows)
        if not number:
            last = number = last + 1
        known = head.tracks.get(number)
        data = TrackData(number, object_name, name, dict(track.settings))
        if is_other(known, data):
            described.append(data)
        rows = renumbered(track.rows, number)
        edit = difference(number, head.rows(number) if known is not None else b"", rows)
        if edit is not None:
            edits.append(edit)
    records: list[JournalRecord] = [TracksRecord(tuple(described))] if described else []
    if gone:
        records.insert(0, tracks_removed(gone))
    return records + edits


def between(head: Head, other: Head) -> list[JournalRecord]:
    """The records that give the head the tracks of another one, which has them under numbers of its own."""
    there = {key: Found(other.tracks[n].settings, other.rows(n)) for key, n in numbers_of(other).items()}
    recorded = numbers_of(head)
    gone = {number for key, number in recorded.items() if key not in there}
    new = {key: found.rows for key, found in there.items() if key not in recorded}
    names = renamed(head, there, new) if gone and new else {}
    return changes(head, there, sorted(gone.difference(names.values())), names)


SELECTION = frozenset({"select", "select_anchor", "select_pattern", "select_search"})
"""The settings that are recorded only along with others."""


def is_other(known: TrackData | None, data: TrackData) -> bool:
    """Whether more than the selection has changed, which is recorded only along with the rest."""
    if known is None or replace(known, settings={}) != replace(data, settings={}):
        return True
    return any(known.settings.get(name) != value for name, value in data.settings.items() if name not in SELECTION)
