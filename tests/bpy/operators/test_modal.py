# SPDX-License-Identifier: GPL-3.0-or-later
"""The track operators in a window: timers, keys and other events during a pass."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.preferences import Preferences
from tracking_sessions.core.errors import StorageFailed
from tracking_sessions.core.model.types import SessionStatus
from tracking_sessions.operators import status, track
from tracking_sessions.tests.bpy.driven import Driven, status_is_ours
from tracking_sessions.tests.bpy.window import last_frame, new_file, objects_of, session_of
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


@pytest.fixture
def saves_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track, "preferences", lambda: Preferences(saves_copy=True))


def test_a_pass_passes_other_events_on(footage: Footage, file: Path) -> None:
    driven = Driven(new_file(footage, file), steps=2)
    for kind, value in [("MOUSEMOVE", "NOTHING"), ("A", "PRESS"), ("ESC", "RELEASE"), ("TIMER1", "NOTHING")]:
        assert driven.send(kind, value) == {"PASS_THROUGH"}
        assert driven._live.done == 2
    assert driven.send() == {"PASS_THROUGH"}  # the timer of another add-on
    assert driven._live.done > 2
    driven.send("ESC")


def test_escape_stops_after_the_frame_in_flight(footage: Footage, file: Path) -> None:
    driven = Driven(new_file(footage, file), steps=5)
    driven.send()
    assert status_is_ours()
    done = driven._live.done
    assert driven.send("ESC") == {"FINISHED"}
    assert driven.is_over
    assert driven._live.done == done
    assert session_of(file).resume_frame == done + 1
    assert driven.reports == []


def test_the_status_bar_is_restored_at_the_end(footage: Footage, file: Path) -> None:
    driven = Driven(new_file(footage, file))
    while driven.send() == {"PASS_THROUGH"}:
        assert status_is_ours()
    assert driven.is_over
    assert session_of(file).session.status is SessionStatus.TRACKING_COMPLETE


def test_the_status_bar_is_drawn_a_few_times_a_second(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 10.0
    monkeypatch.setattr(status.time, "monotonic", lambda: now)
    display, drawn = status.Display(), []
    monkeypatch.setattr(status, "redraw", lambda _: drawn.append(now))
    for _ in range(100):
        display.update(bpy.context)
        now += 0.01
    status.clear(bpy.context)
    assert len(drawn) <= 1 / status.INTERVAL + 1


@pytest.mark.parametrize(
    "error", [StorageFailed(Path("x"), OSError(28, "full")), KeyboardInterrupt(), ValueError("a bug")]
)
def test_an_error_gives_everything_back(
    footage: Footage, file: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    driven = Driven(new_file(footage, file))
    driven.send()

    def fail() -> bool:
        raise error

    monkeypatch.setattr(driven._live.run, "step", fail)
    if isinstance(error, StorageFailed):
        assert driven.send() == {"FINISHED"}
        assert driven.reports == [({"ERROR"}, str(error))]
    else:
        with pytest.raises(type(error)):
            driven.send()
    assert driven.is_over
    assert driven.send() == {"FINISHED"}  # any event after an error


def leave_editor(editor: ClipEditor) -> None:
    editor.area.type = "VIEW_3D"


def show_another_clip(editor: ClipEditor) -> None:
    editor.space.clip = bpy.data.movieclips.load(editor.clip.filepath)


def leave_tracking_mode(editor: ClipEditor) -> None:
    editor.space.mode = "MASK"


def show_another_screen(editor: ClipEditor) -> None:
    other = next(area for area in editor.window.screen.areas if area != editor.area)
    with bpy.context.temp_override(window=editor.window, area=other, region=other.regions[0]):
        bpy.ops.screen.screen_full_area()


LEAVING = [leave_editor, show_another_clip, leave_tracking_mode, show_another_screen]


@pytest.mark.parametrize("leave", LEAVING)
def test_leaving_the_editor_pauses(footage: Footage, file: Path, leave: Callable[[ClipEditor], None]) -> None:
    editor = new_file(footage, file)
    driven = Driven(editor, steps=4)
    driven.send()
    done = driven._live.done
    leave(editor)
    assert driven.send() == {"FINISHED"}
    assert driven.is_over
    assert driven.reports == []
    assert objects_of(editor.clip) == ["Camera"]
    assert last_frame(editor.clip) == session_of(file).resume_frame == done + 1


def test_blender_taking_the_operator_away_pauses(footage: Footage, file: Path) -> None:
    """As when its window is closed or Blender quits."""
    driven = Driven(new_file(footage, file), steps=4)
    driven.send()
    driven.cancel(bpy.context)  # type: ignore[arg-type]
    assert driven.is_over
    assert session_of(file).owner == ""


def test_blender_taking_the_operator_away_is_no_error_without_a_folder(footage: Footage, file: Path) -> None:
    driven = Driven(new_file(footage, file), steps=4)
    shutil.rmtree(file.parent / "tracking_sessions")
    driven.cancel(bpy.context)  # type: ignore[arg-type]
    assert driven.is_over


@pytest.mark.parametrize("happens", ["undo", "load"])
def test_undo_and_loading_end_the_operator(footage: Footage, file: Path, happens: str, saves_copy: None) -> None:
    editor = new_file(footage, file)
    bpy.ops.ed.undo_push(message="before")
    bpy.context.scene.frame_end = 20
    bpy.ops.ed.undo_push(message="to be undone")
    driven = Driven(editor, steps=4)
    driven.send()
    folder = session_of(file).folder
    if happens == "undo":
        bpy.ops.ed.undo()
        assert driven.send() == {"FINISHED"}
    else:
        bpy.ops.wm.read_factory_settings(use_empty=False)
        driven._timer = None  # went with the windows
        assert driven.send() == {"FINISHED"}
    assert driven.is_over
    assert not (folder / "copy.blend").exists()
