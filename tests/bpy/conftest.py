# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests in this folder run inside the bpy wheel, each in a fresh Blender."""

import bpy
import pytest


@pytest.fixture(autouse=True)
def fresh_blender() -> None:
    """Factory settings with the default scene and its window. What a test registered it has to unregister."""
    bpy.ops.wm.read_factory_settings(use_empty=False)
