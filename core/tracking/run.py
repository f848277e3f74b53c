# SPDX-License-Identifier: GPL-3.0-or-later
"""The run: tracks a frame, records it, then counts it as done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from ..errors import ExitCode, PictureUnusable, TrackingSessionError
from ..footage.check import FootageCheck
from ..journal.chain import Position
from ..journal.records import Event, FrameRecord, JournalRecord, TracksRecord
from ..journal.rows import MUTED, heads_of
from ..model.types import Outcome, Pass, TrackData
from ..model.wording import count_words
from .passes import Plan


class Recorder(Protocol):
    """Records the steps of a run: a `core.recording.recorder.SessionRecorder`, with its errors, or one that keeps none.

    The methods are those of `SessionRecorder`.
    """

    @property
    def position(self) -> Position: ...

    @property
    def is_file_due(self) -> bool: ...

    def append(self, *records: JournalRecord) -> Position: ...

    def append_event(self, event: str, **fields: Any) -> Position: ...

    def open_pass(self, plan: Pass, then: Sequence[Pass], before: Sequence[JournalRecord]) -> None: ...

    def close_pass(self, number: int, outcome: Outcome, detail: str = "") -> None: ...

    def write_file(self) -> None: ...


def note_damaged(recorder: Recorder, error: PictureUnusable) -> None:
    """Record the frame of the damaged picture, whose file may then be replaced before tracking resumes."""
    recorder.append_event(Event.PICTURE_DAMAGED, frame=error.frame)


class Step(NamedTuple):
    """The result of a step of the tracker. `rows` are the markers that it touched, as in `rows.MARKER`."""

    frame: int  # the clip frame reached
    alive: frozenset[int]  # the tracks still followed
    rows: bytes


class Tracker(Protocol):
    """Follows features from one frame to the next. In Blender this is `bridge.tracking.working_set.WorkingSet`."""

    def begin(self, plan: Pass, frame: int, alive: frozenset[int]) -> None:
        """Prepare to follow the tracks `alive` of pass `plan` from clip frame `frame`."""
        ...

    def step(self) -> Step:
        """Track to the next frame."""
        ...

    def references(self) -> frozenset[int]:
        """The clip frames besides the current one whose images the next step reads."""
        ...

    def end(self) -> None:
        """Remove everything that `begin` made. Called once after each `begin`, also after errors."""
        ...


class Destination(Protocol):
    """The artist's tracks, which receive the recorded markers. In Blender this is `bridge.tracking.artist_tracks`."""

    def flush_some(self, plan: Pass, steps: Sequence[Step], seconds: float) -> bool:
        """Write pending markers to the tracks for about `seconds`, at least one.

        `steps` of the pass become pending. Each track gets its newest marker first. Returns True once all tracks have
        it; later calls without new steps write older markers.
        """
        ...

    def flush(self, plan: Pass, steps: Sequence[Step], position: Position) -> None:
        """Write all pending markers and those of `steps`. The clip then contains the journal up to `position`."""
        ...

    @property
    def has_pending(self) -> bool:
        """Whether there are pending markers."""
        ...

    def renamed(self) -> Sequence[TrackData]:
        """The tracks that the artist has renamed since the pass began or the last call."""
        ...


class InBulk:
    """After a step without a window: write the session file, and flush seldom, as that costs more in long shots."""

    def __init__(self, flush_every: int = 1000) -> None:
        self.flush_every = flush_every  # steps

    def __call__(self, run: Run) -> None:
        if run.recorder.is_file_due:
            run.recorder.write_file()
        if run.pending >= self.flush_every:
            run.flush()


