# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks the trials of `core.tracking.retrack` on copies, and then records and writes what is kept of them.

Until then neither the journal nor the artist's tracks change: a crash, Esc, undo or an error leaves the old markers.
Each track is one edit in the history, together with its override in the review.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import NothingToTrack, UsageError
from ...core.journal.chain import Position
from ...core.journal.codec import event_record
from ...core.journal.decisions import OverrideKind
from ...core.journal.records import EditRecord, Event, JournalRecord
from ...core.journal.rows import join_rows, split_rows
from ...core.model.types import Outcome, Pass, TrackData
from ...core.model.wording import short
from ...core.review import actions
from ...core.tracking.passes import Edits, Plan
from ...core.tracking.retrack import DISTANCE, Fill, Retrack, Trial, Trials, reference, suspect_frames
from ...core.tracking.run import Recorder, Run, Step
from ..clip.markers import check_settings, merge_rows
from ..clip.movie_clip import clip_size, mark_position
from .artist_tracks import ArtistTracks
from .chosen_tracks import is_chosen, why_none
from .live import LivePass
from .reconcile import edits
from .shot import Shot
from .working_set import WorkingSet, remove_leftovers

if TYPE_CHECKING:
    from bpy.types import MovieTrackingObject, MovieTrackingTrack, SpaceClipEditor

WAYS = {"FORWARDS": 1, "BACKWARDS": -1}


def chosen_for(
    where: MovieTrackingObject, space: SpaceClipEditor, frame: int, kind: OverrideKind
) -> list[MovieTrackingTrack]:
    """The selected tracks that can be re-tracked from clip frame `frame`, or that lack a marker there for `FILL`.

    Raises NothingToTrack, with the reason, if there is none.
    """
    chosen = [track for track in where.tracks if is_chosen(track, space)]
    number = frame + space.clip.frame_start - 1
    found = [track for track in chosen if _is_live(track, frame) == (kind is OverrideKind.RETRACK)]
    if chosen and not found and kind is OverrideKind.FILL:
        tracks = "The selected track has" if len(chosen) == 1 else "All selected tracks have"
        raise NothingToTrack(f"{tracks} an enabled marker on frame {number}: go to a frame of the gap")
    if not found:
        raise NothingToTrack(why_none(where, space, len(chosen), number))
    return found


def _is_live(track: MovieTrackingTrack, frame: int) -> bool:
    marker = track.markers.find_frame(frame)
    return marker is not None and not marker.mute


class _Copies(WorkingSet):
    """Follows each track from the markers of its trial, until that is over."""

    def __init__(self, shot: Shot, tracks: ArtistTracks, trials: Trials, *, separate_clip: bool) -> None:
        super().__init__(shot.editor, tracks, separate_clip=separate_clip)
        self._trials = trials
        self._joined: frozenset[int] = frozenset()  # tracks whose way in the pass is over, but which were not lost
        self.has_written = False
        """Whether the artist's tracks have the new markers."""

    def _rows(self, number: int, track: MovieTrackingTrack) -> bytes:
        return self._trials.behind(self._plan, number)

    def begin(self, plan: Pass, frame: int, alive: frozenset[int]) -> None:
        left = self._trials.left(plan)
        self._joined = alive - left
        super().begin(plan, frame, alive & left)

    def step(self) -> Step:
        step = super().step()
        self._trials.take(self._plan, step)
        over = step.alive - self._trials.left(self._plan)
        self.retire(over)
        joined, self._joined = self._joined, self._joined | over
        return step._replace(alive=step.alive | joined)

    def _move_planes(self) -> None:
        if self.has_written:
            super()._move_planes()


class _Trying(Run):
    """A run whose passes end as soon as the ways of all their tracks are over."""

    trials: Trials

    @property
    def is_at_end(self) -> bool:
        return super().is_at_end or (self.outcome is None and not self.trials.left(self.plan))


class _Unwritten:
    """The artist's tracks, which get nothing from the run: a `core.tracking.run.Destination`."""

    has_pending = False

    def flush_some(self, plan: Pass, steps: Sequence[Step], seconds: float) -> bool:
        return True

    def flush(self, plan: Pass, steps: Sequence[Step], position: Position) -> None:
        pass

    def renamed(self) -> Sequence[TrackData]:
        return ()


