# SPDX-License-Identifier: GPL-3.0-or-later
"""Registers and unregisters everything with Blender."""

from __future__ import annotations

import bpy

from . import cli
from .bridge import events
from .bridge.farm import sending as farm_sending
from .bridge.farm.shots import FARM
from .bridge.review import problems, residuals
from .bridge.sessions import filled_list
from .bridge.sessions.listing import SESSIONS
from .bridge.sessions.states import STATES
from .bridge.solve.solves import SOLVES
from .operators import (
    exchange,
    farm,
    history,
    keys,
    recording,
    recovery,
    retrack,
    review,
    sessions,
    settings,
    signing,
    solving,
    track,
)
from .operators import strip as strip_operators
from .operators.editor import end_modal
from .panels import curve, menu, preferences, session, strip
from .panels import farm as farm_panel
from .panels import history as history_panel
from .panels import review as review_panel
from .panels import sessions as sessions_panels
from .panels import solve as solve_panel

_CLASSES = (
    *settings.classes,
    *preferences.classes,
    *track.classes,
    *retrack.classes,
    *keys.classes,
    *recording.classes,
    *recovery.classes,
    *session.classes,
    *filled_list.classes,
    *problems.classes,
    *review.classes,
    *signing.classes,
    *review_panel.classes,
    *solving.classes,
    *solve_panel.classes,
    *sessions.classes,
    *sessions_panels.classes,
    *farm.classes,
    *farm_panel.classes,
    *history.classes,
    *history_panel.classes,
    *strip_operators.classes,
    *exchange.classes,
)
# what has more to register, in this order; their `unregister` can be repeated
_PARTS = (
    settings,
    solving,
    SESSIONS,
    STATES,
    SOLVES,
    FARM,
    farm_sending,
    problems,
    residuals,
    events,
    strip,
    curve,
    menu,
    keys,
)
_registered: list[type] = []
_command: object = None


def register() -> None:
    """Register everything, or, if one part fails, nothing. Raises the error of that part."""
    global _command
    try:
        for cls in _CLASSES:
            bpy.utils.register_class(cls)
            _registered.append(cls)
        for part in _PARTS:
            part.register()
        _command = bpy.utils.register_cli_command((__package__ or "").rpartition(".")[2], cli.main)
    except BaseException:
        unregister()
        raise


def unregister() -> None:
    """Leave Blender as it was before `register`."""
    global _command
    if _command is not None:
        bpy.utils.unregister_cli_command(_command)
        _command = None
    end_modal()
    for part in reversed(_PARTS):
        part.unregister()
    while _registered:
        bpy.utils.unregister_class(_registered.pop())
