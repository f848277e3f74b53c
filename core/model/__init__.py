# SPDX-License-Identifier: GPL-3.0-or-later
"""The terms of a session as types, sets of frames, and the one wording of frames, times, durations and sizes."""
