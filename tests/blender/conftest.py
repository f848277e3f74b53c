# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests in this folder run in whole Blenders, which `make test-blender` prepares: Debian's, or what BLENDER names."""

import os
from pathlib import Path

import pytest

from tracking_sessions.tests.blender.real import Blender


@pytest.fixture(params=[os.environ["BLENDER"]] if os.environ.get("BLENDER") else ["trixie", "sid"])
def bare_blender(request: pytest.FixtureRequest, tmp_path: Path) -> Blender:
    """Blender with an empty home."""
    return Blender(request.param, tmp_path)


@pytest.fixture
def blender(bare_blender: Blender, package: Path) -> Blender:
    """Blender with the built package installed and enabled."""
    bare_blender.install(package)
    return bare_blender
