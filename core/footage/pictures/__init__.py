# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the file of a picture is whole, and how large the picture is: from its structure, without decoding it."""
