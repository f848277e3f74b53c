# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest

from tracking_sessions.core.library import catalogue as module
from tracking_sessions.tests.core.library.listing import CountedManager, make_sessions


@pytest.fixture(autouse=True)
def _counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TrackingSessionManager", CountedManager)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six sessions in all stages. Recent changes count as settled: waiting in each test would take long."""
    monkeypatch.setattr(module, "SETTLED", -1.0)
    return make_sessions(tmp_path)
