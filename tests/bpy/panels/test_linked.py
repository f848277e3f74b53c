# SPDX-License-Identifier: GPL-3.0-or-later
"""A linked clip, whose tracks Blender would not save, is not tracked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import ClipEditor
from tracking_sessions.bridge.open_file import open_file
from tracking_sessions.bridge.sessions import opening, overview
from tracking_sessions.bridge.tracking import headless, live
from tracking_sessions.bridge.tracking.working_set import OBJECT_NAME
from tracking_sessions.core.errors import ShotUnusable
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.panels.layout import drawn
from tracking_sessions.tests.bpy.tracker import markers_of, new_clip
from tracking_sessions.tests.bpy.window import (
    begin,
    inside,
    let_go,
    look,
    new_file,
    objects_of,
    open_editor,
    operators,
    session_of,
    start_blender_anew,
)
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")

WORDS = "The clip is linked from //shot.blend: open that file, or make the clip local"
OPERATORS = ("track", "resume", "restore", "start_fresh", "wait", "show_lost")


def linked(clip: Any) -> Any:
    return clip


def override(clip: Any) -> Any:
    """An override of the linked clip, whose tracks Blender does not save either."""
    return clip.override_create(remap_local_usages=True)


Kind = Callable[[Any], Any]


def put_in(file: Path, kind: Kind) -> ClipEditor:
    """A new file beside the other one, with the other one's clip in its editor."""
    start_blender_anew()
    libraries: Any = bpy.data.libraries
    with libraries.load(str(file), link=True) as (there, wanted):
        wanted.movieclips = there.movieclips
    clip = kind(wanted.movieclips[0])
    bpy.context.scene.active_clip = clip  # the library file saves its clip without a user
    bpy.ops.wm.save_as_mainfile(filepath=str(file.with_name("comp.blend")))
    return open_editor(clip)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "index.db"}


@pytest.mark.parametrize("kind", [linked, override])
def test_a_linked_clip_offers_nothing_and_stays(footage: Footage, file: Path, root: Path, kind: Kind) -> None:
    begin(new_file(footage, file), steps=4).finish()  # so that the other file lacks the recorded frames
    let_go()
    recorded = files_in(root)
    editor = put_in(file, kind)
    layout = drawn(editor)
    assert (layout.text, layout.buttons, layout.props) == (WORDS, [], [])
    assert layout.icons[layout.words[0]] == "LINKED"
    before = markers_of(editor.clip)
    for name in OPERATORS:
        with inside(editor), pytest.raises(RuntimeError, match=WORDS):
            getattr(operators, name)()
    assert live.running() is None and markers_of(editor.clip) == before and files_in(root) == recorded
    assert (look(editor.clip), overview.lost_words()) == (overview.Overview(), "")


@pytest.mark.parametrize("kind", [linked, override])
def test_saving_undo_and_loading_write_nothing_into_a_linked_clip(
    footage: Footage, file: Path, root: Path, tmp_path: Path, kind: Kind
) -> None:
    editor = new_file(footage, file)
    begin(editor, steps=4).finish()
    editor.clip.tracking.objects.new(OBJECT_NAME)  # as in a crash during a pass
    bpy.ops.wm.save_mainfile()
    let_go()
    recorded = files_in(root)
    clip = put_in(file, kind).clip
    properties, objects = dict(clip.items()), objects_of(clip)
    assert properties and OBJECT_NAME in objects
    (tmp_path / "elsewhere").mkdir()
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "elsewhere" / "comp.blend"))
    clip = bpy.context.scene.active_clip
    assert (dict(clip.items()), objects_of(clip)) == (properties, objects)
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    clip = bpy.context.scene.active_clip
    assert (dict(clip.items()), objects_of(clip)) == (properties, objects)
    assert files_in(root) == recorded and not open_file.left
    assert opening.clip_of(session_of(file)) is None


def test_a_clip_of_the_same_footage_in_the_file_is_tracked(footage: Footage, file: Path, root: Path) -> None:
    begin(new_file(footage, file), steps=4).finish()
    first = session_of(file).path
    recorded = first.read_bytes()
    editor = put_in(file, linked)
    there, properties = markers_of(editor.clip), dict(editor.clip.items())
    name = editor.clip.name
    mine = new_clip(footage)
    mine.use_fake_user = True
    mine.name = "mine"
    mine.name = name  # the name of the other clip: Blender allows it for a linked one
    assert mine.name == name
    editor = open_editor(mine)
    with inside(editor):
        assert operators.track() == {"FINISHED"}
    second = session_of(file)
    assert second.path != first and second.session.clip == name
    assert opening.clip_of(second) == mine
    bpy.ops.wm.save_mainfile()
    other = next(clip for clip in bpy.data.movieclips if clip.library is not None)
    assert (markers_of(other), dict(other.items()), first.read_bytes()) == (there, properties, recorded)
    assert headless._clip_of_file(name) == headless._clip_of_file("") == mine


@pytest.mark.parametrize("kind", [linked, override])
def test_made_local_it_is_a_clip_like_any_other(footage: Footage, file: Path, kind: Kind) -> None:
    editor = new_file(footage, file)
    with inside(editor):
        operators.track(extent="FRAMES", frames=4)
    bpy.ops.wm.save_mainfile()
    editor = put_in(file, kind)
    editor.clip.make_local()
    editor = open_editor(bpy.context.scene.active_clip)
    assert WORDS not in drawn(editor).text
    bpy.context.scene.frame_current = 5
    with inside(editor):
        assert operators.track() == {"FINISHED"}
    assert load_session(session_of(file).path).get_progress()["tracked_frames"] == footage.frames


@pytest.mark.parametrize("kind", [linked, override])
def test_a_command_refuses_it(footage: Footage, file: Path, kind: Kind) -> None:
    new_file(footage, file)
    clip = put_in(file, kind).clip
    with pytest.raises(ShotUnusable, match=r"is linked from //shot\.blend"):
        headless._prepare(clip, pytest.fail)
