# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension as an artist uses it: registered, with a saved file and a Clip Editor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from tracking_sessions import registration
from tracking_sessions.bridge.clip import editor as clip_editor
from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.sessions import overview, recovery
from tracking_sessions.bridge.sessions.recording import close_recordings
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.tracker import Clip, live_frames, markers_of, new_clip
from tracking_sessions.tests.footage import Shot as Footage

operators: Any = bpy.ops.tracking_sessions
FRAMES = 24  # of the fixture `footage`


def open_editor(clip: Clip) -> ClipEditor:
    """Make the largest area of the first window a Clip Editor with the clip."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.type = "CLIP_EDITOR"
    editor = ClipEditor(window, area, clip)
    editor.space.clip = clip
    editor.space.mode = "TRACKING"
    return editor


def new_file(footage: Footage, path: Path | None, frame: int = 1) -> ClipEditor:
    """Make a file with a clip and its tracks, in an editor, saved at `path`."""
    clip = new_clip(footage, frame)
    clip.use_fake_user = True
    bpy.context.scene.frame_current = frame
    editor = open_editor(clip)
    if path is not None:
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return editor


def open_file(path: Path) -> ClipEditor:
    bpy.ops.wm.open_mainfile(filepath=str(path))
    return open_editor(bpy.data.movieclips[0])


@contextmanager
def inside(editor: ClipEditor) -> Iterator[Any]:
    """The context of a click in the editor."""
    with bpy.context.temp_override(window=editor.window, area=editor.area, region=editor.region):
        yield bpy.context


def begin(editor: ClipEditor, *, backwards: bool | None = False, steps: int = 0, **how: Any) -> live.LivePass:
    """Begin a pass and drive it so many steps as the timer does. `how` as in `LivePass`."""
    direction = "BACKWARDS" if backwards else "FORWARDS"
    ranges = [] if backwards is None else live.requested_ranges(editor, direction, "SCENE", 0)
    run = live.LivePass(recovery.open_shot(editor), ranges, **how)
    while run.run.steps < steps:  # about once a second a tick writes the session file instead
        assert run.tick(0)
    return run


def session_of(path: Path) -> Any:
    """The newest session beside the file, which is given up, as if the artist closed the file."""
    let_go()
    return held_session_of(path)


def held_session_of(path: Path) -> Any:
    """The newest session beside the file, which a recording may own."""
    return load_session(session_files(path.parent / "tracking_sessions")[-1])


def track(editor: ClipEditor, first: int, last: int) -> None:
    """Track a pass as after a click: with an undo step."""
    scene = bpy.context.scene
    scene.frame_current, scene.frame_end = first, last
    with inside(editor):
        assert operators.track() == {"FINISHED"}
    bpy.ops.ed.undo_push(message="Track in Session")


class TEST_OT_stays_modal(bpy.types.Operator):
    bl_idname = "test.stays_modal"
    bl_label = "Stay Modal"

    def execute(self, context: Any) -> set[str]:
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        return {"PASS_THROUGH"}


@contextmanager
def blender_tracks() -> Iterator[None]:
    """Another modal operator in the place of Blender's tracker, which is modal and locks only in a real window."""
    tracker, is_locked = clip_editor.TRACKER, clip_editor.is_locked
    bpy.utils.register_class(TEST_OT_stays_modal)
    clip_editor.TRACKER = TEST_OT_stays_modal.__name__
    clip_editor.is_locked = lambda: True
    try:
        operators_of_tests: Any = bpy.ops.test  # type: ignore[attr-defined]
        with bpy.context.temp_override(area=None, region=None):  # Blender crashes in an area that has no events
            operators_of_tests.stays_modal()
        yield
    finally:
        clip_editor.TRACKER, clip_editor.is_locked = tracker, is_locked
        bpy.utils.unregister_class(TEST_OT_stays_modal)


def start_blender_anew() -> None:
    """Reset Blender and the state of the open file."""
    registration.unregister()
    bpy.ops.wm.read_factory_settings(use_empty=False)
    registration.register()


def let_go() -> None:
    """End the recordings, which own the sessions of the clips."""
    close_recordings()


def look(clip: Any) -> overview.Overview:
    return overview.overview(clip)


def last_frame(clip: Any) -> int:
    return max(max(live_frames(rows)) for rows in markers_of(clip).values())


def objects_of(clip: Any) -> list[str]:
    return [where.name for where in clip.tracking.objects]
