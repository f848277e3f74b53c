# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracks of a session as an audit reads them: live markers in pixels, in columns of clip frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..journal.rows import CO, CORNERS, FLAGS, FRAME, KEYED, MARKER_SIZE, MUTED, WORDS, place_of
from ..model.ranges import FRAME_LIMIT
from ..model.types import TrackData
from .regression import Floats, Indices

CO_LIMIT = 16.0
"""Pictures from the origin beyond which a position is no marker: damage, which must not reach the sums."""
LOCATION = "Loc"
"""Blender's name of the motion model that leaves the pattern area as it is."""


class Tracks(Protocol):
    """A state of a journal, a `Head` or a `Replay`: its tracks, and the packed markers of each by frame."""

    tracks: dict[int, TrackData]

    def rows(self, track: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Track:
    """A track by its number in the journal. `is_shaped`: its motion model changes more than the location;
    `matches_previous`: the tracker compares its pattern with the frame before, not with a keyframe."""

    number: int
    object: str = "Camera"
    is_locked: bool = False
    is_shaped: bool = False
    matches_previous: bool = False


class Table(NamedTuple):
    """Neighbouring columns as arrays [tracks, columns], with a row for each track that has a marker in them.

    `track`: the index of each row in `Motion.tracks`; `x`, `y`: pixels from the centre of the picture, NaN where there
    is no live marker; `marker`: the index of the marker, -1 where there is none.
    """

    track: Indices
    x: Floats
    y: Floats
    marker: Indices


class Motion:
    """The live markers of `tracks` in a picture of `size` pixels (width, height).

    Markers are ordered by clip frame, then by track. `frames` [columns] are the clip frames that have any, ascending;
    those of column c are `starts[c]` to `starts[c + 1] - 1`. [markers] each: `track`, the index in `tracks`; `x`, `y`,
    float64, pixels of the distorted footage from the centre of the picture, y up; `is_keyed`. `corners`
    [markers, 4, 2], float32, pixels from the position; None if no track has a motion model beyond location, unless
    they were asked for.
    """

    def __init__(
        self,
        size: tuple[int, int],
        tracks: list[Track],
        track: NDArray[Any],
        frame: NDArray[Any],
        x: Floats,
        y: Floats,
        is_keyed: NDArray[np.bool_] | None = None,
        corners: NDArray[np.float32] | None = None,
    ) -> None:
        """Markers in any order; of two of one track on one frame the last one counts. What is no number, or farther
        than 16 pictures from the centre, is left out."""
        self.size, self.tracks = size, tracks
        reach = CO_LIMIT * max(1, *size)
        with np.errstate(invalid="ignore"):
            good = (np.abs(x) <= reach) & (np.abs(y) <= reach)
        if not good.all():
            track, frame, x, y = track[good], frame[good], x[good], y[good]
            is_keyed = is_keyed if is_keyed is None else is_keyed[good]
            corners = corners if corners is None else corners[good]
        key = frame.astype(np.int64) * max(1, len(tracks)) + track
        order = np.argsort(key, kind="stable")
        key = key[order]
        order = order[np.append(key[1:] != key[:-1], True)] if len(key) else order
        self.track: Indices = track[order].astype(np.intp)
        self.x, self.y = x[order], y[order]
        self.is_keyed = np.zeros(len(order), bool) if is_keyed is None else is_keyed[order]
        self.corners = None if corners is None else corners[order]
        frame = frame[order]
        firsts = np.flatnonzero(np.append(True, frame[1:] != frame[:-1])) if len(frame) else np.zeros(0, np.intp)
        self.frames: NDArray[np.int64] = frame[firsts].astype(np.int64)
        self.starts: Indices = np.append(firsts, len(frame)).astype(np.intp)

    @classmethod
    def of(
        cls,
        source: Tracks,
        size: tuple[int, int],
        *,
        between: tuple[int, int] | None = None,
        object: str | None = None,
        has_corners: bool = False,
    ) -> Motion:
        """The live markers of a state of a journal; only those on the clip frames `between` (first and last), and of
        the tracking object `object`, if given. `has_corners`: also if all motion models are those of a location."""
        if min(size) < 1:
            raise ValueError(f"a picture of {size[0]}x{size[1]} pixels")
        tracks: list[Track] = []
        packed: list[bytes] = []
        for number, data in sorted(source.tracks.items()):
            if object is not None and data.object != object:
                continue
            rows = source.rows(number)
            if between is not None:
                first, end = place_of(rows, between[0]), place_of(rows, between[1] + 1)
                rows = rows[first * MARKER_SIZE : end * MARKER_SIZE]
            tracks.append(_track(data))
            packed.append(rows)
        counts = np.array([len(rows) // MARKER_SIZE for rows in packed], np.intp)
        words = np.frombuffer(b"".join(packed), "<i4").reshape(-1, WORDS)
        flags, frame = words[:, FLAGS.start], words[:, FRAME.start]
        track = np.repeat(np.arange(len(tracks), dtype=np.int32), counts)
        live = np.flatnonzero(((flags & MUTED) == 0) & (frame <= FRAME_LIMIT) & (frame >= -FRAME_LIMIT))
        if len(live) < len(words):
            words, flags, frame, track = words[live], flags[live], frame[live], track[live]
        width, height = size
        with np.errstate(invalid="ignore", over="ignore"):
            co = words[:, CO].copy().view("<f4").astype(np.float64)
            corners = None
            if has_corners or any(one.is_shaped for one in tracks):
                corners = words[:, CORNERS].copy().view("<f4").reshape(-1, 4, 2) * np.array(size, np.float32)
        return cls(
            size,
            tracks,
            track,
            frame,
            (co[:, 0] - 0.5) * width,
            (co[:, 1] - 0.5) * height,
            (flags & KEYED) != 0,
            corners,
        )

    @classmethod
    def of_positions(
        cls, positions: Floats, size: tuple[int, int], *, first: int = 1, tracks: list[Track] | None = None
    ) -> Motion:
        """Tracks from float64 [tracks, frames, 2], pixels from the lower left of the picture, NaN: no live marker.

        `first`: the clip frame of the first column. Without `tracks` their numbers are 1, 2, …
        """
        track, column = np.nonzero(np.isfinite(positions).all(2))
        x, y = positions[track, column].T
        names = tracks or [Track(number) for number in range(1, len(positions) + 1)]
        return cls(size, names, track, column + first, x - size[0] / 2, y - size[1] / 2)

    def __len__(self) -> int:
        """The number of live markers."""
        return len(self.x)

    def parts(self) -> Iterator[Motion]:
        """The motion of each tracking object, which moves on its own."""
        names = sorted({track.object for track in self.tracks})
        if len(names) < 2:
            yield self
            return
        for name in names:
            inside = np.array([track.object == name for track in self.tracks])
            mine = inside[self.track]
            yield Motion(
                self.size,
                [track for track in self.tracks if track.object == name],
                (np.cumsum(inside) - 1)[self.track[mine]],
                self.frame[mine],
                self.x[mine],
                self.y[mine],
                self.is_keyed[mine],
                None if self.corners is None else self.corners[mine],
            )

    def moved(self, x: Floats, y: Floats) -> Motion:
        """The same markers at other positions, pixels from the centre; what is no number stays where it was."""
        other = copy(self)
        good = np.isfinite(x) & np.isfinite(y)
        other.x, other.y = np.where(good, x, self.x), np.where(good, y, self.y)
        return other

    @property
    def column(self) -> Indices:
        """[markers]: the column of each."""
        return np.repeat(np.arange(len(self.frames)), np.diff(self.starts))

    @property
    def frame(self) -> NDArray[np.int64]:
        """[markers]: the clip frame of each."""
        return np.repeat(self.frames, np.diff(self.starts))

    def column_of(self, frame: int) -> int:
        """The column of the clip frame, or of the first one behind it."""
        return int(np.searchsorted(self.frames, frame))

    def table(self, first: int, end: int) -> Table:
        """The columns `first` to `end` - 1 as arrays; those that do not exist hold no marker."""
        low, high = (int(self.starts[min(max(column, 0), len(self.frames))]) for column in (first, end))
        track = self.track[low:high]
        present = np.zeros(len(self.tracks), bool)
        present[track] = True
        rows = np.flatnonzero(present)
        row = (np.cumsum(present) - 1)[track]
        start = min(max(first, 0), len(self.frames))
        inside = np.diff(self.starts[start : min(max(end, 0), len(self.frames)) + 1])
        column = np.repeat(np.arange(start - first, start - first + len(inside)), inside)
        shape = len(rows), end - first
        x, y, marker = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, -1, np.intp)
        x[row, column], y[row, column] = self.x[low:high], self.y[low:high]
        marker[row, column] = np.arange(low, high)
        return Table(rows, x, y, marker)


def _track(data: TrackData) -> Track:
    settings: Mapping[str, object] = data.settings
    model = settings.get("motion_model", LOCATION)
    matches_previous = settings.get("pattern_match") == "PREV_FRAME"
    return Track(data.id, data.object, settings.get("lock") is True, model != LOCATION, matches_previous)
