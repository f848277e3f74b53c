# SPDX-License-Identifier: GPL-3.0-or-later
"""The Session panel, drawn into a layout that notes what it is given, in each state of a clip's session."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions import registration
from tracking_sessions.bridge import live, overview
from tracking_sessions.bridge.editor import ClipEditor
from tracking_sessions.panels.session import TRACKING_SESSIONS_PT_session, TRACKING_SESSIONS_PT_top
from tracking_sessions.panels.session import _draw_words as draw_words
from tracking_sessions.tests.bpy.window import begin, inside, new_file, open_file, session_of
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

ICONS = set(bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys())


class RecordingLayout:
    """Notes labels, buttons (with the text that Blender would show) and progress; a row is the layout it is in."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.buttons: list[str] = []
        self.progress_shown: tuple[float, str] | None = None
        self.scale_y = 1.0

    def row(self, *, align: bool = False) -> RecordingLayout:
        return self

    column = row

    def label(self, *, text: str, icon: str = "NONE") -> None:
        assert icon in ICONS
        self.words.append(text)

    def operator(self, idname: str, *, text: str | None = None, icon: str = "NONE") -> SimpleNamespace:
        assert icon in ICONS
        module, name = idname.split(".")
        self.buttons.append(text or getattr(getattr(bpy.ops, module), name).get_rna_type().name)
        return SimpleNamespace()

    def progress(self, *, factor: float, text: str) -> None:
        self.progress_shown = (factor, text)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def drawn(editor: ClipEditor) -> RecordingLayout:
    layout = RecordingLayout()
    with inside(editor) as context:
        assert TRACKING_SESSIONS_PT_top.poll(context)
        assert TRACKING_SESSIONS_PT_session.poll(context)
        panel: Any = SimpleNamespace(layout=layout)
        TRACKING_SESSIONS_PT_session.draw(panel, context)
    return layout


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return make_shot(tmp_path_factory.mktemp("shot"), 12, 320, 180, tracks=6)


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    registration.register()
    yield
    registration.unregister()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shot.blend"


def test_without_a_session_it_offers_to_track(footage: Footage, file: Path) -> None:
    layout = drawn(new_file(footage, file))
    assert layout.buttons == ["Backwards", "Forwards"]
    assert layout.words == []


def test_in_a_file_that_is_not_saved_it_says_where_the_session_is_kept(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "default_root", lambda: tmp_path)
    layout = drawn(new_file(footage, None))
    assert layout.buttons == ["Backwards", "Forwards"]
    assert layout.text == "The file is not saved yet: the session is kept in the user folder"


@pytest.mark.parametrize(("backwards", "words"), [(False, "Frame 105 of 112"), (True, "Frame 107, Down to 101")])
def test_a_running_pass_shows_how_far_it_is(footage: Footage, file: Path, backwards: bool, words: str) -> None:
    editor = new_file(footage, file, frame=11 if backwards else 1)
    editor.clip.frame_start = 101
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.frame_current = 101, 112, 111 if backwards else 101
    begin(editor, backwards=backwards, steps=4)
    layout = drawn(editor)
    followed = len(live.current.run.alive)  # type: ignore[union-attr]
    total = len(editor.clip.tracking.tracks)
    assert layout.words == [
        f"Tracking {'Backwards' if backwards else 'Forwards'}",
        f"{followed} of {total} Tracks Followed",
    ]
    assert layout.progress_shown == (pytest.approx(4 / (10 if backwards else 11)), words)
    assert layout.buttons == ["Pause Tracking"]


def test_a_paused_pass_can_be_resumed(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    layout = drawn(editor)
    assert layout.words == ["Paused at Frame 5", "5 of 12 Frames Recorded"]
    assert layout.buttons == ["Resume Tracking", "Backwards", "Forwards"]


def test_a_finished_pass_says_what_is_recorded(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    with inside(editor):
        bpy.ops.tracking_sessions.track()
    layout = drawn(editor)
    assert layout.words == ["12 of 12 Frames Recorded"]
    assert layout.buttons == ["Backwards", "Forwards"]


def test_frames_that_the_file_lacks_are_offered(footage: Footage, file: Path) -> None:
    begin(new_file(footage, file), steps=4).finish()
    layout = drawn(open_file(file))
    assert layout.text == "Tracking reached frame 5 after this file was saved"
    assert layout.buttons == ["Resume Tracking", "Restore Markers", "Start Fresh"]


OWNER = """
import sys
from tracking_sessions.core.session import load_session
session = load_session(sys.argv[1])
session.acquire()
print("owned", flush=True)
sys.stdin.read()
"""


def test_another_process_that_owns_the_session_is_named_until_it_dies(
    footage: Footage, file: Path, extension: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    load = f"import sys; sys.path.insert(0, {str(extension / 'tests')!r}); import conftest\n"
    command = [sys.executable, "-c", load + OWNER, session_of(file).path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "owned\n"
        overview._overviews.clear()
        text = drawn(editor).text
        assert "In use by" in text
        assert str(process.pid) in text
        with inside(editor), pytest.raises(RuntimeError, match="in use by"):
            bpy.ops.tracking_sessions.resume()
        process.kill()
        process.wait(20)
    monkeypatch.setattr(overview, "OWNER_INTERVAL", 0.0)
    assert "In use" not in drawn(editor).text


def test_a_session_that_cannot_be_read_is_explained(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    session_of(file).path.write_text("no session", encoding="utf-8")
    layout = drawn(editor)
    assert "cannot be read" in layout.text
    assert "It was left as it is" in layout.text
    assert layout.buttons == ["Start Fresh"]


def test_a_damaged_journal_is_explained(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    journal = session_of(file).folder / "journal.1"
    data = bytearray(journal.read_bytes())
    data[20] ^= 1
    journal.write_bytes(data)
    overview._overviews.clear()
    layout = drawn(editor)
    assert "is damaged" in layout.text
    assert layout.buttons == ["Start Fresh"]


@pytest.mark.parametrize(("width", "scale", "most"), [(260, 1.0, 33), (520, 2.0, 33), (700, 1.0, 105)])
def test_a_sentence_is_broken_into_lines_that_fit(width: int, scale: float, most: int) -> None:
    text = "The session file cannot be read: it is cut in the middle of a word. It was left as it is"
    layout: Any = RecordingLayout()
    system = SimpleNamespace(ui_scale=scale)
    context: Any = SimpleNamespace(region=SimpleNamespace(width=width), preferences=SimpleNamespace(system=system))
    draw_words(layout, context, text, "ERROR")
    assert layout.text == text
    assert max(len(line) for line in layout.words) <= most
    assert len(layout.words) == (1 if most > len(text) else 3)


def test_the_panel_is_for_the_tracking_mode_of_a_clip_only(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    with inside(editor) as context:
        editor.space.mode = "MASK"
        assert not TRACKING_SESSIONS_PT_session.poll(context)
        editor.space.mode = "TRACKING"
        editor.space.clip = None
        assert not TRACKING_SESSIONS_PT_session.poll(context)


def test_drawing_reads_nothing_again_while_nothing_changes(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    first = drawn(editor)
    monkeypatch.setattr(overview, "find_session", None)
    assert drawn(editor).words == first.words
