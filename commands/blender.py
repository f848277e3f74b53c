# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blender of this process, if there is one."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from ..core.errors import TrackingSessionError

NEEDED = "run this inside it, as “blender -b -c tracking_sessions …”, or with a Python that has the package bpy"


def bridge_module(name: str) -> ModuleType:
    """The module of `bridge/`, such as `tracking.headless`, which needs bpy. Raises TrackingSessionError without it."""
    try:
        return importlib.import_module(f"...bridge.{name}", __name__)
    except ImportError as error:
        if "bpy" in sys.modules:
            raise
        raise TrackingSessionError(f"Tracking needs Blender ({error}): {NEEDED}") from error


def blender_path() -> str:
    """The path of the Blender of this process; empty outside Blender, where a bpy wheel tracks."""
    bpy = sys.modules.get("bpy")
    return bpy.app.binary_path if bpy is not None else ""


def is_online() -> bool:
    """Whether this process may use the network: outside Blender always, inside as its preferences say."""
    bpy = sys.modules.get("bpy")
    return bpy is None or bool(bpy.app.online_access) or not bpy.app.binary_path
