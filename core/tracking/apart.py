# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracker of a run whose frames other processes have tracked, each some of the tracks, in sessions of their own.

libmv follows each track by itself, so that the markers are the same, bit for bit, whoever tracks them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ..errors import ClipChanged
from ..journal.codec import decoded
from ..journal.records import FrameRecord, PassRecord
from ..journal.rows import MUTED, each_row, head_of, with_head
from ..model.types import Pass
from ..recording.manager import TrackingSessionManager
from .run import Step


class Part(NamedTuple):
    """The session of a process that has followed `tracks`, numbers of the run, made there in this order."""

    session: TrackingSessionManager
    tracks: tuple[int, ...]


class ApartTracker:
    """Yields the recorded steps of the parts of a pass; a `core.tracking.run.Tracker`."""

    def __init__(self, ended: Callable[[Pass], Sequence[Part]], frames: int) -> None:
        """`ended` waits until the processes of a pass have ended, and returns what they have recorded. `frames`: the
        length of the clip."""
        self._ended, self._frames = ended, frames
        self._steps: Iterator[Step] = iter(())

    def begin(self, plan: Pass, frame: int, alive: frozenset[int]) -> None:
        self._steps = _steps(self._ended(plan), plan, frame, alive, self._frames)

    def step(self) -> Step:
        """Raises ClipChanged if no process has tracked the next frame."""
        step = next(self._steps, None)
        if step is None:
            raise ClipChanged("A process has not recorded the next frame: run the same command again")
        return step

    def references(self) -> frozenset[int]:
        return frozenset()

    def end(self) -> None:
        self._steps = iter(())


def _steps(parts: Sequence[Part], plan: Pass, frame: int, alive: frozenset[int], frames: int) -> Iterator[Step]:
    """The steps behind `frame`, each with the markers of all parts.

    Blender borders a new track with a muted marker before its first one. Inside the clip the pass in the other
    direction has its markers there.
    """
    border = plan.start - plan.direction
    is_inside = 1 <= border <= frames
    sources = [_of(part, plan) for part in parts]
    heads = [next(source, None) for source in sources]
    at = plan.start
    while any(head is not None for head in heads):
        at += plan.direction
        rows: list[bytes] = []
        for index, head in enumerate(heads):
            if head is not None and head[0] == at:
                rows += head[1]
                heads[index] = next(sources[index], None)
        if (at - frame) * plan.direction > 0:
            kept = [(head_of(row), row) for row in rows]
            kept = [(head, row) for head, row in kept if head[0] in alive and not (is_inside and head[1] == border)]
            alive = frozenset(track for (track, marker, flags), _ in kept if marker == at and not flags & MUTED)
            yield Step(at, alive, b"".join(row for _, row in kept))


def _of(part: Part, plan: Pass) -> Iterator[tuple[int, list[bytes]]]:
    """The frames that a part has reached, each with its markers, under the numbers of the run."""
    numbers: dict[int, int] = {}
    for record, _ in decoded(part.session.records()):
        if isinstance(record, PassRecord):
            numbers = dict(zip(sorted(record.plan.tracks), part.tracks, strict=True))
        elif isinstance(record, FrameRecord):
            heads = ((head_of(row), row) for row in each_row(record.rows))
            renamed = [with_head(row, numbers[track], frame, flags) for (track, frame, flags), row in heads]
            yield record.frame, renamed
