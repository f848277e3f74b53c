# SPDX-License-Identifier: GPL-3.0-or-later
"""Begins a review, goes from problem to problem, and records what a person decides about each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import EnumProperty, FloatVectorProperty, StringProperty

from ..bridge.clip.editor import redraw
from ..bridge.clip.movie_clip import counting_of
from ..bridge.open_file import open_file
from ..bridge.review import auditing, deciding, problems
from ..bridge.review.going import go_to
from ..bridge.review.undoing import undoable
from ..core.errors import TrackingSessionError, UsageError
from ..core.model.flags import Flag, Severity, value_words
from ..core.model.frame_status import FrameStatus
from ..core.model.ranges import FrameRanges
from ..core.model.wording import count_words, short
from .editor import Acting, Modal, report_error

if TYPE_CHECKING:
    from bpy.types import Context, Event, MovieClip, OperatorProperties

EXTENT = EnumProperty(
    name="Frames",
    description="Which frames",
    items=(
        ("FRAME", "Current Frame", "The current frame"),
        ("PROBLEM", "Frames of the Problem", "The frames of the problem that you have gone to"),
        ("PREVIEW", "Preview Range", "The frames of the preview range, which P sets in the timeline"),
    ),
    default="FRAME",
    options={"SKIP_SAVE"},
)


def frame_words(clip: MovieClip, flag: Flag) -> str:
    """The frames of the flag as a person counts them."""
    shown = counting_of(clip).shown
    return f"{shown(flag.first)}" if flag.first == flag.last else f"{shown(flag.first)}-{shown(flag.last)}"


def span_words(clip: MovieClip, first: int, last: int) -> str:
    """The clip frames in a sentence."""
    return f"frame{'s' if last > first else ''} {counting_of(clip).span(first, last)}"


def track_words(view: problems.ReviewView, flag: Flag) -> str:
    """The names of the tracks; empty for a flag about frames alone."""
    names = [view.names.get(number, f"Track {number}") for number in (flag.track, flag.other) if number]
    return " and ".join(names)


class OnReview(Acting):
    """An operator on the review of the clip. Its poll fails without one, so that a key goes on to Blender's own.

    The poll reads no file: a panel of a dozen buttons asks each one whenever it is drawn.
    """

    @classmethod
    def _obstacle(cls, context: Context) -> str:
        return cls._editor_obstacle(context) or cls._review_obstacle(problems.review_of(context.space_data.clip))

    @classmethod
    def _review_obstacle(cls, view: problems.ReviewView) -> str:
        return "" if view.id else "Nobody has begun a review of this clip: press “Begin Review”"

    def _go_to(self, context: Context, id: str) -> None:
        clip = context.space_data.clip
        recording, _ = deciding.owned(clip)
        flag = problems.fill(context).get(id)
        if flag is None:
            raise UsageError("This problem is not in the list any more")
        problems.visit(context, id)
        go_to(context, flag, recording.head)
        self.report({"INFO"}, problem_words(clip, flag))


def problem_words(clip: MovieClip, flag: Flag) -> str:
    """The problem in a line."""
    of = track_words(problems.review_of(clip), flag)
    kind = problems.kind_words(flag.kind)
    where = span_words(clip, flag.first, flag.last)
    return f"{where.capitalize()}: {kind}{of and f' of “{short(of)}”'}, {value_words(flag)}"


def current_problem(context: Context) -> Flag:
    flag = problems.current(context)
    if flag is None:
        raise UsageError("Go to a problem first, with “Next Problem” or a click in the list")
    return flag


def frames_of(context: Context, extent: str) -> tuple[int, int]:
    """The first and the last clip frame. Raises UsageError."""
    scene, clip = context.scene, context.space_data.clip
    if extent == "PROBLEM":
        flag = current_problem(context)
        return flag.first, flag.last
    if extent == "PREVIEW" and not scene.use_preview_range:
        raise UsageError("The scene has no preview range: drag one in the timeline with P")
    is_preview = extent == "PREVIEW"
    span = (scene.frame_preview_start, scene.frame_preview_end) if is_preview else (scene.frame_current,) * 2
    first, last = map(counting_of(clip).clip_frame, span)
    return first, last


# Audits


class TRACKING_SESSIONS_OT_audit(OnReview, Modal):
    """Look for problems on all tracked frames, and begin the review if there is none. Esc stops it"""

    bl_idname = "tracking_sessions.audit"
    bl_label = "Audit"

    level: EnumProperty(  # type: ignore[valid-type]
        name="Level",
        items=(
            ("QUICK", "Quick", "Look for jumps and swaps by how the other tracks move, and for stuck or short tracks"),
            ("FULL", "Full", "Confirm each jump by the geometry of two views, and look for drift and strays: slower"),
        ),
        options={"SKIP_SAVE"},
    )
    _job = "audit"
    _audit: auditing.Audit | None = None

    @classmethod
    def description(cls, context: Context, properties: OperatorProperties) -> str:
        about = cls.bl_rna.properties["level"].enum_items[properties.level].description  # type: ignore[attr-defined]
        return f"{about}. Esc stops it"

    @classmethod
    def _review_obstacle(cls, view: problems.ReviewView) -> str:
        return "An audit goes on: Esc stops it" if cls._job in open_file.modal else ""

    def _do(self, context: Context, clip: MovieClip) -> None:
        audit = self._begun(context, clip)
        while audit.go_on(1.0):
            pass
        self._tell(clip)

    def _begun(self, context: Context, clip: MovieClip) -> auditing.Audit:
        return auditing.Audit(clip, self.level, with_pictures=problems.settings_of(context).with_pictures)

    def invoke(self, context: Context, event: Event) -> set[str]:
        if bpy.app.background:
            return self.execute(context)
        try:
            self._audit = self._begun(context, context.space_data.clip)
        except TrackingSessionError as error:
            return report_error(self, error)
        return self._listen(context, auditing.SLICE)

    def modal(self, context: Context, event: Event) -> set[str]:
        assert self._audit is not None
        if event.type == "ESC" and event.value == "PRESS":
            self.cancel(context)
            self.report({"INFO"}, "Stopped the audit: nothing has changed")
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if self._audit.go_on():
                redraw(context)
                return {"PASS_THROUGH"}
        except TrackingSessionError as error:
            self.cancel(context)
            return report_error(self, error)
        clip = self._audit.clip
        self.cancel(context)
        if clip is not None:  # the editor may show another one by now, or be gone
            self._tell(clip)
        return {"FINISHED"}

    def cancel(self, context: Context) -> None:
        self._stop_listening(context)
        if self._audit is not None:
            self._audit.cancel()
            self._audit = None
        redraw(context)

    def _tell(self, clip: MovieClip) -> None:
        view = problems.review_of(clip)
        judged = sum(count for status, count in view.counts.items() if status in JUDGED)
        remark = auditing.remark(clip)
        words = f"Audited {count_words(judged, 'frame')}: {left_words(view)}"
        self.report({"INFO"}, f"{words}. {remark}" if remark else words)


# From problem to problem


class TRACKING_SESSIONS_OT_go_on_with_review(OnReview):
    """Go on with the review of this clip where it stopped: its verdicts, and its list of problems"""

    bl_idname = "tracking_sessions.go_on_with_review"
    bl_label = "Go On with the Review"

    def _do(self, context: Context, clip: MovieClip) -> None:
        deciding.begin(clip)
        found = problems.beside(context, 0)
        if found is not None:
            self._go_to(context, found)


class TRACKING_SESSIONS_OT_go_to_problem(OnReview):
    """Go to the frame of this problem, select its track and zoom to it"""

    bl_idname = "tracking_sessions.go_to_problem"
    bl_label = "Go to Problem"

    problem: StringProperty(name="Problem", options={"SKIP_SAVE", "HIDDEN"})  # type: ignore[valid-type]

    def _do(self, context: Context, clip: MovieClip) -> None:
        self._go_to(context, self.problem)


class TRACKING_SESSIONS_OT_next_problem(OnReview):
    """Go to the next problem of the list: its frame, its track alone, and a closer view. After the last comes the \
