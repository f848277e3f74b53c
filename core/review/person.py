# SPDX-License-Identifier: GPL-3.0-or-later
"""The person who decides in a review."""

from __future__ import annotations

import getpass
from functools import cache


@cache
def person() -> str:
    """The name of this user of the machine; empty if the system does not tell."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
