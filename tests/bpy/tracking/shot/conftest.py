# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from tracking_sessions.tests.bpy.tracking.shot.passes import FRAMES
from tracking_sessions.tests.footage import Shot, make_shot


@pytest.fixture(scope="package")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """Some of its tracks leave, some get lost. Read-only."""
    return make_shot(tmp_path_factory.mktemp("shot"), FRAMES, 320, 180, tracks=12)
