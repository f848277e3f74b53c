# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames as people count them.

Inside, and in JSON, frames are clip frames: 1 is the first frame of the clip. A person sees another number: that of the
file in an image sequence (a plate begins at 1001 in most houses), that of the timeline in a .blend, and 1, 2, 3 in a
movie. Every frame that a person reads or types goes through `Counting`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from .ranges import FrameRanges

TIMELINE_END = 1_048_574
"""The last frame of Blender's timeline, whose first is 0."""
_SPANS_SHOWN = 4
_RANGE = re.compile(r"(-?\d+)-(-?\d+)\Z")
_FRAMES = frozenset({"frame", "first", "last", "last_frame"})
_RANGES = frozenset({"range", "ranges", "missing"})
_BY_FRAME = frozenset({"frames", "lost"})


def timeline_start(start: int, count: int) -> int:
    """`start`, if a clip of `count` frames that begins there lies on Blender's timeline, else 1."""
    return start if start >= 0 and start + count - 1 <= TIMELINE_END else 1


@dataclass(frozen=True)
class Counting:
    """The displayed frame numbers of one clip: `start` is the number that a person sees on clip frame 1."""

    start: int = 1

    def shown(self, frame: int) -> int:
        """The number that a person sees on the clip frame."""
        return frame + self.start - 1

    def clip_frame(self, number: int) -> int:
        """The clip frame on which a person sees the number; below 1 for a number before the clip."""
        return number - self.start + 1

    def ranges(self, frames: FrameRanges) -> FrameRanges:
        """A set of clip frames as displayed numbers."""
        return FrameRanges((self.shown(first), self.shown(last)) for first, last in frames.ranges())

    def span(self, first: int, last: int) -> str:
        """The clip frames `first` to `last` in words, such as “1001 to 1200”; one number if both are the same."""
        return f"{self.shown(first)}" if first == last else f"{self.shown(first)} to {self.shown(last)}"

    def spans(self, frames: FrameRanges) -> str:
        """A set of clip frames in words, such as “1001 to 1200, 1300”; of many ranges the first few."""
        spans = [self.span(first, last) for first, last in frames.ranges()]
        hidden = len(spans) - _SPANS_SHOWN
        more = f" and {hidden} more range{'s' * (hidden > 1)}" if hidden > 0 else ""
        return f"{', '.join(spans[:_SPANS_SHOWN])}{more}"

    def named(self, frames: FrameRanges) -> str:
        """As `spans`, such as “frame 1001” or “frames 1001 to 1200, 1300”."""
        return f"frame{'s' * (len(frames) > 1)} {self.spans(frames)}"

    def range(self, text: str) -> str:
        """A range or a set of clip frames as in session files, such as “9-1” or “1-137,140”, in displayed numbers.

        Returns any other text unchanged.
        """
        found = _RANGE.match(text)
        if found is not None:  # the range of a pass, which may run backwards
            return f"{self.shown(int(found[1]))}-{self.shown(int(found[2]))}"
        try:
            return str(self.ranges(FrameRanges.parse(text)))
        except ValueError:
            return text

    def outside(self, frame: int, count: int) -> str:
        """The message for a frame outside a clip of `count` frames."""
        frames = f"frame{'s' * (count != 1)} {self.span(1, count)}"
        return f"Frame {self.shown(frame)} is outside the clip, which has the {frames}"

    def beside(self, frame: int, count: int) -> str:
        """The message for a current frame outside a clip of `count` frames, with the nearest frame inside."""
        where, nearest = ("before", 1) if frame < 1 else ("behind", count)
        return (
            f"Frame {self.shown(frame)} is {where} the clip, which lies on {self.span(1, count)}: "
            f"go to {self.shown(nearest)}"
        )

    def described(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """`row` with the displayed number beside each clip frame, for JSON: `shown_last_frame` and so on."""
        found: dict[str, Any] = {}
        for key, value in row.items():
            found[key] = self._described(value)
            if key in _FRAMES:
                found[f"shown_{key}"] = None if value is None else self.shown(value)
            elif key in _RANGES:
                found[f"shown_{key}"] = self.range(value)
            elif key in _BY_FRAME and isinstance(value, dict):
                by_frame = cast("dict[int, Any]", value).items()
                found[f"shown_{key}"] = {self.shown(frame): content for frame, content in by_frame}
        return found

    def _described(self, value: Any) -> Any:
        if isinstance(value, dict):
            content = cast("dict[Any, Any]", value)
            return self.described(content) if all(isinstance(key, str) for key in content) else content
        return [self._described(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value
