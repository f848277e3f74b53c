# SPDX-License-Identifier: GPL-3.0-or-later
"""What people decide in a review: approvals, overrides of markers, accepted flags, notes; each also as plain data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any, cast

from ..model.flags import Flag, FlagKind
from .codec import frame_number


class OverrideKind(StrEnum):
    """How a person changed markers."""

    NUDGE = "nudge"
    RETRACK = "retrack"
    FILL = "fill"
    MUTE = "mute"


@dataclass(frozen=True, slots=True)
class Override:
    """A change of the markers of `track` on the clip frames `first` to `last`, by a person.

    `original` and `position`: of a nudge, the marker before and after it, in pixels from the lower left corner.
    """

    kind: OverrideKind
    track: int
    first: int
    last: int
    who: str
    time: str
    note: str = ""
    original: tuple[float, float] | None = None
    position: tuple[float, float] | None = None

    @property
    def is_by_tracker(self) -> bool:
        """Whether the tracker made the new markers."""
        return self.kind in (OverrideKind.RETRACK, OverrideKind.FILL)


@dataclass(frozen=True, slots=True)
class Fine:
    """A person found that the markers are fine as they are, whatever the flag of this kind says."""

    kind: FlagKind
    track: int
    first: int
    last: int
    who: str
    time: str
    note: str = ""

    def accepts(self, flag: Flag) -> bool:
        return self.is_about(flag.kind, (flag.track, flag.other), flag.first, flag.last)

    def is_about(self, kind: FlagKind, tracks: Collection[int], first: int, last: int) -> bool:
        """Whether it accepts flags of this kind, of one of the tracks, on one of the clip frames."""
        return kind is self.kind and self.track in tracks and self.first <= last and first <= self.last


@dataclass(frozen=True, slots=True)
class Note:
    """A remark about the clip frames `first` to `last`, or about `track` there if it is not 0."""

    text: str
    first: int
    last: int
    who: str
    time: str
    track: int = 0


@dataclass(frozen=True, slots=True)
class Approval:
    """A person approved the clip frames `first` to `last`. It counts where they are still signed."""

    first: int
    last: int
    who: str
    time: str
    note: str = ""
    track: int = 0
    """0, as it is about all tracks."""


Decision = Approval | Override | Fine | Note


def plain(entry: Decision) -> dict[str, Any]:
    """The entry without what it lacks; a position as a list, as JSON and YAML have it."""
    fields = ((key, getattr(entry, key)) for key in entry.__slots__)  # a third of the time of `asdict`
    return {key: _value(value) for key, value in fields if value not in ("", None, 0)}


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(cast("tuple[float, float]", value))
    return value.value if isinstance(value, StrEnum) else value


def _shared(fields: Mapping[str, Any]) -> dict[str, Any]:
    first = frame_number(fields["first"])
    last = frame_number(fields.get("last", first))
    if last < first:
        raise ValueError(f"the frames {first} to {last} are none")
    who, time = (str(fields.get(key, "")) for key in ("who", "time"))
    return {"track": int(fields.get("track", 0)), "first": first, "last": last, "who": who, "time": time}


def fine_of(fields: Mapping[str, Any]) -> Fine:
    """The entry of these fields, which are untrusted, as the others here. Raises KeyError, TypeError, ValueError."""
    return Fine(FlagKind(fields["kind"]), note=str(fields.get("note", "")), **_shared(fields))


def approval_of(fields: Mapping[str, Any]) -> Approval:
    return Approval(note=str(fields.get("note", "")), **_shared(fields))


def note_of(fields: Mapping[str, Any]) -> Note:
    return Note(str(fields["text"]), **_shared(fields))


def override_of(fields: Mapping[str, Any]) -> Override:
    original, position = (_place(fields.get(key)) for key in ("original", "position"))
    kind, note = OverrideKind(fields["kind"]), str(fields.get("note", ""))
    return Override(kind, note=note, original=original, position=position, **_shared(fields))


def _place(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    x, y = (float(part) for part in value)
    if not (isfinite(x) and isfinite(y)):
        raise ValueError(f"{value!r} is no position")
    return x, y
