# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots whose cameras are known, and how near to them a solve comes: the tables of docs/accuracy.md."""
