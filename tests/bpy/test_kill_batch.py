# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch of real tracking, killed at random until it is done; `tools/kill_batch.py` runs more of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.alone  # with its own time limit
def test_a_batch_that_is_killed_all_the_time_is_done_in_the_end() -> None:
    command = [sys.executable, ROOT / "tools" / "kill_batch.py", "--quick", "--kills", "6", "--verbose"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    *_, summary = done.stdout.splitlines()
    supervisor, children = map(int, re.findall(r"(\d+) kills? of the supervisor and (\d+) of children", summary)[0])
    assert supervisor + children >= 6
    assert re.search(r"all [1-9]\d+ markers of 8 shots equal those of runs without a kill, bit for bit", summary)
