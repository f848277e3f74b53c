# SPDX-License-Identifier: GPL-3.0-or-later
"""The terms of a session as types.

Frames are clip frames (1 is the first frame of the clip) unless a name says scene. Marker coordinates are 0..1 of the
frame from its lower left corner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from .ranges import FrameRanges


class SessionStatus(StrEnum):
    """The progress of a session. An interrupted session is TRACKING or SOLVING without a live lease."""

    NOT_STARTED = "not_started"
    TRACKING = "tracking"
    TRACKING_COMPLETE = "tracking_complete"
    SOLVING = "solving"
    COMPLETE = "complete"
    FAILED = "failed"


class SessionState(StrEnum):
    """The user's decision about a session."""

    ACTIVE = "active"
    COMMITTED = "committed"
    DISCARDED = "discarded"


class Outcome(StrEnum):
    """The end of a pass, or the reason of its pause."""

    COMPLETE = "complete"  # the pass reached its last frame
    LOST = "lost"  # the tracker lost every track
    PAUSED = "paused"  # a person or a signal stopped it
    FAILED = "failed"  # an error stopped it
    DROPPED = "dropped"  # the artist gave it up

    @property
    def is_final(self) -> bool:
        return self in (Outcome.COMPLETE, Outcome.LOST, Outcome.DROPPED)


SOLVE_NEEDS = 8
"""Tracks that Blender's camera solve needs: fewer in common on its two keyframes it refuses (`tracking_solver.cc`)."""


@dataclass(frozen=True)
class TrackData:
    """One track: its number in the journal, its tracking object and name in Blender, and its settings.

    `settings` holds every setting that the tracker reads, under Blender's names (`bridge.clip.markers.SETTINGS`).
    """

    id: int
    object: str
    name: str
    settings: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Pass:
    """One run of the tracker: from `start` to `end`, both clip frames, for the tracks with these numbers."""

    number: int
    start: int
    end: int
    tracks: tuple[int, ...]
    object: str = "Camera"
    blender: str = ""
    followed: int = 0
    """How many of the tracks have a marker to follow on `start`; 0: not known."""

    @property
    def backwards(self) -> bool:
        return self.end < self.start

    @property
    def direction(self) -> int:
        """The step from a frame to the next: 1 or -1."""
        return -1 if self.backwards else 1

    @property
    def operation(self) -> str:
        return "track_backwards" if self.backwards else "track_forwards"


class PassSummary(NamedTuple):
    """The progress of a pass: recorded from clip frame `start` to `last_frame`, with `alive` of its `tracks` there.

    `tracks`: those with a marker to follow on `start`, or, if others joined, the most alive at once; not those chosen.
    `then`: first and last clip frames of the passes planned to follow. `followed`: while the pass is open, the numbers
    of the tracks that it can still follow, without those that a later pass has tracked on. A tuple, as each step makes
    a new one.
    """

    number: int
    operation: str
    start: int
    end: int
    tracks: int
    last_frame: int
    alive: int
    outcome: Outcome | None = None  # None: it is running, or was interrupted
    then: tuple[tuple[int, int], ...] = ()
    detail: str = ""
    followed: frozenset[int] = frozenset()
    origin: str = ""  # the tracker, if it is not the session's: blender

    @property
    def direction(self) -> int:
        """The step from a frame to the next: 1 or -1."""
        return -1 if self.end < self.start else 1

    @property
    def is_open(self) -> bool:
        """Whether the pass can be resumed: it follows tracks, or has just lost the last one, or others are planned."""
        is_over = self.outcome is not None and self.outcome.is_final
        return bool(self.then) or (not is_over and bool(self.followed or not self.alive))

    @property
    def is_lost(self) -> bool:
        """Whether the pass ended without a track on its last frame."""
        return self.outcome is Outcome.LOST or (self.outcome is Outcome.COMPLETE and not self.alive)

    @property
    def outcome_word(self) -> str:
        return "running" if self.outcome is None else self.outcome.value


@dataclass(frozen=True)
class FootageMetadata:
    """The identity of a session's footage. `size` is in pixels; `fps` and `frame_count` are 0 if unknown."""

    path: str
    source: str = "SEQUENCE"  # or MOVIE
    size: tuple[int, int] = (0, 0)
    fps: float = 0.0
    start: int = 1
    frame_count: int = 0
    colour_space: str = ""
    colour_configuration: str = ""  # a hash of the OCIO configuration
    fingerprint: str = ""


@dataclass(frozen=True)
class TrackingSession:
    """The checked content of a session file."""

    id: str
    name: str
    created: str
    modified: str
    state: SessionState
    status: SessionStatus
    footage: FootageMetadata
    total_frames: int
    tracked_frames: FrameRanges
    checkpoint_frame: int | None
    checkpoint_operation: str
    best_solve: str
    blend: str = ""  # the .blend of the tracks; empty if they came from footage alone
    clip: str = ""  # the name of the clip in the .blend

    @property
    def is_unfinished(self) -> bool:
        """Whether the session is active and its tracking is not complete."""
        return self.state is SessionState.ACTIVE and self.status in (SessionStatus.NOT_STARTED, SessionStatus.TRACKING)


SESSION_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
"""The form of a session's id, which becomes a file name."""

SOLVE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}\Z")
"""The form of the id of a solve that has files. Scripts may record others."""

COEFFICIENTS = {
    "POLYNOMIAL": ("k1", "k2", "k3"),
    "DIVISION": ("division_k1", "division_k2"),
    "NUKE": ("nuke_k1", "nuke_k2", "nuke_p1", "nuke_p2"),
    "BROWN": ("brown_k1", "brown_k2", "brown_k3", "brown_k4", "brown_p1", "brown_p2"),
}
"""The models of lens distortion by Blender's identifiers, each with the names of its coefficients. Blender 5.1
added the p of NUKE."""
