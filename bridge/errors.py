# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors in the words of Blender: each action has the name of its button."""

from __future__ import annotations

from ..core.errors import Action, LeaseHeld, TrackingSessionError
from ..core.model.wording import owner_words

ACTIONS = {
    Action.RESUME: "press “Resume Tracking”",
    Action.BEGIN_AGAIN: "press “Track in Session”",
    Action.START_FRESH: "discard it with “Start Fresh”",
    Action.SALVAGE: "keep the {record} records before it with “Restore Markers”",
    Action.WAIT: "press “Wait for It”, or stop it there",
    Action.SAVE_AGAIN: "save the file again",
    Action.AUDIT: "press “Audit”",
    Action.COMMIT_ANYWAY: "commit it all the same with “Commit”",
    Action.GO_ON: "press “Resume Tracking” or drop the pass in Passes",
    Action.SET_ASIDE: "set it aside with “Discard” in Sessions",
    Action.CHOOSE_CLIP: "choose one in the Movie Clip Editor",
    Action.CHOOSE_START: "go to another frame",
    Action.BEGIN_ELSEWHERE: "begin on another frame",
    Action.CHOOSE_TEXTURED_START: "Go to a frame that has some, or place the tracks by hand",
    Action.CHOOSE_PATTERN_SIZE: "choose a smaller pattern size",
    Action.CHOOSE_SAVE: "choose another name",
    Action.SWAP_RANGE: "track the other way",
    Action.ADD_TRACKS: "add some or detect features",
    Action.WATCH_BATCH: "wait until it ends, or stop it there",
    Action.LIST_BATCHES: "choose the folder that it ran in",
    Action.CHOOSE_FOLDER: "choose another session folder",
    Action.MOVE_LEDGER_AWAY: "move it away, then try again",
    Action.CHOOSE_LEDGER: "put back a good copy of it",
}


def error_words(error: TrackingSessionError) -> str:
    """The error and its remedy, as an artist reads them."""
    words = error.worded(ACTIONS)
    return words.replace(error.owner, owner_words(error.owner)) if isinstance(error, LeaseHeld) else words
