# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a session: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from .model import TrackingSession, timestamp
from .replay import Replay, is_muted

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 60em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em; margin-bottom: 0; overflow-wrap: anywhere } h2 { font-size: 1.15em; margin-top: 2em }
p.sub { color: #667; margin-top: .2em; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th { text-align: left; color: #667; font-weight: 500 }
td, th { padding: .25em .8em .25em 0; border-bottom: 1px solid #e4e4ea; vertical-align: middle }
td { overflow-wrap: anywhere }
td.n { font-variant-numeric: tabular-nums; white-space: nowrap }
svg { display: block; width: 100%; height: 12px; background: #eceef2; border-radius: 2px }
svg.tall { height: 22px }
@media (prefers-color-scheme: dark) { body { background: #1d1e22; color: #ddd } td, th { border-color: #333640 }
svg { background: #2b2d34 } th, p.sub { color: #99a } }
"""


def render(session: TrackingSession, passes: Sequence[dict[str, Any]], replay: Replay) -> str:
    """The whole report. Everything that comes from files is escaped."""
    footage = session.footage
    last = footage.frame_count or max((end for _, end in session.tracked_frames.ranges()), default=1)
    facts = [
        ("Status", session.status.value.replace("_", " ")),
        ("Footage", footage.path),
        ("Frames", f"{footage.frame_count}, {footage.size[0]}x{footage.size[1]} pixels, {footage.fps:g} fps"),
        ("Tracked", f"{len(session.tracked_frames)} frames ({session.tracked_frames})"),
        ("Tracks", str(len(replay.tracks))),
        ("Created", session.created),
        ("Modified", session.modified),
    ]
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts)
    return "\n".join(
        (
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(session.name)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{escape(session.name)}</h1>",
            f'<p class="sub">Tracking session {escape(session.id)}, report of {timestamp()}</p>',
            f"<table>{rows}</table>",
            f"<h2>Frames 1 to {last}</h2>",
            _strip(list(session.tracked_frames.ranges()), last, "tall"),
            "<h2>Passes</h2>",
            _passes(passes),
            "<h2>Tracks</h2>",
            _tracks(replay, last),
            "</body></html>",
            "",
        )
    )


def _strip(ranges: Sequence[tuple[int, int]], last: int, kind: str = "") -> str:
    bars = "".join(
        f'<rect x="{start - 1}" width="{end - start + 1}" height="1" fill="#3b7dd8"/>'
        for start, end in ((max(1, a), min(last, b)) for a, b in ranges)
        if end >= start
    )
    return f'<svg class="{kind}" viewBox="0 0 {last} 1" preserveAspectRatio="none">{bars}</svg>'


def _passes(passes: Sequence[dict[str, Any]]) -> str:
    if not passes:
        return "<p>None yet.</p>"
    head = (
        "<tr><th>No.</th><th>Operation</th><th>Range</th><th>Last frame</th><th>Tracks alive</th><th>Outcome</th></tr>"
    )
    rows = "".join(
        f'<tr><td class="n">{one["number"]}</td><td>{escape(str(one["operation"]).replace("_", " "))}</td>'
        f'<td class="n">{escape(str(one["range"]))}</td><td class="n">{one["last_frame"]}</td>'
        f'<td class="n">{one["alive"]} of {one["tracks"]}</td><td>{escape(_outcome(one))}</td></tr>'
        for one in passes
    )
    return f"<table>{head}{rows}</table>"


def _outcome(one: dict[str, Any]) -> str:
    detail = f": {one['detail']}" if one.get("detail") else ""
    return f"{one['outcome']}{detail}"


def _tracks(replay: Replay, last: int) -> str:
    if not replay.tracks:
        return "<p>None yet.</p>"
    rows: list[str] = []
    for number, data in replay.tracks.items():
        live = sorted(frame for frame, row in replay.markers.get(number, {}).items() if not is_muted(row))
        ranges: list[tuple[int, int]] = []
        for frame in live:
            if ranges and ranges[-1][1] == frame - 1:
                ranges[-1] = (ranges[-1][0], frame)
            else:
                ranges.append((frame, frame))
        rows.append(
            f'<tr><td>{escape(data.name)}</td><td class="n">{len(live)}</td>'
            f'<td width="70%">{_strip(ranges, last)}</td></tr>'
        )
    return f"<table><tr><th>Track</th><th>Frames</th><th>Where it was followed</th></tr>{''.join(rows)}</table>"
