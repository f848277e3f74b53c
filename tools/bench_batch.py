# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the cost of a batch besides its children: the time of the supervisor in which no child runs."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tracking_sessions.core.batch.child import Child
from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.shots import BatchStatus
from tracking_sessions.core.batch.supervisor import Supervisor
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.shots import make_footage
from tracking_sessions.tools.bench_figures import Report

CHILD = Path(__file__).resolve().parent.parent / "tests" / "core" / "batch" / "shot_child.py"
FRAMES = 3


def measure_batch(folder: Path, count: int, report: Report) -> None:
    """Run `count` tiny shots, one at a time, in children without Blender, which live a tenth as long as with it."""
    root = folder / "batch" / "tracking_sessions"
    specs: list[ShotSpec] = []
    for number in range(count):
        footage = make_footage(folder / "batch" / f"{number:04}", FRAMES)
        (footage / "behave.json").write_text(f'{{"frames": {FRAMES}}}', "utf-8")
        specs.append(ShotSpec(str(footage)))
    inside = 0.0
    poll = Child.poll

    def timed(self: Child) -> int | None:
        nonlocal inside
        code = poll(self)
        inside += time.monotonic() - self.began if code is not None else 0
        return code

    Child.poll = timed
    try:
        with Ledger(root) as ledger:
            batch = ledger.create("bench", specs, {})
            supervisor = Supervisor(
                ledger,
                batch,
                lambda shot, _: [sys.executable, str(CHILD), str(root), shot.spec.footage],
                lambda _: None,
                jobs=1,
            )
            begun = time.monotonic()
            status = supervisor.run(lambda: "", lambda: None).status
            took = time.monotonic() - begun
    finally:
        Child.poll = poll
    assert status is BatchStatus.COMPLETED
    print(f"\n{count:,} shots of {FRAMES} frames, {took / count * 1e3:.0f} ms each", flush=True)
    report.target("outside children, as a share of a batch", 100 * (1 - inside / took), 5, " %")
