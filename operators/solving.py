# SPDX-License-Identifier: GPL-3.0-or-later
"""Solves the camera of a clip in another Blender, and does what a person decides about the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty, IntProperty, PointerProperty, StringProperty
from bpy.types import PropertyGroup

from ..bridge.clip.editor import ClipEditor, blender_is_tracking, redraw, select_alone
from ..bridge.clip.movie_clip import counting_of
from ..bridge.open_file import open_file
from ..bridge.review.deciding import owned
from ..bridge.sessions.overview import Overview
from ..bridge.sessions.recovery import open_shot
from ..bridge.solve import hands_off, leaving_out, looking, running, scene, solves
from ..bridge.tracking import live
from ..core.errors import TrackingSessionError, UsageError
from ..core.model.ranges import FrameRanges
from ..core.model.types import Outcome
from ..core.model.wording import count_words
from ..core.review.person import person
from ..core.solve import recording
from ..core.solve.solve import Solve
from . import status
from .editor import Acting, Polled, editor_of, report_error
from .track import INTERVAL, TracksLive

if TYPE_CHECKING:
    from bpy.types import Context, Event, MovieClip


LOOKING = "Blender is looking at the footage: wait until it is done, or stop it with Esc"
_TOLD = 3  # things about the footage that are reported; the panel has all


class TRACKING_SESSIONS_PG_solving(PropertyGroup):
    is_lens_known: BoolProperty(  # type: ignore[valid-type]  # Blender's way to declare a property
        name="Known Lens",
        description="The focal length, the sensor and the distortion in Blender's Lens panel are those of the camera, "
        "so that no solve changes them",
    )


def settings_of(context: Context) -> Any:
    """The options of the next solve."""
    return context.scene.tracking_sessions_solving


class TRACKING_SESSIONS_OT_solve(Acting):
    """Filter the tracks, solve, refine and judge the camera, in another Blender: go on working meanwhile"""

    bl_idname = "tracking_sessions.solve"
    bl_label = "Solve Camera"

    @classmethod
    def _session_obstacle(cls, seen: Overview) -> str:
        return "" if seen.frames else "Nothing was tracked yet: track first"

    def _do(self, context: Context, clip: MovieClip) -> None:
        running.Solving(clip, is_lens_known=settings_of(context).is_lens_known)


class TRACKING_SESSIONS_OT_track_and_solve(TracksLive):
    """From footage to a camera: find features, track them both ways until all frames have enough, solve, and judge"""

    bl_idname = "tracking_sessions.track_and_solve"
    bl_label = "Track and Solve"
    bl_options = {"UNDO"}

    _barren: set[int]
    _looking: looking.Looking | None = None
    _editor: ClipEditor | None = None  # while it looks at the footage
    rounds = 0
    """The rounds of tracks that were begun."""

    @classmethod
    def _editor_obstacle(cls, context: Context) -> str:
        return super()._editor_obstacle(context) or (LOOKING if looking.looking() is not None else "")

    @classmethod
    def _session_obstacle(cls, seen: Overview) -> str:
        lacks = seen.missing and not seen.is_recording
        return "This file lacks recorded frames: restore them first, or start fresh" if lacks else ""

    def _open(self, editor: ClipEditor, *, separate_clip: bool) -> live.LivePass:
        self._barren = set()
        self.rounds = 0
        running = self._round(editor, separate_clip=separate_clip)
        if running is None:
            raise _Enough
        return running

    def _round(self, editor: ClipEditor, *, separate_clip: bool) -> live.LivePass | None:
        """The unfinished pass, or else the next round of tracks; None if the shot has enough of them."""
        shot = open_shot(editor, resumes=True)
        try:
            ranges = [] if shot.session.unfinished else hands_off.begin_round(shot, self._barren, self._avoided)
        except BaseException:
            shot.release()
            raise
        if ranges is None:
            shot.release()
            open_file.forget()
            return None
        self.rounds += 1
        return live.LivePass(shot, ranges, separate_clip=separate_clip)

    @property
    def _avoided(self) -> FrameRanges | None:
        found = self._looking.found if self._looking is not None else None
        return hands_off.avoided_frames(found) if found is not None else None

    def _begin(self, context: Context, *, separate_clip: bool) -> bool:
        try:
            return super()._begin(context, separate_clip=separate_clip)
        except _Enough:
            self._solve(context.space_data.clip)
            return False

    def _go_on(self, running: live.LivePass, event: Event) -> bool:  # type: ignore[override]
        return super()._go_on(running, event) or self._next(running, separate_clip=False)

    def _next(self, ended: live.LivePass, *, separate_clip: bool) -> bool:
        """Begin the next round, unless the artist has paused; without one, the solve."""
        if ended.run.outcome is Outcome.PAUSED:
            return False
        self._live = self._round(ended.editor, separate_clip=separate_clip) or ended
        if self._live is ended:
            self._solve(ended.editor.clip)
        return self._live is not ended

    def _solve(self, clip: MovieClip) -> None:
        try:
            running.Solving(clip, is_lens_known=settings_of(bpy.context).is_lens_known)
        except TrackingSessionError as error:
            report_error(self, error)

    # The footage first

    def _look(self, context: Context) -> bool:
        """Begin to look at the footage, unless that is known; returns False after an error, which is reported."""
        try:
            self._looking = looking.Looking(context.space_data.clip)
        except TrackingSessionError as error:
            report_error(self, error)
            return False
        return True

    def _tell_footage(self) -> None:
        """Report the worst of what makes tracking fail."""
        assert self._looking is not None
        clip, found = self._looking.clip, self._looking.found
        solves.forget_footage()
        problems = found.problems(counting_of(clip)) if found is not None and clip is not None else []
        for words in (*problems[:_TOLD], self._looking.remark):
            if words:
                self.report({"WARNING"}, words)

    def invoke(self, context: Context, event: Event) -> set[str]:
        if not self._look(context):
            return {"CANCELLED"}
        assert self._looking is not None
        if self._looking.is_over:
            return super().invoke(context, event)
        self._editor = editor_of(context)
        self._display = status.Display()
        return self._listen(context, INTERVAL)

    def modal(self, context: Context, event: Event) -> set[str]:
        if self._editor is None:
            return super().modal(context, event)
        try:
            goes_on = self._go_on_looking(self._editor, event)
        except TrackingSessionError as error:
            report_error(self, error)
            goes_on = None
        if goes_on is None:
            self.cancel(context)
            return {"CANCELLED"}
        if goes_on:
            assert self._display is not None
            self._display.update(context)
            return {"PASS_THROUGH"}
        editor, self._editor = self._editor, None
        with context.temp_override(window=editor.window, area=editor.area, region=editor.region):
            self._choose(bpy.context)
            if not self._begin(bpy.context, separate_clip=False):
                self._end(context)
                return {"CANCELLED"}
        self._watch()
        return {"PASS_THROUGH"}

    def _go_on_looking(self, editor: ClipEditor, event: Event) -> bool | None:
        """Returns False at the end, None if the artist has stopped it or done something else."""
        assert self._looking is not None
        if event.type == "ESC" and event.value == "PRESS":
            self.report({"INFO"}, "Stopped: nothing was tracked")
            return None
        if self._looking.is_over or live.running() is not None or blender_is_tracking():
            return None
        if event.type != "TIMER" or self._looking.tick():
            return True
        self._tell_footage()
        if not editor.is_showing():
            self.report({"WARNING"}, "The clip is not shown any more: press “Track and Solve” in its editor")
            return None
        return False

    def cancel(self, context: Context) -> None:
        if self._editor is None or self._looking is None:
            super().cancel(context)
            return
        self._editor = None
        self._looking.stop()
        self._stop_listening(context)
        if live.running() is None:  # else that shows its progress
            status.clear(context)

    def execute(self, context: Context) -> set[str]:
        if not self._look(context):
            return {"CANCELLED"}
        assert self._looking is not None
        if not self._looking.is_over:
            try:
                while self._looking.tick():
                    pass
            except TrackingSessionError as error:
                return report_error(self, error)
            self._tell_footage()
        if not self._begin(context, separate_clip=bpy.app.background):
            return {"FINISHED"} if running.running(context.space_data.clip) is not None else {"CANCELLED"}
        assert self._live is not None
        try:
            while self._live.tick() or self._next(self._live, separate_clip=bpy.app.background):
                pass
        except TrackingSessionError as error:
            return report_error(self, error)
        result = self._close()
        redraw(context)
        return result


def rounds() -> int:
    """The rounds of tracks that the running “Track and Solve” has begun; 0 if none runs."""
    operator = open_file.modal.get(TRACKING_SESSIONS_OT_track_and_solve._job)
    return operator.rounds if isinstance(operator, TRACKING_SESSIONS_OT_track_and_solve) else 0


class _Enough(Exception):
    """The shot has tracks enough."""


class TRACKING_SESSIONS_OT_stop_solve(Polled):
    """Stop the solve: it leaves nothing"""

    bl_idname = "tracking_sessions.stop_solve"
    bl_label = "Stop Solve"

    @classmethod
    def _obstacle(cls, context: Context) -> str:
        clip = getattr(context.space_data, "clip", None)
        return "" if clip is not None and running.running(clip) is not None else "Nothing is being solved"

    def execute(self, context: Context) -> set[str]:
        found = running.running(context.space_data.clip)
        assert found is not None  # as polled
        try:
            found.stop()
        except TrackingSessionError as error:
            return report_error(self, error)
        redraw(context)
        return {"FINISHED"}


class _OnSolve(Acting):
    """An operator on the solve that is chosen in the list."""

    @classmethod
    def _obstacle(cls, context: Context) -> str:
        if obstacle := cls._editor_obstacle(context):
            return obstacle
        has_solve = bool(solves.solves_of(context.space_data.clip).rows)
        return "" if has_solve else "This clip has no solve yet: solve it first"

    def _do(self, context: Context, clip: MovieClip) -> None:
        self._do_with(context, clip, solves.read_chosen(context))

    def _do_with(self, context: Context, clip: MovieClip, solve: Solve) -> None:
        """Raises TrackingSessionError."""
        raise NotImplementedError


class TRACKING_SESSIONS_OT_mark_best(_OnSolve):
    """Take this solve for the best, whatever its figures say, until you mark another one: exports take it. Again: let \
