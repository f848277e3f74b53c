# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the files of the footage with the details that were saved when the session was made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from ..errors import FootageUnusable
from ..model.ranges import FrameRanges
from .details import FootageDetails
from .files import Footage
from .frames import check_same_size, check_whole, missing, read_sample, unreadable


class FootageCheck:
    """Checks the files of some footage, frame by frame, against its saved details."""

    def __init__(
        self,
        footage: Footage,
        details: FootageDetails,
        *,
        damaged: Iterable[int] = (),
        can_read: Callable[[Path], bool] | None = None,
    ) -> None:
        """`damaged` are clip frames whose pictures could not be read then, so that other files may replace them.

        `can_read` reports whether Blender can read a picture that passes every other check.
        """
        self.footage = footage
        self._entries = list(details.entries)
        self._damaged = set(damaged)
        self._can_read = can_read
        self._checked = FrameRanges()

    def frame(self, frame: int) -> None:
        """Compare the size of the file of a frame, cheap enough for each step. Raises FootageUnusable."""
        footage = self.footage
        try:
            size = os.stat(footage.path(frame)).st_size
        except OSError:
            raise missing(footage, frame) from None
        index = 0 if footage.source == "MOVIE" else frame - 1
        if not 0 <= index < len(self._entries):
            raise self._unknown(frame)
        if size != self._entries[index][0] and not self._is_mended(frame):
            raise self._changed(frame)

    def frames(self, frames: FrameRanges) -> None:
        """Read a little of the files of `frames`, each at most once, and compare it. Raises FootageUnusable."""
        if self.footage.source == "MOVIE":
            if read_sample(self.footage, 1).entry != self._entries[0]:
                raise self._changed(1)
            return
        for start, end in frames.ranges():
            for low, high in self._checked.missing(start, end).ranges():
                for frame in range(low, high + 1):
                    self.frame(frame)
                    is_same = read_sample(self.footage, frame).entry == self._entries[frame - 1]
                    if not is_same and not self._is_mended(frame):
                        raise self._changed(frame)
                self._checked.add(low, high)

    def whole(self, frame: int) -> None:
        """Read all of the picture of a frame, before a result that depends on it is kept. Raises FootageUnusable."""
        if self.footage.source != "MOVIE":
            check_whole(self.footage, frame)

    def read(self, frame: int) -> None:
        """Let Blender read the picture of a frame in a process of its own. Raises FootageUnusable if it cannot."""
        path = self.footage.file(frame)
        if self.footage.source != "MOVIE" and self._can_read is not None and not self._can_read(path):
            raise unreadable(self.footage, frame)

    def _is_mended(self, frame: int) -> bool:
        """Whether a whole picture of the same size has replaced a damaged one. Raises FootageUnusable."""
        if frame not in self._damaged:
            return False
        sample, neighbour = read_sample(self.footage, frame), read_sample(self.footage, 2 if frame == 1 else frame - 1)
        check_whole(self.footage, frame)
        check_same_size(self.footage, frame, sample.picture, neighbour.picture)
        self._entries[frame - 1] = sample.entry
        return True

    def _changed(self, frame: int) -> FootageUnusable:
        """The error for a file that differs from its entry: its damage if it is damaged, else that it has changed."""
        footage = self.footage
        try:
            check_whole(footage, frame)
        except FootageUnusable as error:
            return error
        fault = "has changed since the session was made: put the old footage back, or start a fresh session"
        if footage.source == "MOVIE":
            return FootageUnusable(f"The movie {fault}", footage.first, frame)
        return footage.unusable(frame, fault)

    def _unknown(self, frame: int) -> FootageUnusable:
        return self.footage.unusable(
            frame,
            f"is not one of the {len(self._entries)} frames that the footage had when the session was made: "
            "start a fresh session",
        )
