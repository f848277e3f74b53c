# SPDX-License-Identifier: GPL-3.0-or-later
"""Records and their sums: replay, summary, losses. No lease, no footage, one session only."""