first"""

    bl_idname = "tracking_sessions.next_problem"
    bl_label = "Next Problem"

    direction: EnumProperty(  # type: ignore[valid-type]
        name="Direction",
        items=(("NEXT", "Next", "The next problem"), ("PREVIOUS", "Previous", "The problem before")),
        options={"SKIP_SAVE"},
    )

    def _do(self, context: Context, clip: MovieClip) -> None:
        deciding.owned(clip)  # what has changed leaves the list first
        found = problems.beside(context, 1 if self.direction == "NEXT" else -1)
        if found is None:
            self.report({"INFO"}, "No problem is left in the list")
        else:
            self._go_to(context, found)


# Decisions


class TRACKING_SESSIONS_OT_approve(OnReview):
    """Sign these frames off: their problems leave the list, and an audit leaves them. They count as new when a marker \
changes there"""

    bl_idname = "tracking_sessions.approve"
    bl_label = "Approve"
    bl_options = {"UNDO"}  # see bridge/review/undoing.py

    extent: EXTENT  # type: ignore[valid-type]

    def _do(self, context: Context, clip: MovieClip) -> None:
        first, last = frames_of(context, self.extent)
        frames = FrameRanges([(first, last)])
        if self.extent == "PROBLEM":  # some of them may have no marker
            view = problems.review_of(clip)
            judged = FrameRanges(view.failed.ranges())
            for others in (view.warned, view.approved):
                judged.update(others)
            frames = frames.without(frames.without(judged))
        with undoable(clip):
            count = deciding.approve(clip, frames)
        problems.fill(context)
        where = span_words(clip, first, last)
        words = f"Approved {where}" if count else f"Approved already: {where}"
        self.report({"INFO"}, f"{words}; {left_words(problems.review_of(clip))}")


class TRACKING_SESSIONS_OT_fine(OnReview):
    """The marker is fine as it is: this problem leaves the list until the marker changes. Its frames are approved \
