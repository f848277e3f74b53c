# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's solver on the markers of a session, and solves put back into scenes."""
