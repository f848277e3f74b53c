# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes, documents, databases and leases, and every path of a session folder; not a word of tracking."""
