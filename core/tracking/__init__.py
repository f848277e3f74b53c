# SPDX-License-Identifier: GPL-3.0-or-later
"""What to track next and when it counts; never how a marker gets into a clip."""
