# SPDX-License-Identifier: GPL-3.0-or-later
"""Solved cameras: how they are found, judged, stored. Blender solves, behind a Protocol; no marker is changed here."""