if nothing else is wrong there"""

    bl_idname = "tracking_sessions.fine"
    bl_label = "Fine As It Is"
    bl_options = {"UNDO"}

    def _do(self, context: Context, clip: MovieClip) -> None:
        flag = current_problem(context)
        with undoable(clip, flag):
            deciding.accept(clip, flag)
        problems.fill(context)
        self.report({"INFO"}, f"Fine as it is; {left_words(problems.review_of(clip))}")


class TRACKING_SESSIONS_OT_mute(OnReview):
    """Mute the markers of the problem's track on its frames, or of the active track, so that a solve leaves them out"""

    bl_idname = "tracking_sessions.mute"
    bl_label = "Mute Stretch"
    bl_options = {"UNDO"}

    extent: EXTENT  # type: ignore[valid-type]

    def _do(self, context: Context, clip: MovieClip) -> None:
        track, first, last = _stretch(context, clip, self.extent)
        count = deciding.mute(clip, track, first, last)
        problems.fill(context)
        self.report({"INFO"}, f"Muted {count_words(count, 'marker')} on {span_words(clip, first, last)}")


class TRACKING_SESSIONS_OT_nudge(OnReview):
    """Move the marker of the active track on the current frame, and note by how much"""

    bl_idname = "tracking_sessions.nudge"
    bl_label = "Nudge Marker"
    bl_options = {"UNDO"}

    by: FloatVectorProperty(name="By", description="Pixels to the right and upwards", size=2, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    note: StringProperty(name="Note", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: Context, event: Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def _do(self, context: Context, clip: MovieClip) -> None:
        track, *_ = _stretch(context, clip, "FRAME")
        frame, _ = frames_of(context, "FRAME")
        deciding.nudge(clip, track, frame, tuple(self.by), self.note)
        problems.fill(context)


class TRACKING_SESSIONS_OT_note(OnReview):
    """Write a remark about the problem, or else about the current frame"""

    bl_idname = "tracking_sessions.note"
    bl_label = "Note"

    text: StringProperty(name="Note", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: Context, event: Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def _do(self, context: Context, clip: MovieClip) -> None:
        flag = problems.current(context)
        first, last = (flag.first, flag.last) if flag is not None else frames_of(context, "FRAME")
        deciding.note(clip, first, last, self.text, flag.track if flag is not None else 0)


def _stretch(context: Context, clip: MovieClip, extent: str) -> tuple[int, int, int]:
    """The number of a track, and the first and last clip frame: of the problem, or else of the active track."""
    first, last = frames_of(context, extent)
    recording, _ = deciding.owned(clip)
    if extent == "PROBLEM":
        number = current_problem(context).track
    else:
        where: Any = clip.tracking.objects.active
        active = where.tracks.active if where is not None else None
        number = recording.head.numbers.get((where.name, active.name), 0) if active is not None else 0
    if not number:
        raise UsageError("Choose a track: the problem is about none" if extent == "PROBLEM" else "No track is active")
    return number, first, last


def left_words(view: problems.ReviewView) -> str:
    return f"{count_words(view.left, 'problem')} left" if view.left else "no problem is left"


JUDGED = (FrameStatus.AUDIT_FAIL, FrameStatus.AUDIT_WARN, FrameStatus.APPROVED)
STATE_ICONS: dict[FrameStatus, Any] = {
    FrameStatus.PENDING: "RADIOBUT_OFF",
    FrameStatus.TRACKED: "RADIOBUT_ON",
    FrameStatus.AUDIT_FAIL: "CANCEL",
    FrameStatus.AUDIT_WARN: "ERROR",
    FrameStatus.APPROVED: "CHECKMARK",
}
FLAG_ICONS: dict[Severity, Any] = {Severity.ERROR: "CANCEL", Severity.WARNING: "ERROR", Severity.NOTE: "INFO"}
classes = (
    TRACKING_SESSIONS_OT_audit,
    TRACKING_SESSIONS_OT_go_on_with_review,
    TRACKING_SESSIONS_OT_go_to_problem,
    TRACKING_SESSIONS_OT_next_problem,
    TRACKING_SESSIONS_OT_approve,
    TRACKING_SESSIONS_OT_fine,
    TRACKING_SESSIONS_OT_mute,
    TRACKING_SESSIONS_OT_nudge,
    TRACKING_SESSIONS_OT_note,
)
