# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a session is, kept from its records: what the session file holds, small whatever the length of the shot."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from .journal import FRAME_HEAD, Record, RecordType
from .losses import Losses
from .model import Outcome, SessionState, SessionStatus
from .ranges import FrameRanges
from .replay import RecordInvalid, decode_json, frame_number, frame_set
from .solves import best_solve

PASSES_KEPT = 100
HISTORY_KEPT = 100


class Summary:
    """Status, tracked frames, last checkpoint, passes and losses, brought up to date record by record.

    One is filled from the session file and the records behind it when a session is read, and fed each record when one
    is written, so the file and the journal cannot tell different stories.
    """

    def __init__(self) -> None:
        self.status = SessionStatus.NOT_STARTED
        self.state: SessionState | None = None  # None: nothing was decided, so it is as the session file says
        self.tracked = FrameRanges()
        self.asked = FrameRanges()  # the frames that the passes were to cover
        self.checkpoint: tuple[int, str] | None = None  # frame, operation
        self.passes: list[dict[str, Any]] = []
        self.solves: list[dict[str, Any]] = []
        self.history: list[dict[str, Any]] = []
        self.losses = Losses()

    @property
    def open_pass(self) -> dict[str, Any] | None:
        """The entry of the pass that can be resumed."""
        last = self.passes[-1] if self.passes else None
        return (
            last if last is not None and last["outcome"] not in (Outcome.COMPLETE.value, Outcome.LOST.value) else None
        )

    @property
    def resume_frame(self) -> int | None:
        """The last recorded frame of what is unfinished; None if nothing is."""
        if self.status is not SessionStatus.TRACKING:
            return None
        if self.open_pass is not None:
            return int(self.open_pass["last_frame"])
        return self.checkpoint[0] if self.checkpoint is not None else None

    @property
    def best_solve(self) -> str:
        """The id of the best solve, as `solves.best_solve` chooses; empty if there is none."""
        best = best_solve(self.solves)
        return str(best["id"]) if best is not None else ""

    def scope(self, frame_count: int) -> FrameRanges:
        """The frames that were to be covered: by the passes, or else the whole clip.

        Empty where there was no pass and `frame_count` is 0, as nobody knows the length of the clip.
        """
        whole = FrameRanges([(1, frame_count)] if frame_count else [])
        return self.asked if len(self.asked) else whole

    def read(self, records: Iterable[Record]) -> None:
        """Apply all records. Raises RecordInvalid, and what the iterable raises."""
        for record in records:
            self.apply(record.type, record.payload)

    def apply(self, kind: int, payload: bytes) -> None:
        """Apply one record. Raises RecordInvalid."""
        try:
            if kind == RecordType.FRAME:
                number, frame, alive, count = FRAME_HEAD.unpack_from(payload)
                frame_number(frame)
                entry = self._entry(number)
                entry["last_frame"] = frame
                entry["alive"] = alive
                entry["outcome"] = "running"
                self._checkpoint(frame, str(entry["operation"]))
                self.losses.step(frame, alive, count, payload)
            elif kind == RecordType.MARKERS:
                self.losses.replace_markers(payload)
            elif kind == RecordType.TRACKS:
                self.losses.name_tracks(decode_json(payload))
            elif kind == RecordType.PASS:
                self._pass(decode_json(payload))
            elif kind == RecordType.END:
                said = decode_json(payload)
                entry = self._entry(said["pass"])
                entry["outcome"] = Outcome(said["outcome"]).value
                if said.get("detail"):
                    entry["detail"] = str(said["detail"])
            elif kind == RecordType.EVENT:
                self._event(decode_json(payload))
        except (KeyError, TypeError, ValueError, RecursionError, OverflowError, IndexError, struct.error) as error:
            if isinstance(error, RecordInvalid):
                raise
            raise RecordInvalid(f"a record of type {kind} cannot be understood: {error!r}") from error

    def _entry(self, number: object) -> dict[str, Any]:
        last = self.passes[-1]
        if last["number"] != number:
            raise RecordInvalid(f"a record of pass {number} while pass {last['number']} is the last one")
        return last

    def _checkpoint(self, frame: int, operation: str) -> None:
        self.checkpoint = (frame, operation)
        self.tracked.add(frame)

    def _pass(self, said: dict[str, Any]) -> None:
        start, end = frame_number(said["start"]), frame_number(said["end"])
        if self.passes and int(said["number"]) <= self.passes[-1]["number"]:
            raise RecordInvalid(f"pass {said['number']} is opened after pass {self.passes[-1]['number']}")
        entry = {
            "number": int(said["number"]),
            "operation": str(said["operation"]),
            "range": f"{start}-{end}",
            "tracks": len(said["tracks"]),
            "last_frame": start,
            "alive": len(said["tracks"]),
            "outcome": "running",
        }
        self.passes = [*self.passes[-PASSES_KEPT + 1 :], entry]
        self.status = SessionStatus.TRACKING
        for one in [said, *said.get("then", [])]:
            self.asked.add(*sorted((frame_number(one["start"]), frame_number(one["end"]))))
        self._checkpoint(start, str(entry["operation"]))

    def _event(self, said: dict[str, Any]) -> None:
        what = said.get("event")
        if what == "checkpoint":
            self._checkpoint(frame_number(said["frame"]), str(said["operation"]))
            self.status = SessionStatus.TRACKING
            return
        if what == "tracked":
            self.tracked.update(frame_set(said["frames"]))
            self.asked.update(self.tracked)
            self.asked.update(frame_set(said.get("asked", "")))
        elif what == "status":
            self.status = SessionStatus(said["status"])
        elif what == "state":
            self.state = SessionState(said["state"])
        elif what == "tracks_removed":
            self.losses.remove_tracks(int(number) for number in said["tracks"])
        elif what == "solve":
            self.solves.append({**said["solve"], "id": str(said["solve"]["id"])})
            self.status = SessionStatus.COMPLETE
        self.history = [*self.history[-HISTORY_KEPT + 1 :], said]
