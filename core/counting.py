# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames as people count them.

Inside, and in JSON, frames are clip frames: 1 is the first frame of the clip. A person sees another number: that of the
file in an image sequence (a plate begins at 1001 in most houses), that of the timeline in a .blend, and 1, 2, 3 in a
movie. Whatever says a frame to a person, or is told one by a person, goes through here.
"""

from __future__ import annotations

from dataclasses import dataclass

from .ranges import FrameRanges


@dataclass(frozen=True)
class Counting:
    """How people count the frames of one clip: `start` is the number that they see on clip frame 1."""

    start: int = 1

    def shown(self, frame: int) -> int:
        """The number that a person sees on the clip frame."""
        return frame + self.start - 1

    def clip_frame(self, number: int) -> int:
        """The clip frame on which a person sees the number; below 1 for a number before the clip."""
        return number - self.start + 1

    def ranges(self, frames: FrameRanges) -> FrameRanges:
        """A set of clip frames in the numbers that a person sees."""
        return FrameRanges((self.shown(first), self.shown(last)) for first, last in frames.ranges())

    def span(self, first: int, last: int) -> str:
        """The clip frames `first` to `last` in words, such as “1001 to 1200”; one number where they are the same."""
        return f"{self.shown(first)}" if first == last else f"{self.shown(first)} to {self.shown(last)}"
