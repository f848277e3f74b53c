# SPDX-License-Identifier: GPL-3.0-or-later
"""The run that drives everything: track a frame, record it, count it as done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ..errors import ExitCode, PictureUnusable, TrackingSessionError
from ..footage.check import FootageCheck
from ..journal.chain import Position
from ..journal.records import Event, TracksRecord
from ..model.types import Outcome, Pass, TrackData
from ..recording.recorder import SessionRecorder


def note_damaged(recorder: SessionRecorder, error: PictureUnusable) -> None:
    """Record which picture is damaged, so that another file may stand in its place when tracking goes on."""
    recorder.append_event(Event.PICTURE_DAMAGED, frame=error.frame)


class Step(NamedTuple):
    """What one step of the tracker did. `rows` are the markers it touched, as in `rows.MARKER`."""

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

    def show(self, steps: Sequence[Step], seconds: float, each: int) -> bool:
        """Give the artist's tracks, one after the other, for about so many seconds, their newest markers.

        These are at most `each` per track of what is held back and of these recorded steps; the others are held back.
        True when each track had its turn since this was True last.
        """
        ...

    @property
    def holds(self) -> bool:
        """Whether `show` has held markers back."""
        ...

    def deliver(self, steps: Sequence[Step], position: Position) -> None:
        """Give the artist's tracks what is held back and these recorded steps.

        The clip then holds the journal up to `position`.
        """
        ...

    def renamed(self) -> Sequence[TrackData]:
        """The tracks that the artist has given another name since the pass began, or since this was asked last."""
        ...

    def end(self) -> None:
        """Leave nothing behind. Called once after `begin`, whatever happened."""
        ...


class Run:
    """Passes being tracked. Use it in a `with` statement, and call `step` until it returns False.

    The order inside `step` is the promise: a frame is tracked, appended to the journal, flushed, and only then counted
    and handed on: all at once when enough has come together, or bit by bit with `show_for`. If anything fails, what
    was recorded before stays recorded and reaches the artist's tracks.
    """

    def __init__(
        self,
        recorder: SessionRecorder,
        tracker: Tracker,
        footage: FootageCheck,
        passes: Sequence[Pass],
        *,
        frame: int,
        alive: frozenset[int],
        deliver_every: Callable[[int], bool] | None,
    ) -> None:
        """`recorder` has recorded that the first of `passes` is open at clip frame `frame`.

        `alive` are the tracks to follow in it. `deliver_every(n)` tells whether n undelivered steps are enough. If it
        is None, steps do nothing but track and record: the caller uses `show_for`, and keeps the session file.
        """
        self.recorder = recorder
        self.plan = passes[0]
        self.frame = frame
        self.alive = alive
        self.followed = len(alive)
        """Tracks that were followed when the current pass began or was gone on with by this run."""
        self.steps = 0  # done by this run
        self.shown = frame
        """The last clip frame of which all of the artist's tracks have what is recorded."""
        self.outcome: Outcome | None = None
        self._then = list(passes[1:])
        self._tracker = tracker
        self._footage = footage
        self._deliver_every = deliver_every
        self._undelivered: list[Step] = []
        self._showing: int | None = None  # the clip frame that all tracks will have at the end of their turn
        self._position = recorder.position  # that of the last step that can be delivered
        self._begun = False

    @property
    def total(self) -> int:
        """Steps from the first frame of the current pass to its last, and those of the passes that follow."""
        return sum(abs(p.end - p.start) for p in (self.plan, *self._then))

    @property
    def remaining(self) -> int:
        """Steps still to do if no track is lost."""
        return abs(self.plan.end - self.frame) + sum(abs(p.end - p.start) for p in self._then)

    @property
    def is_at_end(self) -> bool:
        """Whether the current pass has nothing more to track; the next step closes it."""
        return self.outcome is None and (self.frame == self.plan.end or not self.alive)

    @property
    def holds(self) -> bool:
        """Whether the artist's tracks lack anything that is recorded."""
        return bool(self._undelivered) or self._tracker.holds

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
        if not self.is_at_end:  # the patterns come from these, and a run that died may have died of the next one
            for frame in {self.frame, self.frame + self.plan.direction, *self._tracker.references()}:
                self._footage.whole(frame)

    def step(self) -> bool:
        """Track and record one frame, or close the pass that is at its end; False when all passes are closed.

        Raises FootageUnusable, LeaseLost, StorageFailed and what the tracker raises.
        """
        if self.outcome is not None and not self._next_pass():
            return False
        if self.is_at_end:
            self._close(self._reached())
            return bool(self._then)
        if not self._begun:
            self._begin()
        # what the step reads; the picture of the frame that it starts from was looked at by the step before
        for frame in (self.frame + self.plan.direction, *self._tracker.references()):
            self._footage.frame(frame)
        step = self._tracker.step()
        if len(step.alive) < len(self.alive):
            self._doubt(step)
        position = self.recorder.record_frame(self.plan.number, step.frame, len(step.alive), step.rows)
        if self._deliver_every is not None and self.recorder.is_file_due:
            self.recorder.write_file()
        self.frame, self.alive = step.frame, step.alive
        self.steps += 1
        self._undelivered.append(step)
        self._position = position
        if self._deliver_every is not None and self._deliver_every(len(self._undelivered)):
            self._deliver()
        return True

    def _doubt(self, step: Step) -> None:
        """A step has lost tracks: before that counts, see whether its picture can be read at all."""
        self._footage.whole(step.frame)
        if not step.alive:
            self._footage.read(step.frame)

    def pause(self) -> None:
        """Stop here, to go on later."""
        if self.outcome is None:
            self._close(self._reached() if self.is_at_end else Outcome.PAUSED)
        self._then = []

    def _reached(self) -> Outcome:
        return Outcome.COMPLETE if self.frame == self.plan.end else Outcome.LOST

    def _next_pass(self) -> bool:
        if not self._then:
            return False
        self.rest()
        self.plan = self._then.pop(0)
        self.recorder.open_pass(self.plan, self._then, ())
        self._position = self.recorder.position
        self.outcome = None
        self.frame = self.plan.start
        self.alive = frozenset(self.plan.tracks)
        self.followed = len(self.alive)
        return True

    def rest(self) -> None:
        """Hand on what is recorded and take the tracker out of the clip until the next step, for saving say."""
        try:
            self._deliver()
            self._record_names()
        finally:
            if self._begun:
                self._begun = False
                self._tracker.end()

    def _close(self, outcome: Outcome, detail: str = "") -> None:
        self.outcome = outcome
        self._deliver()
        self._record_names()
        self.recorder.close_pass(self.plan.number, outcome, detail)

    def _record_names(self) -> None:
        """All is handed on; the clip has the new names already."""
        renamed = self._tracker.renamed()
        if renamed:
            self._position = self.recorder.append(TracksRecord(tuple(renamed)))
            self._deliver()

    def show_for(self, seconds: float, each: int) -> bool:
        """Hand on, for about so many seconds, the newest markers, at most `each` per track, as `Tracker.show` does.

        True when each track had its turn. Raises what the tracker raises.
        """
        if self._showing is None:
            self._showing = self.frame
        steps, self._undelivered = self._undelivered, []
        if not self._tracker.show(steps, seconds, each):
            return False
        self.shown, self._showing = self._showing, None
        return True

    def _deliver(self) -> None:
        """Hand on all that is recorded."""
        steps, self._undelivered = self._undelivered, []
        self._showing = None
        # not the session's position: a step whose record was written, but not the session file, is not among these
        self._tracker.deliver(steps, self._position)
        self.shown = self.frame

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if self.outcome is None:
                self.outcome = Outcome.FAILED
                self._fail(error)
        finally:
            if self._begun:
                self._tracker.end()

    def _fail(self, error: BaseException | None) -> None:
        try:
            self._deliver()
        finally:
            if isinstance(error, PictureUnusable):
                note_damaged(self.recorder, error)
            if not isinstance(error, TrackingSessionError) or error.exit_code != ExitCode.STOPPED:
                self._record_names()
                self.recorder.close_pass(self.plan.number, Outcome.FAILED, str(error) if error else "")
