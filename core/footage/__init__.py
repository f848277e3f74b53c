# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a plate: finds, checks and compares them. No sessions, no Blender clips, no decoding of pictures."""
