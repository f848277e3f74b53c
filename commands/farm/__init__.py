# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the farm: submit, the task of a shot, and where each shot stands."""
