# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of other programs, a module for each format. It knows values, not sessions or Blender."""
