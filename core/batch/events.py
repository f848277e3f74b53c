# SPDX-License-Identifier: GPL-3.0-or-later
"""The events that `track`, `resume` and `camera` print with `--events`, one line of JSON each; a supervisor reads them.

`begun` when tracking begins, then `done` with the result, or `stopped` with the reason; before that `segments` if it
leaves passes to others. Scripts read them as well: keys
may be added, never removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from ..errors import (
    Interrupted,
    LeaseHeld,
    LeaseLost,
    ProcessEnded,
    SegmentsWanted,
    ShotUnusable,
    StorageFailed,
    TrackingSessionError,
    UsageError,
)


class StopReason(StrEnum):
    """Why tracking stopped before its end."""

    INTERRUPTED = "interrupted"  # by a signal, or because the batch ended
    SEGMENTS = "segments"  # others have to track segments of it first
    SESSION_IN_USE = "session_in_use"
    STORAGE = "storage"  # the session folder cannot be written
    UNUSABLE = "unusable"  # the shot cannot be tracked as it is
    USAGE = "usage"  # the arguments make no sense
    CRASHED = "crashed"  # a process that works for this one was killed, or has crashed: begin again
    FAILED = "failed"


_REASONS: tuple[tuple[type[TrackingSessionError], StopReason], ...] = (
    (Interrupted, StopReason.INTERRUPTED),
    (SegmentsWanted, StopReason.SEGMENTS),
    (LeaseHeld, StopReason.SESSION_IN_USE),
    (LeaseLost, StopReason.SESSION_IN_USE),
    (StorageFailed, StopReason.STORAGE),
    (ShotUnusable, StopReason.UNUSABLE),
    (UsageError, StopReason.USAGE),
)


@dataclass(frozen=True)
class Begun:
    """Tracking begins in the session file `session`, which has `tracked_frames` already."""

    session: str
    tracked_frames: int = 0

    def line(self) -> str:
        return json.dumps({"event": "begun", "session": self.session, "tracked_frames": self.tracked_frames})


@dataclass(frozen=True)
class Done:
    """Tracking ended, at the end of the shot or where all tracks were lost, or a camera was judged.

    `result` is what `--json` prints.
    """

    id: str  # of the session; empty if the line has none
    result: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def line(self) -> str:
        return json.dumps({"event": "done", "id": self.id, **self.result})


@dataclass(frozen=True)
class Stopped:
    """An error ended tracking; `error` is its message, `kind` its name for people."""

    reason: StopReason
    error: str = ""
    kind: str = ""

    @classmethod
    def by(cls, error: TrackingSessionError, message: str) -> Stopped:
        if isinstance(error, ProcessEnded):
            reason = _reason(error.stop) if error.stop else StopReason.CRASHED
        else:
            reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), StopReason.FAILED)
        return cls(reason, message, type(error).__name__)

    def line(self) -> str:
        return json.dumps({"event": "stopped", "kind": self.kind, "reason": self.reason.value, "error": self.error})


@dataclass(frozen=True)
class Segments:
    """The shots of the manifest are to be tracked before this one can go on; `stopped` follows."""

    manifest: str

    def line(self) -> str:
        return json.dumps({"event": "segments", "manifest": self.manifest})


Event = Begun | Segments | Done | Stopped


def parse(line: bytes) -> Event | None:
    """The event in a line; None for any other line, such as Blender's own."""
    try:
        content: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    fields = cast("dict[str, Any]", content)
    match fields.get("event"):
        case "begun":
            session, frames = fields.get("session"), fields.get("tracked_frames")
            return Begun(session, frames if isinstance(frames, int) else 0) if isinstance(session, str) else None
        case "done":
            id = fields.get("id")
            return Done(id if isinstance(id, str) else "", fields)
        case "segments":
            manifest = fields.get("manifest")
            return Segments(manifest) if isinstance(manifest, str) and manifest else None
        case "stopped":
            return Stopped(_reason(fields.get("reason")), str(fields.get("error") or ""), str(fields.get("kind") or ""))
        case _:
            return None


def _reason(value: object) -> StopReason:
    return next((known for known in StopReason if known == value), StopReason.FAILED)
