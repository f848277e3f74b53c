# SPDX-License-Identifier: GPL-3.0-or-later
"""Track, pause and resume in the Movie Clip Editor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import EnumProperty, IntProperty

from ..bridge.clip.colour import note_spaces, unknown_words_once
from ..bridge.clip.editor import ClipEditor, blender_is_tracking, newest_tracking, redraw
from ..bridge.open_file import open_file
from ..bridge.preferences import preferences
from ..bridge.sessions import overview
from ..bridge.sessions.file_copy import save_copy
from ..bridge.sessions.recovery import drop_pass, open_shot
from ..bridge.tracking import live
from ..core.errors import StorageFailed, TrackingSessionError
from ..core.model.types import Outcome
from . import status
from .editor import InEditor, Modal, Polled, editor_of, report_error
from .settings import EXTENT, FRAMES, PAUSE_BELOW, settings_of

if TYPE_CHECKING:
    from bpy.types import Context, Event, OperatorProperties

DIRECTIONS = (
    ("BACKWARDS", "Backwards", "Track towards the beginning of the clip"),
    ("BOTH", "Both", "Track forwards, then backwards from the same frame"),
    ("FORWARDS", "Forwards", "Track towards the end of the clip"),
)
INTERVAL = live.TICK / 4  # shorter than a tick, because Blender waits for the timer after a short tick
WAYS = {"BACKWARDS": "backwards", "BOTH": "forwards and then backwards", "FORWARDS": "forwards"}


class TracksLive(InEditor, Modal):
    """The base of the operators that drive a run: in a loop when executed, by a timer when invoked in a window."""

    pause_below: PAUSE_BELOW  # type: ignore[valid-type]  # Blender's way to declare a property

    _job = "track"
    _chosen: tuple[str, ...] = ("pause_below",)  # properties of the panel
    _live: live.LivePass | None = None
    _display: status.Display | None = None
    _tracked_before = 0  # as `newest_tracking` when the pass began
    _gave_way = False  # whether Blender's tracker has ended the pass

    @classmethod
    def _session_obstacle(cls, seen: overview.Overview) -> str:
        lacks = seen.missing and not seen.is_recording
        return "This file lacks recorded frames: restore them first, or start fresh" if lacks else ""

    def _ranges(self, editor: ClipEditor) -> list[tuple[int, int]]:
        """The ranges of clip frames to track; empty to resume. Raises UsageError."""
        return []

    def _number(self) -> int:
        """The number of the pass to resume; 0 for the one that matters most."""
        return 0

    def _choose(self, context: Context) -> None:
        """Set the unset properties as in the panel, after a click or a key."""
        chosen = settings_of(context.scene)
        for name in self._chosen:
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(chosen, name))

    def _begin(self, context: Context, *, separate_clip: bool) -> bool:
        editor = editor_of(context)
        note_spaces()  # of appended clips
        try:
            self._live = self._open(editor, separate_clip=separate_clip)
        except TrackingSessionError as error:
            report_error(self, error)
            return False
        for words in (unknown_words_once(editor.clip), *self._live.shot.remarks):
            if words:
                self.report({"WARNING"}, words)
        return True

    def _open(self, editor: ClipEditor, *, separate_clip: bool) -> live.LivePass:
        """Begin the run. Raises the errors of sessions and of tracking."""
        ranges = self._ranges(editor)
        shot = open_shot(editor, resumes=not ranges)
        options: Any = {"number": self._number() or None, "pause_below": self.pause_below}
        return live.LivePass(shot, ranges, **options, separate_clip=separate_clip)

    def execute(self, context: Context) -> set[str]:
        if not self._begin(context, separate_clip=bpy.app.background):
            return {"CANCELLED"}
        assert self._live is not None
        try:
            while self._live.tick():
                pass
        except TrackingSessionError as error:
            return report_error(self, error)
        result = self._close()
        redraw(context)
        return result

    def invoke(self, context: Context, event: Event) -> set[str]:
        self._choose(context)
        if not self._begin(context, separate_clip=False):
            return {"CANCELLED"}
        self._watch()
        return self._listen(context, INTERVAL)

    def _watch(self) -> None:
        """Show the progress, and notice Blender's tracker."""
        self._display = status.Display()
        self._tracked_before = newest_tracking()
        bpy.app.timers.register(notice_tracker, first_interval=live.TICK)

    def modal(self, context: Context, event: Event) -> set[str]:
        assert self._live is not None and self._display is not None
        if live.running() is self._live and newest_tracking() not in (0, self._tracked_before):
            self.give_way(context)  # after a single step
        if self._gave_way:
            return self._tell_pause()
        if live.running() is not self._live:  # undo, loading a file or an error ended the pass
            return self._end(context)
        goes_on, result = False, {"FINISHED"}  # also after an error, so that undo can remove the recorded markers
        try:
            goes_on = self._go_on(self._live, event)
            if not goes_on:
                result = self._close()
        except TrackingSessionError as error:
            report_error(self, error)
        finally:
            if not goes_on:
                self._end(context)
        if not goes_on:
            return result
        self._display.update(context)
        return {"PASS_THROUGH"}  # other add-ons' timer events look the same

    def _go_on(self, running: live.LivePass, event: Event) -> bool:
        """Do what the event asks of the pass; returns False when the pass is over. Raises the errors of tracking."""
        if event.type == "ESC" and event.value == "PRESS":
            running.wants_pause = True
        elif event.type != "TIMER":
            if event.value != "NOTHING":  # a key or a button, which may let Blender track or push an undo step
                running.bring_up_to_date()
            return True
        return running.tick()

    def give_way(self, context: Context) -> None:
        """Pause for Blender's tracker. The playhead stays where that has put it."""
        frame = context.scene.frame_current
        live.end_running()
        context.scene.frame_current = frame
        self._gave_way = True
        self._end(context)

    def _tell_pause(self) -> set[str]:
        """The end of the operator after `give_way`: Blender's step of undo holds the pass, or follows ours."""
        assert self._live is not None
        run = self._live.run
        if run.outcome is Outcome.PAUSED:
            where = self._live.counting.shown(run.frame)
            self.report({"WARNING"}, f"Paused at frame {where}, because Blender's own tracker was started")
        self._save_copy()
        return {"CANCELLED"}

    def cancel(self, context: Context) -> None:
        """Blender calls this when the window closes, a file is loaded, or Blender quits."""
        try:
            if live.running() is self._live:
                live.end_running()
        finally:
            self._end(context)

    def _end(self, context: Context) -> set[str]:
        self._stop_listening(context)
        if bpy.app.timers.is_registered(notice_tracker):
            bpy.app.timers.unregister(notice_tracker)
        status.clear(context)
        return {"FINISHED"}

    def _close(self) -> set[str]:
        """Do what is left to do when the run is over; returns the result of the operator."""
        self._save_copy()
        return {"FINISHED"}

    def _save_copy(self) -> None:
        if self._live is None or not preferences().saves_copy:
            return
        try:
            path = save_copy(self._live.shot.session.folder)
        except StorageFailed as error:
            why = error.error.strerror or str(error.error)
            self.report({"WARNING"}, f"No copy was saved beside the session: {why}. All tracked frames are recorded")
        else:
            self.report({"INFO"}, f"Saved a copy of the file: {path}")