class _Unrecorded:
    """Records no steps of a run, and all else with `recorder`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.append_event, self.write_file = recorder.append_event, recorder.write_file

    @property
    def position(self) -> Position:
        return self._recorder.position

    @property
    def is_file_due(self) -> bool:
        return self._recorder.is_file_due

    def append(self, *records: JournalRecord) -> Position:
        return self.position

    def open_pass(self, plan: Pass, then: Sequence[Pass], before: Sequence[JournalRecord]) -> None:
        pass

    def close_pass(self, number: int, outcome: Outcome, detail: str = "") -> None:
        pass


class LiveTrials(LivePass):
    """Re-tracks the selected tracks or fills their gaps, driven by a timer or a loop as a pass is.

    `changed` is the number of tracks that got new markers in the end; 0 also after Esc.
    """

    stop_words = "Stop"

    def __init__(
        self,
        shot: Shot,
        kind: OverrideKind,
        direction: int = 0,
        *,
        name: str,
        who: str,
        distance: float = DISTANCE,
        separate_clip: bool = False,
    ) -> None:
        """Begin at the current frame. `direction`: 1 or -1 for RETRACK. `name`: of the edits in the history.

        `who`: the person; `distance`: pixels. Raises NothingToTrack, UsageError and the errors of tracking.
        """
        self.verb = "Re-tracking" if kind is OverrideKind.RETRACK else "Filling"
        self.changed = 0
        self.refused: dict[str, str] = {}
        """Why selected tracks take no part, by their names."""
        self._kind, self._direction, self._distance = kind, direction, distance
        self._name, self._who = name, who
        self._shown = bpy.context.scene.frame_current
        super().__init__(shot, separate_clip=separate_clip)

    def _start(self, ranges: Sequence[tuple[int, int]], number: int | None, options: Mapping[str, Any]) -> Run:
        shot = self.shot
        shot.check_timeline()
        remove_leftovers(shot.clip)
        where = shot.clip.tracking.objects.active
        assert where is not None  # a clip has at least the camera
        found = edits(shot.clip, where, shot.known())
        self._tracks = found.tracks
        trials = self._trials = Trials(self._choose(where, found), object=where.name, blender=bpy.app.version_string)
        shot.check_frames(trials.frames)
        if found.records:
            shot.recorder.append(*found.records)
        plan = Plan(trials.passes, trials.passes[0].start, frozenset(trials.passes[0].tracks))
        self._artists = ArtistTracks(shot.clip, shot.session.id, where.name, found.tracks, plan.frame)
        self._copies = _Copies(shot, self._artists, trials, separate_clip=options["separate_clip"])
        after_step: Callable[[Run], None] = options["after_step"]
        run = _Trying(_Unrecorded(shot.recorder), self._copies, _Unwritten(), shot.check, plan, after_step=after_step)
        run.trials = trials
        return run

    def _choose(self, where: MovieTrackingObject, found: Edits) -> dict[int, Trial]:
        """The trial of each selected track. Raises UsageError if there is none."""
        shot, clip = self.shot, self.shot.clip
        frame = self.counting.clip_frame(self._shown)
        if not 1 <= frame <= clip.frame_duration:
            raise UsageError(self.counting.beside(frame, clip.frame_duration))
        numbers = {data.name: number for number, data in found.tracks.items()}
        flags, size = shot.session.review.open_flags, clip_size(clip)
        trials: dict[int, Trial] = {}
        for track in chosen_for(where, shot.editor.space, frame, self._kind):
            number = numbers[track.name]
            old = split_rows(found.rows[number])
            try:
                if self._kind is OverrideKind.FILL:
                    trials[number] = Fill(old, frame, size, self._distance)
                else:
                    suspect = suspect_frames(flags, number)
                    start = reference(old, frame, self._direction, suspect)
                    trials[number] = Retrack(old, start, self._direction, suspect, size, self._distance)
            except UsageError as error:
                self.refused[track.name] = str(error)
                continue
            check_settings(track)
        if not trials:
            name, why = next(iter(self.refused.items()))
            raise UsageError(f"“{short(name)}”: {why}")
        return trials

    def _conclude(self) -> None:
        """Record and write what is kept, if all trials are over."""
        if self._trials.is_over:
            self._keep({number: rows for number, trial in self._trials.trials.items() if (rows := trial.rows())})

    def _keep(self, kept: Mapping[int, Mapping[int, bytes]]) -> None:
        shot = self.shot
        recorder, session = shot.recorder, shot.session
        tracks = {number: track for number in kept if (track := self._artists.find(number)) is not None}
        if gone := kept.keys() - tracks.keys():
            raise self._artists.gone(sorted(gone))
        if not kept:
            return
        if not session.review.id and len(session.session.tracked_frames):
            recorder.append(*actions.begin(session))
        records: list[JournalRecord] = []
        for number, rows in kept.items():
            if session.review.id:  # without tracked frames there is none
                records += actions.overridden(
                    session, self._kind, number, *self._trials.trials[number].span(), self._who
                )
            records += [event_record(Event.EDITED, operator=self._name), EditRecord(number, (), join_rows(rows))]
        recorder.append(*records)
        for number, track in tracks.items():
            merge_rows(track, kept[number])
        self.changed, self._copies.has_written = len(kept), True
        mark_position(shot.clip, session.id, session.position)
        recorder.write_file()

    def _leave(self, error: BaseException | None) -> None:
        try:
            super()._leave(error)
        finally:
            self._go_back()

    def _go_back(self) -> None:
        """Display the frame that the artist was on; the tracker has moved the editor."""
        bpy.context.scene.frame_current = self._shown
        try:
            if self.editor.is_showing():
                self.editor.space.clip_user.frame_current = self._shown
        except ReferenceError:  # the clip was deleted
            pass

    @property
    def words(self) -> list[str]:
        """The result for each track, without a full stop; empty if the trials were stopped."""
        if not self._trials.is_over:
            return []
        results = [
            f"“{short(self._tracks[number].name)}”: {trial.words(self.counting)}"
            for number, trial in self._trials.trials.items()
        ]
        return results + [f"“{short(name)}”: {why}" for name, why in self.refused.items()]
