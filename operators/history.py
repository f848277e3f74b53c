# SPDX-License-Identifier: GPL-3.0-or-later
"""Goes back to states of the session, names and compares them, and lets old ones go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpy.props import StringProperty

from ..bridge.clip.editor import redraw, select_alone
from ..bridge.clip.movie_clip import counting_of
from ..bridge.sessions import overview, states
from ..core.errors import TrackingSessionError, UsageError
from ..core.journal.chain import Position
from ..core.journal.history import State
from ..core.journal.state_words import action_words, difference_words, state_position
from ..core.journal.states import Largest
from ..core.model.wording import count_words, short, size_words
from .editor import InEditor, editor_of, report_error

if TYPE_CHECKING:
    from bpy.types import Context, Event, MovieClip


class _OnState(InEditor):
    """An operator on a state of the clip's session: the one named by `state`, or else the one chosen in the list."""

    state: StringProperty(name="State", options={"SKIP_SAVE", "HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def _session_obstacle(cls, seen: overview.Overview) -> str:
        return "" if seen.name else "This clip has no session yet"

    def _position(self, context: Context) -> Position:
        """Raises UsageError."""
        chosen = states.chosen(context)
        position = state_position(self.state) if self.state else chosen.position if chosen is not None else None
        if position is None:
            raise UsageError("Choose a state in the History list")
        return position

    def execute(self, context: Context) -> set[str]:
        try:
            self._do(context, self._position(context))
        except TrackingSessionError as error:
            return report_error(self, error)
        redraw(context)
        return {"FINISHED"}

    def _do(self, context: Context, position: Position) -> None:
        """Raises TrackingSessionError."""
        raise NotImplementedError


class TRACKING_SESSIONS_OT_go_back(_OnState):
    """Bring the chosen state back into the clip. All later states stay in the history, also your latest changes"""

    bl_idname = "tracking_sessions.go_back"
    bl_label = "Go Back to State"
    bl_options = {"UNDO"}

    def _do(self, context: Context, position: Position) -> None:
        found = states.go_back(editor_of(context), position)
        self.report({"INFO"}, f"Went back: {difference_words(found)}")


class TRACKING_SESSIONS_OT_name_state(_OnState):
    """Name the chosen state, so that it is found again and stays when old states are let go"""

    bl_idname = "tracking_sessions.name_state"
    bl_label = "Name State"

    name: StringProperty(  # type: ignore[valid-type]
        name="Name", description="An empty name takes the name away", options={"SKIP_SAVE"}
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        chosen = states.chosen(context)
        if not self.name and chosen is not None:
            self.name = chosen.name
        return context.window_manager.invoke_props_dialog(self)

    def _do(self, context: Context, position: Position) -> None:
        states.name_state(context.space_data.clip, position, self.name)
        self.report({"INFO"}, f"Named the state “{short(self.name)}”" if self.name else "The state has no name now")


class TRACKING_SESSIONS_OT_compare_state(_OnState):
    """Tell what has changed since the chosen state, and go to the marker that moved most"""

    bl_idname = "tracking_sessions.compare_state"
    bl_label = "Compare with Newest"

    def _do(self, context: Context, position: Position) -> None:
        clip = context.space_data.clip
        found = states.compare_with_newest(clip, position)
        words = difference_words(found)
        if found.largest is not None:
            words += f": “{short(found.largest.track.name)}” at frame {counting_of(clip).shown(found.largest.frame)}"
            _show(context, clip, found.largest)
        elif len(found.frames):
            context.scene.frame_current = counting_of(clip).shown(next(iter(found.frames)))
        self.report({"INFO"}, f"Since then: {words}")


def _show(context: Context, clip: MovieClip, largest: Largest) -> None:
    """Go to the frame of the marker, and select its track alone."""
    select_alone(clip, largest.track.object, largest.track.name)
    context.scene.frame_current = counting_of(clip).shown(largest.frame)


class TRACKING_SESSIONS_OT_let_go(InEditor):
    """Delete old states for good: all but the newest, those with a name, and those that can still be restored"""

    bl_idname = "tracking_sessions.let_go"
    bl_label = "Let Go of Old States"

    @classmethod
    def _session_obstacle(cls, seen: overview.Overview) -> str:
        return "" if seen.name else "This clip has no session yet"

    def invoke(self, context: Context, event: Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: Context) -> set[str]:
        try:
            done = states.let_go(context.space_data.clip)
        except TrackingSessionError as error:
            return report_error(self, error)
        if done.states:
            sizes = f"{size_words(done.before)} became {size_words(done.after)}"
            self.report({"INFO"}, f"Let {count_words(done.states, 'state')} go: {sizes}")
        else:
            self.report({"INFO"}, "There is no state to let go")
        redraw(context)
        return {"FINISHED"}


def title(state: State) -> str:
    """The state in a list: its name, or else its action."""
    return state.name or action_words(state)


classes = (
    TRACKING_SESSIONS_OT_go_back,
    TRACKING_SESSIONS_OT_name_state,
    TRACKING_SESSIONS_OT_compare_state,
    TRACKING_SESSIONS_OT_let_go,
)
