# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of one folder: lists them, matches them to clips, deletes them. Knows no batches."""
