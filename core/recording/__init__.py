# SPDX-License-Identifier: GPL-3.0-or-later
"""One session: read, owned, written, made, merged. No list of sessions, no SQLite."""
