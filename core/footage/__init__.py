# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a plate: found, checked, the same or not. No sessions, no clips of Blender, no decoding of pictures."""
