# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for an event, with a limit that even a busy machine does not reach."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

LIMIT = 180.0  # seconds


def wait_until(
    condition: Callable[[], object], what: str, limit: float = LIMIT, *, process: subprocess.Popen[Any] | None = None
) -> None:
    """Wait until the condition is true, or `process` has ended, if one is given. Raises AssertionError at the limit.

    `what` is what is waited for, as the end of the sentence “waited 180 s for …”.
    """
    end = time.monotonic() + limit
    while not condition() and (process is None or process.poll() is None):
        assert time.monotonic() < end, f"waited {limit:.0f} s for {what}"
        time.sleep(0.005)
