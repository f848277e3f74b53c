# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking in a window: the one run of this Blender."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import bpy

from ...core.errors import ShotUnusable, UsageError
from ...core.library.deletion import delete_session
from ...core.tracking.run import Run
from ..clip.editor import ClipEditor
from ..clip.movie_clip import counting_of, mark_of, plate_of, position_in
from ..open_file import open_file
from ..preferences import preferences
from .shot import Shot

TICK = 1 / 30  # seconds of tracking per timer tick; one step at least
UPDATE_TIME = 0.0004  # seconds per tick in which the artist's tracks get markers
RATE_SPAN = 3.0  # seconds over which the frames per second are counted


def running() -> LivePass | None:
    """The run that is under way in this Blender."""
    return open_file.running


class LivePass:
    """A run driven by a timer or a loop, for one clip at a time."""

    def __init__(
        self,
        editor: ClipEditor,
        shot: Shot,
        ranges: Sequence[tuple[int, int]] = (),
        *,
        separate_clip: bool = False,
        interval: float | None = None,
        update_time: float = UPDATE_TIME,
    ) -> None:
        """Begin to track over `ranges` (first and last clip frame of each); without any, resume the paused pass.

        With `separate_clip` the editor shows another clip meanwhile, as nobody looks. The artist's tracks get their
        newest markers every `interval` seconds, by default as the preferences say, and `update_time` of each tick.
        Raises UsageError if there is nothing to resume, and what tracking raises.
        """
        self.editor = editor
        self.shot = shot
        self.clip_name = editor.clip.name
        self.counting = counting_of(editor.clip)  # kept, because the clip may be deleted
        self.wants_pause = False
        self._separate_clip = separate_clip
        self._update_time = update_time
        self._interval = preferences().interval if interval is None else interval
        self._updated = time.monotonic()  # when the last update began
        self._is_updated = True  # whether it has reached every track
        self._pace: deque[tuple[float, int]] = deque()
        """When so many steps were done, over the last seconds."""
        try:
            how: Any = {"after_step": self._note_pace, "separate_clip": separate_clip}
            run = shot.start(ranges, **how) if ranges else shot.resume(**how)
            if run is None:
                raise UsageError("Nothing was interrupted: there is nothing to resume")
            run.open()
            self.run: Run = run
            self.total = run.total
            """Steps of all passes."""
        except BaseException as error:
            if isinstance(error, UsageError | ShotUnusable) and not shot.session.passes:
                delete_session(shot.session)  # or each click in vain would leave an empty one
            shot.close()
            raise
        open_file.running = self

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
        until = time.monotonic() + seconds
        goes_on = True
        try:
            # in a separate clip, the editor shows what the tracker works on, and nobody can leave it
            is_showing = self._separate_clip or self.editor.is_showing()
            if not is_showing:
                self.wants_pause = True
            if self.shot.recorder.is_file_due:
                self.shot.recorder.write_file()
            elif not self._stops:
                goes_on = self._track(until)
                self._update_tracks()
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
        return self._stops and self.run.has_pending

    @property
    def _stops(self) -> bool:
        return self.wants_pause or self.run.is_at_end

    def _track(self, until: float) -> bool:
        goes_on = self.run.step()
        while goes_on and not self._stops and time.monotonic() < until:
            goes_on = self.run.step()
        return goes_on

    def _note_pace(self, run: Run) -> None:
        """Called after each step."""
        now = time.monotonic()
        self._pace.append((now, run.steps))
        while now - self._pace[0][0] > RATE_SPAN and len(self._pace) > 2:
            self._pace.popleft()

    def _update_tracks(self) -> None:
        """Write markers to the artist's tracks: the newest to all of them once in an interval, then older ones."""
        now = time.monotonic()
        if self._is_updated and now - self._updated >= self._interval:
            self._updated, self._is_updated = now, False
        if self.run.flush_some(self._update_time, newest=not self._is_updated):
            self._is_updated = True

    def _catch_up(self, until: float) -> bool:
        """Write pending markers to the artist's tracks for one tick; returns True when they have all."""
        while self.run.has_pending:
            self.run.flush_some(until - time.monotonic(), newest=True)
            if time.monotonic() >= until:
                break
        return not self.run.has_pending

    def _follow(self, *, is_showing: bool) -> None:
        """Show the last frame that the artist's tracks have. The tracker has moved the editor on beyond it."""
        frame = self.counting.shown(self.run.displayed_frame)
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
        open_file.running = None
        try:
            self.run.close(error)
        finally:
            self._note_held()
            self.shot.close()
            open_file.forget()

    def _note_held(self) -> None:
        """Note that the clip has all that its mark says, or had, should undo take that back."""
        session_id = self.shot.session.session.id
        try:
            position = position_in(mark_of(self.editor.clip), session_id)
        except ReferenceError:
            # should a deleted clip come back, by undo or from the file, then without what was recorded
            open_file.let_go(session_id)
            return
        if position is not None:
            open_file.hold(self.editor.clip.session_uid, session_id, position)


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
