# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots on a render farm: what is sent there, and where it stands."""
