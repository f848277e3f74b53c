# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the session and Blender's data."""
