# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows neighbouring frames through a clip: where a new shot begins, and which frames are foreign to theirs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...model.ranges import FrameRanges
from .look import Look
from .matching import Match, match

SAME_SHOT = 0.5
"""The share of blocks that are found again, from which two frames show the same: see docs/analysis.md."""
FEATURELESS = 0.2
"""The share of cells with a corner below which tracks have nothing to hold on to: 8 cells, the tracks of a solve."""
ODD = 3
"""Frames, at most, of a flash or of a foreign picture in a shot; more are a shot."""
_ANCHORS = 2
_BRIGHTER = 0.1  # of the mean brightness: a blank frame that is so much brighter than its shot is a flash


class Pair(NamedTuple):
    """A frame beside the one before. `light`, `detail`: of `Match`; `distance`: that the picture has moved, in widths;
    `difference`: the mean absolute difference of the two pictures, NaN if they cannot be compared; `noise`: standard
    deviation, the lesser of both."""

    frame: int
    light: float
    detail: float
    distance: float
    difference: float
    noise: float


class Follower:
    """Takes the frames one by one, ascending, and keeps a few of them."""

    def __init__(self) -> None:
        self.cuts, self.black, self.flashes = FrameRanges(), FrameRanges(), FrameRanges()
        self.featureless, self.unlike = FrameRanges(), FrameRanges()
        self.pairs: list[Pair] = []
        self._anchors: list[tuple[int, Look]] = []  # the newest frames of the shot
        self._pending: list[tuple[int, Look]] = []  # frames that are not of the shot, so far
        self._blank: list[tuple[int, Look]] = []  # frames without texture since the newest anchor
        self._before: tuple[int, Look] | None = None

    def add(self, frame: int, look: Look) -> None:
        beside = self._before is not None and self._before[0] == frame - 1
        found = match(self._before[1], look) if beside and self._before is not None else None
        if found is not None and self._before is not None:
            self.pairs.append(_pair(frame, self._before[1], look, found))
        self._before = frame, look
        if look.is_black:
            self.black.add(frame)
        elif look.textured < FEATURELESS:
            self.featureless.add(frame)
            self._blank.append((frame, look))
        else:
            self._sort(frame, look, found)

    def leap(self) -> None:
        """The frames before the next one are not given: what follows may be another shot, which is not said here."""
        self._anchors, self._pending, self._blank, self._before = [], [], [], None

    def finish(self) -> None:
        """Decide on the frames that are left."""
        while self._pending:
            self._begin_shot()

    def _sort(self, frame: int, look: Look, found: Match | None) -> None:
        """Tell whether the frame is of the shot. `found`: its match with the frame before."""
        if not self._anchors or self._is_same(frame, look, found):
            self._flash_by_return(look)
            self._anchors = [*self._anchors, (frame, look)][-_ANCHORS:]
            return
        self._pending.append((frame, look))
        if len(self._pending) > ODD:
            self._begin_shot()

    def _is_same(self, frame: int, look: Look, found: Match | None) -> bool:
        for at, anchor in reversed(self._anchors):
            between = found if found is not None and at == frame - 1 else match(anchor, look)
            if not between.share < SAME_SHOT:  # NaN: nothing to compare, so nothing to say
                return True
        return False

    def _flash_by_return(self, look: Look) -> None:
        """The shot goes on: what stood between was a flash or a foreign picture."""
        for frame, _ in self._pending:
            self.flashes.add(frame)
        self._pending = []
        light = float(look.small.mean())
        if len(self._blank) <= ODD and self._anchors:
            for frame, blank in self._blank:
                if float(blank.small.mean()) > light + _BRIGHTER:
                    self.flashes.add(frame)
                    self.featureless.discard(frame)
        self._blank = []

    def _begin_shot(self) -> None:
        """The first pending frame begins a shot, if one of the next two goes on with it.

        Else it is like no other, as in a whip pan, behind which the same shot may go on: that is no cut.
        """
        (frame, look), *rest = self._pending
        self._pending, self._blank = [], []
        if not rest or any(not match(look, other).share < SAME_SHOT for _, other in rest[:2]):
            self.cuts.add(frame)
            self._anchors = [(frame, look)]
        else:
            self.unlike.add(frame)
            self._anchors = []
        for later, other in rest:
            self._sort(later, other, None)


def _pair(frame: int, a: Look, b: Look, found: Match) -> Pair:
    assert a.picture is not None and b.picture is not None
    is_same_size = a.picture.shape == b.picture.shape
    if not found.share >= SAME_SHOT:
        return Pair(frame, 0.0, 0.0, 0.0, float("nan"), 0.0)
    difference = float(np.abs(a.picture - b.picture).mean()) if is_same_size else float("nan")
    return Pair(frame, found.light, found.detail, found.distance, difference, min(a.noise, b.noise))
