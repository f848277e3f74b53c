# SPDX-License-Identifier: GPL-3.0-or-later
"""Encodes and checks the content of a session file, schema 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from ..errors import SessionUnreadable
from ..journal.asides import Aside
from ..journal.chain import NOTHING, Position
from ..journal.codec import frame_number, frame_set
from ..journal.coverage import Coverage, track_numbers
from ..journal.losses import Losses
from ..journal.records import Reason
from ..journal.review import Review
from ..journal.summary import Summary
from ..model.ranges import FRAME_LIMIT, FrameRanges, parse_span
from ..model.types import (
    SESSION_ID,
    FootageMetadata,
    Outcome,
    PassSummary,
    SessionState,
    SessionStatus,
    TrackingSession,
)
from ..model.wording import timestamp
from ..storage.folder import relative

SCHEMA = 1
_FOOTAGE_TEXTS = ("path", "source", "colour_space", "colour_configuration", "fingerprint")
_NUMBER_LIMIT = (1 << 53) - 1
_T = TypeVar("_T")
_N = TypeVar("_N", int, float)


def new_state(
    path: Path, session_id: str, name: str, created: str, footage: FootageMetadata, blend: str = "", clip: str = ""
) -> dict[str, Any]:
    """The content of the file `path` of a new session. The paths of footage and .blend are absolute."""
    steps = dict.fromkeys(("detect", "track", "solve", "review", "export"), "pending")
    return {
        "schema": SCHEMA,
        "session": {
            "id": session_id,
            "name": name,
            "created": created,
            "modified": created,
            "state": SessionState.ACTIVE.value,
        },
        "footage": {
            **asdict(footage),
            "path": relative(path, footage.path),
            "size": list(footage.size),
            "blend": relative(path, blend) if blend else "",
            "clip": clip,
        },
        "tracking": {"status": SessionStatus.NOT_STARTED.value, "total_frames": footage.frame_count},
        "steps": {"footage": "done", **steps},
        "frames": {},
        "history": [],
    }


def summary_to_state(summary: Summary, session: TrackingSession, position: Position, checksum: int) -> dict[str, Any]:
    """The parts of a session file that come from records."""
    frame, operation = summary.checkpoint or (None, "")
    working = {SessionStatus.NOT_STARTED: "pending", SessionStatus.TRACKING: "running"}
    solve = "done" if summary.solves else "running" if summary.status is SessionStatus.SOLVING else "pending"
    return {
        "tracking": {
            "status": summary.status.value,
            "total_frames": session.total_frames,
            "asked_frames": str(summary.requested),
            "tracked_frames": str(summary.tracked),
            "passes": [pass_entry(known) for known in summary.passes],
            "lost": str(summary.losses),
            "lost_tracks": summary.losses.named(),
            "live": str(summary.coverage),
            "set_aside": summary.asides.to_list(),
        },
        "checkpoint": {
            "frame": frame,
            "operation": operation,
            "timestamp": timestamp(),
            "journal": {**position._asdict(), "checksum": checksum},
        },
        "steps": {
            "footage": "done",
            "detect": "done" if summary.passes else "pending",
            "track": working.get(summary.status, "done"),
            "solve": solve,
            "review": _review_step(summary),
            "export": "pending",
        },
        "frames": summary.review.to_state(),
        "solve": {"status": solve, "best": session.best_solve, "list": [dict(entry) for entry in summary.solves]},
        "history": [dict(entry) for entry in summary.history],
    }


def _review_step(summary: Summary) -> str:
    if not summary.review.id:
        return "pending"
    is_over = len(summary.tracked) and not len(summary.tracked.without(summary.review.approved))
    return "done" if is_over else "running"


def summary_from_state(path: Path, state: dict[str, Any]) -> tuple[Summary, Position, int]:
    """The summary in a session file, the end of the journal that it covers, and the checksum there.

    Raises SessionUnreadable.
    """
    summary = Summary()
    read = _Fields(path, state)
    tracking = read.part("tracking")
    summary.status = tracking.convert("status", SessionStatus)
    summary.state = read.part("session").convert("state", SessionState)
    summary.tracked = tracking.convert("tracked_frames", frame_set)
    summary.requested = tracking.convert("asked_frames", frame_set)
    summary.passes = [_pass(_Fields(path, entry, "tracking.passes.")) for entry in tracking.entries("passes")]
    names = tracking.part("lost_tracks").content
    summary.losses = tracking.convert("lost", lambda text: Losses.parse(text, names))
    solves = read.part("solve").entries("list")
    summary.solves = [{**entry, "id": _Fields(path, entry, "solve.list.").text("id")} for entry in solves]
    summary.history = read.entries("history")
    checkpoint = read.part("checkpoint")
    journal = checkpoint.part("journal")
    position = Position(journal.number("generation"), journal.number("offset"))
    if checkpoint.content.get("frame") is not None:
        summary.checkpoint = (checkpoint.frame("frame"), checkpoint.text("operation"))
    if summary.passes and "live" not in tracking.content:
        return Summary(), NOTHING, 0  # an older version: read the journal
    summary.coverage = tracking.convert("live", Coverage.parse)
    summary.asides.entries = [
        _aside(_Fields(path, entry, "tracking.set_aside.")) for entry in tracking.entries("set_aside")
    ]
    try:
        summary.review = Review.from_state(read.part("frames").content)
    except ValueError:
        return Summary(), NOTHING, 0  # the journal has it
    summary.end = position
    summary.note_others()
    return summary, position, journal.number("checksum")


def pass_entry(known: PassSummary) -> dict[str, Any]:
    """A pass as in session files and in the JSON of the command line."""
    return {
        "number": known.number,
        "operation": known.operation,
        "range": f"{known.start}-{known.end}",
        "tracks": known.tracks,
        "last_frame": known.last_frame,
        "alive": known.alive,
        "outcome": known.outcome_word,
        "then": ",".join(f"{start}-{end}" for start, end in known.then),
        **({"followed": str(FrameRanges.of(known.followed))} if known.followed else {}),
        **({"detail": known.detail} if known.detail else {}),
        **({"origin": known.origin} if known.origin else {}),
    }


def _pass(entry: _Fields) -> PassSummary:
    start, end = entry.convert("range", _span)
    return PassSummary(
        number=entry.number("number"),
        operation=entry.text("operation"),
        start=start,
        end=end,
        tracks=entry.number("tracks"),
        last_frame=entry.frame("last_frame"),
        alive=entry.number("alive"),
        outcome=entry.convert("outcome", lambda text: None if text == "running" else Outcome(text)),
        then=entry.convert("then", _spans),
        detail=entry.text("detail"),
        followed=frozenset(entry.convert("followed", track_numbers)),
        origin=entry.text("origin"),
    )


def _aside(entry: _Fields) -> Aside:
    return Aside(
        Position(entry.number("generation"), entry.number("offset")),
        entry.convert("reason", Reason),
        entry.convert("live", Coverage.parse).frames,
        set(entry.convert("gone_back", track_numbers)),
        set(entry.convert("changed", track_numbers)),
    )


def _span(text: str) -> tuple[int, int]:
    """The first and last frame of a pass, as in `3-9`. Raises ValueError."""
    start, end = map(frame_number, parse_span(text))
    return start, end


def _spans(text: str) -> tuple[tuple[int, int], ...]:
    """The first and last frames of several passes, as in `3-9,3-1`, or of none. Raises ValueError."""
    return tuple(map(_span, text.split(","))) if text else ()


def checked_session(path: Path, state: dict[str, Any]) -> TrackingSession:
    """The checked content of a session file. Raises SessionUnreadable."""
    read = _Fields(path, state)
    schema = state.get("schema")
    if schema != SCHEMA:
        if isinstance(schema, int) and schema > SCHEMA:
            raise SessionUnreadable(path, f"it was written by a newer version (schema {schema}); update the extension")
        raise SessionUnreadable(path, "it names no schema; it may have been cut")
    session, tracking, footage = read.part("session"), read.part("tracking"), read.part("footage")
    session_id = session.text("id")
    if not SESSION_ID.match(session_id) or session_id != path.stem:
        raise SessionUnreadable(path, f"its id {session_id[:80]!r} is not the name of the file")
    size = footage.content.get("size", [0, 0])
    if not isinstance(size, list) or len(cast("list[object]", size)) != 2:
        raise SessionUnreadable(path, "footage.size is not a width and a height")
    width, height = (_Fields(path, {"size": n}).number("size") for n in cast("list[object]", size))
    checkpoint = read.part("checkpoint")
    has_frame = checkpoint.content.get("frame") is not None
    return TrackingSession(
        id=session_id,
        name=session.text("name"),
        created=session.text("created"),
        modified=session.text("modified"),
        state=session.convert("state", SessionState),
        status=tracking.convert("status", SessionStatus),
        footage=FootageMetadata(
            **{key: footage.text(key) for key in _FOOTAGE_TEXTS},
            size=(width, height),
            fps=footage.real("fps"),
            start=footage.number("start") if "start" in footage.content else 1,
            frame_count=footage.count("frame_count"),
        ),
        total_frames=tracking.number("total_frames"),
        tracked_frames=tracking.convert("tracked_frames", frame_set),
        checkpoint_frame=checkpoint.number("frame") if has_frame else None,
        checkpoint_operation=checkpoint.text("operation"),
        best_solve=read.part("solve").text("best"),
        blend=footage.text("blend"),
        clip=footage.text("clip"),
    )


class _Fields:
    """A mapping of a session file. Each method reads one value, or raises SessionUnreadable, which names the key."""

    def __init__(self, path: Path, content: dict[str, Any], name: str = "") -> None:
        self.path = path
        self.content = content
        self.name = name

    def _get(self, key: str, kinds: tuple[type, ...], default: _T, form: str) -> _T:
        value = self.content.get(key, default)
        if value is None:
            return default
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise SessionUnreadable(self.path, f"{self.name}{key} is not {form}")
        return cast("_T", value)

    def part(self, key: str) -> _Fields:
        empty: dict[str, Any] = {}
        return _Fields(self.path, self._get(key, (dict,), empty, "a mapping"), f"{self.name}{key}.")

    def entries(self, key: str) -> list[dict[str, Any]]:
        empty: list[Any] = []
        entries = self._get(key, (list,), empty, "a list")
        if not all(isinstance(entry, dict) for entry in entries):
            raise SessionUnreadable(self.path, f"{self.name}{key} has an entry that is not a mapping")
        return [dict(entry) for entry in entries]

    def text(self, key: str) -> str:
        value: object = self._get(key, (str, int, float, datetime), "", "a text")
        return value.isoformat() if isinstance(value, datetime) else str(value)

    def number(self, key: str) -> int:
        return self._within(_NUMBER_LIMIT, key, self._get(key, (int,), 0, "a whole number"))

    def frame(self, key: str) -> int:
        return self._within(FRAME_LIMIT, key, self.number(key), "frame")

    def count(self, key: str) -> int:
        """A number of frames."""
        return self._within(FRAME_LIMIT, key, self.number(key), "number of frames", least=0)

    def real(self, key: str) -> float:
        return float(self._within(_NUMBER_LIMIT, key, self._get(key, (int, float), 0.0, "a number")))

    def _within(self, limit: int, key: str, value: _N, form: str = "number", least: int | None = None) -> _N:
        if not (-limit if least is None else least) <= value <= limit:  # also catches nan
            raise SessionUnreadable(self.path, f"{self.name}{key} is not a possible {form}")
        return value

    def convert(self, key: str, convert: Callable[[str], _T]) -> _T:
        try:
            return convert(self.text(key))
        except ValueError as error:
            raise SessionUnreadable(self.path, f"{self.name}{key}: {error}") from error
