# SPDX-License-Identifier: GPL-3.0-or-later
import os

import pytest


@pytest.fixture(autouse=True)
def power_stays_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here: what the kernel has is as good as on disk, and thousands of runs need not wait."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