the figures decide"""

    bl_idname = "tracking_sessions.mark_best"
    bl_label = "Mark as Best"

    solve: StringProperty(  # type: ignore[valid-type]
        name="Solve",
        description="The id of the solve; empty for the one that is chosen in the list",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    def _do(self, context: Context, clip: MovieClip) -> None:
        view = solves.solves_of(clip)
        id = self.solve or solves.chosen_id(context, view)
        is_marked = any(row.id == id and row.best_by is not None for row in view.rows)
        _, session = owned(clip)
        recording.mark_best(session, "" if is_marked else id, person())
        open_file.forget()
        words = "The figures decide again which solve is the best" if is_marked else f"{id} is the best now, as marked"
        self.report({"INFO"}, words)


class TRACKING_SESSIONS_OT_set_up_scene(_OnSolve):
    """Put the chosen solve into the scene, without solving again: the camera, the clip behind it, and the points"""

    bl_idname = "tracking_sessions.set_up_scene"
    bl_label = "Set Up Scene"
    bl_options = {"UNDO"}

    def _do_with(self, context: Context, clip: MovieClip, solve: Solve) -> None:
        kept, session = owned(clip)
        names = {number: data.name for number, data in kept.head.tracks.items()}
        placed = scene.place_solve(context.scene, clip, solve, names, session.id)
        self.report({"INFO"}, "; ".join(("The camera is set up", *placed.notes)))


class TRACKING_SESSIONS_OT_leave_out(_OnSolve):
    """Mute the markers and take the weight from the tracks that the chosen solve has left out"""

    bl_idname = "tracking_sessions.leave_out"
    bl_label = "Mute What It Left Out"
    bl_options = {"UNDO"}

    def _do_with(self, context: Context, clip: MovieClip, solve: Solve) -> None:
        kept, _ = owned(clip)
        tracks, markers = leaving_out.leave_out(clip, kept.head, solve)
        kept.look(clip, self.bl_label, whole=True)
        words = f"{count_words(tracks, 'track')} have no weight now, {count_words(markers, 'marker')} are muted"
        self.report({"INFO"}, words)


class TRACKING_SESSIONS_OT_go_to_track(_OnSolve):
    """Select this track, and go to the frame of its largest error"""

    bl_idname = "tracking_sessions.go_to_track"
    bl_label = "Go to Track"

    track: IntProperty(name="Track", options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def _do_with(self, context: Context, clip: MovieClip, solve: Solve) -> None:
        kept, _ = owned(clip)
        data = kept.head.tracks.get(self.track)
        if data is None or select_alone(clip, data.object, data.name) is None:
            raise UsageError("This track is gone")
        found = solve.marker_errors.get(self.track, ())
        if found:
            frame = max(found, key=lambda pair: pair[1])[0]
            context.scene.frame_set(counting_of(clip).shown(frame))


class TRACKING_SESSIONS_OT_drop_track(_OnSolve):
    """Take the weight from this track, so that the next solve does not follow it"""

    bl_idname = "tracking_sessions.drop_track"
    bl_label = "Drop Track"
    bl_options = {"UNDO"}

    track: IntProperty(name="Track", options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def _do_with(self, context: Context, clip: MovieClip, solve: Solve) -> None:
        kept, _ = owned(clip)
        data = kept.head.tracks.get(self.track)
        track = select_alone(clip, data.object, data.name) if data is not None else None
        if track is None:
            raise UsageError("This track is gone")
        track.weight = 0.0
        kept.look(clip, self.bl_label, whole=True)


def register() -> None:
    scene_type: Any = bpy.types.Scene
    scene_type.tracking_sessions_solving = PointerProperty(type=TRACKING_SESSIONS_PG_solving)


def unregister() -> None:
    if hasattr(bpy.types.Scene, "tracking_sessions_solving"):
        delattr(bpy.types.Scene, "tracking_sessions_solving")


classes = (
    TRACKING_SESSIONS_PG_solving,
    TRACKING_SESSIONS_OT_solve,
    TRACKING_SESSIONS_OT_track_and_solve,
    TRACKING_SESSIONS_OT_stop_solve,
    TRACKING_SESSIONS_OT_mark_best,
    TRACKING_SESSIONS_OT_set_up_scene,
    TRACKING_SESSIONS_OT_leave_out,
    TRACKING_SESSIONS_OT_go_to_track,
    TRACKING_SESSIONS_OT_drop_track,
)
