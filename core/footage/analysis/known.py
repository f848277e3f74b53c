# SPDX-License-Identifier: GPL-3.0-or-later
"""What an analysis of footage has found, in words and as it is kept beside the checksums of its files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, cast

from ...errors import SessionUnreadable, UsageError
from ...model.counting import Counting
from ...model.ranges import FRAME_LIMIT, FrameRanges
from ...storage.files import encode_document, existing_document, read_document, replace_file
from ...storage.folder import SessionFolder
from ..details import is_fingerprint

VERSION = 1
"""Of the measures: a newer one makes another analysis worth its time."""
_KEY = "analysis"
_FLICKER = 0.06  # log2 of brightness from which the light flickers: 4 %


class CameraMotion(StrEnum):
    """A first idea of how the camera moves."""

    STATIC = "static"
    NODAL = "nodal"  # it turns on the spot, or shows one plane only
    TRAVELLING = "travelling"
    UNKNOWN = "unknown"


_MOTIONS = {
    CameraMotion.STATIC: "The camera does not seem to move",
    CameraMotion.NODAL: "The camera seems to turn on the spot, or to show one plane only",
    CameraMotion.TRAVELLING: "The camera seems to travel",
    CameraMotion.UNKNOWN: "How the camera moves cannot be told from the pictures",
}


@dataclass(frozen=True)
class Analysis:
    """Sets of clip frames with what makes tracking fail on them.

    `looked`: the frames whose picture was read, `unread`: those that could not be read. `cuts`: the first frames of new
    shots. `unsearched`: frames among which a cut may lie that was not searched for. `repeated`: frames that show
    the one before again. `flashes`: light, or another picture, for three frames at most. `blurred`: less sharp than the
    frames around them. `unlike`: nothing of the frames around them is found in them, as in a whip pan. `jumps`:
    the first frames of another exposure. `featureless`: too little texture. `is_interlaced`: None if it cannot be told.
    `flicker`: standard deviation of log2 of the brightness from frame to frame.
    """

    SETS: ClassVar[tuple[str, ...]] = (
        "looked",
        "unread",
        "cuts",
        "unsearched",
        "repeated",
        "black",
        "flashes",
        "blurred",
        "unlike",
        "jumps",
        "featureless",
    )
    """The names of the sets."""

    frame_count: int
    looked: FrameRanges = field(default_factory=FrameRanges)
    unread: FrameRanges = field(default_factory=FrameRanges)
    cuts: FrameRanges = field(default_factory=FrameRanges)
    unsearched: FrameRanges = field(default_factory=FrameRanges)
    repeated: FrameRanges = field(default_factory=FrameRanges)
    black: FrameRanges = field(default_factory=FrameRanges)
    flashes: FrameRanges = field(default_factory=FrameRanges)
    blurred: FrameRanges = field(default_factory=FrameRanges)
    unlike: FrameRanges = field(default_factory=FrameRanges)
    jumps: FrameRanges = field(default_factory=FrameRanges)
    featureless: FrameRanges = field(default_factory=FrameRanges)
    is_interlaced: bool | None = None
    motion: CameraMotion = CameraMotion.UNKNOWN
    flicker: float = 0.0

    @property
    def is_sampled(self) -> bool:
        """Whether only some of the frames were read."""
        return len(self.looked) + len(self.unread) < self.frame_count

    def shots(self) -> list[tuple[int, int]]:
        """The first and the last clip frame of each stretch between cuts."""
        starts = [1, *(frame for frame in self.cuts if 1 < frame <= self.frame_count)]
        return list(zip(starts, [*(frame - 1 for frame in starts[1:]), self.frame_count], strict=True))

    def problems(self, counting: Counting) -> list[str]:
        """What is wrong, worst first: sentences without a full stop, with displayed frame numbers."""
        found = [
            f"{words} {counting.named(frames)}"
            for frames, words in (
                (self.cuts, "A cut at"),
                (self.unread, "No picture on"),
                (self.black, "Black:"),
                (self.featureless, "Too little texture to track on"),
                (self.unlike, "Too fast or too blurred to follow:"),
                (self.flashes, "A flash, or a foreign picture, on"),
                (self.repeated, "The picture before is repeated on"),
                (self.blurred, "Blurred:"),
                (self.jumps, "The exposure jumps at"),
                (self.unsearched, "A cut may lie among"),
            )
            if len(frames)
        ]
        if self.is_interlaced:
            found.insert(0, "The pictures are interlaced: separate their fields before you track")
        if self.flicker >= _FLICKER:
            found.append(f"The light flickers by {100 * (2**self.flicker - 1):.0f} % from frame to frame")
        return found

    def motion_words(self) -> str:
        return _MOTIONS[self.motion]

    def sampling_words(self) -> str:
        """How much was looked at; empty if everything was."""
        if not self.is_sampled:
            return ""
        return (
            f"{len(self.looked):,} of {self.frame_count:,} frames were looked at: short defects between may be unseen"
        )

    def content(self) -> dict[str, Any]:
        """The analysis as plain values, as it is kept."""
        return {
            "frame_count": self.frame_count,
            **{name: str(getattr(self, name)) for name in Analysis.SETS},
            "is_interlaced": self.is_interlaced,
            "motion": self.motion.value,
            "flicker": round(self.flicker, 4),
            "version": VERSION,  # last: a file that is cut has none
        }


def known_analysis(folder: SessionFolder, fingerprint: str) -> Analysis | None:
    """The analysis of the footage with this fingerprint; None without one that is sound and of this version."""
    if not is_fingerprint(fingerprint):
        return None
    try:
        content = read_document(existing_document(folder.footage(fingerprint))).get(_KEY)
    except SessionUnreadable:
        return None
    return _analysis(cast("Mapping[str, Any]", content)) if isinstance(content, dict) else None


def keep_analysis(folder: SessionFolder, fingerprint: str, analysis: Analysis) -> None:
    """Add the analysis to the saved details of the footage (`details.save_details`), in place of an earlier one.

    Raises UsageError if the text is no fingerprint, SessionUnreadable if there are no details or they are damaged, and
    StorageFailed.
    """
    if not is_fingerprint(fingerprint):
        raise UsageError(f"{fingerprint[:40]!r} is not the fingerprint of footage")
    path = existing_document(folder.footage(fingerprint))
    content = read_document(path)
    content[_KEY] = analysis.content()
    replace_file(path, encode_document(content, path.suffix))


def _analysis(content: Mapping[str, Any]) -> Analysis | None:
    count, interlaced, flicker = (content.get(name) for name in ("frame_count", "is_interlaced", "flicker"))
    if content.get("version") != VERSION or not (interlaced is None or isinstance(interlaced, bool)):
        return None
    if not isinstance(count, int) or isinstance(count, bool) or not 0 < count <= FRAME_LIMIT:
        return None
    try:
        sets = {name: _frames(content[name], count) for name in Analysis.SETS}
        motion = CameraMotion(content["motion"])
        strength = float(cast("float", flicker))
    except (KeyError, TypeError, ValueError):
        return None
    if not math.isfinite(strength) or strength < 0:
        return None
    return Analysis(frame_count=count, is_interlaced=interlaced, motion=motion, flicker=strength, **sets)


def _frames(text: object, count: int) -> FrameRanges:
    """Raises ValueError for frames outside the clip."""
    if not isinstance(text, (str, int)):
        raise ValueError("no frames")
    frames = FrameRanges.parse(str(text))
    spans = list(frames.ranges())
    if spans and not (spans[0][0] >= 1 and spans[-1][1] <= count):
        raise ValueError("frames outside the clip")
    return frames
