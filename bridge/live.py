# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking in a window: the one run of this Blender."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

import bpy

from ..core.errors import ShotUnusable, UsageError
from ..core.run import Run
from ..core.session import delete_session
from . import overview, working_set
from .editor import ClipEditor
from .preferences import preferences
from .shot import Shot

TICK = 1 / 30  # seconds of tracking per timer tick; one step at least
DELIVERY = 0.0008  # seconds per tick of giving markers to the artist's tracks; more when they wait for too long
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
        self.clip_start = editor.clip.frame_start  # kept, because the clip may be deleted
        self.wants_pause = False
        self._interval = preferences().interval  # seconds between two deliveries to the artist's tracks
        self._delivery_began = time.monotonic()
        self._is_delivering = False
        try:
            run = shot.start(ranges, delivery=_never) if ranges else shot.resume(delivery=_never)
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
        """How many tracks of the pass are no longer followed."""
        return len(self.run.plan.tracks) - len(self.run.alive)

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

        Raises what tracking raises; the run is then over as well.
        """
        until = time.monotonic() + seconds
        goes_on = True
        files = self.shot.session.files_written
        try:
            # apart, the editor shows what the tracker works on, and nobody can leave it
            is_showing = working_set.APART or self.editor.is_showing()
            if not is_showing:
                self.wants_pause = True
            while goes_on and not self.wants_pause:
                goes_on = self.run.step()
                if time.monotonic() >= until:
                    break
            self._keep_pace()
            if files == self.shot.session.files_written:  # a tick that wrote the session file has done enough
                self._deliver()
            self._follow(is_showing=is_showing)
        except BaseException as error:
            self._leave(error)
            raise
        if goes_on and not self.wants_pause:
            return True
        self.finish()
        return False

    def _keep_pace(self) -> None:
        now = time.monotonic()
        self._pace.append((now, self.run.steps))
        while now - self._pace[0][0] > RATE_SPAN and len(self._pace) > 2:
            self._pace.popleft()

    def _deliver(self) -> None:
        """Give some of the tracks their markers, so that each gets them about as often as the interval says."""
        now = time.monotonic()
        if not self._is_delivering and now - self._delivery_began < self._interval:
            return
        if not self._is_delivering:
            self._is_delivering = True
            self._delivery_began = now
        late = (now - self._delivery_began) / self._interval
        self._is_delivering = not self.run.deliver_for(DELIVERY * max(1.0, late))

    def _follow(self, *, is_showing: bool) -> None:
        """Show the last frame that the artist's tracks have. The tracker has moved the editor on beyond it."""
        frame = self.run.delivered + self.clip_start - 1
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


def _never(_: int) -> bool:
    """When a step delivers: the ticks do."""
    return False


def asked_ranges(editor: ClipEditor, direction: str, extent: str, frames: int) -> list[tuple[int, int]]:
    """What to track from the current frame: first and last clip frame of each pass, for `LivePass`.

    `direction` is FORWARDS, BACKWARDS or BOTH; `extent` says how far: to the end of the SCENE or of the CLIP, or for
    that many FRAMES. All of them end where the clip does. Raises UsageError if no frame is left.
    """
    scene, clip = bpy.context.scene, editor.clip
    first, last, frame = (n - clip.frame_start + 1 for n in (scene.frame_start, scene.frame_end, scene.frame_current))
    if extent == "CLIP":
        first, last = 1, clip.frame_duration
    elif extent == "FRAMES":
        first, last = frame - frames, frame + frames
    ends = {"FORWARDS": min(last, clip.frame_duration), "BACKWARDS": max(first, 1)}
    wanted = ("FORWARDS", "BACKWARDS") if direction == "BOTH" else (direction,)
    ranges = [(frame, ends[one]) for one in wanted if (ends[one] - frame) * (1 if one == "FORWARDS" else -1) > 0]
    if not ranges:
        where = {"SCENE": "the scene", "CLIP": "the clip", "FRAMES": "the clip"}[extent]
        raise UsageError(f"The current frame is the last one of {where} in this direction: go to another frame")
    return ranges
