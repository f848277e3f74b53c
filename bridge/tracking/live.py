# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking in a window: the one run of this Blender."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

import bpy

from ...core.errors import ShotUnusable, UsageError
from ...core.library.deletion import delete_session
from ...core.tracking.run import Run
from ..clip.editor import ClipEditor
from ..clip.movie_clip import counting_of, plate_of
from ..preferences import preferences
from ..sessions import overview
from . import working_set
from .shot import Shot

TICK = 1 / 30  # seconds of tracking per timer tick; one step at least
# Processor seconds per tick of all but Blender's tracking: what is left of them goes to the artist's tracks. The clock
# would count the disk as well, and they would get next to nothing where that is slow.
OWN_WORK = 0.0014
SHOWING = 0.0002  # seconds per tick, at least, of giving markers to them
CATCHING_UP = 256  # markers at a time that each track gets of those held back, once no more frames are tracked
RATE_SPAN = 3.0  # seconds over which the frames per second are counted

current: LivePass | None = None
"""The run that is under way in this Blender."""


class LivePass:
    """A run driven by a timer or a loop, for one clip at a time."""

    def __init__(self, editor: ClipEditor, shot: Shot, ranges: Sequence[tuple[int, int]] = ()) -> None:
        """Begin to track over `ranges` (first and last clip frame of each); without any, go on with what was paused.

        Raises UsageError if there is nothing to resume, and what tracking raises.
        """
        self.editor = editor
        self.shot = shot
        self.clip_name = editor.clip.name
        self.counting = counting_of(editor.clip)  # kept, because the clip may be deleted
        self.wants_pause = False
        self._interval = preferences().interval  # seconds between two turns of the artist's tracks
        self._turn_began = time.monotonic()
        self._is_turn = False
        self._each = 1  # markers that each track gets in its turn
        try:
            run = shot.start(ranges, delivery=None) if ranges else shot.resume(delivery=None)
            if run is None:
                raise UsageError("Nothing was interrupted: there is nothing to resume")
            self.run: Run = run.__enter__()
            self.total = run.total
            """Steps of all passes."""
            self._pace: deque[tuple[float, int]] = deque()  # when so many steps were done, over the last seconds
        except BaseException as error:
            if isinstance(error, UsageError | ShotUnusable) and not shot.session.passes:
                delete_session(shot.session)  # or each click in vain would leave an empty one
            shot.close()
            raise
        global current
        current = self

    @property
    def done(self) -> int:
        """Steps that are recorded, or will not come as all tracks are lost, of all passes."""
        return self.total - self.run.remaining

    @property
    def lost(self) -> int:
        """How many tracks are no longer followed that were when the pass began, or was resumed."""
        return self.run.followed - len(self.run.alive)

    @property
    def rate(self) -> float:
        """Frames per second over the last seconds; 0.0 at first."""
        if len(self._pace) < 2:
            return 0.0
        (begun, before), (now, steps) = self._pace[0], self._pace[-1]
        return (steps - before) / (now - begun) if now > begun else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long it takes at this rate until the last pass ends; None at first."""
        rate = self.rate
        return self.run.remaining / rate if rate else None

    def tick(self, seconds: float = TICK) -> bool:
        """Track for about so many seconds, one frame at least; False when it is over.

        About once a second a tick only brings the session file up to date. When no more frames are to be tracked,
        ticks give the tracks what was held back, and the last one closes the pass. Raises what tracking raises; the run
        is then over as well.
        """
        begun = time.thread_time() - self.editor.seconds
        until = time.monotonic() + seconds
        goes_on = True
        try:
            # apart, the editor shows what the tracker works on, and nobody can leave it
            is_showing = working_set.APART or self.editor.is_showing()
            if not is_showing:
                self.wants_pause = True
            if self.shot.recorder.is_file_due:
                self.shot.recorder.write_file()
            elif not self._stops:
                goes_on = self._track(until)
                self._show(OWN_WORK - (time.thread_time() - self.editor.seconds - begun))
            elif self._catch_up(until):
                goes_on = not self.wants_pause and self.run.step()
            self._follow(is_showing=is_showing)
        except BaseException as error:
            self._leave(error)
            raise
        if not goes_on:
            self.finish()
        return goes_on

    @property
    def is_catching_up(self) -> bool:
        """Whether the tracks get what was held back, because the pass ends or pauses."""
        return self._stops and self.run.holds

    @property
    def _stops(self) -> bool:
        return self.wants_pause or self.run.is_at_end

    def _track(self, until: float) -> bool:
        goes_on = self.run.step()
        while goes_on and not self._stops and time.monotonic() < until:
            goes_on = self.run.step()
        now = time.monotonic()
        self._pace.append((now, self.run.steps))
        while now - self._pace[0][0] > RATE_SPAN and len(self._pace) > 2:
            self._pace.popleft()
        return goes_on

    def _show(self, seconds: float) -> None:
        """Give some of the tracks markers: as many as let each have its turn as often as the interval says."""
        now = time.monotonic()
        if not self._is_turn:
            if now - self._turn_began < self._interval:
                return
            self._turn_began = now
        self._is_turn = not self.run.show_for(max(seconds, SHOWING), self._each)
        if not self._is_turn:
            in_time = now - self._turn_began < self._interval
            self._each = self._each + 1 if in_time else max(1, self._each // 2)

    def _catch_up(self, until: float) -> bool:
        """Give the tracks what was held back, for one tick; True when they have all."""
        while self.run.holds:
            self.run.show_for(until - time.monotonic(), CATCHING_UP)
            if time.monotonic() >= until:
                break
        return not self.run.holds

    def _follow(self, *, is_showing: bool) -> None:
        """Show the last frame that the artist's tracks have. The tracker has moved the editor on beyond it."""
        frame = self.counting.shown(self.run.shown)
        scene = bpy.context.scene
        if scene.frame_current != frame:
            scene.frame_current = frame
        if is_showing:
            self.editor.space.clip_user.frame_current = frame

    def finish(self) -> None:
        """End in good order: pause if there are frames left. It is over even if that raises."""
        run = self.run
        try:
            has_more = run.remaining > abs(run.plan.end - run.frame)  # passes that follow this one
            run.pause()
            if run.outcome is not None and run.outcome.is_final and not has_more:
                self.shot.session.mark_tracking_complete()
            self._follow(is_showing=self.editor.is_showing())
        except BaseException as error:
            self._leave(error)
            raise
        self._leave(None)

    def _leave(self, error: BaseException | None) -> None:
        global current
        current = None
        try:
            self.run.__exit__(type(error) if error else None, error, None)
        finally:
            # should a deleted clip come back, by undo or from the file, then without what was recorded
            overview.note_contained(self.shot.session.session.id, is_contained=self._has_clip())
            self.shot.close()
            overview.forget()

    def _has_clip(self) -> bool:
        try:
            return bool(self.editor.clip.name)
        except ReferenceError:
            return False


