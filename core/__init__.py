# SPDX-License-Identifier: GPL-3.0-or-later
"""The session: plain Python, without Blender."""
