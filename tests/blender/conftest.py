# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests in this folder run in whole Blenders, which `make test-blender` prepares: Debian's, or what BLENDER names."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracking_sessions.tests.blender.machine import Machine, Markers, put_clip, recorded_markers, start_outside
from tracking_sessions.tests.blender.real import Blender
from tracking_sessions.tests.footage import Shot, make_shot

BLENDERS = [os.environ["BLENDER"]] if os.environ.get("BLENDER") else ["trixie", "sid"]


@pytest.fixture(params=BLENDERS)
def bare_blender(request: pytest.FixtureRequest, tmp_path: Path) -> Blender:
    """Blender with an empty home."""
    return Blender(request.param, tmp_path)


@pytest.fixture
def blender(bare_blender: Blender, package: Path) -> Blender:
    """Blender with the built package installed and enabled."""
    bare_blender.install(package)
    return bare_blender


@pytest.fixture(scope="session")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """A clip of which tracks leave, get lost and survive, with tracks.json beside the folder of its frames."""
    folder = tmp_path_factory.mktemp("clip")
    made = make_shot(folder / "plate", frames=100)
    tracks = [{"name": one.name, "co": one.co, "pattern_size": 21, "search_size": 71} for one in made.tracks]
    (folder / "tracks.json").write_text(json.dumps({"tracks": tracks}), encoding="utf-8")
    return made


@pytest.fixture(scope="session")
def uninterrupted(shot: Shot, tmp_path_factory: pytest.TempPathFactory) -> Markers:
    """What the bpy wheel records of the clip in one go."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    tracks = f"--tracks={shot.folder.parent / 'tracks.json'}"
    done = start_outside(folder, "track", shot.folder, tracks).wait(120)
    assert done.returncode == 0, done
    markers = recorded_markers(folder / "tracking_sessions")
    assert sum(map(len, markers.values())) > shot.frames * len(shot.tracks) // 2
    return markers


@pytest.fixture(params=BLENDERS)
def machine(request: pytest.FixtureRequest, tmp_path: Path, package: Path, shot: Shot) -> Iterator[Machine]:
    """A computer with Blender, the package and the clip."""
    with Machine.started(request.param, tmp_path) as machine:
        machine.install(package)
        put_clip(shot, tmp_path)
        yield machine
