# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests in this folder run in whole Blenders, which `make test-blender` prepares: Debian's, or the one in BLENDER."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tracking_sessions.tests.blender.machine import Machine, Markers, put_clip, recorded_markers, start_outside
from tracking_sessions.tests.blender.real import BLENDERS, Blender
from tracking_sessions.tests.blender.screen import opened
from tracking_sessions.tests.footage import Shot, make_shot


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests without a window last: they are quick, so that no worker ends alone with a long test."""
    items.sort(key=lambda item: item.path.name in ("test_commands.py", "test_install.py"))


@pytest.fixture(scope="session")
def prepared(package: Path, shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a folder to copy: home/ with the built package, installed and enabled, and shot.blend."""

    @cache
    def prepare(name: str) -> Path:
        folder = tmp_path_factory.mktemp("prepared")
        with Machine.started(name, folder) as machine:
            put_clip(shot, folder)
            machine.make_blend("shot.blend")
            if not machine.take_caches():
                with opened(machine) as screen:
                    screen.leave()
                machine.keep_caches()
                shutil.rmtree(folder / "home" / ".config", ignore_errors=True)  # all other traces of that window
            machine.install(package)
        shutil.rmtree(folder / "home" / ".config" / "pulse", ignore_errors=True)  # links to a deleted folder
        return folder

    return prepare


@pytest.fixture(params=BLENDERS)
def blender(request: pytest.FixtureRequest, tmp_path: Path, prepared: Callable[[str], Path]) -> Blender:
    """Blender with the package."""
    shutil.copytree(prepared(request.param) / "home", tmp_path / "home")
    return Blender(request.param, tmp_path)


@pytest.fixture(scope="session")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """A clip with tracks that leave, get lost and survive, and tracks.json beside the folder of its frames."""
    folder = tmp_path_factory.mktemp("clip")
    shot = make_shot(folder / "plate", frames=100)
    tracks = [{"name": track.name, "co": track.co, "pattern_size": 21, "search_size": 71} for track in shot.tracks]
    (folder / "tracks.json").write_text(json.dumps({"tracks": tracks}), encoding="utf-8")
    return shot


@pytest.fixture(scope="session")
def uninterrupted(shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> Markers:
    """The markers that the bpy wheel records of the clip without an interruption."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    tracks = f"--tracks={shot.folder.parent / 'tracks.json'}"
    done = start_outside(folder, "track", shot.folder, tracks).wait(120)
    assert done.returncode == 0, done
    markers = recorded_markers(folder / "tracking_sessions")
    assert sum(map(len, markers.values())) > shot.frames * len(shot.tracks) // 2
    return markers


@pytest.fixture(params=BLENDERS)
def machine(
    request: pytest.FixtureRequest, tmp_path: Path, prepared: Callable[[str], Path], shot: Shot
) -> Iterator[Machine]:
    """A computer with Blender, the package, the clip, and shot.blend with the clip in it."""
    folder = prepared(request.param)
    shutil.copytree(folder / "home", tmp_path / "home")
    shutil.copy(folder / "shot.blend", tmp_path)
    put_clip(shot, tmp_path)
    with Machine.started(request.param, tmp_path) as machine:
        yield machine
