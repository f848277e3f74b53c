# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie in a session folder."""

import os
import re
from pathlib import Path

from ..errors import (
    SessionUnreadable,
)
from .files import SUFFIXES


def numbered(folder: Path, kind: str) -> list[int]:
    """The numbers n of the files `<kind>.<n>` in `folder`, ascending; nothing if the folder is missing."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = (name.removeprefix(f"{kind}.") for name in names if name.startswith(f"{kind}."))
    return sorted(int(n) for n in found if n.isascii() and n.isdigit() and len(n) < 10 and not n.startswith("0"))


def sessions_folder(base_path: str | os.PathLike[str] | None) -> Path:
    """The folder of the session files under `base_path`, which is `tracking_sessions` here if None."""
    return Path("tracking_sessions" if base_path is None else base_path) / "sessions"


def session_names(folder: Path) -> list[str]:
    """The names of the session files in `folder`, which sort by age. Raises SessionUnreadable."""
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SessionUnreadable(folder, error.strerror or str(error)) from error
    return [name for name in names if name.endswith(SUFFIXES) and not name.startswith(".")]


def bytes_of(path: Path) -> int:
    """The size of a session file and of what is in the folder beside it. Raises OSError."""
    beside = path.with_suffix("")
    inside = os.scandir(beside) if beside.is_dir() and not beside.is_symlink() else ()
    return os.stat(path).st_size + sum(one.stat(follow_symlinks=False).st_size for one in inside)


def is_folder(folder: Path) -> bool:
    """Whether it is a folder, and no link to one, which is somebody else's."""
    return folder.is_dir() and not folder.is_symlink()


def ledger_path(root: Path) -> Path:
    """The ledger of the session folder `root`."""
    return root / "batch.db"


def batch_folder(root: Path, batch: str) -> Path:
    """The folder of a batch's lease and of the logs of its shots."""
    return root / "batches" / batch


def relative(path: Path, target: str) -> str:
    """`target` as seen from the session file `path`, with forward slashes; absolute where there is no such way."""
    try:
        return Path(os.path.relpath(target, path.parent.absolute())).as_posix()
    except ValueError:  # another drive
        return str(target)


def resolve(path: Path, target: str) -> Path:
    """Where the file lies that the session file `path` calls `target`; a path of another system stays what it is."""
    if is_foreign(target):
        return Path(target)
    return Path(os.path.normpath(path.parent.absolute() / target))


_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\[^\\]")  # a drive, or a share


def is_foreign(path: str) -> bool:
    """Whether only another system can have this path: this one would take it for the name of a file."""
    return os.name != "nt" and _OF_WINDOWS.match(path) is not None and not os.path.exists(path)
