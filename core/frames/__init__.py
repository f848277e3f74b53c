# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of frames: sets of them, and how people count them."""
