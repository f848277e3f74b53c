# SPDX-License-Identifier: GPL-3.0-or-later
"""What commands share: their arguments, and how they find sessions."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ..core.errors import LeaseHeld, TrackingSessionError, UsageError
from ..core.journal.lost_passes import lost_fields, lost_passes
from ..core.library.catalogue import Entry, Unreadable, catalogue
from ..core.model import SESSION_ID, SessionStatus
from ..core.recording.session_file import moment
from ..core.session import SUFFIXES, TrackingSessionManager, load_session, session_files, sessions_folder
from ..core.storage.lease import LEASE_TIME
from ..terminal import can_ask, say, short

_T = TypeVar("_T")

INTERRUPTED = "interrupted"
FRAMES_COUNT = (
    "Frames are the numbers that you see: those of the files of an image sequence, those of the timeline for a .blend, "
    "and 1, 2, 3 for a movie."
)


class Parser(argparse.ArgumentParser):
    """Says which argument may have been meant instead of one that is not known."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [name for name in self._option_string_actions if name.startswith("--")]
            close = difflib.get_close_matches(unknown[0].partition("=")[0], options, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(options)}"
            self.error(f"{short(unknown[0])} is not known here: {hint}")
        return parsed, unknown


class NotAllDone(TrackingSessionError):
    """What was asked was done as far as it could be, and not all of it. `results` are printed all the same."""

    def __init__(self, words: str, exit_code: int, results: Sequence[str]) -> None:
        self.exit_code = exit_code
        self.results = results
        super().__init__(words)


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


def add_db(parser: argparse.ArgumentParser, words: str = "") -> None:
    words = words or "the ledger of batches, if it lies elsewhere (each batch in it keeps its own session folder)"
    parser.add_argument("--db", metavar="FILE", type=Path, help=words)


def add_status(parser: argparse.ArgumentParser, kinds: Sequence[str]) -> None:
    words = f"only those that are {', '.join(kinds[:-1])} or {kinds[-1]}"
    parser.add_argument("-s", "--status", choices=kinds, metavar="S", help=words)


def add_limit(parser: argparse.ArgumentParser, noun: str) -> None:
    parser.add_argument("-n", "--limit", type=positive, metavar="N", help=f"at most N {noun}")


def add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--force", action="store_true", help="do not ask")


def add_json(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"{short(text)!r} is no whole number from 1 on")
    return int(text)


def frame_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{short(text)!r} is no number of a frame; they are whole and not below 0")
    return int(text)


# What is said of a session


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
        **manager.progress,
        **lost_fields(lost_passes(manager.passes, session.tracked_frames), manager.counting),
        "status": INTERRUPTED if manager.is_interrupted else session.status.value,
    }


def described_entry(entry: Entry) -> dict[str, Any]:
    """The same of a session that need not be read. Raises SessionUnreadable."""
    owner = entry.owner
    return {
        "id": entry.id,
        "name": entry.name,
        "file": entry.file,
        "state": entry.state,
        "created": entry.created,
        "modified": entry.modified,
        "owner": owner,
        **entry.progress,
        "lost_at": entry.lost_at or None,
        "shown_lost_at": entry.shown_lost_at if entry.lost_at else None,
        "status": INTERRUPTED if entry.is_working and not owner else entry.status,
    }


def lacks_frames(row: dict[str, Any]) -> bool:
    """Whether tracking is called complete and some of what was asked for is not tracked: no session merged had it."""
    return row["status"] == SessionStatus.TRACKING_COMPLETE and row["lost_at"] is None and row["remaining_frames"] > 0


def status_words(row: dict[str, Any]) -> str:
    """Status and state of a session; where all tracks were lost, or frames are missing, tracking is not complete."""
    said = [row["status"].replace("_", " ")]
    if row["lost_at"] is not None:
        said = said if row["status"] != SessionStatus.TRACKING_COMPLETE else []
        said.append(f"lost at frame {row['shown_lost_at']}")
    elif lacks_frames(row):
        said = [f"tracked but for {count_words(row['remaining_frames'], 'frame')}"]
    return ", ".join([*said, *([row["state"]] if row["state"] != "active" else [])])


_UNITS = ((60, "second"), (60, "minute"), (24, "hour"), (7, "day"), (52, "week"), (0, "year"))


def age(modified: str) -> str:
    """How long ago a timestamp was, as people say it; empty if it is none."""
    then = moment(modified)
    if then is None:
        return ""
    count = max(0, int((datetime.now(UTC) - then).total_seconds()))
    if count < 60:
        return "just now"
    for size, unit in _UNITS:
        if count < size or not size:
            return f"{count} {unit}{'s' * (count != 1)} ago"
        count //= size
    return ""


def size_words(size: int) -> str:
    """So many bytes, in a unit that people read."""
    if size < 1000:
        return f"{size} bytes"
    value = float(size)
    for unit in ("KB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def count_words(count: int, noun: str = "session") -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


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


def find_file(text: str, root: Path) -> Path:
    """The session file that an id, the beginning of one, or a path names. Raises UsageError."""
    path = Path(text)
    try:
        if path.suffix in SUFFIXES and path.is_file():
            return path
    except (OSError, ValueError):
        pass  # no possible name of a file
    found = [file for file in session_files(root) if file.stem.startswith(text)] if SESSION_ID.match(text) else []
    exact = [file for file in found if file.stem == text]
    if len(found) == 1 or len(exact) == 1:
        return (exact or found)[0]
    if found:
        raise UsageError(f"{len(found)} sessions begin with {text}: give more of the id ({found[0].stem}, …)")
    raise UsageError(
        f"There is no session {short(text)!r} in {sessions_folder(root)}: see “list”, or name the folder with --root"
    )


def find(text: str, root: Path) -> TrackingSessionManager:
    """The session that an id, the beginning of one, or a path names. Raises UsageError, and what reading it raises."""
    return load_session(find_file(text, root))


def latest(root: Path) -> TrackingSessionManager | None:
    """The session that was interrupted last; newer ones that cannot be read are mentioned."""
    for one in catalogue(root, say):
        if isinstance(one, Unreadable):
            say(str(one.error))
        elif one.is_working and not one.owner:
            return load_session(one.path)
    return None


# Asking first


def agreed(question: str, instead: str, shown: Iterable[str] = ()) -> bool:
    """Show some lines and ask, on a terminal. Raises UsageError with the words `instead` where there is none."""
    if not can_ask():
        raise UsageError(instead)
    for line in shown:
        say(line)
    say(f"{question} [y/N] ", end="")
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        say("")
    return answer.strip().lower() in ("y", "yes")


def patiently(act: Callable[[bool], _T]) -> _T:
    """Do what needs the lease; `act` is told whether to wait for an owner on another machine to be taken for dead."""
    try:
        return act(False)
    except LeaseHeld as held:
        if not held.elsewhere:
            raise
        say(f"It was left to {held.owner}: watching for {LEASE_TIME:g} seconds whether that still works on it.")
    return act(True)
