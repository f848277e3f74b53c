# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress as an engine reads it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tracking_sessions.core.farm.reporting import Slurm


def test_the_last_task_of_an_array_comments_on_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the id of its array, by which SLURM would change all of its tasks."""
    program = tmp_path / "scontrol"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{tmp_path}/said\n', "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    task = Slurm({"SLURM_JOB_ID": "4", "SLURM_ARRAY_JOB_ID": "4", "SLURM_ARRAY_TASK_ID": "26"})
    task.report(17.4, "frame 2, 2 of 12")
    Slurm({"SLURM_JOB_ID": "9"}).fail("No camera")
    Slurm({}).report(1, "outside a job")
    said = (tmp_path / "said").read_text("utf-8").splitlines()
    assert said == [
        "update",
        "jobid=4_26",
        "comment=17%: frame 2, 2 of 12",
        "update",
        "jobid=9",
        "comment=100%: No camera",
    ]
