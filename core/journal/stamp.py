# SPDX-License-Identifier: GPL-3.0-or-later
"""A stamp of a state, which a clip keeps beside its mark: whether the clip still has exactly that state, unread.

A text: the place in the journal (generation and offset), a digest of all tracks with their settings and markers, the
highest track number ever used, and the numbers of the tracks in the order of their names.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from .chain import Position
from .changes import SELECTION
from .head import Head
from .records import MarkersRecord, TracksRecord
from .rows import renumbered


def stamp_of(head: Head, position: Position) -> str:
    """The stamp of the newest state, which ends at `position`."""
    digest = hashlib.blake2b(digest_size=16)
    keys = sorted(head.numbers)
    for key in keys:
        number = head.numbers[key]
        settings = {name: value for name, value in head.tracks[number].settings.items() if name not in SELECTION}
        digest.update(json.dumps([key, number, settings], sort_keys=True).encode())
        digest.update(head.digest(number))
    numbers = " ".join(str(head.numbers[key]) for key in keys)
    return f"{position.generation} {position.offset} {digest.hexdigest()} {head.last_track} {numbers}".rstrip()


def stamped(seen: Head, stamp: str, position: Position) -> Head | None:
    """The state that ends at `position`, with its track numbers, if the stamp says that it is what was `seen`."""
    parts = stamp.split()
    keys = sorted(seen.numbers)
    if len(parts) != 4 + len(keys) or not all(part.isdecimal() and len(part) < 10 for part in parts[3:]):
        return None
    head = Head()
    for key, number in zip(keys, map(int, parts[4:]), strict=True):
        old = seen.numbers[key]
        head.apply(TracksRecord((replace(seen.tracks[old], id=number),)))
        head.apply(MarkersRecord(number, renumbered(seen.rows(old), number)))
    head.last_track = max(head.last_track, int(parts[3]))
    return head if stamp_of(head, position) == stamp else None
