# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands for batches; a file holds commands, what they draw, or their words."""
