# SPDX-License-Identifier: GPL-3.0-or-later
"""A full audit of generated shots finds their jumps and little else; docs/review.md has the tables of `tools/truth`."""

from __future__ import annotations

import pytest

from tracking_sessions.core.model.flags import FlagKind
from tracking_sessions.core.review.audit import Level, audit
from tracking_sessions.core.review.motion import Motion
from tracking_sessions.tools.truth.defects import with_jumps
from tracking_sessions.tools.truth.scenes import HEIGHT, WIDTH, make
from tracking_sessions.tools.truth.scoring import flagged, score_jumps


@pytest.mark.parametrize("camera", ["dolly", "hand-held", "orbit", "pan", "locked", "rolling"])
def test_all_jumps_of_three_pixels_are_found(camera: str) -> None:
    scene = make(camera, seed=11, tracks=60, frames=90)
    made = with_jumps(scene.positions, seed=11, hop=scene.hop)
    motion = Motion.of_positions(made.positions, (WIDTH, HEIGHT))
    flags = audit(motion, level=Level.FULL, lens=scene.undistort)
    score = score_jumps(flagged(flags, made.dirty.shape, {FlagKind.JUMP, FlagKind.SWAP}), made)
    assert score.defects == 12 and score.recall == 1 and score.precision >= 0.9 and score.false < 0.001
