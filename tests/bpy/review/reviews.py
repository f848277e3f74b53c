# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip that was tracked, with a review in which an audit has found what a test says."""

from __future__ import annotations

from typing import Any

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.review import deciding
from tracking_sessions.core.journal.review import Review
from tracking_sessions.core.model.flags import Flag, FlagKind, Severity
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.review import actions
from tracking_sessions.tests.bpy.window import begin

JUDGED = "1-12"


def flag(number: int, first: int, last: int = 0, kind: FlagKind = FlagKind.JUMP, value: float = 3.0) -> Flag:
    is_error = kind in (FlagKind.JUMP, FlagKind.SWAP)
    severity = Severity.ERROR if is_error else Severity.NOTE if kind is FlagKind.SHORT else Severity.WARNING
    return Flag(kind, severity, number, first, last or first, value, 0.5, "px")


def found(clip: Any, *flags: Flag, frames: str = JUDGED) -> None:
    """Record an audit of all kinds that has found these flags."""
    recording = deciding.begin(clip)
    assert recording.session is not None
    frames_judged = FrameRanges.parse(frames)
    records = actions.audited(recording.session, frames_judged, flags, frozenset(FlagKind), is_full=False)
    deciding.record(recording, records)


def reviewed(editor: ClipEditor, *flags: Flag, steps: int = 14) -> dict[str, int]:
    """Track the clip and review it; returns the numbers of the tracks, by name."""
    begin(editor, steps=steps).finish()
    found(editor.clip, *flags)
    return numbers(editor.clip)


def numbers(clip: Any) -> dict[str, int]:
    recording, _ = deciding.owned(clip)
    return {name: number for (_, name), number in recording.head.numbers.items()}


def review(clip: Any) -> Review:
    """The review as this Blender has it."""
    return deciding.owned(clip)[1].review


def marker(clip: Any, name: str, frame: int) -> Any:
    return clip.tracking.tracks[name].markers.find_frame(frame)
