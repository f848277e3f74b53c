# SPDX-License-Identifier: GPL-3.0-or-later
"""The review of a session, as a part of its report."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from html import escape

from ..journal.decisions import Approval, Decision, Fine, Note, Override
from ..journal.review import Review
from ..model.counting import Counting
from ..model.flags import Flag, FlagKind, Severity, value_words
from ..model.frame_status import FrameStatus
from ..model.types import TrackData
from ..model.wording import utc_time
from ..review.frames import FrameStates

FLAGS_SHOWN = 200
COLOURS = {
    FrameStatus.AUDIT_FAIL: "#a3200d",
    FrameStatus.AUDIT_WARN: "#f0a030",
    FrameStatus.TRACKED: "#3b7dd8",
    FrameStatus.APPROVED: "#7fc98a",
}
"""They differ in brightness too."""


def review_section(
    states: FrameStates,
    tracks: Mapping[int, TrackData],
    last: int,
    counting: Counting,
    pictures: Mapping[int, bytes],
) -> str:
    """The states of the frames, the flags and what people decided; empty without a review. All text is escaped.

    `pictures`: PNGs of clip frames.
    """
    review = states.review
    if not review.id:
        return ""
    sets = states.sets()
    bars = "".join(
        f'<rect x="{start - 1}" width="{end - start + 1}" height="1" fill="{colour}"/>'
        for status, colour in COLOURS.items()
        for start, end in ((max(1, a), min(last, b)) for a, b in sets[status].ranges())
        if end >= start
    )
    counts = ", ".join(
        f'<span style="color: {COLOURS.get(status, "#889")}">&#9632;</span> {len(frames):,} {status.word.lower()}'
        for status, frames in sets.items()
        if len(frames)
    )
    reference = f"{escape(review.shot)}, reference frame {counting.shown(review.anchor)}"
    names = _Names(tracks, counting)
    flags = review.open_flags
    more = f", the worst {FLAGS_SHOWN:,}" if len(flags) > FLAGS_SHOWN else ""
    decided = names.decisions(states)
    return "".join(
        (
            f"<h2>Review <small>{reference}</small></h2>",
            f'<svg class="tall" viewBox="0 0 {last} 1" preserveAspectRatio="none">{bars}</svg>',
            f'<div class="axis"><span>frame {counting.shown(1)}</span><span>{counting.shown(last)}</span></div>',
            f"<p>{counts}</p>",
            f"<h2>Open findings <small>{len(flags):,}{more}</small></h2>" if flags else "",
            _table(("", "Finding", "Frames", "Track", "Value and threshold"), map(names.flag, flags[:FLAGS_SHOWN])),
            names.pictures(pictures, review),
            "<h2>Decided by people</h2>" if decided else "",
            _table(("What", "Frames", "Track", "Note", "Who", "When"), decided),
        )
    )


class _Names:
    """Entries of a review as cells."""

    def __init__(self, tracks: Mapping[int, TrackData], counting: Counting) -> None:
        self._tracks = tracks
        self._counting = counting

    def flag(self, flag: Flag) -> tuple[str, ...]:
        names = " and ".join(filter(None, map(self._name, (flag.track, flag.other))))
        span = self._counting.span(flag.first, flag.last)
        return flag.severity.word, _words(flag.kind), span, names, value_words(flag)

    def pictures(self, pictures: Mapping[int, bytes], review: Review) -> str:
        figures = "".join(
            f'<figure><img alt="frame {self._counting.shown(frame)}" src="data:image/png;base64,'
            f'{b64encode(png).decode()}"><figcaption>{escape(self._caption(frame, review))}</figcaption></figure>'
            for frame, png in pictures.items()
        )
        return f'<div class="pictures">{figures}</div>' if figures else ""

    def _caption(self, frame: int, review: Review) -> str:
        """The frame, and the worst open flag there."""
        words = f"Frame {self._counting.shown(frame)}"
        if frame == review.anchor:
            words += ", the reference"
        found = [flag for flag in review.open_flags if flag.covers(frame) and flag.severity is not Severity.NOTE]
        if found:
            words += f": {_words(found[0].kind).lower()} {self._name(found[0].track)}".rstrip()
        return f"{words} and {len(found) - 1:,} more" if len(found) > 1 else words

    def decisions(self, states: FrameStates) -> list[tuple[str, ...]]:
        review = states.review
        entries = sorted(
            (*review.approvals, *review.overrides, *review.fine, *review.notes), key=lambda entry: entry.time
        )
        return [self._decision(entry) for entry in entries]

    def _decision(self, entry: Decision) -> tuple[str, ...]:
        match entry:
            case Override():
                what, note = entry.kind.value.capitalize(), entry.note
                if entry.original and entry.position:
                    x, y = (now - was for was, now in zip(entry.original, entry.position, strict=True))
                    what = f"{what} by {x:+.2f}, {y:+.2f} px"
            case Approval():
                what, note = "Approved", entry.note
            case Fine():
                what, note = f"{_words(entry.kind)} is fine as it is", entry.note
            case Note():
                what, note = "Note", entry.text
        span = self._counting.span(entry.first, entry.last)
        return what, span, self._name(entry.track), note, entry.who, utc_time(entry.time)

    def _name(self, number: int) -> str:
        return self._tracks[number].name if number in self._tracks else ""


def _words(kind: FlagKind) -> str:
    return kind.value.replace("_", " ").capitalize()


_CLASSES = {"What": "n", "Who": "n", "When": "n", "Frames": "n", "Value and threshold": "n", "Note": "text"}
"""The classes of cells, by the heads of their columns."""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    kinds = [f' class="{_CLASSES[name]}"' if name in _CLASSES else "" for name in head]
    cells = ["".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) for row in rows]
    if not cells:
        return ""
    names = "".join(f"<th>{name}</th>" for name in head)
    return f'<div class="wide"><table><tr>{names}</tr>{"".join(f"<tr>{row}</tr>" for row in cells)}</table></div>'
