# SPDX-License-Identifier: GPL-3.0-or-later
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.tests.core.commands import Commands


@pytest.fixture(autouse=True)
def power_stays_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here: what the kernel has is as good as on disk, and thousands of runs need not wait."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A session folder in that of a project."""
    return tmp_path / "project" / "tracking_sessions"


@pytest.fixture
def ledger(root: Path) -> Iterator[Ledger]:
    with Ledger(root) as opened:
        yield opened
