# SPDX-License-Identifier: GPL-3.0-or-later
"""One session: reads, owns, writes, makes and merges it. No list of sessions, no SQLite."""
