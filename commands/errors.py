# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors in the words of the command line."""

from __future__ import annotations

from ..core.errors import Action, TrackingSessionError

ACTIONS = {
    Action.RESUME: "go on with it with --resume",
    Action.BEGIN_AGAIN: "begin it again with: track --resume",
    Action.START_FRESH: "set it aside with --fresh",
    Action.SALVAGE: "keep the {record} records before it with: resume --salvage",
    Action.WAIT: "wait until it ends, or stop it there",
    Action.SAVE_AGAIN: "save it again with: track --resume --save",
    Action.AUDIT: "audit them with: audit SESSION",
    Action.COMMIT_ANYWAY: "commit it all the same with --force",
    Action.GO_ON: "go on with: resume {session_id}",
    Action.SET_ASIDE: "set it aside with: discard {session_id}",
    Action.CHOOSE_CLIP: "name one with --clip ({clips})",
    Action.CHOOSE_START: "name another with --start",
    Action.BEGIN_ELSEWHERE: "begin on another frame with --start",
    Action.CHOOSE_TEXTURED_START: "Name a frame that has some with --start, or positions with --tracks",
    Action.CHOOSE_PATTERN_SIZE: "name a smaller size with --set pattern_size=N",
    Action.CHOOSE_SAVE: "name another file with --save",
    Action.SWAP_RANGE: "swap --start and --end",
    Action.ADD_TRACKS: "find features with --detect, or name positions with --tracks",
    Action.WATCH_BATCH: "watch it with the same --root or --db and: batch info {batch} --follow",
    Action.LIST_BATCHES: "see “batch list”",
    Action.CHOOSE_FOLDER: "name the folder: --root",
    Action.MOVE_LEDGER_AWAY: "move it away, then resume the sessions with: batch run … --resume",
    Action.CHOOSE_LEDGER: "name the ledger with --db, or put back a good copy of it",
}


def error_words(error: TrackingSessionError) -> str:
    """The error with its actions, as options and commands."""
    return error.worded(ACTIONS)
