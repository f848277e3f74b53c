# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends shots to a render farm, and acts on those that are there."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy.types import Operator

from ..bridge.clip.movie_clip import library_of
from ..bridge.farm import sending, shots
from ..bridge.farm.child import Request
from ..bridge.farm.sending import Answer
from ..bridge.open_file import open_file
from ..bridge.tracking import live
from ..core.errors import TrackingSessionError, UsageError
from ..core.farm.status import Stand, Standing
from ..core.model.wording import count_words, short
from .editor import PASS_RUNS, Polled, report_error
from .sessions import show_outside, show_session
from .settings import RELATIVE

if TYPE_CHECKING:
    from bpy.types import Context, Event, UILayout

_DIALOG = 420  # the width of the dialog in pixels at a scale of 1
_LETTERS = 62  # that fit on a line of it beside an icon
_LONG = 300  # letters of what an engine misses, at most
_NO_ENGINE = "NONE"
_SENDING = "Shots are being sent: wait for that"


class _Asked:
    """The engines with their answers, as the dialog has asked them last."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.items: list[tuple[str, str, str, str, int]] = []  # Blender keeps no reference to the texts


def _engine_items(self: Any, context: Context | None) -> list[tuple[str, str, str, str, int]]:
    """In the dialog the engines that can be used here, or with Write Only all of them; for scripts all, too."""
    asked = open_file.view(_Asked)
    answers = asked.answers if self.is_asked else sending.known_engines()
    asked.items = [
        (answer.name, answer.title, "", "NONE", number)
        for number, answer in enumerate(answers, 1)
        if self.write_only or not answer.missing
    ] or [(_NO_ENGINE, "None", "", "NONE", 0)]
    return asked.items


def _keep_engine(self: Any, context: Context) -> None:
    """Choose an engine that is offered, unless the chosen one is."""
    offered = [item[0] for item in _engine_items(self, context)]
    # Blender prints a warning where the value of a property that is read is not offered
    if not self.is_property_set("engine") or self.engine not in offered:
        self.engine = offered[0]


class _OnFarm(Polled):
    """An operator of the Farm panel."""

    @classmethod
    def _obstacle(cls, context: Context) -> str:
        space = context.space_data
        if space is None or space.type != "CLIP_EDITOR":
            return "This works in the Movie Clip Editor"
        return cls._farm_obstacle(context)

    @classmethod
    def _farm_obstacle(cls, context: Context) -> str:
        """As `_obstacle`."""
        return ""


def _send(operator: Operator, request: Request) -> set[str]:
    """Send, and report the outcome if it comes soon; the panel shows it anyway. Raises TrackingSessionError."""
    outcome = sending.send(request)
    if outcome is None:
        return {"FINISHED"}
    operator.report({"ERROR"} if outcome.is_error else {"INFO"}, outcome.words)
    return {"CANCELLED"} if outcome.is_error else {"FINISHED"}


class TRACKING_SESSIONS_OT_submit(_OnFarm):
    """Send shots to a render farm: this clip, or a list or a folder of shots"""

    bl_idname = "tracking_sessions.submit"
    bl_label = "Submit…"

    what: EnumProperty(  # type: ignore[valid-type]  # Blender's way to declare a property
        name="Shots",
        description="The shots to send",
        items=(
            ("FOOTAGE", "Footage of This Clip", "The nodes find their own features in the footage of this clip"),
            ("FILE", "Tracks of This Clip", "The nodes track the selected, unlocked tracks of this clip, as saved"),
            ("LIST", "List or Folder", "The shots of a list (YAML, JSON or CSV), or the footage in a folder"),
        ),
        options={"SKIP_SAVE"},
    )
    path: StringProperty(  # type: ignore[valid-type]
        name="Path",
        description="A list of shots, a folder of footage or of folders of it, a movie, or a picture of a sequence",
        subtype="FILE_PATH",
        options=RELATIVE,
    )
    goal: EnumProperty(  # type: ignore[valid-type]
        name="Goal",
        description="How far to go with each shot",
        items=(
            ("TRACK", "Track", "Track each shot"),
            ("CAMERA", "Camera", "Go from footage to a camera, and say what it is worth"),
        ),
    )
    engine: EnumProperty(  # type: ignore[valid-type]
        name="Farm", description="The engine of the farm that gets the shots", items=_engine_items
    )
    max_running: IntProperty(  # type: ignore[valid-type]
        name="At Most at Once",
        description="The number of shots that run at the same time; 0 leaves it to the farm",
        min=0,
        soft_max=1000,
    )
    time_limit: IntProperty(  # type: ignore[valid-type]
        name="Time Limit (Minutes)",
        description="Minutes after which a task is stopped, to go on in another; 0 leaves it to the farm",
        min=0,
        soft_max=1440,
    )
    write_only: BoolProperty(  # type: ignore[valid-type]
        name="Write Only",
        description="Only write the job, to look at it or to send it from another machine",
        options={"SKIP_SAVE"},
        update=_keep_engine,
    )
    is_asked: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]  # by the dialog

    @classmethod
    def _farm_obstacle(cls, context: Context) -> str:
        return _SENDING if sending.is_sending() else ""

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Ask the engines once, and then the artist, who looks at the list behind the dialog meanwhile."""
        shots.refresh(context)
        open_file.view(_Asked).answers = sending.ask_engines(sending.resources_of())
        self.is_asked = True
        _keep_engine(self.properties, context)
        return context.window_manager.invoke_props_dialog(
            self, width=_DIALOG, title="Submit to a Farm", confirm_text="Submit"
        )

    def draw(self, context: Context) -> None:
        layout = self.layout
        assert layout is not None
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "what")
        if self.what == "LIST":
            layout.prop(self, "path")
        if self.what == "FILE" and (words := _file_obstacle(context)):
            _draw_words(layout, words, "ERROR")
        layout.row().prop(self, "goal", expand=True)
        answers = open_file.view(_Asked).answers
        chosen = next((answer for answer in answers if answer.name == self.engine), None)
        if chosen is not None:
            layout.prop(self, "engine")
            limits = [name for name in ("max_running", "time_limit") if name in chosen.takes]
            for name in limits:
                layout.prop(self, name)
            if any(not getattr(self, name) for name in limits):
                _draw_words(layout, "0 leaves it to the farm", "INFO")
        else:
            _draw_words(
                layout, "No farm can be used from here: with Write Only the job is written all the same", "INFO"
            )
        layout.prop(self, "write_only")
        for answer in answers:
            if answer.missing:
                _draw_words(layout, _missing_words(answer), "ERROR")
        _draw_words(layout, f"Session Folder: {shots.session_folder()}", "FILE_FOLDER")
        if words := sending.folder_obstacle():
            _draw_words(layout, words, "ERROR")

    def execute(self, context: Context) -> set[str]:
        try:
            request = self._request(context)
            shots.choose("")
            return _send(self, request)
        except TrackingSessionError as error:
            return report_error(self, error)

    def _request(self, context: Context) -> Request:
        """Raises TrackingSessionError."""
        if self.engine == _NO_ENGINE:
            answers = open_file.view(_Asked).answers
            raise UsageError("; ".join(map(_missing_words, answers)))
        if self.what == "LIST" and not self.path.strip():
            raise UsageError("Choose a list of shots or a folder first")
        if self.what == "FILE" and (words := _file_obstacle(context)):
            raise UsageError(words)
        return sending.submission(
            context.space_data.clip,
            self.engine,
            sending.resources_of(self.max_running, self.time_limit),
            shots=self.path.strip() if self.what == "LIST" else "",
            has_tracks=self.what == "FILE",
            has_camera=self.goal == "CAMERA",
            is_dry=self.write_only,
        )


