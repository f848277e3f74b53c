# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking in a window: the running pass of this Blender."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import bpy

from ...core.errors import ShotUnusable, TrackingSessionError, UsageError
from ...core.journal.chain import NOTHING
from ...core.library.deletion import delete_session
from ...core.tracking import passes
from ...core.tracking.run import Run
from ..clip.editor import ClipEditor
from ..clip.movie_clip import counting_of, mark_of, plate_of, position_in
from ..open_file import open_file
from ..preferences import preferences
from .shot import Shot

TICK = 1 / 30  # seconds of tracking per timer tick; one step at least
UPDATE_TIME = 0.00025  # seconds per tick for markers of the artist's tracks: more would cost the 2 ms of own work
UPDATE_SHARE = 0.05  # of a step slower than the update interval, which then shows each frame
RATE_SPAN = 3.0  # seconds that the frames per second are counted over

_log = logging.getLogger(__name__)


def running() -> LivePass | None:
    """The running pass of this Blender, if any."""
    return open_file.running


def end_running() -> None:
    """End the running pass, because its clip goes. An error is only logged: the panel shows the recorded frames."""
    try:
        if open_file.running is not None:
            open_file.running.finish()
    except TrackingSessionError as error:
        _log.warning("The pass cannot be ended in its session: %s", error)


class LivePass:
    """A run on one clip, driven by a timer or a loop."""

    verb = "Tracking"
    """What it does, in the panel and the status bar."""
    stop_words = "Pause Tracking"
    """What Esc and the panel's button do."""

    def __init__(
        self,
        shot: Shot,
        ranges: Sequence[tuple[int, int]] = (),
        *,
        number: int | None = None,
        pause_below: int = 0,
        separate_clip: bool = False,
    ) -> None:
        """Begin passes over `ranges` (first and last clip frame of each); without ranges, resume as `Shot.resume`.

        `pause_below` as in `Run`. With `separate_clip` the editor shows another clip meanwhile, for runs without a
        viewer. Raises UsageError if there is no pass to resume, and the errors of tracking.
        """
        self.editor = shot.editor
        self.shot = shot
        self.clip_name = shot.clip.name
        self.counting = shot.counting  # the clip may be deleted later
        self.wants_pause = False
        self._separate_clip = separate_clip
        self._interval = preferences().interval
        self._updated = time.monotonic()  # when the last update began
        self._is_updated = True  # whether the last update has reached every track
        self._pace: deque[tuple[float, int]] = deque()
        """Times, and the steps done by then, of the last `RATE_SPAN` seconds."""
        try:
            run = self._start(ranges, number, {"after_step": self._note_pace, "separate_clip": separate_clip})
            run.pause_below = pause_below
            run.open()
            self.run: Run = run
            self.total = run.total
            """Steps of all passes."""
        except BaseException as error:
            if isinstance(error, UsageError | ShotUnusable) and shot.session.position == NOTHING:
                delete_session(shot.session)  # it is empty
            shot.release()
            raise
        open_file.running = self

    def _start(self, ranges: Sequence[tuple[int, int]], number: int | None, options: Mapping[str, Any]) -> Run:
        """The run, with `options` as in `Shot.start`. Raises UsageError if there is no pass to resume."""
        run = self.shot.start(ranges, **options) if ranges else self.shot.resume(number, **options)
        if run is None:
            raise UsageError("Nothing was interrupted: there is nothing to resume")
        return run

    @property
    def done(self) -> int:
        """Recorded steps of all passes, and steps that ended passes skip because all tracks are lost."""
        return self.total - self.run.remaining

    @property
    def lost(self) -> int:
        """The number of tracks lost in the picture since the pass began or resumed."""
        return self.run.lost

    @property
    def rate(self) -> float:
        """Frames per second over the last seconds; 0.0 at first."""
        if len(self._pace) < 2:
            return 0.0
        (begun, before), (now, steps) = self._pace[0], self._pace[-1]
        return (steps - before) / (now - begun) if now > begun else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the last pass ends at this rate; None at first."""
        rate = self.rate
        return self.run.remaining / rate if rate else None

    def tick(self, seconds: float = TICK) -> bool:
        """Track for about `seconds`, at least one frame; returns False when the run is over.

        About once a second a tick only writes the session file. After the last frame, ticks write pending markers to
        the artist's tracks, and the last tick closes the pass. Raises the errors of tracking, which end the run.
        """
        until = time.monotonic() + seconds
        goes_on = True
        try:
            # with a separate clip the editor shows that clip, and the artist cannot leave it
            is_showing = self._separate_clip or self.editor.is_showing()
            if not is_showing:
                self.wants_pause = True
            if self.shot.recorder.is_file_due:
                self.shot.recorder.write_file()
            elif not self._stops:
                begun = time.monotonic()
                goes_on = self._track(until)
                self._update_tracks(time.monotonic() - begun)
            elif self._catch_up(until):
                goes_on = not self.wants_pause and self.run.step()
            self._follow(is_showing=is_showing)
        except BaseException as error:
            self._leave(error)
            raise
        if not goes_on:
            self.finish()
        return goes_on

    def bring_up_to_date(self) -> None:
        """Write and display all that is recorded. Raises the errors of tracking, which end the run."""
        if not self.run.has_pending:
            return
        try:
            self.run.flush()
            self._follow(is_showing=self.editor.is_showing())
        except BaseException as error:
            self._leave(error)
            raise

    @property
    def is_catching_up(self) -> bool:
        """Whether the pass ends or pauses with markers still pending."""
        return self._stops and self.run.has_pending

    @property
    def _stops(self) -> bool:
        return self.wants_pause or self.run.is_at_end or bool(self.run.shortage)

    def _track(self, until: float) -> bool:
        goes_on = self.run.step()
        while goes_on and not self._stops and time.monotonic() < until:
            goes_on = self.run.step()
        return goes_on

    def _note_pace(self, run: Run) -> None:
        now = time.monotonic()
        self._pace.append((now, run.steps))
        while now - self._pace[0][0] > RATE_SPAN and len(self._pace) > 2:
            self._pace.popleft()

    def _update_tracks(self, tracking: float) -> None:
        """Write markers to the artist's tracks: once per interval the newest to all tracks, otherwise older ones.

        `tracking`: the seconds of the tick's steps. After a step slower than the interval there is time for all tracks.
        """
        now = time.monotonic()
        is_slow = tracking >= self._interval
        if is_slow or (self._is_updated and now - self._updated >= self._interval):
            self._updated, self._is_updated = now, False
        seconds = max(UPDATE_TIME, UPDATE_SHARE * tracking) if is_slow else UPDATE_TIME
        if self.run.flush_some(seconds, newest=not self._is_updated):
            self._is_updated = True

    def _catch_up(self, until: float) -> bool:
        """Write pending markers to the artist's tracks for one tick; returns True when none are left."""
        while self.run.has_pending:
            self.run.flush_some(until - time.monotonic(), newest=True)
            if time.monotonic() >= until:
                break
        return not self.run.has_pending

    def _follow(self, *, is_showing: bool) -> None:
        """Display the last frame of the artist's tracks; the tracker has moved the editor beyond it."""
        frame = self.counting.shown(self.run.displayed_frame)
        scene = bpy.context.scene
        if scene.frame_current != frame:
            scene.frame_current = frame
        if is_showing:
            self.editor.space.clip_user.frame_current = frame

    def finish(self) -> None:
        """End the run, or pause it if frames are left. The run is over even if this raises."""
        run = self.run
        try:
            run.pause()
            self._conclude()
            self._follow(is_showing=self.editor.is_showing())
        except BaseException as error:
            self._leave(error)
            raise
        self._leave(None)

    def _conclude(self) -> None:
        """Do what is left to do after the last step."""
        if not self.shot.session.unfinished:
            self.shot.session.mark_tracking_complete()

    def _leave(self, error: BaseException | None) -> None:
        open_file.running = None
        try:
            self.run.close(error)
        finally:
            self._note_written()
            self.shot.release()
            open_file.forget()

    def _note_written(self) -> None:
        """Note the journal position that the clip contains, for the case that undo removes it from the clip."""
        session_id = self.shot.session.id
        try:
            position = position_in(mark_of(self.editor.clip), session_id)
        except ReferenceError:
            open_file.forget_written(session_id)  # a deleted clip that comes back lacks the recorded frames
            return
        if position is not None:
            open_file.note_written(self.editor.clip.session_uid, session_id, position)


