# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of a session folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import SessionUnreadable
from .files import SUFFIXES, document_suffix

FOLDER_NAME = "tracking_sessions"
"""The default name of a session folder."""


class SessionFolder:
    """The paths of the session folder `root`; None is `tracking_sessions` in the current folder."""

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = Path(FOLDER_NAME if root is None else root)

    @classmethod
    def of(cls, session_file: str | os.PathLike[str]) -> SessionFolder:
        """The session folder of a session file. The file may lie elsewhere: see `contains`."""
        return cls(Path(session_file).parent.parent)

    def contains(self, session_file: Path) -> bool:
        """Whether the file lies in the folder of the session files."""
        return session_file.parent == self.sessions

    @property
    def sessions(self) -> Path:
        """The folder of the session files, each with the folder of its journal beside it."""
        return self.root / "sessions"

    def session_file(self, id: str) -> Path:
        """The file of a session, with the suffix for this Python; see `existing_document` for the other."""
        return self.sessions / f"{id}{document_suffix()}"

    def session_files(self) -> list[Path]:
        """The session files by name, so oldest first. Raises SessionUnreadable."""
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

    def parts(self, id: str) -> Path:
        """The folder of the processes that track passes of a session side by side, each in a session folder in it."""
        return self.solves(id) / "tracking"

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
        """The file with the sizes and checksums of the footage, with the suffix of `session_file`."""
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
        """The parent folder of all batch folders."""
        return self.root / "batches"

    def batch(self, id: str) -> Path:
        """The folder of a batch's lease and of the logs of its shots."""
        return self.batches / id

    def beginning(self, key: str) -> Path:
        """The folder of the lease of whoever begins a session of some footage; gone once it has."""
        return self.root / "beginning" / key

    @property
    def farms(self) -> Path:
        """The parent folder of all submissions to a farm."""
        return self.root / "farm"

    def farm(self, id: str) -> Path:
        """The folder of a submission: its manifest, its jobs, and where each of its shots stands."""
        return self.farms / id


def numbered(folder: Path, kind: str) -> list[int]:
    """The numbers n of the files `<kind>.<n>` in `folder`, ascending; nothing if the folder is missing."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = (name.removeprefix(f"{kind}.") for name in names if name.startswith(f"{kind}."))
    return sorted(int(n) for n in found if n.isascii() and n.isdigit() and len(n) < 10 and not n.startswith("0"))


def bytes_of(path: Path) -> int:
    """The size of a session file and of the files in the folder beside it. Raises OSError."""
    beside = path.with_suffix("")
    inside = os.scandir(beside) if is_folder(beside) else ()
    return os.stat(path).st_size + sum(entry.stat(follow_symlinks=False).st_size for entry in inside)


def is_folder(folder: Path) -> bool:
    """Whether it is a folder and not a link, whose target may belong to another user."""
    return folder.is_dir() and not folder.is_symlink()


def relative(path: Path, target: str) -> str:
    """`target` relative to the session file `path`, with forward slashes; absolute if on another drive."""
    try:
        return Path(os.path.relpath(target, path.parent.absolute())).as_posix()
    except ValueError:
        return str(target)


def resolve(path: Path, target: str) -> Path:
    """The path of `target` in the session file `path`; a path of another system is unchanged."""
    if is_foreign(target):
        return Path(target)
    return Path(os.path.normpath(path.parent.absolute() / target))


def rebased(path: Path, target: str, new: Path) -> str:
    """The text for the session file `new` that leads to the same place as `target` does in the session file `path`."""
    is_fixed = not target or os.path.isabs(target) or is_foreign(target)
    return target if is_fixed else relative(new, str(resolve(path, target)))


_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\[^\\]")  # a drive, or a share


def is_foreign(path: str) -> bool:
    """Whether this is a path of another system, which this one would read as the name of a file."""
    return os.name != "nt" and _OF_WINDOWS.match(path) is not None and not os.path.exists(path)