def _missing_words(answer: Answer) -> str:
    words = short(answer.missing, _LONG)
    return words if answer.title in words else f"{answer.title}: {words}"


def _file_obstacle(context: Context) -> str:
    linked = library_of(context.space_data.clip)
    return f"The clip is linked from {linked}: submit its tracks from that file" if linked else sending.saved_obstacle()


def _draw_words(layout: UILayout, words: str, icon: Any) -> None:
    """Draw a sentence in lines that fit the dialog."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(words, _LETTERS, break_on_hyphens=False)):
        column.label(text=line, icon="BLANK1" if number else icon)


class TRACKING_SESSIONS_OT_retry_shots(_OnFarm):
    """Send again the shots that have failed, were interrupted or could not be used, or else those that wait"""

    bl_idname = "tracking_sessions.retry_shots"
    bl_label = "Retry"

    @classmethod
    def _farm_obstacle(cls, context: Context) -> str:
        if sending.is_sending():
            return _SENDING
        shown = shots.submissions()
        has_any = shown.to_retry or shown.counts[Stand.WAITING]
        return "" if has_any else "Nothing is left to send of this submission"

    def invoke(self, context: Context, event: Event) -> set[str]:
        if shots.submissions().to_retry:
            return self.execute(context)
        return context.window_manager.invoke_props_dialog(
            self, width=_DIALOG, title="Send Waiting Shots Again", confirm_text="Send Again", cancel_default=True
        )

    def draw(self, context: Context) -> None:
        assert self.layout is not None
        count = count_words(shots.submissions().counts[Stand.WAITING], "shot")
        words = f"{count} of this submission had no node yet. Send them again only if their job is gone from the farm"
        _draw_words(self.layout, words, "QUESTION")

    def execute(self, context: Context) -> set[str]:
        shown = shots.submissions()
        assert shown.manifest is not None  # as polled
        try:
            return _send(self, sending.again(shown.manifest.head.id, is_for_waiting=not shown.to_retry))
        except TrackingSessionError as error:
            return report_error(self, error)


class TRACKING_SESSIONS_OT_refresh_shots(_OnFarm):
    """Look again where the shots stand"""

    bl_idname = "tracking_sessions.refresh_shots"
    bl_label = "Refresh"

    def execute(self, context: Context) -> set[str]:
        shots.refresh(context)
        return {"FINISHED"}


class TRACKING_SESSIONS_OT_show_submission(_OnFarm):
    """Show the shots of this submission"""

    bl_idname = "tracking_sessions.show_submission"
    bl_label = "Show Submission"

    id: StringProperty(name="Submission", options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, context: Context) -> set[str]:
        shots.choose(self.id)
        return {"FINISHED"}


class _OnShot(_OnFarm):
    """An operator on the shot that is chosen in the list."""

    @classmethod
    def _farm_obstacle(cls, context: Context) -> str:
        standing = shots.chosen(context)
        return cls._shot_obstacle(standing) if standing is not None else "Choose a shot in the list"

    @classmethod
    def _shot_obstacle(cls, standing: Standing) -> str:
        """As `_obstacle`."""
        return ""


class TRACKING_SESSIONS_OT_open_log(_OnShot):
    """Show the log of the shot in the system's viewer"""

    bl_idname = "tracking_sessions.open_log"
    bl_label = "Open Log"

    @classmethod
    def _shot_obstacle(cls, standing: Standing) -> str:
        return "" if standing.state.started else "The shot has no log yet: no node has begun it"

    def execute(self, context: Context) -> set[str]:
        standing = shots.chosen(context)
        assert standing is not None  # as polled
        path = shots.log_of(standing)
        if path is None:
            self.report({"ERROR"}, "The shot has left no log: look at those of its farm")
            return {"CANCELLED"}
        return show_outside(self, path)


class TRACKING_SESSIONS_OT_open_shot(_OnShot):
    """Show the clip of the shot's session. If this file does not have it, open the file of the session, or else its \
footage"""

    bl_idname = "tracking_sessions.open_shot"
    bl_label = "Open Session"

    @classmethod
    def _shot_obstacle(cls, standing: Standing) -> str:
        if live.running() is not None:
            return PASS_RUNS
        return "" if standing.state.session else "The shot has no session yet"

    def execute(self, context: Context) -> set[str]:
        standing = shots.chosen(context)
        path = shots.session_of(standing) if standing is not None else None
        assert standing is not None and path is not None  # as polled
        try:
            return show_session(self, context, path, standing.shot.spec.title)
        except TrackingSessionError as error:
            return report_error(self, error)


classes = (
    TRACKING_SESSIONS_OT_submit,
    TRACKING_SESSIONS_OT_retry_shots,
    TRACKING_SESSIONS_OT_refresh_shots,
    TRACKING_SESSIONS_OT_show_submission,
    TRACKING_SESSIONS_OT_open_log,
    TRACKING_SESSIONS_OT_open_shot,
)