def requested_ranges(editor: ClipEditor, direction: str, extent: str, frames: int) -> list[tuple[int, int]]:
    """The ranges to track from the current frame (first and last clip frame of each), for `LivePass`.

    `direction` is FORWARDS, BACKWARDS or BOTH; `extent` is SCENE (to its end), CLIP (to its end) or FRAMES (so many).
    All ranges end inside the clip. Raises UsageError if no frame is left, FootageUnusable for a clip of one frame.
    """
    scene, clip = bpy.context.scene, editor.clip
    if clip.frame_duration <= 1:
        plate_of(clip)  # raises with the reason
    counting = counting_of(clip)
    first, last, frame = map(counting.clip_frame, (scene.frame_start, scene.frame_end, scene.frame_current))
    if not 1 <= frame <= clip.frame_duration:
        raise UsageError(counting.beside(frame, clip.frame_duration))
    if extent == "CLIP":
        first, last = 1, clip.frame_duration
    elif extent == "FRAMES":
        first, last = frame - frames, frame + frames
    ends = {"FORWARDS": max(frame, min(last, clip.frame_duration)), "BACKWARDS": min(frame, max(first, 1))}
    ranges = passes.ranges(frame, *(ends.values() if direction == "BOTH" else (ends[direction],)))
    if not ranges:
        if extent == "SCENE" and not first <= frame <= last:
            raise UsageError(
                f"Frame {counting.shown(frame)} is outside the scene, which has the frames "
                f"{counting.span(first, last)}: go to another frame, or set Extent to End of Clip"
            )
        where = "scene" if extent == "SCENE" else "clip"
        raise UsageError(f"The current frame is the last frame of the {where} in this direction: go to another frame")
    return ranges