def notice_tracker() -> float | None:
    """A timer beside a pass: pauses it when Blender's tracker begins, whose job keeps all events from our operator."""
    operator = open_file.modal.get(TracksLive._job)
    if operator is None:
        return None
    if blender_is_tracking():
        with bpy.context.temp_override(window=operator._live.editor.window):  # a timer has no window, and any scene
            operator.give_way(bpy.context)
            bpy.ops.ed.undo_push(message=operator.bl_label)  # before Blender's first markers
        return None
    return live.TICK


class Range:
    """The properties of an operator that tracks from the current frame."""

    direction: EnumProperty(  # type: ignore[valid-type]  # Blender's way to declare a property
        name="Direction",
        description="The direction to track in from the current frame",
        items=DIRECTIONS,
        default="FORWARDS",
        options={"SKIP_SAVE"},
    )
    extent: EXTENT  # type: ignore[valid-type]
    frames: FRAMES  # type: ignore[valid-type]


class Tracks(Range, TracksLive):
    """The base of the operators that track from the current frame.

    They name `Range` as a base too: Blender finds no properties in the base of an operator that is one itself.
    """

    _chosen = ("pause_below", "extent", "frames")

    def _ranges(self, editor: ClipEditor) -> list[tuple[int, int]]:
        return live.requested_ranges(editor, self.direction, self.extent, self.frames)

    @classmethod
    def description(cls, context: Context, properties: OperatorProperties) -> str:
        way = WAYS[properties.direction]
        return (
            f"Track the selected tracks {way} from the current frame, as Blender's own buttons do, "
            "but record each frame at once, so that a crash loses none"
        )


class TRACKING_SESSIONS_OT_track(Tracks, Range):
    """Track the selected tracks from the current frame, and record each frame at once"""

    bl_idname = "tracking_sessions.track"
    bl_label = "Track in Session"
    bl_options = {"UNDO"}


class TRACKING_SESSIONS_OT_resume(TracksLive):
    """Continue tracking from the last recorded frame"""

    bl_idname = "tracking_sessions.resume"
    bl_label = "Resume Tracking"
    bl_options = {"UNDO"}

    number: IntProperty(  # type: ignore[valid-type]
        name="Pass",
        description="The number of the unfinished pass; 0 for the one with the most tracks",
        min=0,
        options={"SKIP_SAVE"},
    )

    def _number(self) -> int:
        return self.number

    @classmethod
    def _session_obstacle(cls, seen: overview.Overview) -> str:
        if seen.in_question:
            return "The artist has changed tracks that the recorded frames change as well: restore these first"
        return "Nothing was interrupted in this clip" if seen.resume_frame is None else ""


class TRACKING_SESSIONS_OT_drop_pass(InEditor):
    """Give this unfinished pass up: it is no longer offered. Its frames stay"""

    bl_idname = "tracking_sessions.drop_pass"
    bl_label = "Drop Pass"

    number: IntProperty(name="Pass", description="The number of the unfinished pass", min=1)  # type: ignore[valid-type]

    def execute(self, context: Context) -> set[str]:
        try:
            drop_pass(context.space_data.clip, self.number)
        except TrackingSessionError as error:
            return report_error(self, error)
        redraw(context)
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_pause(Polled):
    """Finish and record the current frame, then stop. Auto Save waits meanwhile: the pass records each frame at once"""

    bl_idname = "tracking_sessions.pause"
    bl_label = "Pause Tracking"

    @classmethod
    def _obstacle(cls, context: Context) -> str:
        return "Nothing is being tracked" if live.running() is None else ""

    def execute(self, context: Context) -> set[str]:
        running = live.running()
        assert running is not None  # as polled
        running.wants_pause = True
        return {"FINISHED"}


classes = (
    TRACKING_SESSIONS_OT_track,
    TRACKING_SESSIONS_OT_resume,
    TRACKING_SESSIONS_OT_drop_pass,
    TRACKING_SESSIONS_OT_pause,
)
