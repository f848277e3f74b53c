# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that exchange cameras with other programs: `export` and `import`."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from ..core.errors import NoCamera, SolveUnreadable, UsageError
from ..core.exchange.camera import CameraMove, move_of
from ..core.exchange.formats import NAMES, format_of
from ..core.exchange.rotation import ORDERS
from ..core.journal.solves import best_solve
from ..core.model.ids import find_id
from ..core.model.types import SOLVE_ID
from ..core.model.wording import short
from ..core.recording.manager import TrackingSessionManager
from ..core.solve.placement import guess_placement
from ..core.solve.solve import Solve, VerdictKind
from ..core.solve.store import StoredSolve, list_solves, read_solve
from ..core.storage.files import replace_file
from ..core.storage.folder import SessionFolder
from .arguments import add_json, add_session, command
from .finding import find, need_bpy, root_of
from .terminal import quiet_blender, say

_SENSOR = 36.0  # millimetres: Blender's, and a full frame
_SIZE_LIMIT = 65_536  # pixels, as Blender


def add_commands(commands: Any) -> None:
    words = "write the camera of a session for another program"
    parser = command(commands, "export", _export, words, "export 20260131-101500-5f0c2d1e -o 010.chan")
    add_session(parser)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="the file to write: a .chan")
    parser.add_argument("--solve", metavar="ID", help="the id of a solve, or the beginning of it (default: the best)")
    _add_format(parser)
    add_json(parser)

    words = "bring a camera of another program into a .blend; needs Blender or its bpy module"
    parser = command(commands, "import", _import, words, "import 010.chan -o 010.blend --size 1920x1080")
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to read: a .chan of Nuke")
    words = "the .blend to save, a copy of the opened one if there is one"
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help=words)
    words = "the size of the footage, pixels (default: that of the scene's renders)"
    parser.add_argument("--size", metavar="WxH", type=_size, help=words)
    words = f"the width of the sensor, millimetres (default: {_SENSOR:g})"
    parser.add_argument("--sensor", metavar="MM", type=_millimetres, default=_SENSOR, help=words)
    _add_format(parser)
    add_json(parser)


def _add_format(parser: argparse.ArgumentParser) -> None:
    words = "the format (default: by the end of the file's name)"
    parser.add_argument("--format", choices=NAMES, default="", metavar="F", help=f"{words}: {', '.join(NAMES)}")
    words = f"the order of rotations, {', '.join(ORDERS)} (default: ZXY, that of Nuke)"
    parser.add_argument("--order", choices=ORDERS, default="ZXY", metavar="XYZ", help=words)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    for number in (width, height):
        if not (number.isascii() and number.isdigit() and len(number) < 6 and 4 <= int(number) <= _SIZE_LIMIT):
            raise argparse.ArgumentTypeError(f"{short(text)!r} is no size: write width and height, as 1920x1080")
    return int(width), int(height)


