# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that looks at footage: `footage`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..core.errors import Interrupted, SessionUnreadable, StorageFailed
from ..core.footage.analysis.known import Analysis, keep_analysis, known_analysis
from ..core.footage.details import FootageDetails, describe, save_details
from ..core.footage.files import Footage, find_footage, refuse_single_picture
from ..core.footage.metadata import Metadata, extract_metadata
from ..core.storage.folder import SessionFolder
from ..core.tracking.plan import OPTIONS
from .arguments import FRAMES_COUNT, add_json, add_root, command
from .errors import error_words
from .finding import need_bpy, root_of
from .terminal import Signals, quiet_blender, say

_INTERVAL = 0.2  # seconds between two changes of the progress on a terminal


def add_commands(commands: Any) -> None:
    words = "show what footage is, and the frames on which tracking it will fail; keep that for what follows"
    parser = command(commands, "footage", _footage, words, "footage shots/010/plate_0001.png")
    parser.description = f"{parser.description} {FRAMES_COUNT}"
    parser.add_argument("footage", metavar="PATH", type=Path, help=OPTIONS[0].help)
    parser.add_argument("--quick", action="store_true", help="only what the files say; needs no Blender")
    parser.add_argument("--again", action="store_true", help="look at the pictures again, although the result is known")
    add_root(parser)
    add_json(parser)


def _footage(options: argparse.Namespace) -> list[str]:
    footage = find_footage(options.footage)
    if footage.count == 1:
        refuse_single_picture(footage)
    details = describe(footage)
    metadata = extract_metadata(footage)
    analysis = None
    if not options.quick:
        folder = SessionFolder(root_of(options.root))
        analysis = None if options.again else known_analysis(folder, details.fingerprint)
        if analysis is None or find_spec("bpy") is not None:
            need_bpy()
            metadata, analysis = _looked_at(footage, details, metadata, analysis, folder)
    if options.json:
        return [json.dumps(_content(footage, details, metadata, analysis), indent=1)]
    return [*_description(footage, metadata), *([] if analysis is None else _words(footage, analysis))]


def _looked_at(
    footage: Footage, details: FootageDetails, metadata: Metadata, known: Analysis | None, folder: SessionFolder
) -> tuple[Metadata, Analysis]:
    """The metadata with what Blender knows, and the analysis, which is kept."""
    from ..bridge.clip.analyzing import analyzing, completed

    with Signals() as signals, quiet_blender():
        metadata = completed(metadata, footage)
        if known is not None:
            return metadata, known
        work = analyzing(footage, details, metadata.size, metadata.frames)
        with _progress() as show:
            while True:
                if signals.name:
                    raise Interrupted(f"{signals.name}: stopped, and nothing of the analysis is kept")
                try:
                    show(next(work))
                except StopIteration as end:
                    analysis: Analysis = end.value
                    break
    try:
        save_details(folder, footage, details)
        keep_analysis(folder, details.fingerprint, analysis)
    except (StorageFailed, SessionUnreadable) as error:
        say(f"The analysis is not kept. {error_words(error)}.")
    return metadata, analysis


@contextmanager
def _progress() -> Iterator[Callable[[float], None]]:
    """Shows the share done on a terminal, and nothing in a log."""
    is_shown, last = sys.stderr.isatty(), 0.0

    def show(share: float) -> None:
        nonlocal last
        if is_shown and time.monotonic() - last > _INTERVAL:
            last = time.monotonic()
            say(f"\r\033[KLooking at the footage: {100 * share:.0f} %", end="")

    try:
        yield show
    finally:
        if last:
            say("\r\033[K", end="")


def _description(footage: Footage, metadata: Metadata) -> list[str]:
    rows = dict(_rows(footage, metadata))
    width = max(map(len, rows))
    return [f"{name:<{width}}  {value}" for name, value in rows.items()] + [f"{words}." for words in metadata.remarks]


def _rows(footage: Footage, metadata: Metadata) -> Iterator[tuple[str, str]]:
    yield "footage", str(metadata.path)
    kind = "image sequence" if metadata.source == "SEQUENCE" else "movie"
    yield "source", f"{kind}, {', '.join(filter(None, (metadata.format, metadata.codec)))}"
    if all(metadata.size):
        aspect = metadata.pixel_aspect
        yield "size", f"{metadata.size[0]}x{metadata.size[1]}" + (f", pixels {aspect:g}:1" * (aspect not in (0, 1)))
    if metadata.frames:
        yield "frames", f"{metadata.frames:,} ({footage.counting.span(1, metadata.frames)})"
    if metadata.fps:
        yield "rate", f"{metadata.fps:g} frames per second"
    for name, value in (
        ("depth", metadata.depth_words()),
        ("colour space", metadata.colour_space),
        ("time code", metadata.time_code),
    ):
        if value:
            yield name, value
    yield from metadata.tags.items()


def _words(footage: Footage, analysis: Analysis) -> list[str]:
    problems = analysis.problems(footage.counting)
    lines = [f"{words}." for words in problems] or ["Nothing found that makes tracking fail."]
    sampling = analysis.sampling_words()
    return [*lines, f"{analysis.motion_words()}.", *([f"{sampling}."] if sampling else [])]


def _content(
    footage: Footage, details: FootageDetails, metadata: Metadata, analysis: Analysis | None
) -> dict[str, Any]:
    content = {**metadata.content(), "fingerprint": details.fingerprint, "analysis": None, "problems": []}
    if analysis is not None:
        kept = analysis.content()
        for name in Analysis.SETS:
            kept[name] = {"count": len(getattr(analysis, name)), "ranges": kept[name]}
        kept["is_sampled"] = analysis.is_sampled
        content["analysis"] = footage.counting.described(kept)
        content["problems"] = analysis.problems(footage.counting)
    return content
