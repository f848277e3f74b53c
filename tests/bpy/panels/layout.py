# SPDX-License-Identifier: GPL-3.0-or-later
"""A layout that records what a panel draws."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import bpy

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.panels.session import TRACKING_SESSIONS_PT_session
from tracking_sessions.tests.bpy.window import inside

HEADINGS = {"Track in Session"}  # stand in every state, and only in `drawn`
ICONS = set(bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys())


class RecordingLayout:
    """Notes labels, buttons (with the text that Blender would show), properties and progress, also of its parts."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.buttons: list[str] = []
        self.operators: list[str] = []
        self.tall: list[str] = []
        self.pressed: list[str] = []
        self.props: list[str] = []
        self.labels: dict[str, str] = {}  # of the properties that have not their own
        self.drawn: list[str] = []  # all of it, in order
        self.icons: dict[str, str] = {}  # of the labels
        self.bars: list[tuple[float, str]] = []
        self.scale_y = 1.0

    def row(self, *, align: bool = False, heading: str = "") -> RecordingLayout:
        if heading:
            self.drawn.append(heading)
        return Part(self)

    column = row

    def split(self, *, factor: float, align: bool = False) -> RecordingLayout:
        assert 0 < factor <= 1
        return Part(self)

    def label(self, *, text: str, icon: str = "NONE") -> None:
        assert icon in ICONS
        self.drawn.append(text)
        if text not in HEADINGS:
            self.words.append(text)
            self.icons[text] = icon

    def operator(
        self, idname: str, *, text: str | None = None, icon: str = "NONE", emboss: bool = True, depress: bool = False
    ) -> SimpleNamespace:
        assert icon in ICONS
        module, name = idname.split(".")
        kind = getattr(getattr(bpy.ops, module), name).get_rna_type()
        shown = kind.name if text is None else text
        self.buttons.append(shown)
        self.operators.append(idname)
        if depress:
            self.pressed.append(shown)
        self.drawn.append(shown)
        if self.scale_y > 1:
            self.tall.append(shown)
        return Properties(kind)

    def prop(self, data: Any, name: str, *, text: str | None = None, placeholder: str = "") -> None:
        self.props.append(data.bl_rna.properties[name].name)
        self.drawn.append(f"{self.props[-1]} {placeholder}".strip())
        if text is not None:
            self.labels[self.props[-1]] = text

    def template(self) -> None:
        """A part that Blender draws by itself."""

    separator = separator_spacer = template
    template_reports_banner = template_running_jobs = template_status_info = template

    def template_input_status(self) -> None:
        self.drawn.append("hints")

    def progress(self, *, factor: float, text: str) -> None:
        self.bars.append((factor, text))
        self.drawn.append(text)

    @property
    def text(self) -> str:
        return " ".join(self.words)


class Part(RecordingLayout):
    """A row or column, which notes into the whole layout."""

    def __init__(self, whole: RecordingLayout) -> None:
        self.__dict__.update(whole.__dict__)


class Properties(SimpleNamespace):
    """The properties of a button's operator; refuses unknown names and values."""

    def __init__(self, kind: Any) -> None:
        self.__dict__["_kind"] = kind

    def __setattr__(self, name: str, value: Any) -> None:
        assert value in self._kind.properties[name].enum_items
        self.__dict__[name] = value


def drawn(editor: ClipEditor) -> RecordingLayout:
    layout = RecordingLayout()
    with inside(editor) as context:
        assert TRACKING_SESSIONS_PT_session.poll(context)
        panel: Any = SimpleNamespace(layout=layout, bl_options=set())
        TRACKING_SESSIONS_PT_session.draw(panel, context)
    return layout
