# SPDX-License-Identifier: GPL-3.0-or-later
"""The lost tracks: which tracks the tracker gave up, and on which frames."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from ..model.types import TrackData
from .codec import frame_number
from .records import EditRecord, FrameRecord, MarkersRecord
from .rows import MUTED, count_rows, heads_of

LOSSES_KEPT = 1000
_NAME_LIMIT = 255  # characters; Blender's names have 63 bytes
_ON_FRAME = re.compile(r"\s*(-?\d{1,8}):((?:\s\d{1,10})+)\s*\Z", re.ASCII)


class Losses:
    """The losses that no later step and no marker set by hand on the same frame has repaired.

    A track that left the picture is not lost. A track has at most one loss on a frame, and only the newest
    `LOSSES_KEPT` losses are kept, so their size does not grow with the shot.
    """

    def __init__(self) -> None:
        self.frames: dict[int, list[int]] = {}  # clip frame: the numbers of the tracks; the newest last
        self.names: dict[int, tuple[str, str]] = {}  # track: its tracking object and its name

    def tracks(self, frame: int) -> list[tuple[str, str]]:
        """The tracks lost on the clip frame: tracking object and name, both empty if unknown."""
        return [self.names.get(number, ("", "")) for number in self.frames.get(frame, ())]

    @property
    def lacks_names(self) -> bool:
        """Whether a lost track has no name: a session file names only the tracks of its own losses."""
        return any(number not in self.names for tracks in self.frames.values() for number in tracks)

    # Updates from records

    def name_tracks(self, tracks: Iterable[TrackData]) -> None:
        """Note the names of new and renamed tracks."""
        for track in tracks:
            self.names[track.id] = (track.object[:_NAME_LIMIT], track.name[:_NAME_LIMIT])

    def step(self, record: FrameRecord) -> None:
        """Note the tracks that a step of the tracker has lost.

        Each live track has one marker in the step: without further markers the step lost none, and reading them would
        only cost time.
        """
        frame, rows = record.frame, record.rows
        if count_rows(rows) <= record.alive and frame not in self.frames:
            return
        muted = {track: bool(flags & MUTED) for track, at, flags in heads_of(rows) if at == frame}
        lost = [track for track, is_lost in muted.items() if is_lost]
        before = [track for track in self.frames.get(frame, ()) if track not in muted]
        if lost:
            self.frames.pop(frame, None)  # it becomes the newest
        self._update(frame, before + lost)
        self._drop_oldest()

    def replace_markers(self, record: MarkersRecord) -> None:
        """Forget the losses on frames where the track has a live marker now."""
        lost_on = [frame for frame, tracks in self.frames.items() if record.track in tracks]
        if lost_on:
            live = {at for _, at, flags in heads_of(record.rows) if not flags & MUTED}
            self._forget({record.track}, [frame for frame in lost_on if frame in live])

    def edit(self, record: EditRecord) -> None:
        """Forget the losses on frames where the edit sets a live marker, or removes the marker."""
        live = {at for _, at, flags in heads_of(record.rows) if not flags & MUTED}
        at = live.union(record.removed)
        self._forget({record.track}, [frame for frame in self.frames if frame in at])

    def remove_tracks(self, numbers: Iterable[int]) -> None:
        """Forget removed tracks, whose numbers may be reused."""
        gone = set(numbers)
        for number in gone:
            self.names.pop(number, None)
        self._forget(gone, list(self.frames))

    def _forget(self, gone: set[int], frames: Iterable[int]) -> None:
        for frame in frames:
            self._update(frame, [number for number in self.frames[frame] if number not in gone])

    def _update(self, frame: int, tracks: list[int]) -> None:
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
            self._update(frame, tracks[excess:])
            excess -= len(tracks)

    # In a session file

    def __str__(self) -> str:
        """The losses as `137: 4 9, 140: 3`: frame and numbers of tracks, newest last."""
        return ", ".join(f"{frame}: {' '.join(map(str, tracks))}" for frame, tracks in self.frames.items())

    def named(self) -> dict[str, dict[int, str]]:
        """The names of the lost tracks, by tracking object and number."""
        found: dict[str, dict[int, str]] = {}
        for number in sorted({number for tracks in self.frames.values() for number in tracks}):
            if number in self.names:
                object_name, name = self.names[number]
                found.setdefault(object_name, {})[number] = name
        return found

    @classmethod
    def parse(cls, text: str, named: dict[str, Any]) -> Losses:
        """The losses from the results of `str` and `named`. Raises ValueError for anything else."""
        losses = cls()
        for part in text.split(",") if text.strip() else []:
            match = _ON_FRAME.match(part)
            if match is None:
                raise ValueError(f"“{part[:80]}” is not a frame with the numbers of lost tracks")
            losses.frames[frame_number(int(match[1]))] = list(dict.fromkeys(map(int, match[2].split())))
        losses._drop_oldest()
        for object_name, names in named.items():
            if not isinstance(names, dict):
                raise ValueError(f"the names of “{str(object_name)[:80]}” are not a mapping")
            for number, name in cast("dict[object, object]", names).items():
                if not re.fullmatch(r"[0-9]{1,10}", str(number)):  # a number in YAML, a text in JSON
                    raise ValueError(f"“{str(number)[:80]}” is not the number of a track")
                losses.names[int(str(number))] = (str(object_name)[:_NAME_LIMIT], str(name)[:_NAME_LIMIT])
        return losses
