# SPDX-License-Identifier: GPL-3.0-or-later
"""Enabling and disabling the extension leaves Blender unchanged."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest

import tracking_sessions
from tracking_sessions import registration
from tracking_sessions.bridge import events, preferences
from tracking_sessions.bridge.farm import sending, shots
from tracking_sessions.bridge.open_file import open_file
from tracking_sessions.bridge.review import residuals
from tracking_sessions.bridge.review.problems import PROBLEMS
from tracking_sessions.bridge.sessions.finding import default_root
from tracking_sessions.bridge.sessions.listing import SESSIONS
from tracking_sessions.bridge.tracking import live
from tracking_sessions.core.journal import chain
from tracking_sessions.core.journal.records import FrameRecord
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.operators import recovery, status, track
from tracking_sessions.panels import menu
from tracking_sessions.tests.bpy.window import begin, inside, new_file
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return make_shot(tmp_path_factory.mktemp("shot"), 12, 320, 180, tracks=6)


# Blender has no list of them
TIMERS = (
    events._report_lost,
    SESSIONS.timer,
    PROBLEMS.timer,
    residuals.go_on,
    track.notice_tracker,
    shots.FARM.timer,
    shots.look,
    sending.tick,
)


@pytest.fixture(autouse=True)
def _unregistered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Unregister after a failed test; Blender forgets an add-on that it cannot enable."""
    yield
    registration.unregister()
    sys.modules[tracking_sessions.__name__] = tracking_sessions


def all_of_blender() -> dict[str, Any]:
    """Everything that an extension can add to Blender and must remove."""
    manager = bpy.context.window_manager
    handlers = {name: getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)}
    menus = {name: getattr(bpy.types, name) for name in dir(bpy.types) if "_MT_" in name or "_HT_" in name}
    configs = {name: getattr(manager.keyconfigs, name) for name in ("addon", "user", "default")}
    return {
        "types": set(dir(bpy.types)),
        "classes": {cls.__name__ for cls in registration._CLASSES if is_registered(cls)},
        "operators": {f"{name}.{operator}" for name in dir(bpy.ops) for operator in dir(getattr(bpy.ops, name))},
        "handlers": {name: list(found) for name, found in handlers.items() if isinstance(found, list)},
        "draw functions": {name: drawn_by(menu) for name, menu in menus.items()},
        "keymap items": {
            name: [(keymap.name, item.idname) for keymap in config.keymaps for item in keymap.keymap_items]
            for name, config in configs.items()
            if config is not None
        },
        "timers": [timer for timer in TIMERS if bpy.app.timers.is_registered(timer)],
        "properties": {
            name: set(getattr(bpy.types, name).bl_rna.properties.keys()) | set(vars(getattr(bpy.types, name)))
            for name in ("Scene", "MovieClip", "WindowManager", "Screen", "Object", "SpaceClipEditor")
        },
    }


def is_registered(kind: type) -> bool:
    """Whether the class is registered; Blender lists no property groups and preferences."""
    return "bl_rna" in vars(kind)


def drawn_by(kind: Any) -> list[Any]:
    """The functions that draw a menu or header; without extensions only its own."""
    draw = kind.draw
    return list(getattr(draw, "_draw_funcs", [draw]))


# Blender stays unchanged


def test_registering_twice_leaves_blender_as_it_was() -> None:
    before = all_of_blender()
    for _ in range(2):
        tracking_sessions.register()
        assert all(is_registered(cls) for cls in registration._CLASSES)
        assert bpy.ops.tracking_sessions.track.get_rna_type().name == "Track in Session"
        assert bpy.context.scene.tracking_sessions.extent == "SCENE"
        assert drawn_by(bpy.types.CLIP_MT_track_motion)[0] == menu.draw_entries
        assert drawn_by(bpy.types.TOPBAR_MT_file_import)[-1] == menu.draw_import
        assert drawn_by(bpy.types.TOPBAR_MT_file_export)[-1] == menu.draw_export
        during = all_of_blender()
        assert {name for name in before if before[name] != during[name]} >= {
            "types",
            "operators",
            "handlers",
            "draw functions",
            "keymap items",
            "properties",
        }
        tracking_sessions.unregister()
        after = all_of_blender()
        for name, things in before.items():
            assert after[name] == things, name


def test_unregistering_twice_is_no_error() -> None:
    before = all_of_blender()
    registration.register()
    registration.unregister()
    registration.unregister()
    assert all_of_blender() == before


