# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests in this folder run inside the bpy wheel, each in a fresh Blender."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

from tracking_sessions import registration
from tracking_sessions.tests.bpy.window import FRAMES
from tracking_sessions.tests.footage import Shot, make_shot


@pytest.fixture(autouse=True)
def fresh_blender() -> None:
    """Factory settings with the default scene and its window. A test unregisters what it has registered."""
    bpy.ops.wm.read_factory_settings(use_empty=False)


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """Some of its tracks leave, some get lost. Read-only."""
    return make_shot(tmp_path_factory.mktemp("shot"), FRAMES, 320, 180, tracks=12)


@pytest.fixture(scope="session")
def other_footage(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    return make_shot(tmp_path_factory.mktemp("other"), FRAMES, 320, 180, tracks=8, seed=5)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The extension as an artist has it, with an empty user folder."""
    monkeypatch.setenv("BLENDER_USER_DATAFILES", str(tmp_path / "user"))
    registration.register()
    yield
    registration.unregister()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The path for a .blend in a folder of its own."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work" / "shot.blend"


@pytest.fixture
def root(file: Path) -> Path:
    """The session folder of that .blend."""
    return file.parent / "tracking_sessions"
