# SPDX-License-Identifier: GPL-3.0-or-later
"""The same tracks give the same flags on every machine and with every version of numpy: those of same_flags.txt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tracking_sessions.core.review.audit import Level, audit
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.tools.truth.defects import with_drift, with_jumps
from tracking_sessions.tools.truth.scenes import HEIGHT, WIDTH, Floats, make

GRAIN = 256  # parts of a pixel, far coarser than what mathematics libraries differ by


def shot(camera: str) -> Floats:
    scene = make(camera, seed=41, tracks=40, frames=120)
    drifting = with_drift(scene.positions, seed=41, speed=0.2, count=4)
    return np.round(with_jumps(drifting.positions, seed=41).positions * GRAIN) / GRAIN


@pytest.mark.parametrize("camera", ["dolly", "hand-held", "rolling"])
def test_the_flags_are_those_found_everywhere(camera: str) -> None:
    known = Path(__file__).with_name("same_flags.txt").read_text(encoding="utf-8")
    motion = Motion.of_positions(shot(camera), (WIDTH, HEIGHT))
    found = [f"{camera} {level}: {flag}" for level in Level for flag in audit(motion, level=level)]
    assert found == [line for line in known.splitlines() if line.startswith(f"{camera} ")]
    assert len(found) > 40
