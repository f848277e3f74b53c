# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of each frame: verdicts and columns. It says which marker, the bridge changes it."""
