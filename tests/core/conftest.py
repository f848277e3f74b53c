# SPDX-License-Identifier: GPL-3.0-or-later
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracking_sessions.core.batch.ledger import Ledger


@pytest.fixture(autouse=True)
def power_stays_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power cut here: data in the kernel counts as on disk, so that thousands of runs need not wait."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A session folder in the folder of a project."""
    return tmp_path / "project" / "tracking_sessions"


@pytest.fixture
def ledger(root: Path) -> Iterator[Ledger]:
    with Ledger(root) as opened:
        yield opened
