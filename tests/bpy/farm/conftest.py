# SPDX-License-Identifier: GPL-3.0-or-later
"""The Farm panel with small real engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tracking_sessions.bridge.farm import sending
from tracking_sessions.core.farm import engines
from tracking_sessions.tests.bpy.farm.engines import fakes

MAIN = 'importlib.import_module(name + ".bridge.farm.child")'


@pytest.fixture(autouse=True)
def farm(registered: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The engines of the tests are those of the farm, also in the process that talks to them; call it with what each
    does."""
    assert MAIN in sending.SCRIPT
    place = 'importlib.import_module(name + ".tests.bpy.farm.engines").take_place()'
    monkeypatch.setattr(sending, "SCRIPT", sending.SCRIPT.replace(MAIN, f"{place}\n{MAIN}"))
    monkeypatch.setattr(engines, "engines", fakes)

    def behave(**how: dict[str, Any]) -> None:
        monkeypatch.setenv("FARM", json.dumps(how))

    behave()
    return behave