def asked_ranges(editor: ClipEditor, direction: str, extent: str, frames: int) -> list[tuple[int, int]]:
    """What to track from the current frame: first and last clip frame of each pass, for `LivePass`.

    `direction` is FORWARDS, BACKWARDS or BOTH; `extent` says how far: to the end of the SCENE or of the CLIP, or for
    that many FRAMES. All of them end where the clip does. Raises UsageError if no frame is left, FootageUnusable if the
    clip has but one.
    """
    scene, clip = bpy.context.scene, editor.clip
    if clip.frame_duration <= 1:
        plate_of(clip)  # says why
    counting = counting_of(clip)
    first, last, frame = map(counting.clip_frame, (scene.frame_start, scene.frame_end, scene.frame_current))
    if not 1 <= frame <= clip.frame_duration:
        raise UsageError(counting.beside(frame, clip.frame_duration))
    if extent == "CLIP":
        first, last = 1, clip.frame_duration
    elif extent == "FRAMES":
        first, last = frame - frames, frame + frames
    ends = {"FORWARDS": min(last, clip.frame_duration), "BACKWARDS": max(first, 1)}
    wanted = ("FORWARDS", "BACKWARDS") if direction == "BOTH" else (direction,)
    ranges = [(frame, ends[one]) for one in wanted if (ends[one] - frame) * (1 if one == "FORWARDS" else -1) > 0]
    if not ranges:
        if extent == "SCENE" and not first <= frame <= last:
            raise UsageError(
                f"Frame {counting.shown(frame)} is outside the scene, which has the frames "
                f"{counting.span(first, last)}: go to another frame, or set Extent to End of Clip"
            )
        where = {"SCENE": "the scene", "CLIP": "the clip", "FRAMES": "the clip"}[extent]
        raise UsageError(f"The current frame is the last one of {where} in this direction: go to another frame")
    return ranges
