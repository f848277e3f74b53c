# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags that an audit raises about tracks and frames, and the score of a frame that follows from them.

Frames are clip frames: 1 is the first frame of the clip. Pixels are those of the footage, distorted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from math import isfinite

from .ranges import FRAME_LIMIT


class FlagKind(StrEnum):
    """Stable names, which scripts and session files use; docs/review.md says how each is measured."""

    JUMP = "JUMP"  # a marker is not where its neighbours in time and the other tracks say
    POSSIBLE_JUMP = "POSSIBLE_JUMP"  # the same, but the second opinion does not confirm it
    SWAP = "SWAP"  # two tracks have exchanged their features
    DRIFT = "DRIFT"  # a track leaves its feature slowly
    STRAY = "STRAY"  # a track follows something that does not move with the scene
    DUPLICATE = "DUPLICATE"  # two tracks follow one feature
    STUCK = "STUCK"  # a track stands still while the picture moves
    SHAPE = "SHAPE"  # the pattern area has degenerated
    CORRELATION = "CORRELATION"  # the pattern does not look like its reference
    SHORT = "SHORT"  # a segment of few frames
    THIN = "THIN"  # a frame with few live tracks, or with all of them in one part of the picture
    FRAME_EVENT = "FRAME_EVENT"  # most tracks jump at once: a cut, a flash, a repeated frame
    ERROR = "ERROR"  # the reprojection error after a solve
    UNTESTED = "UNTESTED"  # frames that nothing could test


class Severity(IntEnum):
    """How much a flag matters; a higher one is worse."""

    NOTE = 0
    WARNING = 1
    ERROR = 2

    @property
    def word(self) -> str:
        return self.name.lower()


WEIGHTS = {Severity.ERROR: 0.5, Severity.WARNING: 0.8, Severity.NOTE: 1.0}
"""The factor of each flag in the score of its frame."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One finding: about `track` on the frames `first` to `last`, or about the frames alone if `track` is 0.

    `track` is the number of the track in the journal. `value` and `threshold` are in `unit`: `px`, `frames`, `tracks`,
    `cells`, `ratio` or `%`. `other` is the second track of a SWAP or a DUPLICATE, else 0.
    """

    kind: FlagKind
    severity: Severity
    track: int
    first: int
    last: int
    value: float
    threshold: float
    unit: str
    other: int = 0

    @property
    def subject(self) -> tuple[FlagKind, int, int, int]:
        """What the flag is about: the same in two audits that find the same."""
        return self.kind, self.track, self.first, self.last

    def covers(self, frame: int) -> bool:
        return self.first <= frame <= self.last

    def __str__(self) -> str:
        """The flag as in a session file: `JUMP error 4 137 3.2 0.5 px`, or `SWAP error 4/9 137-140 3.2 1 px`."""
        track = f"{self.track}/{self.other}" if self.other else str(self.track)
        frames = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.kind} {self.severity.word} {track} {frames} {self.value:.6g} {self.threshold:.6g} {self.unit}"

    @classmethod
    def parse(cls, text: str) -> Flag:
        """The flag from the result of `str`. Raises ValueError for anything else."""
        match = _FLAG.match(text)
        if match is None:
            raise ValueError(f"“{text[:80]}” is not a flag")
        first = int(match["first"])
        last = int(match["last"] or first)
        if last < first or max(abs(first), abs(last)) > FRAME_LIMIT:
            raise ValueError(f"“{text[:80]}” has impossible frames")
        value, threshold = float(match["value"]), float(match["threshold"])
        if not (isfinite(value) and isfinite(threshold)):
            raise ValueError(f"“{text[:80]}” has an impossible value")
        kind, severity = FlagKind(match["kind"]), _SEVERITIES.get(match["severity"])
        if severity is None:
            raise ValueError(f"“{text[:80]}” has no severity")
        track, other = int(match["track"]), int(match["other"] or 0)
        return cls(kind, severity, track, first, last, value, threshold, match["unit"], other)


_SEVERITIES = {severity.word: severity for severity in Severity}
_NUMBER = r"-?\d[\d.e+-]{0,15}"
_FLAG = re.compile(
    r"(?P<kind>[A-Z_]{1,32}) (?P<severity>[a-z]{1,16}) (?P<track>\d{1,9})(?:/(?P<other>\d{1,9}))?"
    r" (?P<first>-?\d{1,9})(?:-(?P<last>-?\d{1,9}))?"
    rf" (?P<value>{_NUMBER}) (?P<threshold>{_NUMBER}) (?P<unit>[a-z%]{{1,16}})\Z",
    re.ASCII,
)


def score(flags: Iterable[Flag]) -> float:
    """The score of a frame with these flags, 0 to 1: the product of `WEIGHTS`, 1 without errors and warnings."""
    result = 1.0
    for flag in flags:
        result *= WEIGHTS[flag.severity]
    return result


def value_words(flag: Flag) -> str:
    """The value beside the threshold, as `3.25 > 0.5 px`."""
    return f"{flag.value:.3g} {'<' if flag.value < flag.threshold else '>'} {flag.threshold:.3g} {flag.unit}".rstrip()


def worst_first(flags: Iterable[Flag]) -> list[Flag]:
    """The flags by severity, then by how many times the value exceeds the threshold, then by frame, track and kind."""
    return sorted(flags, key=lambda flag: (-flag.severity, -_excess(flag), flag.first, flag.track, flag.kind))


def _excess(flag: Flag) -> float:
    """How many times the value is worse than the threshold."""
    low, high = (flag.value, flag.threshold) if flag.kind in _LOWER_IS_WORSE else (flag.threshold, flag.value)
    return high / low if low > 0 else high


_LOWER_IS_WORSE = {FlagKind.STUCK, FlagKind.SHORT, FlagKind.THIN, FlagKind.CORRELATION}
