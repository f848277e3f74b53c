# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks whose defects are known, and how much of them each measure finds: the tables of docs/review.md."""
