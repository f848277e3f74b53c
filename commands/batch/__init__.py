# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands for batches, their screen and their words."""
