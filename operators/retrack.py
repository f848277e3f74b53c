# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-tracks the selected tracks until their next good frame, and fills their gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..bridge.clip.editor import ClipEditor
from ..bridge.clip.movie_clip import counting_of
from ..bridge.sessions.recovery import open_shot
from ..bridge.tracking.retracking import LiveTrials, chosen_for
from ..core.errors import NothingToTrack
from ..core.journal.decisions import OverrideKind
from ..core.model.wording import count_words
from ..core.review.person import person
from .settings import JOIN_DISTANCE
from .track import TracksLive

if TYPE_CHECKING:
    from bpy.types import Context

_TOLD = 3  # tracks whose results are reported; Blender shows the last one, the Info editor all


class Agreement:
    """The property of these operators; a base of its own, as `operators.track.Range` is."""

    join_distance: JOIN_DISTANCE  # type: ignore[valid-type]  # Blender's way to declare a property


class Retracks(Agreement, TracksLive):
    """The base of the operators that track on copies, and change the tracks only in the end."""

    _chosen = ("join_distance",)
    _kind = OverrideKind.RETRACK
    _direction = 0

    def _open(self, editor: ClipEditor, *, separate_clip: bool) -> LiveTrials:
        return LiveTrials(
            open_shot(editor),
            self._kind,
            self._direction,
            name=self.bl_label,
            who=person(),
            distance=self.join_distance,
            separate_clip=separate_clip,
        )

    def _close(self) -> set[str]:
        ran = self._live
        assert isinstance(ran, LiveTrials)  # as opened
        if not ran.words:
            self.report({"WARNING"}, "Stopped: the markers are as they were")
        for words in ran.words[:_TOLD]:
            self.report({"INFO"} if ran.changed else {"WARNING"}, words)
        if len(ran.words) > _TOLD:
            self.report({"INFO"}, f"{ran.changed} of {count_words(len(ran.words), 'track')} have new markers")
        return {"FINISHED"} if ran.changed else {"CANCELLED"}

    def _tell_pause(self) -> set[str]:
        self.report({"WARNING"}, "Stopped, because Blender's own tracker was started: the markers are as they were")
        return {"CANCELLED"}

    @classmethod
    def _obstacle(cls, context: Context) -> str:
        obstacle = super()._obstacle(context)
        if obstacle:
            return obstacle
        space = context.space_data
        where = space.clip.tracking.objects.active
        frame = counting_of(space.clip).clip_frame(context.scene.frame_current)
        try:
            chosen_for(where, space, frame, cls._kind)
        except NothingToTrack as error:
            return str(error)
        return ""


class TRACKING_SESSIONS_OT_retrack_forwards(Retracks, Agreement):
    """Track the selected tracks anew from their markers on the current frame, and join the next good marker of each"""

    bl_idname = "tracking_sessions.retrack_forwards"
    bl_label = "Re-track Forwards"
    bl_options = {"UNDO"}
    _direction = 1


class TRACKING_SESSIONS_OT_retrack_backwards(Retracks, Agreement):
    """Track the selected tracks anew towards the beginning of the clip, and join the next good marker of each"""

    bl_idname = "tracking_sessions.retrack_backwards"
    bl_label = "Re-track Backwards"
    bl_options = {"UNDO"}
    _direction = -1


class TRACKING_SESSIONS_OT_fill_gap(Retracks, Agreement):
    """Track the selected tracks from both sides through their gap on the current frame, if both sides agree"""

    bl_idname = "tracking_sessions.fill_gap"
    bl_label = "Fill Gap"
    bl_options = {"UNDO"}
    _kind = OverrideKind.FILL


classes = (
    TRACKING_SESSIONS_OT_retrack_forwards,
    TRACKING_SESSIONS_OT_retrack_backwards,
    TRACKING_SESSIONS_OT_fill_gap,
)
