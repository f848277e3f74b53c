# SPDX-License-Identifier: GPL-3.0-or-later
import os
import sys
from pathlib import Path

import pytest

from tracking_sessions.tests.commands.processes import Commands
from tracking_sessions.tests.core.conftest import power_stays_on

__all__ = ["power_stays_on"]


@pytest.fixture(autouse=True)
def no_blender(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is installed: bpy cannot be imported here."""
    monkeypatch.setitem(sys.modules, "bpy", None)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of a Python in which bpy cannot be imported, nor fsync waited for."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "bpy.py").write_text("raise ImportError('no bpy here')")
    (folder / "sitecustomize.py").write_text("import os\nos.fsync = lambda descriptor: None")
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.fixture
def commands(tmp_path: Path, environment: dict[str, str]) -> Commands:
    return Commands(tmp_path / "tracking_sessions", environment)
