# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie in a session folder."""

import os
from pathlib import Path


def numbered(folder: Path, kind: str) -> list[int]:
    """The numbers n of the files `<kind>.<n>` in `folder`, ascending; nothing if the folder is missing."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = (name.removeprefix(f"{kind}.") for name in names if name.startswith(f"{kind}."))
    return sorted(int(n) for n in found if n.isascii() and n.isdigit() and len(n) < 10 and not n.startswith("0"))
