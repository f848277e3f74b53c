# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs a session off, and takes back what was approved or accepted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, StringProperty

from ..bridge.errors import error_words
from ..bridge.review import committing, deciding, problems
from ..bridge.review.undoing import undoable
from ..core.errors import TrackingSessionError
from ..core.model.frame_status import FrameStatus
from ..core.model.ranges import FrameRanges
from ..core.model.wording import count_words
from .editor import report_error
from .review import EXTENT, STATE_ICONS, OnReview, current_problem, frames_of, left_words, span_words

if TYPE_CHECKING:
    from bpy.types import Context, Event, MovieClip

OPEN = (FrameStatus.AUDIT_FAIL, FrameStatus.AUDIT_WARN, FrameStatus.TRACKED, FrameStatus.PENDING)
"""The states of frames that are not approved, the worst first."""
_DIALOG = 340  # the width of the dialog in pixels at a scale of 1


class TRACKING_SESSIONS_OT_take_back(OnReview):
    """Take the approval of these frames back: they are again as the last audit has judged them"""

    bl_idname = "tracking_sessions.take_back"
    bl_label = "Take Back Approval"
    bl_options = {"UNDO"}

    extent: EXTENT  # type: ignore[valid-type]

    def _do(self, context: Context, clip: MovieClip) -> None:
        first, last = frames_of(context, self.extent)
        with undoable(clip):
            count = deciding.take_back(clip, FrameRanges([(first, last)]))
        problems.fill(context)
        view = problems.review_of(clip)
        where = count_words(count, "frame") if last > first else span_words(clip, first, last)
        self.report({"INFO"}, f"Took the approval of {where} back; {left_words(view)}")


class TRACKING_SESSIONS_OT_not_fine(OnReview):
    """The marker is not fine as it is: this problem is open again, and its frames are not approved"""

    bl_idname = "tracking_sessions.not_fine"
    bl_label = "Not Fine"
    bl_options = {"UNDO"}

    def _do(self, context: Context, clip: MovieClip) -> None:
        flag = current_problem(context)
        with undoable(clip, flag):
            deciding.refuse(clip, flag)
        problems.fill(context)
        self.report({"INFO"}, f"Not fine as it is; {left_words(problems.review_of(clip))}")


class TRACKING_SESSIONS_OT_commit(OnReview):
    """Accept the result of the session, with your name. Asks first, says what is open, and writes a report or a copy \
of the file if you like"""

    bl_idname = "tracking_sessions.commit"
    bl_label = "Commit"

    force: BoolProperty(  # type: ignore[valid-type]
        name="Force", description="Commit although frames are open", options={"SKIP_SAVE", "HIDDEN"}
    )
    writes_report: BoolProperty(  # type: ignore[valid-type]
        name="Report", description="Write a report of the session, to look at in a browser"
    )
    report_file: StringProperty(  # type: ignore[valid-type]
        name="Report File", description="The file of the report; // is beside this file", options={"SKIP_SAVE"}
    )
    saves_copy: BoolProperty(  # type: ignore[valid-type]
        name="Save a Copy", description="Save a copy of this file, which stays open under its own name"
    )
    copy_file: StringProperty(  # type: ignore[valid-type]
        name="Copy File", description="The file of the copy; // is beside this file", options={"SKIP_SAVE"}
    )
    replaces: BoolProperty(  # type: ignore[valid-type]
        name="Replace", description="Replace a file of that name", options={"SKIP_SAVE"}
    )

    @classmethod
    def _review_obstacle(cls, view: problems.ReviewView) -> str:
        is_committed = view.commit is not None and view.commit.holds
        return "The session is committed already" if is_committed else super()._review_obstacle(view)

    def invoke(self, context: Context, event: Event) -> set[str]:
        clip = context.space_data.clip
        try:
            committing.check(clip)
            self.report_file = _shown(committing.report_path(clip))
            self.copy_file = _shown(committing.copy_path(clip))
        except TrackingSessionError as error:
            return report_error(self, error)
        self.force = any(problems.review_of(clip).counts.get(status) for status in OPEN)
        return context.window_manager.invoke_props_dialog(
            self,
            width=_DIALOG,
            title="Commit Session",
            confirm_text="Commit Anyway" if self.force else "Commit",
            cancel_default=self.force,
        )

    def draw(self, context: Context) -> None:
        assert self.layout is not None
        counts = problems.review_of(context.space_data.clip).counts
        column = self.layout.column(align=True)
        if any(counts.get(status) for status in OPEN):
            column.label(text="These frames are still open:")
        else:
            column.label(text="Every frame is approved", icon=STATE_ICONS[FrameStatus.APPROVED])
        for status in OPEN:
            if count := counts.get(status):
                column.label(text=f"{count:,} {status.word}", icon=STATE_ICONS[status])
        self.layout.separator()
        exists = False
        for wanted, file in (("writes_report", "report_file"), ("saves_copy", "copy_file")):
            row = self.layout.split(factor=0.35)
            row.prop(self, wanted)
            name = row.row()
            name.active = getattr(self, wanted)
            name.prop(self, file, text="")
            exists = exists or (getattr(self, wanted) and _path(getattr(self, file)).exists())
        if exists:
            row = self.layout.split(factor=0.35)
            row.prop(self, "replaces")
            row.label(text="There is a file of that name", icon="ERROR")

    def _do(self, context: Context, clip: MovieClip) -> None:
        report = _path(self.report_file) if self.report_file else committing.report_path(clip)
        copy = _path(self.copy_file) if self.copy_file else committing.copy_path(clip)
        if self.writes_report:
            committing.check_file(report, ".html", replaces=self.replaces)
        if self.saves_copy:
            committing.check_file(copy, ".blend", replaces=self.replaces)
        committing.commit(clip, is_forced=self.force)
        written: list[str] = []
        try:
            if self.writes_report:
                written.append(committing.write_report(clip, report).name)
            if self.saves_copy:
                committing.save_copy(copy)
                written.append(copy.name)
        except TrackingSessionError as error:
            self.report({"WARNING"}, f"The session is committed, but {error_words(error)}")
            return
        words = f", and wrote {' and '.join(written)}" if written else ""
        self.report({"INFO"}, f"Committed the session{words}")


def _shown(path: Path) -> str:
    """The path as an artist reads it: from the open file, if that is saved on the same drive."""
    try:
        return bpy.path.relpath(str(path)) if bpy.data.filepath else str(path)
    except ValueError:
        return str(path)


def _path(text: str) -> Path:
    return Path(bpy.path.abspath(text)).absolute()


classes = (TRACKING_SESSIONS_OT_take_back, TRACKING_SESSIONS_OT_not_fine, TRACKING_SESSIONS_OT_commit)
