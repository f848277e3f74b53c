# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie in a session folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import SessionUnreadable
from .files import SUFFIXES, document_suffix

FOLDER_NAME = "tracking_sessions"
"""What a session folder is called that nobody named."""


class SessionFolder:
    """The session folder `root`: the path of each file in it. `root` is `tracking_sessions` here if None."""

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = Path(FOLDER_NAME if root is None else root)

    @classmethod
    def of(cls, session_file: str | os.PathLike[str]) -> SessionFolder:
        """The session folder of a session file. A file may lie outside of any: `contains` tells."""
        return cls(Path(session_file).parent.parent)

    def contains(self, session_file: Path) -> bool:
        """Whether the file lies where the folder keeps its session files."""
        return session_file.parent == self.sessions

    @property
    def sessions(self) -> Path:
        """The folder of the session files, each with the folder of its journal beside it."""
        return self.root / "sessions"

    def session_file(self, id: str) -> Path:
        """The file of a session as this Python names it; `existing_document` finds that of one without PyYAML."""
        return self.sessions / f"{id}{document_suffix()}"

    def session_files(self) -> list[Path]:
        """The session files by name, which is by age. Raises SessionUnreadable."""
        return [self.sessions / name for name in self.session_names()]

    def session_names(self) -> list[str]:
        """The names of the session files, ascending. Raises SessionUnreadable."""
        try:
            names = sorted(os.listdir(self.sessions))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SessionUnreadable(self.sessions, error.strerror or str(error)) from error
        return [name for name in names if name.endswith(SUFFIXES) and not name.startswith(".")]

    def report(self, id: str) -> Path:
        """The report of a session."""
        return self.root / "reports" / f"{id}.html"

    def solves(self, id: str) -> Path:
        """The folder of the solves of a session."""
        return self.root / "solves" / id

    def ids_with_belongings(self) -> set[str]:
        """The ids of the sessions that have a report or solves."""
        found: set[str] = set()
        for folder in (self.report("any").parent, self.solves("any").parent):
            try:
                found.update(os.path.splitext(name)[0] for name in os.listdir(folder))
            except OSError:
                pass  # there are none
        return found

    @property
    def footage_folder(self) -> Path:
        """The folder of the files of `footage`."""
        return self.root / "footage"

    def footage(self, fingerprint: str) -> Path:
        """The file with the sizes and checksums of the footage, named as `session_file` is."""
        return self.footage_folder / f"{fingerprint}{document_suffix()}"

    @property
    def index(self) -> Path:
        """The cache of the list of sessions, which may be deleted at any time."""
        return self.root / "index.db"

    @property
    def ledger(self) -> Path:
        """The ledger of batches; a batch may have another one, see `core/batch/ledger_places.py`."""
        return self.root / "batch.db"

    @property
    def batches(self) -> Path:
        """The folder of the folders of batches."""
        return self.root / "batches"

    def batch(self, id: str) -> Path:
        """The folder of a batch's lease and of the logs of its shots."""
        return self.batches / id


def numbered(folder: Path, kind: str) -> list[int]:
    """The numbers n of the files `<kind>.<n>` in `folder`, ascending; nothing if the folder is missing."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = (name.removeprefix(f"{kind}.") for name in names if name.startswith(f"{kind}."))
    return sorted(int(n) for n in found if n.isascii() and n.isdigit() and len(n) < 10 and not n.startswith("0"))


def bytes_of(path: Path) -> int:
    """The size of a session file and of what is in the folder beside it. Raises OSError."""
    beside = path.with_suffix("")
    inside = os.scandir(beside) if beside.is_dir() and not beside.is_symlink() else ()
    return os.stat(path).st_size + sum(one.stat(follow_symlinks=False).st_size for one in inside)


def is_folder(folder: Path) -> bool:
    """Whether it is a folder, and no link to one, which is somebody else's."""
    return folder.is_dir() and not folder.is_symlink()


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