@pytest.mark.parametrize("part", [0, -1])
def test_a_class_that_cannot_be_registered_takes_the_others_back(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    before = all_of_blender()
    classes = list(registration._CLASSES)
    classes.insert(len(classes) * -part, type("Broken", (), {}))
    monkeypatch.setattr(registration, "_CLASSES", classes)
    with pytest.raises((ValueError, RuntimeError)):
        registration.register()
    assert all_of_blender() == before
    monkeypatch.undo()
    registration.register()
    registration.unregister()
    assert all_of_blender() == before


def test_a_part_that_fails_takes_the_others_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = all_of_blender()

    def fail() -> None:
        raise OSError("no menu")

    monkeypatch.setattr(menu, "register", fail)
    with pytest.raises(OSError, match="no menu"):
        registration.register()
    assert all_of_blender() == before


# During a pass


def _like(operator: type[Any], *names: str) -> type[Any]:
    """A class with these members of a modal operator, which only Blender can make."""
    return type("Like", (), {name: getattr(operator, name) for name in ("_job", "_stop_listening", *names)})


def test_unregistering_removes_the_state_of_a_running_pass(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blender drops a modal operator whose class goes without calling its `cancel`."""
    before = all_of_blender()
    registration.register()
    editor = new_file(footage, tmp_path / "shot.blend")
    operator: Any = _like(track.TracksLive, "cancel", "_end")()
    with inside(editor) as context:
        operator._live = begin(editor, steps=2)
        operator._timer = context.window_manager.event_timer_add(1.0, window=editor.window)
        monkeypatch.setitem(open_file.modal, "track", operator)
        for timer in TIMERS:
            bpy.app.timers.register(timer, first_interval=60)
        status.Display().update(context)
    registration.unregister()
    assert live.running() is None
    assert operator._timer is None
    assert all_of_blender() == before


def test_unregistering_cancels_a_waiting_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer starts the report, which then waits for the next event in a window."""
    before = all_of_blender()
    registration.register()
    bpy.app.timers.register(events._report_lost, first_interval=0.1)  # the extension does this only in a window
    operator: Any = _like(recovery.TRACKING_SESSIONS_OT_tell_lost, "cancel")()
    manager = bpy.context.window_manager
    operator._timer = manager.event_timer_add(0.1, window=manager.windows[0])
    monkeypatch.setitem(open_file.modal, "tell", operator)
    registration.unregister()
    assert operator._timer is None and not open_file.modal
    assert all_of_blender() == before


# Through Blender's own operators


@pytest.fixture
def addon(monkeypatch: pytest.MonkeyPatch) -> str:
    """The module name of the checkout, with the time of its file, so that Blender does not load it again."""
    monkeypatch.setattr(tracking_sessions, "__time__", os.path.getmtime(tracking_sessions.__file__), raising=False)
    return tracking_sessions.__name__


@pytest.fixture
def enabled(addon: str) -> Iterator[Any]:
    """The preferences of the extension, which is enabled."""
    bpy.ops.preferences.addon_enable(module=addon)
    yield bpy.context.preferences.addons[addon].preferences
    bpy.ops.preferences.addon_disable(module=addon)


def test_enabling_and_disabling_twice_leaves_blender_as_it_was(addon: str) -> None:
    before = all_of_blender()
    for _ in range(2):
        bpy.ops.preferences.addon_enable(module=addon)
        assert hasattr(bpy.types, track.TRACKING_SESSIONS_OT_track.__name__)
        bpy.ops.preferences.addon_disable(module=addon)
        after = all_of_blender()
        for what, things in before.items():
            assert after[what] == things, what


def test_preferences_have_the_defaults_of_a_script(enabled: Any) -> None:
    assert enabled is not None
    assert preferences.preferences() == preferences.Preferences()


def test_preferences_are_those_that_the_artist_set(enabled: Any, tmp_path: Path) -> None:
    enabled.folder, enabled.is_durable, enabled.interval = str(tmp_path), False, 9.0
    enabled.has_strip, enabled.saves_copy, enabled.takes_keys = False, True, True
    assert preferences.preferences() == preferences.Preferences(str(tmp_path), False, 5.0, False, True, True, True)
    enabled.interval = 0.0
    assert preferences.preferences().interval == pytest.approx(0.1)


def test_sessions_are_kept_where_the_preferences_say(enabled: Any, footage: Footage, tmp_path: Path) -> None:
    file = tmp_path / "shots" / "shot.blend"
    file.parent.mkdir()
    in_user_folder = default_root()
    assert in_user_folder.name == "tracking_sessions"
    enabled.folder = "//../sessions of all"
    assert default_root() == in_user_folder  # without a .blend
    enabled.folder = str(tmp_path / "all")
    assert default_root() == tmp_path / "all"
    editor = new_file(footage, file)
    with inside(editor):
        bpy.ops.tracking_sessions.track()
    assert len(session_files(tmp_path / "all")) == 1
    enabled.folder = "//../sessions of all"
    assert os.path.normpath(default_root()) == str(tmp_path / "sessions of all")
    enabled.folder = ""
    assert default_root() == file.parent / "tracking_sessions"


@pytest.mark.parametrize("is_durable", [True, False])
def test_the_preferences_decide_the_flush_of_each_frame(
    enabled: Any, footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_durable: bool
) -> None:
    enabled.is_durable = is_durable
    editor = new_file(footage, tmp_path / "shot.blend")
    begin(editor, steps=2).finish()
    run = begin(editor, backwards=None, steps=1)
    flushed: list[int] = []
    monkeypatch.setattr(chain.os, "fsync", flushed.append)
    monkeypatch.setattr(chain.os, "fdatasync", flushed.append, raising=False)
    run.run.recorder.append(FrameRecord(run.run.plan.number, 4, 0, b""))
    assert bool(flushed) == is_durable
    monkeypatch.undo()
    run.finish()
