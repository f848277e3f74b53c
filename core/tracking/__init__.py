# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans the passes, runs the tracker and records its steps. No access to clips."""
