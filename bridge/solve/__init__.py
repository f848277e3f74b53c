# SPDX-License-Identifier: GPL-3.0-or-later
"""Solves in Blender: the solver behind the Protocol of core, and the scene that a solve is put into."""
