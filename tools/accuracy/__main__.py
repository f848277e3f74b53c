# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the tables of docs/accuracy.md: the extension's cameras and Blender's own, beside the true ones.

    .venv/bin/python tools/accuracy                         all shots, in hours
    .venv/bin/python tools/accuracy --only orbit nodal      these; --small for small pictures and few frames
    .venv/bin/python tools/accuracy --first 100 --seeds 3   three shots of each kind, of seeds 100, 101, 102
    .venv/bin/python tools/accuracy --check                 whether the tracks follow the true cameras

The same seeds give the same pictures. `--folder` keeps them, the sessions, and what was found, in results.json. The
exit code is 1 if a wrong camera was called solved or a tripod's, or with --strict if any shot misses its target.

Real footage is that of the Debian package visp-images-data. Its shot `cube` has no true cameras: --pycolmap names a
Python that has pycolmap (`pip install pycolmap` into an environment of its own), whose reconstruction stands in.
"""

from __future__ import annotations

import argparse
import json
import runpy
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from math import isfinite
from pathlib import Path

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).resolve().parent.parent.parent / "__main__.py"))["_load"]()

from tracking_sessions.tools.accuracy.check import check
from tracking_sessions.tools.accuracy.kinds import KINDS
from tracking_sessions.tools.accuracy.real import REAL, real
from tracking_sessions.tools.accuracy.scoring import RECONSTRUCTED, TRUE, Score, is_wrong, keeps_target
from tracking_sessions.tools.accuracy.shot import TRUTH, Truth, is_rendered, shot
from tracking_sessions.tools.accuracy.solved import Solved, by_blender, by_command

SMALL_WIDTH, SMALL_FRAMES = 640, 48
HEAD = """\
| shot | frames | lens | Blender: px | path | cameras | s | ours: px | path (worst) | turn | focal | cameras | tracks \
| s | verdict | |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"""
CHECK_HEAD = """\
| shot | tracks | off by 1 px | median px | of 90 % | solved px | path |
|---|---|---|---|---|---|---|"""


def main() -> int:
    options = _options()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="accuracy-") as temporary:
        shots = _shots(options, options.folder or Path(temporary))
        return _checked(shots, options) if options.check else _compared(shots, options)


def _shots(options: argparse.Namespace, parent: Path) -> Iterator[tuple[str, Truth]]:
    """Each shot with its label, rendered or converted unless it is there, and removed afterwards unless it is kept.
    Real footage that is not installed is left out."""
    for name in options.only or [*KINDS, *REAL]:
        for seed in range(options.first, options.first + (options.seeds if name in KINDS else 1)):
            folder = parent / f"{name}-{seed}"
            truth = real(name, folder, options.pycolmap) if name in REAL else _rendered(name, seed, folder, options)
            if truth is not None:
                yield (name if options.seeds == 1 or name in REAL else f"{name} {seed}"), truth
            if not options.folder:
                shutil.rmtree(folder, ignore_errors=True)


def _rendered(name: str, seed: int, folder: Path, options: argparse.Namespace) -> Truth:
    kind = KINDS[name]
    if options.small:
        width = min(kind.size[0], SMALL_WIDTH)
        size = width, round(width * kind.size[1] / kind.size[0])
        kind = replace(kind, size=size, frames=min(kind.frames, SMALL_FRAMES))
    if (folder / TRUTH).is_file() and is_rendered(folder, seed, kind):
        return Truth.read(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return shot(name, seed, folder, kind=kind)


def _checked(shots: Iterator[tuple[str, Truth]], options: argparse.Namespace) -> int:
    print(CHECK_HEAD)
    for label, truth in shots:
        print(f"| {label} | {check(truth, options.limit)} |", flush=True)
    return 0


def _compared(shots: Iterator[tuple[str, Truth]], options: argparse.Namespace) -> int:
    began = time.monotonic()
    results: list[dict[str, object]] = []
    print("px: Blender's average error. path: RMS error of the positions, share of the path's length.\n")
    print(HEAD)
    for label, truth in shots:
        blender, ours = Solved(), Solved()
        if "blender" in options.ways:
            blender = by_blender(truth, options.limit)
        if "ours" in options.ways:
            root = options.folder and options.folder / "sessions" / truth.folder.name
            ours = by_command(truth, options.limit, options.jobs, root, tracks_anew=not options.again)
        word = _word(ours, truth)
        print(f"| {label} | {_row(truth, blender, ours)} | {word} |", flush=True)
        figures = _figures("blender", blender, truth) | _figures("ours", ours, truth)
        results.append({"shot": label, "word": word, **figures})
        if options.folder:
            text = json.dumps(results, indent=1, allow_nan=False)
            Path(options.folder, "results.json").write_text(text, encoding="utf-8")
    wrong, missed = ([one["shot"] for one in results if one["word"] == word] for word in ("WRONG", "missed"))
    print(f"\n{len(results)} shots, {time.monotonic() - began:.0f} s.")
    print(f"Wrong cameras called good: {len(wrong)}{_listed(wrong)}. Targets missed: {len(missed)}{_listed(missed)}.")
    return 1 if wrong or (options.strict and missed) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare solved cameras with the true ones.")
    parser.add_argument("--only", nargs="+", choices=[*KINDS, *REAL], metavar="NAME", help="only these shots")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="the first seed (default 1)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="shots of each kind (default 1)")
    parser.add_argument("--small", action="store_true", help=f"{SMALL_WIDTH} wide, {SMALL_FRAMES} frames at most")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="keep shots and results there, and use those in it")
    parser.add_argument("--again", action="store_true", help="only solve anew, with the tracks in the folder")
    parser.add_argument("--ways", nargs="+", choices=["blender", "ours"], default=["blender", "ours"])
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes of the extension's command")
    parser.add_argument("--limit", type=float, default=1800.0, metavar="S", help="seconds for one way (default 1800)")
    parser.add_argument("--pycolmap", type=Path, metavar="PYTHON", help="a Python with pycolmap, for cube")
    parser.add_argument("--check", action="store_true", help="check the tracks of the shots against their cameras")
    parser.add_argument("--strict", action="store_true", help="exit with 1 for a missed target, too")
    parser.add_argument("--list", action="store_true", help="list the shots")
    options = parser.parse_args()
    if options.list:
        print("\n".join([*KINDS, *REAL]))
        sys.exit(0)
    return options


def _row(truth: Truth, blender: Solved, ours: Solved) -> str:
    its, our = blender.score(truth), ours.score(truth)
    lens = f"{truth.millimetres:.4g} mm" if truth.is_lens_known else "unknown"
    path = f"{_share(our.path)} ({_share(our.worst)})" if our.travels else ""
    verdict = ours.verdict.value if ours.verdict else ours.reason
    cells = [f"{truth.frames}, {truth.size[0]}x{truth.size[1]}", lens]
    cells += [_number(blender.error), _share(its.path), _cameras(blender, its), _number(blender.seconds, 0)]
    cells += [_number(ours.error), path, _number(our.turn, unit="°"), _share(our.focal), _cameras(ours, our)]
    cells += [f"{ours.kept}/{ours.made}" if ours.made else "", _number(ours.seconds, 0), verdict.replace("|", "/")]
    return " | ".join(cells)


def _word(ours: Solved, truth: Truth) -> str:
    """The judgement of a row: nothing for a shot as it should be."""
    if ours.verdict is None:
        return "missed" if ours.reason else ""
    made, limits = ours.score(truth), RECONSTRUCTED if truth.is_reconstruction else TRUE
    if not made.frames:
        return "no truth"
    if is_wrong(ours.verdict, made, limits):
        return "WRONG"
    return "" if keeps_target(ours.verdict, ours.error, made, truth.expected, limits) else "missed"


def _figures(way: str, solved: Solved, truth: Truth) -> dict[str, object]:
    values = {"error": solved.error, "kept": solved.kept, "made": solved.made, "seconds": solved.seconds}
    values |= {"verdict": solved.verdict, "reason": solved.reason} | asdict(solved.score(truth))
    is_nan = {name: isinstance(value, float) and not isfinite(value) for name, value in values.items()}
    return {f"{way}_{name}": None if is_nan[name] else value for name, value in values.items()}  # JSON has no NaN


def _number(value: float, digits: int = 3, unit: str = "") -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}{unit}" if isfinite(value) else ""  # no -0.000


def _share(value: float) -> str:
    return _number(100 * value, 3 if abs(value) < 0.1 else 1, " %")


def _cameras(solved: Solved, made: Score) -> str:
    return f"{made.cameras}/{made.frames}" if len(solved.frames) else "none" * bool(solved.seconds > 0)


def _listed(names: list[object]) -> str:
    return f" ({', '.join(map(str, names))})" if names else ""


if __name__ == "__main__":
    sys.exit(main())
