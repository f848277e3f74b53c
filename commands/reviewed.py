# SPDX-License-Identifier: GPL-3.0-or-later
"""The review of a session in words and as JSON, with the names of its tracks and frames as people count them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..core.journal.decisions import Decision
from ..core.journal.replay import Replay
from ..core.model.flags import Flag, value_words
from ..core.model.wording import short
from ..core.recording.manager import TrackingSessionManager
from ..core.review.frames import FrameStates, attempts


class Named:
    """The flags of a session in words: with the names of its tracks, and frames as people count them."""

    def __init__(self, replay: Replay, manager: TrackingSessionManager) -> None:
        self._tracks = replay.tracks
        self._review = manager.review
        self._counting = manager.counting

    def described(self, flag: Flag) -> dict[str, Any]:
        """The flag for JSON. `frames` in place of `frame` for a range, and `clip_frame` is the first of them."""
        shown = self._counting.shown
        one, other = self._tracks.get(flag.track), self._tracks.get(flag.other)
        return {
            "flag": flag.kind.value,
            "object": one.object if one else "",
            "track": one.name if one else "",
            **({"other": other.name} if other else {}),
            **(
                {"frame": shown(flag.first)}
                if flag.first == flag.last
                else {"frames": [shown(flag.first), shown(flag.last)]}
            ),
            "clip_frame": flag.first,
            "value": round(flag.value, 4),
            "threshold": round(flag.threshold, 4),
            "unit": flag.unit,
            "severity": flag.severity.word,
            **({"fine": True} if self._review.is_fine(flag) else {}),
        }

    def table(self, flags: Sequence[Flag]) -> list[str]:
        rows = [
            (
                flag.severity.word,
                flag.kind.value,
                self._counting.span(flag.first, flag.last),
                short(self._name(flag), 30),
                value_words(flag),
                "fine" if self._review.is_fine(flag) else "",
            )
            for flag in flags
        ]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
        return ["  ".join(map(str.ljust, row, (*widths, 0))).rstrip() for row in rows]

    def _name(self, flag: Flag) -> str:
        found = [self._tracks[number].name for number in (flag.track, flag.other) if number in self._tracks]
        return " and ".join(found)

    def entry(self, entry: Decision) -> dict[str, Any]:
        """What a person decided, for JSON."""
        fields = {**asdict(entry), "track": self._track_name(entry.track)}
        return self._counting.described({key: value for key, value in fields.items() if value is not None})

    def _track_name(self, number: int) -> str:
        return self._tracks[number].name if number in self._tracks else ""


def review_fields(manager: TrackingSessionManager) -> dict[str, Any]:
    """The review for JSON: its frames by state as ranges, in the numbers that people see."""
    review, states = manager.review, FrameStates(manager)
    sets = {status.value: str(manager.counting.ranges(frames)) for status, frames in states.sets().items()}
    return {
        "id": review.id,
        "shot": review.shot,
        "anchor": manager.counting.shown(review.anchor),
        "counts": {status.value: number for status, number in states.counts().items()},
        "states": sets,
        "findings": len(review.open_flags),
        "rolling_shutter": review.rolling,
        "words": states.open_words or "every frame is approved",
    }


def frame_fields(manager: TrackingSessionManager, frame: int, replay: Replay) -> dict[str, Any]:
    """All that the review knows of a clip frame, for JSON."""
    known, named = FrameStates(manager).frame(frame), Named(replay, manager)
    return {
        "id": known.id,
        "frame": manager.counting.shown(frame),
        "clip_frame": frame,
        "status": known.status.value,
        "score": round(known.report.score, 4),
        "passed": known.report.passed,
        "largest_drift": round(known.report.largest_drift, 4),
        "auto_corrected": known.report.auto_corrected,
        "flags": [named.described(flag) for flag in known.report.flags],
        "overrides": [named.entry(entry) for entry in known.overrides],
        "notes": [named.entry(entry) for entry in known.notes],
        "approvals": [named.entry(entry) for entry in known.approvals],
        "fine": [named.entry(entry) for entry in known.fine],
        "attempts": [
            manager.counting.described(asdict(one)) for one in attempts(manager.history(), manager.review, frame)
        ],
    }


def frame_lines(fields: dict[str, Any]) -> list[str]:
    """The frame of `frame_fields` in words."""
    lines = [f"Frame {fields['frame']}: {fields['status'].replace('_', ' ')}"]
    lines += [
        f"  {flag['severity']} {flag['flag']} {flag['track']} {flag['value']:g} {flag['unit']} ({flag['threshold']:g})"
        for flag in fields["flags"]
    ]
    for entry in (*fields["approvals"], *fields["overrides"], *fields["fine"], *fields["notes"]):
        kind = entry.get("kind", "approved")
        what = entry.get("text") or f"{kind}{': ' if entry.get('note') else ''}{entry.get('note', '')}"
        lines.append(f"  {short(' '.join(filter(None, (entry['time'], entry['who'], entry['track'], what))), 200)}")
    for attempt in fields["attempts"]:
        span = f"{attempt['shown_first']}-{attempt['shown_last']}"
        words = f"  {attempt['time']} tracked {attempt['way']} {span} {attempt['outcome']}"
        lines.append(f"{words} {attempt['who']}".rstrip())
    return lines
