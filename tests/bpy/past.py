# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels below the Session panel, drawn into a recording layout, and sessions for them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.open_file import open_file
from tracking_sessions.bridge.sessions.listing import SESSIONS, Listing
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.panels import sessions as panels
from tracking_sessions.tests.bpy.window import inside
from tracking_sessions.tests.footage import Shot as Footage

WIDE = 80  # letters
ICONS = set(bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys())


class RecordingLayout:
    """Notes the texts of each line, and the properties of its buttons."""

    def __init__(self, top: RecordingLayout | None = None) -> None:
        self.top = top or self
        self.lines: list[list[str]] = []
        self.given: list[tuple[str, SimpleNamespace]] = []
        self.lists: list[tuple[Any, ...]] = []
        self.props: list[str] = []
        self.popovers: list[str] = []
        self.parts: list[RecordingLayout] = []
        self.active = self.enabled = True
        self.scale_y = 1.0
        self.alignment = "EXPAND"
        self.in_line = False
        self.icons: list[str] = []  # all of them

    def _inside(self, *, in_line: bool) -> RecordingLayout:
        if in_line and not self.in_line:
            self.top.lines.append([])
        inner = RecordingLayout(self.top)
        inner.in_line = in_line or self.in_line
        self.parts.append(inner)
        return inner

    def column(self, *, align: bool = False) -> RecordingLayout:
        return self._inside(in_line=False)

    def row(self, *, align: bool = False) -> RecordingLayout:
        return self._inside(in_line=True)

    def split(self, *, factor: float) -> RecordingLayout:
        assert 0 < factor < 1
        return self._inside(in_line=True)

    def _say(self, text: str, icon: str) -> None:
        assert icon in ICONS
        self.top.icons.append(icon)
        if self.in_line:
            self.top.lines[-1].append(text)
        else:
            self.top.lines.append([text])

    def label(self, *, text: str, icon: str = "NONE") -> None:
        self._say(text, icon)

    def operator(
        self, idname: str, *, text: str | None = None, icon: str = "NONE", emboss: bool = True
    ) -> SimpleNamespace:
        module, name = idname.split(".")
        self._say(text or getattr(getattr(bpy.ops, module), name).get_rna_type().name, icon)
        given = SimpleNamespace()
        self.top.given.append((idname, given))
        return given

    def popover(self, panel: str, *, text: str) -> None:
        assert hasattr(bpy.types, panel)
        self._say(text, "NONE")
        self.top.popovers.append(panel)

    def menu(self, menu: str, *, text: str) -> None:
        assert hasattr(bpy.types, menu)
        self._say(text, "NONE")

    def separator(self) -> None:
        pass

    def prop(self, data: Any, name: str, *, text: str | None = None, icon: str = "NONE", expand: bool = False) -> None:
        self._say(data.bl_rna.properties[name].name if text is None else text, icon)
        self.top.props.append(name)

    def progress(self, *, factor: float, text: str) -> None:
        self._say(f"{text} {factor:.0%}", "NONE")

    def template_list(self, *arguments: Any, rows: int, maxrows: int) -> None:
        self.top.lists.append(arguments)

    @property
    def text(self) -> str:
        return " ".join(text for line in self.lines for text in line)


def drawn(panel: Any, editor: ClipEditor) -> RecordingLayout:
    layout = RecordingLayout()
    with inside(editor) as context:
        panel.draw(SimpleNamespace(layout=layout), context)
    return layout


def fill() -> None:
    """Fill the list as its timer does."""
    while open_file.view(Listing).read(60.0):
        pass
    SESSIONS.update(bpy.context)


def listed(editor: ClipEditor, letters: int = WIDE) -> list[list[str]]:
    """The drawn lines of the list, in a sidebar for so many letters; own and greyed lines end with a mark."""
    layout = drawn(panels.TRACKING_SESSIONS_PT_sessions, editor)
    if not layout.lists:
        assert "No Session in" in layout.text
        return []
    ((kind, _, data, rows, *_),) = layout.lists
    assert kind == "TRACKING_SESSIONS_UL_sessions"
    ui, found = SimpleNamespace(filter_name="", bitflag_filter_item=1), {}
    with inside(editor) as context:
        _, order = panels.TRACKING_SESSIONS_UL_sessions.filter_items(ui, context, data, rows)  # type: ignore[arg-type]
        for item, place in zip(getattr(data, rows), order, strict=True):
            line = RecordingLayout()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(panels, "letters_that_fit", lambda _: letters)
                panels.TRACKING_SESSIONS_UL_sessions.draw_item(None, context, line, data, item, 0, data, "active")  # type: ignore[arg-type]
            marks = ["own"] if "PINNED" in line.icons else []
            found[place] = line.lines[0] + marks + ([] if line.active else ["grey"])
    return [found[place] for place in sorted(found)]


def choose(path: Path) -> None:
    fill()
    shown = SESSIONS.data(bpy.context)
    shown.active = [row.name for row in shown.entries].index(path.stem)


def make(root: Path, footage: Footage, name: str, frames: int = 0) -> Path:
    """A session as the command line makes it."""
    with create_session(footage.files[0], name, root) as session:
        for frame in range(1, frames + 1):
            session.save_checkpoint(frame, "track_forwards")
    return session.path
