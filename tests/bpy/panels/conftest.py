# SPDX-License-Identifier: GPL-3.0-or-later

import pytest

from tracking_sessions.tests.footage import Shot, make_shot

FRAMES = 40


@pytest.fixture(scope="package")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """Read-only."""
    return make_shot(tmp_path_factory.mktemp("shot"), FRAMES, 320, 180, tracks=12)
