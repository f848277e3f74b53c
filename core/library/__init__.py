# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of one folder: found, matched to a clip, deleted. Who needs them is passed in."""