def _millimetres(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 1.0 <= value <= 1000.0:  # also refuses NaN
        raise argparse.ArgumentTypeError(f"{short(text)!r} is no width of a sensor: write millimetres, as 36")
    return value


def _export(options: argparse.Namespace) -> list[str]:
    output: Path = options.output
    format = format_of(output, options.format)
    if output.is_dir():
        raise UsageError(f"{output} is a folder: name a file in it")
    if output.exists() and output.suffix.lower() != format.suffix:
        raise UsageError(f"{output} exists and is no {format.suffix}: name another file")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {output.absolute().parent} to write in: make it first")
    manager = find(options.session, root_of(options.root))
    solve = _solve(manager, options.solve)
    placement = guess_placement(solve)
    replace_file(output, format.write(move_of(solve, placement, manager.counting.shown, options.order)))
    lens, first, last = solve.lens, solve.cameras[0].frame, solve.cameras[-1].frame
    row = {
        "id": manager.id,
        "solve": solve.id,
        "verdict": solve.verdict.kind.value,
        "average_error": solve.average_error,
        "file": str(output.absolute()),
        "format": format.name,
        "cameras": len(solve.cameras),
        "shown_first": manager.counting.shown(first),
        "shown_last": manager.counting.shown(last),
        "order": options.order,
        "haperture": round(lens.sensor, 6),
        "vaperture": round(lens.sensor * lens.size[1] / (lens.size[0] * lens.aspect), 6),
        "notes": list(placement.notes),
    }
    if solve.verdict.kind is not VerdictKind.SOLVED:
        kind = solve.verdict.kind.value.replace("_", " ")
        say(f"The verdict on {solve.id} is “{kind}”: {solve.verdict.reason}. It is exported all the same.")
    if any(lens.centre) or any(lens.coefficients):
        say(f"A {format.suffix} has neither distortion nor the principal point: use undistorted footage.")
    if options.json:
        return [json.dumps(row, indent=1)]
    return [
        str(output),
        f"{solve.id}, {row['cameras']} frames, {row['shown_first']} to {row['shown_last']}",
        f"Before the import give the camera haperture {row['haperture']:g}, vaperture {row['vaperture']:g} (mm), "
        f"and rot_order {options.order}",
        *placement.notes,
    ]


def _solve(manager: TrackingSessionManager, wanted: str | None) -> Solve:
    """The solve of this id, else the best one that is stored with a camera. Raises NoCamera, UsageError and
    SolveUnreadable."""
    entries = {str(entry["id"]): entry for entry in manager.solves if SOLVE_ID.match(str(entry["id"]))}
    found = list_solves(SessionFolder.of(manager.path), manager.id)
    stored = {one.path.stem: one for one in found if isinstance(one, StoredSolve)}
    broken = {one.path.stem: one for one in found if isinstance(one, SolveUnreadable)}
    what = f"“{short(manager.session.name)}”"
    if wanted is not None:
        try:
            id = find_id(wanted, sorted({*stored, *broken}), "solves")
        except ValueError as error:
            raise UsageError(str(error)) from None
        if id is None:
            known = ", ".join(sorted(stored)) or "none"
            raise UsageError(f"{what} has no stored solve {short(wanted)!r}: it has {known}")
        if id in broken:
            raise broken[id]
        if not stored[id].cameras:
            raise NoCamera(f"{id} of {what}", stored[id].header.verdict.reason)
        return read_solve(stored[id].path)
    # one that cannot be read may be the best, and no other takes its place in silence
    best = best_solve([entry for id, entry in entries.items() if id in broken or (id in stored and stored[id].cameras)])
    if best is not None:
        id = str(best["id"])
        if id in broken:
            raise broken[id]
        return read_solve(stored[id].path)
    if stored:
        newest = next(one.header for one in reversed(found) if isinstance(one, StoredSolve))
        raise NoCamera(what, newest.verdict.reason)
    raise NoCamera(what, "no solve of it is stored" if manager.solves else "it was not solved yet")


def _import(options: argparse.Namespace) -> list[str]:
    format = format_of(options.file, options.format)
    move = format.read(options.file, options.order)
    with quiet_blender():  # which says what it has saved
        row = _imported(options, move)
    if row["focal_length"] is None:
        say("The file has no field of view: set the focal length of the camera.")
    if options.json:
        return [json.dumps(row, indent=1)]
    lens = f", {row['focal_length']:g} mm" if row["focal_length"] is not None else ""
    frames = f"{row['cameras']} frames, {row['first']:g} to {row['last']:g}"
    return [str(options.output), f"{row['camera']}, {frames}{lens}"]


def _imported(options: argparse.Namespace, move: CameraMove) -> dict[str, Any]:
    """Save the .blend; returns what it has. Raises UsageError without Blender."""
    need_bpy("A .blend needs")
    import bpy

    from ..bridge.solve.importing import import_move, save_with
    from ..bridge.tracking.saving import check_save

    opened = Path(bpy.data.filepath) if bpy.data.filepath else None
    check_save(options.output, opened)
    scene: Any = bpy.context.scene
    if options.size is not None:
        scene.render.resolution_x, scene.render.resolution_y = options.size
        scene.render.resolution_percentage = 100
    camera = import_move(scene, move, options.file.stem, options.sensor, fits_range=opened is None)
    path = save_with(camera, options.output)
    data: Any = camera.data
    return {
        "file": str(path.absolute()),
        "camera": camera.name,
        "cameras": len(move.poses),
        "first": move.poses[0].frame,
        "last": move.poses[-1].frame,
        "focal_length": None if move.poses[0].field_of_view is None else round(data.lens, 6),
    }
