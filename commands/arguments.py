# SPDX-License-Identifier: GPL-3.0-or-later
"""What commands share: their arguments, and how they find sessions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..core.errors import JournalDamaged, SessionUnreadable, UsageError
from ..core.model import SESSION_ID
from ..core.session import SUFFIXES, TrackingSessionManager, load_session, session_files, sessions_folder
from ..terminal import say, short

INTERRUPTED = "interrupted"


def command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], list[str]], words: str, example: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=words, description=f"{words[0].upper()}{words[1:]}.", epilog=f"Example: tracking_sessions {example}"
    )
    parser.set_defaults(run=run)
    return parser


def add_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", metavar="DIR", type=Path, help="the session folder (default: tracking_sessions here)")


def add_session(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    parser.add_argument(
        "session",
        metavar="SESSION",
        nargs="?" if optional else None,
        help="its id, the beginning of it, or its file"
        + (" (default: the latest interrupted one)" if optional else ""),
    )
    add_root(parser)


def add_json(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return value


def described(manager: TrackingSessionManager) -> dict[str, Any]:
    session = manager.session
    return {
        "id": session.id,
        "name": session.name,
        "file": str(manager.path.absolute()),
        "state": session.state.value,
        "created": session.created,
        "modified": session.modified,
        "owner": manager.owner,
        **manager.get_progress(),
        "status": INTERRUPTED if manager.is_interrupted else session.status.value,
    }


# Finding sessions


def root_of(given: Path | None) -> Path:
    """The session folder: the one named, else beside the .blend that Blender has open, else here."""
    if given is not None:
        return given
    if "bpy" in sys.modules:
        import bpy

        from ..bridge.clip import default_root

        if bpy.data.filepath:
            return default_root()
    return Path("tracking_sessions")


def find(text: str, root: Path) -> TrackingSessionManager:
    """The session that an id, the beginning of one, or a path names. Raises UsageError."""
    path = Path(text)
    if path.suffix in SUFFIXES and path.exists():
        return load_session(path)
    found = [file for file in session_files(root) if file.stem.startswith(text)] if SESSION_ID.match(text) else []
    if len(found) == 1:
        return load_session(found[0])
    if found:
        raise UsageError(f"{len(found)} sessions begin with {text}: give more of the id ({found[0].stem}, …)")
    raise UsageError(
        f"There is no session {short(text)!r} in {sessions_folder(root)}: see “list”, or name the folder with --root"
    )


def sessions_in(root: Path) -> Iterator[TrackingSessionManager]:
    """The sessions, newest first; those that cannot be read are mentioned."""
    for path in reversed(session_files(root)):
        try:
            yield load_session(path)
        except (SessionUnreadable, JournalDamaged) as error:
            say(str(error))


def latest(root: Path) -> TrackingSessionManager | None:
    """The session that was interrupted last."""
    return next((manager for manager in sessions_in(root) if manager.is_interrupted), None)
