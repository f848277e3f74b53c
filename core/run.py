# SPDX-License-Identifier: GPL-3.0-or-later
"""The run that drives everything: track a frame, record it, count it as done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from .errors import TrackingSessionError
from .footage import FootageCheck
from .journal import Position
from .manager import TrackingSessionManager
from .model import Outcome, Pass


class Step(NamedTuple):
    """What one step of the tracker did. `rows` are the markers it touched, as in `journal.MARKER`."""

    frame: int  # the clip frame reached
    alive: frozenset[int]  # tracks that are still followed
    rows: bytes


class Tracker(Protocol):
    """What follows features from one frame to the next. In Blender this is `bridge.working_set.WorkingSet`."""

    def begin(self, plan: Pass, frame: int, alive: frozenset[int]) -> None:
        """Prepare to track the tracks `alive` of pass `plan` from clip frame `frame`."""
        ...

    def step(self) -> Step:
        """Track one frame on."""
        ...

    def references(self) -> frozenset[int]:
        """The clip frames besides the current one whose images the next step reads."""
        ...

    def deliver(self, steps: Sequence[Step], position: Position) -> None:
        """Give recorded steps to the artist's tracks; the clip then holds the journal up to `position`."""
        ...

    def end(self) -> None:
        """Leave nothing behind. Called once after `begin`, whatever happened."""
        ...


class Run:
    """Passes being tracked. Use it in a `with` statement, and call `step` until it returns False.

    The order inside `step` is the promise: a frame is tracked, appended to the journal, flushed, and only then counted
    and handed on. If anything fails, what was recorded before stays recorded and reaches the artist's tracks.
    """

    def __init__(
        self,
        session: TrackingSessionManager,
        tracker: Tracker,
        footage: FootageCheck,
        passes: Sequence[Pass],
        *,
        frame: int,
        alive: frozenset[int],
        deliver_every: Callable[[int], bool],
    ) -> None:
        """`session` owns the lease and has recorded that the first of `passes` is open at clip frame `frame`.

        `alive` are the tracks to follow in it. `deliver_every(n)` tells whether n undelivered steps are enough.
        """
        self.session = session
        self.plan = passes[0]
        self.frame = frame
        self.alive = alive
        self.steps = 0  # done by this run
        self.overhead = 0.0  # seconds spent on anything but the tracker itself
        self.outcome: Outcome | None = None
        self._then = list(passes[1:])
        self._tracker = tracker
        self._footage = footage
        self._deliver_every = deliver_every
        self._undelivered: list[Step] = []
        self._position = session.position  # that of the last step that can be delivered
        self._begun = False

    @property
    def total(self) -> int:
        """Steps from the first frame of the current pass to its last, and those of the passes that follow."""
        return sum(abs(p.end - p.start) for p in (self.plan, *self._then))

    @property
    def remaining(self) -> int:
        """Steps still to do if no track is lost."""
        return abs(self.plan.end - self.frame) + sum(abs(p.end - p.start) for p in self._then)

    def __enter__(self) -> Run:
        try:
            self._begin()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def _begin(self) -> None:
        self._footage.frame(self.frame)
        self._begun = True  # also if it fails half way: `end` then clears up
        self._tracker.begin(self.plan, self.frame, self.alive)

    def step(self) -> bool:
        """Track and record one frame; False when all passes are done.

        Raises FootageUnusable, LeaseLost, StorageFailed and what the tracker raises.
        """
        if self.outcome is not None and not self._next_pass():
            return False
        if self.frame == self.plan.end or not self.alive:
            self._close(Outcome.COMPLETE if self.frame == self.plan.end else Outcome.LOST)
            return bool(self._then)
        if not self._begun:
            self._begin()
        started = time.perf_counter()
        # what the step reads; the picture of the frame that it starts from was looked at by the step before
        for frame in (self.frame + self.plan.direction, *self._tracker.references()):
            self._footage.frame(frame)
        checked = time.perf_counter()
        step = self._tracker.step()
        tracked = time.perf_counter()
        position = self.session.record_frame(self.plan.number, step.frame, len(step.alive), step.rows)
        self.frame, self.alive = step.frame, step.alive
        self.steps += 1
        self._undelivered.append(step)
        self._position = position
        if self._deliver_every(len(self._undelivered)):
            self._deliver()
        self.overhead += time.perf_counter() - tracked + checked - started
        if self.frame == self.plan.end or not self.alive:
            self._close(Outcome.COMPLETE if self.frame == self.plan.end else Outcome.LOST)
            return bool(self._then)
        return True

    def pause(self) -> None:
        """Stop here, to go on later."""
        if self.outcome is None:
            self._close(Outcome.PAUSED)
        self._then = []

    def _next_pass(self) -> bool:
        if not self._then:
            return False
        self.rest()
        self.plan = self._then.pop(0)
        self.session.open_pass(self.plan, self._then, ())
        self._position = self.session.position
        self.outcome = None
        self.frame = self.plan.start
        self.alive = frozenset(self.plan.tracks)
        return True

    def rest(self) -> None:
        """Hand on what is recorded and take the tracker out of the clip until the next step, for saving say."""
        try:
            self._deliver()
        finally:
            if self._begun:
                self._begun = False
                self._tracker.end()

    def _close(self, outcome: Outcome, detail: str = "") -> None:
        self.outcome = outcome
        self._deliver()
        self.session.close_pass(self.plan.number, outcome, detail)

    def _deliver(self) -> None:
        steps, self._undelivered = self._undelivered, []
        # not the session's position: a step whose record was written, but not the session file, is not among these
        self._tracker.deliver(steps, self._position)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if self.outcome is None:
                self._deliver()
                if not isinstance(error, TrackingSessionError) or error.exit_code != 75:
                    self.session.close_pass(self.plan.number, Outcome.FAILED, str(error) if error else "")
                self.outcome = Outcome.FAILED
        finally:
            if self._begun:
                self._tracker.end()
