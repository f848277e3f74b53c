# SPDX-License-Identifier: GPL-3.0-or-later
"""What a session looks like to a reader, one file per form."""
