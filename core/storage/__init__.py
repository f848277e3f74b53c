# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, documents, databases, leases, and all paths of a session folder. No terms of tracking."""
