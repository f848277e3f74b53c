# SPDX-License-Identifier: GPL-3.0-or-later
"""What was lost where: the tracks that the tracker gave up, and the frames on which it did."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from ..model.types import TrackData
from .records import FrameRecord, MarkersRecord, frame_number
from .rows import MUTED, count_rows, heads_of

LOSSES_KEPT = 1000
_NAME_LIMIT = 255  # characters; Blender's names have 63 bytes
_ON_FRAME = re.compile(r"\s*(-?\d{1,8}):((?:\s\d{1,10})+)\s*\Z", re.ASCII)


class Losses:
    """The losses that nothing has made good since: no later step, and no marker set by hand, on the same frame.

    A track that left the picture was not lost. Of one track and one frame there is one loss at most, and of all losses
    the newest `LOSSES_KEPT` are kept, so that they stay small whatever the length of the shot.
    """

    def __init__(self) -> None:
        self.frames: dict[int, list[int]] = {}  # clip frame: the numbers of the tracks; the newest last
        self.names: dict[int, tuple[str, str]] = {}  # track: its tracking object and its name

    def tracks(self, frame: int) -> list[tuple[str, str]]:
        """The tracks lost on the clip frame: tracking object and name, both empty where they are not known."""
        return [self.names.get(number, ("", "")) for number in self.frames.get(frame, ())]

    @property
    def lacks_names(self) -> bool:
        """Whether the names of some lost tracks are not known: a session file has those of its own losses only."""
        return any(number not in self.names for tracks in self.frames.values() for number in tracks)

    # What records bring

    def name_tracks(self, tracks: Iterable[TrackData]) -> None:
        """Tracks are known, or have other names."""
        for track in tracks:
            self.names[track.id] = (track.object[:_NAME_LIMIT], track.name[:_NAME_LIMIT])

    def step(self, record: FrameRecord) -> None:
        """A step of the tracker. Its markers are read only if they may matter, for there is a step after each frame.

        Each track that is alive has one marker in it, so a lost one makes them more than are alive.
        """
        frame, rows = record.frame, record.rows
        if count_rows(rows) <= record.alive and frame not in self.frames:
            return
        muted = {track: bool(flags & MUTED) for track, at, flags in heads_of(rows) if at == frame}
        lost = [track for track, is_lost in muted.items() if is_lost]
        before = [track for track in self.frames.get(frame, ()) if track not in muted]
        if lost:
            self.frames.pop(frame, None)  # it becomes the newest
        self._put(frame, before + lost)
        self._drop_oldest()

    def replace_markers(self, record: MarkersRecord) -> None:
        """The artist may have mended a loss."""
        where = [frame for frame, tracks in self.frames.items() if record.track in tracks]
        if where:
            live = {at for _, at, flags in heads_of(record.rows) if not flags & MUTED}
            self._forget({record.track}, [frame for frame in where if frame in live])

    def remove_tracks(self, numbers: Iterable[int]) -> None:
        """Tracks are gone; their numbers may be given again."""
        gone = set(numbers)
        for number in gone:
            self.names.pop(number, None)
        self._forget(gone, list(self.frames))

    def _forget(self, gone: set[int], frames: Iterable[int]) -> None:
        for frame in frames:
            self._put(frame, [number for number in self.frames[frame] if number not in gone])

    def _put(self, frame: int, tracks: list[int]) -> None:
        if tracks:
            self.frames[frame] = tracks
        else:
            self.frames.pop(frame, None)

    def _drop_oldest(self) -> None:
        excess = sum(map(len, self.frames.values())) - LOSSES_KEPT
        for frame in list(self.frames) if excess > 0 else ():
            if excess <= 0:
                break
            tracks = self.frames[frame]
            self._put(frame, tracks[excess:])
            excess -= len(tracks)

    # In a session file

    def __str__(self) -> str:
        """As `137: 4 9, 140: 3`: frame and numbers of tracks, the newest last."""
        return ", ".join(f"{frame}: {' '.join(map(str, tracks))}" for frame, tracks in self.frames.items())

    def named(self) -> dict[str, dict[int, str]]:
        """The names of the lost tracks, by tracking object and number."""
        found: dict[str, dict[int, str]] = {}
        for number in sorted({number for tracks in self.frames.values() for number in tracks}):
            if number in self.names:
                where, name = self.names[number]
                found.setdefault(where, {})[number] = name
        return found

    @classmethod
    def parse(cls, text: str, named: dict[str, Any]) -> Losses:
        """Read what `str` and `named` gave; raises ValueError for anything else."""
        losses = cls()
        for part in text.split(",") if text.strip() else []:
            match = _ON_FRAME.match(part)
            if match is None:
                raise ValueError(f"“{part[:80]}” is not a frame and what was lost there")
            losses.frames[frame_number(int(match[1]))] = list(dict.fromkeys(map(int, match[2].split())))
        losses._drop_oldest()
        for where, names in named.items():
            if not isinstance(names, dict):
                raise ValueError(f"the names of “{str(where)[:80]}” are no mapping")
            for number, name in cast("dict[object, object]", names).items():
                if not re.fullmatch(r"[0-9]{1,10}", str(number)):  # a number in YAML, a text in JSON
                    raise ValueError(f"“{str(number)[:80]}” is not the number of a track")
                losses.names[int(str(number))] = (str(where)[:_NAME_LIMIT], str(name)[:_NAME_LIMIT])
        return losses
