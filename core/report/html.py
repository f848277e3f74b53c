# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a session as one self-contained HTML file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..journal.lost_passes import lost_passes, lost_words
from ..journal.replay import Replay
from ..journal.rows import is_muted
from ..journal.solves import SolveEntry
from ..model.counting import Counting
from ..model.ranges import FrameRanges
from ..model.types import SOLVE_NEEDS, PassSummary, SessionStatus, TrackingSession
from ..model.wording import timestamp, utc_time
from ..recording.manager import load_session
from ..review.committing import Commit, last_commit
from ..review.frames import FrameStates
from ..storage.files import make_folder, replace_file
from ..storage.folder import resolve
from .review import review_section

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 60em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em; margin-bottom: 0; overflow-wrap: anywhere } h2 { font-size: 1.15em; margin: 1.8em 0 .5em }
h2 small, p.sub, div.axis { color: #667; font-weight: 400 } h2 small { font-size: .8em }
p.sub { margin-top: .2em; overflow-wrap: anywhere } div.axis { display: flex; justify-content: space-between }
p.bad { color: #a32; font-weight: 600 }
div.axis { font-size: .8em; font-variant-numeric: tabular-nums } div.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% } th { text-align: left; color: #667; font-weight: 500 }
td, th { padding: .2em 1em .2em 0; border-bottom: 1px solid #e4e4ea; vertical-align: middle }
table.facts th { width: 7em; vertical-align: top } table.facts td { overflow-wrap: anywhere }
td.n { font-variant-numeric: tabular-nums; white-space: nowrap } td.text { min-width: 14em }
td.name { max-width: 14em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap } td.bar { width: 60% }
svg { display: block; width: 100%; height: 10px; background: #eceef2; border-radius: 2px; fill: #3b7dd8 }
div.pictures { display: grid; gap: 1em; margin-top: 1em;
  grid-template-columns: repeat(auto-fill, minmax(min(17em, 45%), 1fr)) }
figure { margin: 0 } figure img { display: block; width: 100%; border-radius: 2px }
figcaption { font-size: .8em; color: #667; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
svg.tall { height: 22px } svg.graph { height: 90px } svg line { stroke: #ffb48c; stroke-dasharray: 6 4 }
@media (prefers-color-scheme: dark) { body { background: #1d1e22; color: #ddd } td, th { border-color: #333640 }
svg { background: #2b2d34 } th, p.sub, h2 small, div.axis, figcaption { color: #99a } p.bad { color: #f2a093 } }
"""


def render(
    session: TrackingSession,
    passes: Sequence[PassSummary],
    replay: Replay,
    footage: str = "",
    solves: Sequence[dict[str, Any]] = (),
    remaining: FrameRanges | None = None,
    states: FrameStates | None = None,
    pictures: Mapping[int, bytes] | None = None,
    commit: Commit | None = None,
) -> str:
    """The report as HTML. `footage` is the displayed path, `remaining` are the clip frames still to track.

    `states` are those of a session under review, `pictures` PNGs of clip frames, `commit` is the last one.

    All text from files is escaped.
    """
    clip = session.footage
    counting = Counting(clip.start)
    last = max(1, clip.frame_count or max((end for _, end in session.tracked_frames.ranges()), default=1))
    details = [f"{clip.frame_count} frames" if clip.frame_count else ""]
    details += [
        f"{clip.size[0]}x{clip.size[1]} pixels" if any(clip.size) else "",
        f"{clip.fps:g} fps" if clip.fps else "",
    ]
    status = session.status.value.replace("_", " ")
    if session.status is SessionStatus.TRACKING and session.checkpoint_frame is not None:
        status += f", at frame {counting.shown(session.checkpoint_frame)}"
    facts = [
        ("Status", status),
        ("Footage", footage or clip.path),
        ("Clip", ", ".join(filter(None, details))),
        ("Tracked", f"{len(session.tracked_frames)} frames: {counting.ranges(session.tracked_frames)}"),
        ("Created", utc_time(session.created)),
        ("Modified", utc_time(session.modified)),
        ("Committed", _commit_words(commit) if commit is not None and commit.holds else ""),
    ]
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts if value)
    live = {
        number: sorted(frame for frame, row in replay.markers.get(number, {}).items() if not is_muted(row))
        for number in replay.tracks
    }
    return "\n".join(
        (
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(session.name)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{escape(session.name)}</h1>",
            f'<p class="sub">Tracking session {escape(session.id)}, report of {utc_time(timestamp())}</p>',
            _verdict(session, passes, remaining or FrameRanges()),
            f'<table class="facts">{rows}</table>',
            "<h2>Tracked frames</h2>",
            _strip(session.tracked_frames, last, "tall"),
            _axis(last, counting),
            _graph(live.values(), last, counting),
            review_section(states, replay.tracks, last, counting, pictures or {}) if states is not None else "",
            "<h2>Passes</h2>",
            _passes(passes, counting),
            _solves(solves, session.best_solve),
            f"<h2>Tracks <small>{len(live)}, shortest first</small></h2>",
            _tracks(replay, live, last, counting),
            "</body></html>",
            "",
        )
    )


def _commit_words(commit: Commit) -> str:
    still_open = f"; with open frames: {commit.open}" if commit.open else ""
    return f"{' by '.join(filter(None, (utc_time(commit.time), commit.who)))}{still_open}"


def _verdict(session: TrackingSession, passes: Sequence[PassSummary], remaining: FrameRanges) -> str:
    """A warning about lost tracks or untracked frames; empty if there are none."""
    lost = lost_passes(passes, session.tracked_frames)
    counting = Counting(session.footage.start)
    if not lost:
        is_over = session.status in (SessionStatus.TRACKING_COMPLETE, SessionStatus.COMPLETE)
        words = f"Not tracked: {counting.spans(remaining)}."
        return f'<p class="bad">{escape(words)}</p>' if is_over and len(remaining) else ""
    at = f"Lost at frame {counting.shown(lost[0].frame)}: no track was followed from there on."
    words = at if len(lost) == 1 else f"{lost_words(lost, counting)}."
    return f'<p class="bad">{escape(words)}</p>'


def _axis(last: int, counting: Counting) -> str:
    return f'<div class="axis"><span>frame {counting.shown(1)}</span><span>{counting.shown(last)}</span></div>'


def _strip(frames: FrameRanges, last: int, kind: str = "") -> str:
    bars = "".join(
        f'<rect x="{start - 1}" width="{end - start + 1}" height="1"/>'
        for start, end in ((max(1, a), min(last, b)) for a, b in frames.ranges())
        if end >= start
    )
    return f'<svg class="{kind}" viewBox="0 0 {last} 1" preserveAspectRatio="none">{bars}</svg>'


def _graph(live: Iterable[Sequence[int]], last: int, counting: Counting) -> str:
    """A graph of the number of tracks on each frame, with the number that a solve needs."""
    count = Counter(frame for frames in live for frame in frames if 1 <= frame <= last)
    if not count:
        return ""
    top = max(count.values())
    path = ["M0 0"]
    before, height = 0, 0  # the last frame and its number of tracks
    for frame in sorted(count):
        if frame != before + 1 and height:
            path.append(f"H{before}V0")
            height = 0
        if count[frame] != height:
            path.append(f"H{frame - 1}V{count[frame]}")
        before, height = frame, count[frame]
    path.append(f"H{before}V0Z")
    scale = top * 1.1
    low, needed = min(count.values()), ""
    if scale > SOLVE_NEEDS:
        needed = f'<line x1="0" x2="{last}" y1="{SOLVE_NEEDS}" y2="{SOLVE_NEEDS}" vector-effect="non-scaling-stroke"/>'
    return (
        f"<h2>Tracks on each frame <small>{low} to {top}; a camera solve needs {SOLVE_NEEDS} or more</small></h2>"
        f'<svg class="graph" viewBox="0 0 {last} {scale:g}" preserveAspectRatio="none">'
        f'<g transform="matrix(1 0 0 -1 0 {scale:g})"><path d="{"".join(path)}"/>{needed}</g></svg>'
        f"{_axis(last, counting)}"
    )


def _passes(passes: Sequence[PassSummary], counting: Counting) -> str:
    if not passes:
        return "<p>None recorded.</p>"
    head = (
        "<tr><th>No.</th><th>Operation</th><th>Range</th><th>Last frame</th><th>Tracks alive</th><th>Outcome</th></tr>"
    )
    rows = "".join(
        f'<tr><td class="n">{known.number}</td><td>{escape(known.operation.replace("_", " "))}</td>'
        f'<td class="n">{counting.shown(known.start)}-{counting.shown(known.end)}</td>'
        f'<td class="n">{counting.shown(known.last_frame)}</td>'
        f'<td class="n">{known.alive} of {known.tracks}</td><td>{escape(_outcome(known))}</td></tr>'
        for known in passes
    )
    return f'<div class="wide"><table>{head}{rows}</table></div>'


def _solves(solves: Sequence[dict[str, Any]], best: str) -> str:
    """The table of solves; empty if there are none."""
    if not solves:
        return ""
    rows = "".join(
        f'<tr><td class="name" title="{escape(entry.id)}">{escape(entry.id)}</td>'
        f"<td>{escape(_worth(entry))}</td>"
        f'<td class="n">{_figure(solve.get("average_error"), ".3f")}</td>'
        f'<td class="n">{_figure(solve.get("camera_coverage"), ".0%")}</td>'
        f'<td class="n">{f"{entry.tracks_kept} of {entry.tracks_made}" if entry.tracks_made else ""}</td>'
        f'<td class="n">{f"{entry.focal:.2f}" if entry.cameras and entry.focal else ""}</td>'
        f'<td class="n">{escape(utc_time(entry.created))}</td>'
        f"<td>{escape(_best_words(entry)) if entry.id == best else ''}</td></tr>"
        for solve, entry in ((solve, SolveEntry.of(solve)) for solve in solves)
    )
    titles = ("Solve", "Verdict", "Error, pixels", "Frames with a camera", "Tracks", "Focal length, mm", "Made", "")
    head = "".join(f"<th>{title}</th>" for title in titles)
    return f'<h2>Solves</h2><div class="wide"><table><tr>{head}</tr>{rows}</table></div>'


def _worth(entry: SolveEntry) -> str:
    """The verdict of a solve with its reason; empty without one, as a script may have recorded it."""
    return ": ".join(filter(None, (entry.verdict.replace("_", " "), entry.reason)))


def _best_words(entry: SolveEntry) -> str:
    return f"best, says {entry.best_by}" if entry.best_by else "best"


def _figure(value: object, form: str) -> str:
    """A number in this format; other values as text."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
    return format(value, form) if is_number else escape("" if value is None else str(value))


def _outcome(known: PassSummary) -> str:
    return f"{known.outcome_word}: {known.detail}" if known.detail else known.outcome_word


def _tracks(replay: Replay, live: dict[int, list[int]], last: int, counting: Counting) -> str:
    if not replay.tracks:
        return "<p>None yet.</p>"
    rows: list[str] = []
    for number in sorted(live, key=lambda number: len(live[number])):
        name = escape(replay.tracks[number].name)
        span = counting.range(f"{live[number][0]}-{live[number][-1]}") if live[number] else ""
        rows.append(
            f'<tr><td class="name" title="{name}">{name}</td><td class="n">{len(live[number])}</td>'
            f'<td class="n">{span}</td><td class="bar">{_strip(FrameRanges.of(live[number]), last)}</td></tr>'
        )
    head = "<tr><th>Track</th><th>Frames</th><th>From, to</th><th>Where it was followed</th></tr>"
    return f'<div class="wide"><table>{head}{"".join(rows)}</table></div>'


def export_session_report(
    session_path: str | os.PathLike[str],
    output_path: str | os.PathLike[str],
    pictures: Mapping[int, bytes] | None = None,
) -> Path:
    """Write a report for a browser, one self-contained HTML file, and return its path.

    `pictures`: PNGs of clip frames under review, to show with them.
    """
    manager = load_session(session_path)
    output = Path(output_path)
    make_folder(output.parent)
    footage = resolve(manager.path, manager.session.footage.path)
    session, states = manager.session, FrameStates(manager)
    replay = manager.replay()
    page = render(
        session,
        manager.passes,
        replay,
        str(footage),
        manager.solves,
        manager.remaining,
        states,
        pictures,
        last_commit(manager),
    )
    replace_file(output, page.encode("utf-8", "replace"))
    return output
