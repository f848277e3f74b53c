# SPDX-License-Identifier: GPL-3.0-or-later
"""On PYTHONPATH, a process that tracks a shot dies of a segmentation fault once, after it has recorded some frames.

The folder CRASHES remembers the shots, by the paths of their footage.
"""

import hashlib
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

RECORDED = 3000  # bytes in a journal, which are some frames


def _recorded() -> int:
    """Bytes in the journals that this process has open."""
    found = 0
    for entry in os.scandir("/proc/self/fd"):
        with suppress(OSError):
            found += os.stat(entry.path).st_size if "journal." in os.readlink(entry.path) else 0
    return found


def _crash(mark: Path) -> None:
    while _recorded() < RECORDED:
        time.sleep(0.002)
    mark.touch()
    os.kill(os.getpid(), signal.SIGSEGV)


def _begin(words: list[str]) -> None:
    if "track" in words and "--events" in words:
        footage = words[words.index("track") + 1]
        mark = Path(os.environ["CRASHES"], hashlib.md5(footage.encode()).hexdigest())
        if not mark.exists():
            threading.Thread(target=_crash, args=(mark,), daemon=True).start()


_begin(sys.orig_argv)
