# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots on a render farm: what is submitted, the task that a farm runs for one shot, and where each shot stands."""
