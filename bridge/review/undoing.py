# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo and redo of what a person has decided, which is in the journal and not in Blender's file.

A property of the clip holds the number of decisions, so that each of Blender's undo steps has its own. Undo and redo
that bring another number back take the decisions between back, or make them again.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ...core.errors import TrackingSessionError
from ...core.model.flags import Flag
from ...core.model.ranges import FrameRanges
from ...core.review import actions
from ...core.review.person import person
from ..open_file import open_file
from .deciding import owned, record

if TYPE_CHECKING:
    from bpy.types import MovieClip

DECIDED = "tracking_sessions_decided"
"""The property of a clip that holds the number of decisions."""


class _Decision(NamedTuple):
    """The clip frames that a decision has signed, those that it no longer has, and what it said of a flag."""

    scene_frame: int
    signed: FrameRanges
    unsigned: FrameRanges
    flag: Flag | None
    is_fine: bool

    @property
    def opposite(self) -> _Decision:
        return self._replace(signed=self.unsigned, unsigned=self.signed, is_fine=not self.is_fine)


class _Made:
    """The decisions about a clip since the file was opened. `count`: how many, with those before, are made now."""

    def __init__(self, count: int) -> None:
        self.before = self.count = count
        self.decisions: list[_Decision] = []


class _AllMade(dict[int, _Made]):
    """By clip (`session_uid`)."""


@contextmanager
def undoable(clip: MovieClip, flag: Flag | None = None) -> Generator[None]:
    """Make a decision about the clip, and about `flag`, that undo takes back."""
    review = owned(clip)[1].review
    before = FrameRanges(review.signed.ranges())
    was_fine = flag is not None and review.is_fine(flag)
    yield
    after = owned(clip)[1].review
    signed, unsigned = after.signed.without(before), before.without(after.signed)
    is_fine = flag is not None and after.is_fine(flag)
    if not (len(signed) or len(unsigned) or is_fine is not was_fine):
        return
    of_flag = flag if is_fine is not was_fine else None
    made = open_file.view(_AllMade).setdefault(clip.session_uid, _Made(int(clip.get(DECIDED, 0))))
    del made.decisions[made.count - made.before :]
    made.decisions.append(_Decision(bpy.context.scene.frame_current, signed, unsigned, of_flag, is_fine))
    made.count += 1
    clip[DECIDED] = made.count


def after_undo(clip: MovieClip) -> None:
    """Undo or redo has replaced the clip: decide as it was decided then. Go to the frame of the last such decision."""
    made = open_file.view(_AllMade).get(clip.session_uid)
    wanted = int(clip.get(DECIDED, 0))
    if made is None or made.count == wanted:
        return
    while made.before < made.count > wanted:
        made.count -= 1
        _decide(clip, made.decisions[made.count - made.before].opposite)
    while made.count < wanted and made.count - made.before < len(made.decisions):
        _decide(clip, made.decisions[made.count - made.before])
        made.count += 1


def _decide(clip: MovieClip, decision: _Decision) -> None:
    """Make the decision again, as far as it can be about the markers as they are."""
    bpy.context.scene.frame_current = decision.scene_frame
    with suppress(TrackingSessionError):
        recording, session = owned(clip)
        flag, review = decision.flag, session.review
        wanted = FrameRanges(review.signed.ranges())  # also those that the flag alone would take with it
        wanted.update(decision.signed)
        if flag is not None and review.is_fine(flag) is not decision.is_fine:
            decide = actions.accepted if decision.is_fine else actions.not_fine
            record(recording, decide(session, flag, person()))
        wanted = wanted.without(decision.unsigned).without(review.signed)
        record(recording, actions.approved(session, wanted.without(wanted.without(review.judged)), person()))
        back = decision.unsigned.without(decision.unsigned.without(review.signed))
        if len(back):
            record(recording, actions.taken_back(session, back, person()))