class Run:
    """Tracks the passes of a plan. Use it in a `with` statement, and call `step` until it returns False.

    The order inside `step` is the promise: it tracks a frame, appends it to the journal, waits for the disk, and only
    then counts the frame; `after_step` may then write it to the artist's tracks. After an error the steps recorded
    before stay recorded and reach the artist's tracks.
    """

    def __init__(
        self,
        recorder: Recorder,
        tracker: Tracker,
        tracks: Destination,
        footage: FootageCheck,
        plan: Plan,
        *,
        after_step: Callable[[Run], None],
    ) -> None:
        """`recorder` has already recorded the first pass of `plan`."""
        self.recorder = recorder
        self.plan = plan.passes[0]
        self.frame = plan.frame
        self.alive = plan.alive
        self.followed = len(plan.alive)
        """The number of tracks followed when this run began or resumed the current pass."""
        self.steps = 0  # done by this run
        self.displayed_frame = plan.frame
        """The last clip frame of which all of the artist's tracks have the recorded markers."""
        self.outcome: Outcome | None = None
        self.left = 0
        """The number of tracks that have left the picture since then: they are not lost."""
        self.pause_below = 0
        """The run pauses when a step leaves fewer tracks than this, of so many or more before it; 0 is never."""
        self.shortage = ""
        """Why the run pauses by itself: it follows too few tracks. Empty while it goes on."""
        self._passes = tuple(plan.passes)
        self._then = plan.passes[1:]
        self._joins = dict(plan.joins)
        self._tracker = tracker
        self._tracks = tracks
        self._footage = footage
        self._after_step = after_step
        self._pending: list[Step] = []
        self._flushing: int | None = None  # the clip frame of the newest markers that are being written
        self._position = recorder.position  # the end of the last step that can be flushed
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
    def place(self) -> tuple[int, int]:
        """The place of the current pass among the passes of this run, from 1, and the number of passes."""
        return self._passes.index(self.plan) + 1, len(self._passes)

    @property
    def lost(self) -> int:
        """The number of tracks lost since this run began or resumed the current pass."""
        return self.followed - len(self.alive) - self.left

    @property
    def is_at_end(self) -> bool:
        """Whether the current pass has reached its end or has no tracks: the next step closes it."""
        return self.outcome is None and (self.frame == self.plan.end or not (self.alive or self._joins))

    @property
    def pending(self) -> int:
        """The number of steps of which the destination has no markers yet."""
        return len(self._pending)

    @property
    def has_pending(self) -> bool:
        """Whether the artist's tracks lack recorded markers."""
        return bool(self._pending) or self._tracks.has_pending

    def __enter__(self) -> Run:
        self.open()
        return self

    def open(self) -> None:
        """Prepare the first step. An error closes the run.

        Raises FootageUnusable and the errors of the tracker.
        """
        try:
            self._begin()
        except BaseException as error:
            self.close(error)
            raise

    def _begin(self) -> None:
        self._footage.frame(self.frame)
        self._begun = True  # before `begin`: `end` must follow even if that fails
        self._tracker.begin(self.plan, self.frame, self.alive)
        if not self.is_at_end:  # patterns come from these; the next one may have killed an earlier run
            for frame in {self.frame, self.frame + self.plan.direction, *self._tracker.references()}:
                self._footage.whole(frame)

    def step(self) -> bool:
        """Track and record one frame, or close the pass that is at its end; False when all passes are closed.

        Raises FootageUnusable, LeaseLost, StorageFailed and the errors of the tracker.
        """
        if self.outcome is not None and not self._next_pass():
            return False
        if self.is_at_end:
            self._close(self._reached())
            return bool(self._then)
        if self.shortage:
            self.pause()
            return False
        if self._joins:
            self._join()
        if not self._begun:
            self._begin()
        # all pictures that the step reads; the previous step checked the one where it starts
        for frame in (self.frame + self.plan.direction, *self._tracker.references()):
            self._footage.frame(frame)
        step = self._tracker.step()
        if len(step.alive) < len(self.alive):
            self._check_picture(step)
        position = self.recorder.append(FrameRecord(self.plan.number, step.frame, len(step.alive), step.rows))
        before = len(self.alive)
        if len(step.alive) < before:
            self._count_left(step)
        self.frame, self.alive = step.frame, step.alive
        if len(step.alive) < self.pause_below <= before and not self.is_at_end:
            self.shortage = f"fewer than {count_words(self.pause_below, 'track')}"
        self.steps += 1
        self._pending.append(step)
        self._position = position
        self._after_step(self)
        return True

    def _join(self) -> None:
        """Follow the tracks that join on the current frame, or on the next such frame if no other track is left."""
        at = self.frame if self.alive else min(self._joins, key=lambda frame: abs(frame - self.frame))
        joining = self._joins.pop(at, None)
        if joining is not None:
            self.suspend()
            self.frame = at
            self.alive |= joining
            self.followed += len(joining)

    def _check_picture(self, step: Step) -> None:
        """Check that the picture of a step that has lost tracks is readable, before the losses are recorded."""
        self._footage.whole(step.frame)
        if not step.alive:
            self._footage.read(step.frame)

    def _count_left(self, step: Step) -> None:
        """Tell the tracks that left the picture, which have no marker on the frame, from those that the step lost."""
        lost = {track for track, frame, flags in heads_of(step.rows) if frame == step.frame and flags & MUTED}
        left = len(self.alive - step.alive - lost)
        if self.frame == self.plan.start:  # they had no marker to follow
            self.followed -= left
        else:
            self.left += left

    def pause(self) -> None:
        """Close the current pass, as paused if frames are left, and track none of the planned passes."""
        if self.outcome is None:
            self._close(self._reached() if self.is_at_end else Outcome.PAUSED, self.shortage)
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
        self._joins = {}
        self.frame = self.plan.start
        self.alive = frozenset(self.plan.tracks)
        self.followed = len(self.alive)
        self.left = 0
        return True

    def suspend(self) -> None:
        """Flush all recorded markers and remove the tracker from the clip, e.g. before a save.

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
        """Record the tracks that the artist has renamed."""
        renamed = self._tracks.renamed()
        if renamed:
            self._position = self.recorder.append(TracksRecord(tuple(renamed)))
            self.flush()

    def flush_some(self, seconds: float, *, newest: bool) -> bool:
        """As `Destination.flush_some`; with `newest` also the markers of the last steps."""
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
        """As `Destination.flush`, with all recorded markers."""
        steps, self._pending = self._pending, []
        self._flushing = None
        # not the session's position, which may include a step that was recorded but not counted
        self._tracks.flush(self.plan, steps, self._position)
        self.displayed_frame = self.frame

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self.close(error)

    def close(self, error: BaseException | None = None) -> None:
        """Remove the tracker from the clip; close an open pass as failed, unless `error` only stops the run."""
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
