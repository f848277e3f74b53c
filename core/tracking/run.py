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
from .passes import Plan


def note_damaged(recorder: SessionRecorder, error: PictureUnusable) -> None:
    """Record which picture is damaged, so that another file may stand in its place when tracking goes on."""
    recorder.append_event(Event.PICTURE_DAMAGED, frame=error.frame)


class Step(NamedTuple):
    """What one step of the tracker did. `rows` are the markers it touched, as in `rows.MARKER`."""

    frame: int  # the clip frame reached
    alive: frozenset[int]  # tracks that are still followed
    rows: bytes


class Tracker(Protocol):
    """Follows features from one frame to the next. In Blender this is `bridge.tracking.working_set.WorkingSet`."""

    def begin(self, plan: Pass, frame: int, alive: frozenset[int]) -> None:
        """Prepare to track the tracks `alive` of pass `plan` from clip frame `frame`."""
        ...

    def step(self) -> Step:
        """Track one frame on."""
        ...

    def references(self) -> frozenset[int]:
        """The clip frames besides the current one whose images the next step reads."""
        ...

    def end(self) -> None:
        """Leave nothing behind. Called once after `begin`, whatever happened."""
        ...


class Destination(Protocol):
    """The artist's tracks, which get the recorded markers. In Blender this is `bridge.tracking.artist_tracks`."""

    def flush_some(self, plan: Pass, steps: Sequence[Step], seconds: float) -> bool:
        """Write pending markers to the tracks for about `seconds`, at least one.

        `steps` of the pass become pending. Each track gets its newest marker first; returns True once all have theirs,
        and writes older markers in the time that is left. The caller gives no new steps then, until it wants all tracks
        on a newer frame.
        """
        ...

    def flush(self, plan: Pass, steps: Sequence[Step], position: Position) -> None:
        """Write all pending markers and those of these steps. The clip then contains the journal up to `position`."""
        ...

    @property
    def has_pending(self) -> bool:
        """Whether any markers are still to be written."""
        ...

    def renamed(self) -> Sequence[TrackData]:
        """The tracks that the artist has renamed since the pass began, or since the last call."""
        ...


class InBulk:
    """After a step without a window: keep the session file, and seldom flush, which costs more the longer the shot."""

    def __init__(self, flush_every: int = 1000) -> None:
        self.flush_every = flush_every  # steps

    def __call__(self, run: Run) -> None:
        if run.recorder.is_file_due:
            run.recorder.write_file()
        if run.pending >= self.flush_every:
            run.flush()


class Run:
    """Passes being tracked. Use it in a `with` statement, and call `step` until it returns False.

    The order inside `step` is the promise: a frame is tracked, appended to the journal, flushed, and only then counted;
    `after_step` may then write it to the artist's tracks. If anything fails, what was recorded before stays recorded
    and reaches the artist's tracks.
    """

    def __init__(
        self,
        recorder: SessionRecorder,
        tracker: Tracker,
        tracks: Destination,
        footage: FootageCheck,
        plan: Plan,
        *,
        after_step: Callable[[Run], None],
    ) -> None:
        """`recorder` has recorded that the first pass of `plan` is open."""
        self.recorder = recorder
        self.plan = plan.passes[0]
        self.frame = plan.frame
        self.alive = plan.alive
        self.followed = len(plan.alive)
        """Tracks that were followed when the current pass began or was gone on with by this run."""
        self.steps = 0  # done by this run
        self.displayed_frame = plan.frame
        """The last clip frame of which all of the artist's tracks have what is recorded."""
        self.outcome: Outcome | None = None
        self._then = plan.passes[1:]
        self._tracker = tracker
        self._tracks = tracks
        self._footage = footage
        self._after_step = after_step
        self._pending: list[Step] = []
        self._flushing: int | None = None  # the clip frame of the newest markers that are being written
        self._position = recorder.position  # that of the last step that can be flushed
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
    def pending(self) -> int:
        """How many steps the artist's tracks have not been given."""
        return len(self._pending)

    @property
    def has_pending(self) -> bool:
        """Whether the artist's tracks lack anything that is recorded."""
        return bool(self._pending) or self._tracks.has_pending

    def __enter__(self) -> Run:
        self.open()
        return self

    def open(self) -> None:
        """Prepare the first step; after an error the run is closed.

        Raises FootageUnusable and what the tracker raises.
        """
        try:
            self._begin()
        except BaseException as error:
            self.close(error)
            raise

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
        self.frame, self.alive = step.frame, step.alive
        self.steps += 1
        self._pending.append(step)
        self._position = position
        self._after_step(self)
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
        self.suspend()
        self.plan = self._then.pop(0)
        self.recorder.open_pass(self.plan, self._then, ())
        self._position = self.recorder.position
        self.outcome = None
        self.frame = self.plan.start
        self.alive = frozenset(self.plan.tracks)
        self.followed = len(self.alive)
        return True

    def suspend(self) -> None:
        """Flush all recorded markers and remove the tracker from the clip, before a save for example.

        The next step sets it up again.
        """
        try:
            self.flush()
            self._record_names()
        finally:
            if self._begun:
                self._begun = False
                self._tracker.end()

    def _close(self, outcome: Outcome, detail: str = "") -> None:
        self.outcome = outcome
        self.flush()
        self._record_names()
        self.recorder.close_pass(self.plan.number, outcome, detail)

    def _record_names(self) -> None:
        """Record the new names, which the clip has already."""
        renamed = self._tracks.renamed()
        if renamed:
            self._position = self.recorder.append(TracksRecord(tuple(renamed)))
            self.flush()

    def flush_some(self, seconds: float, *, newest: bool) -> bool:
        """Write pending markers to the artist's tracks for about `seconds`; with `newest` also of the last steps.

        Returns True once every track has its newest marker. Raises what the destination raises.
        """
        steps: list[Step] = []
        if newest:
            steps, self._pending = self._pending, steps
            if self._flushing is None:
                self._flushing = self.frame
        if not self._tracks.flush_some(self.plan, steps, seconds):
            return False
        if self._flushing is not None:
            self.displayed_frame, self._flushing = self._flushing, None
        return True

    def flush(self) -> None:
        """Write all recorded markers to the artist's tracks."""
        steps, self._pending = self._pending, []
        self._flushing = None
        # not the session's position: a step whose record was written, but was not counted, is not among these
        self._tracks.flush(self.plan, steps, self._position)
        self.displayed_frame = self.frame

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self.close(error)

    def close(self, error: BaseException | None = None) -> None:
        """Leave nothing of the tracker in the clip; a pass that is still open ends because of `error`."""
        try:
            if self.outcome is None:
                self.outcome = Outcome.FAILED
                self._fail(error)
        finally:
            if self._begun:
                self._tracker.end()

    def _fail(self, error: BaseException | None) -> None:
        try:
            self.flush()
        finally:
            if isinstance(error, PictureUnusable):
                note_damaged(self.recorder, error)
            if not isinstance(error, TrackingSessionError) or error.exit_code != ExitCode.STOPPED:
                self._record_names()
                self.recorder.close_pass(self.plan.number, Outcome.FAILED, str(error) if error else "")
