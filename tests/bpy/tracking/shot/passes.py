# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes of a session without a window: stopped, resumed, followed by others, and restored to a fresh clip."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from tracking_sessions.bridge.clip.editor import background_editor
from tracking_sessions.bridge.clip.movie_clip import open_footage
from tracking_sessions.core.errors import Interrupted
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.tracker import Markers, join, markers_of
from tracking_sessions.tests.footage import Shot as Footage

FRAMES = 30  # of the fixture `footage`


def stop_after(steps: int) -> Callable[[Any], None]:
    """Stop a run as a signal does."""

    def look(run: Any) -> None:
        if run.steps == steps:
            raise Interrupted("stop")

    return look


def in_a_fresh_blender(footage: Footage) -> Any:
    """Reset Blender and open a new file with a clip of the footage without tracks."""
    bpy.ops.wm.read_factory_settings(use_empty=False)
    return open_footage(find_footage(footage.files[0]))


def session_in(root: Path) -> Any:
    return load_session(session_files(root)[-1])


def resume(clip: Any, root: Path, after_step: Callable[[Any], None] | None = None) -> None:
    with background_editor(clip) as editor:
        shot = join(editor, session_in(root))
        with shot.session:
            run = shot.resume()
            assert run is not None
            with run:
                while run.step():
                    if after_step is not None:
                        after_step(run)


def go_on(clip: Any, root: Path, *ranges: tuple[int, int], restore: bool = True) -> None:
    """Track another pass of the same session."""
    with background_editor(clip) as editor:
        shot = join(editor, session_in(root), restore=restore)
        with shot.session, shot.start(ranges) as run:
            while run.step():
                pass


def restored(footage: Footage, root: Path) -> Markers:
    clip = in_a_fresh_blender(footage)
    with background_editor(clip) as editor:
        join(editor, session_in(root)).session.close()
    return markers_of(clip)
