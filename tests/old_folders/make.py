#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How session-folders.tar.xz was made, by the code of commit 822efb0 in a checkout of it with its bpy 5.0:

python make.py CHECKOUT session-folders.tar.xz

It does not run on other commits. `core/` has sessions that the fake tracker of the tests recorded, `bpy/` those of the
real one, in each case with the pictures beside them, which are uncompressed so that xz sees what they share.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

FRAMES, WIDTH, HEIGHT = 10, 192, 128
LIMIT = 120


def picture(pixels: bytes, width: int) -> bytes:
    """A grey PNG that is not compressed."""
    rows = b"".join(b"\0" + pixels[at : at + width] for at in range(0, len(pixels), width))
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in (
        (b"IHDR", struct.pack(">IIBBBBB", width, len(pixels) // width, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 0)),
        (b"IEND", b""),
    ):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data


def make_mosaic(folder: Path, seed: int) -> Path:
    """Squares of random greys that move by two pixels to the left and one up on each frame."""
    dice = random.Random(seed)
    greys = [[dice.randrange(20, 236) for _ in range(40)] for _ in range(30)]
    folder.mkdir(parents=True)
    for frame in range(FRAMES):
        pixels = bytes(greys[(y + frame) // 9][(x + 2 * frame) // 9] for y in range(HEIGHT) for x in range(WIDTH))
        (folder / f"plate_{frame + 1:04d}.png").write_bytes(picture(pixels, WIDTH))
    return folder


def child(code: str, *arguments: object) -> None:
    """Runs `code` in another Python, until it kills itself."""
    head = "import os, signal, sys\nsys.path.insert(0, 'tests')\nimport conftest\n"
    done = subprocess.run([sys.executable, "-c", head + code, *map(str, arguments)], check=False, timeout=LIMIT)
    assert done.returncode == -signal.SIGKILL


TRACK_AND_DIE = """
from tracking_sessions.core.session import load_session
from tracking_sessions.tests.core.shots import start_run
session = load_session(sys.argv[1])
run = start_run(session, [(1, 8)])
for _ in range(3):
    run.step()
os.kill(os.getpid(), signal.SIGKILL)
"""

RESUME_AND_DIE = """
from tracking_sessions.tests.core import shots
from tracking_sessions.core.run import Run
step = Run.step
def die_later(run):
    if run.steps == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(run)
Run.step = die_later
shots.go_on(shots.Path(sys.argv[1]), [])
"""


def command(*arguments: object, code: int = 0, root: Path) -> str:
    done = subprocess.run(
        [sys.executable, ".", *map(str, arguments), "--root", str(root)],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def make_core(folder: Path) -> dict[str, str]:
    """Sessions of a fake tracker: which session is of which kind."""
    from tracking_sessions.core.session import TrackingSessionManager, create_session
    from tracking_sessions.tests.core import shots

    root = folder / "tracking_sessions"
    plates = shots.make_footage(folder / "plates", 8)

    def new(name: str) -> Any:
        time.sleep(0.01)
        return create_session(plates, name, root)

    made: dict[str, str] = {}
    for name in ("interrupted", "generations", "salvaged", "discarded"):
        session = new(name)
        made[name] = session.path.stem
        child(TRACK_AND_DIE, session.path)
    for _ in range(2):
        child(RESUME_AND_DIE, root / "sessions" / f"{made['generations']}.yaml")
    journal = root / "sessions" / made["salvaged"] / "journal.1"
    data = bytearray(journal.read_bytes())
    data[-300] ^= 1  # in the second of three steps
    journal.write_bytes(data)
    with TrackingSessionManager(root / "sessions" / f"{made['salvaged']}.yaml", salvage=True) as session:
        session.acquire(salvage=True)
    command("discard", made["discarded"], root=root)
    session = new("completed")
    made["completed"] = session.path.stem
    shots.finish(shots.start_run(session, [(1, 8)]))
    session = new("lost")
    made["lost"] = session.path.stem
    tracker = shots.FakeTracker(shots.start_markers((1, 2, 3), 1), lost={1: 3, 2: 5, 3: 5})
    shots.finish(shots.start_run(session, [(1, 8)], tracker))
    parts: list[Path] = []
    for start, end in ((1, 4), (5, 8)):
        session = new("part")
        made[f"part {start}"] = session.path.stem
        tracker = shots.FakeTracker(shots.start_markers((1, 2, 3), start))
        shots.finish(shots.start_run(session, [(start, end)], tracker))
        parts.append(session.path)
    made["merged"] = "merged"
    output = root / "sessions" / "merged.yaml"
    command("merge", *(path.stem for path in parts), "--output", output, root=root)
    importlib.import_module("tracking_sessions.core.session").document_suffix = lambda: ".json"  # as without PyYAML
    session = new("json")
    assert session.path.suffix == ".json"
    made["json"] = session.path.stem
    with shots.start_run(session, [(1, 8)]) as run:
        run.step()
        run.step()
        run.pause()
    session.close()
    assert "interrupted" in command("list", root=root)  # which makes index.db
    return made


def make_bpy(folder: Path) -> dict[str, str]:
    """A session of Blender's tracker that was killed, and two batches."""
    root = folder / "tracking_sessions"
    root.parent.mkdir(parents=True)
    made: dict[str, str] = {}
    plates = make_mosaic(folder / "plates", 1)
    track = [sys.executable, ".", "track", str(plates), "--detect", "--root", str(root)]
    for _ in range(20):
        process = subprocess.Popen(track, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while (
                process.poll() is None
                and sum(path.stat().st_size for path in root.glob("sessions/*/journal.1")) < 65_000
            ):
                time.sleep(0.0005)
        finally:
            process.kill()
            process.wait()
        (file,) = root.glob("sessions/*.yaml")
        if process.returncode == -signal.SIGKILL and "tracking_complete" not in file.read_text():
            made["interrupted"] = file.stem
            break
        command("delete", file.stem, "--force", root=root)
    night = folder / "night"
    for seed in (2, 3):
        make_mosaic(night / f"s0{seed}0", seed)
    command("batch", "run", night, "--detect", "--name", "done", root=root)
    morning = folder / "morning"
    for seed in (4, 5):
        make_mosaic(morning / f"s0{seed}0", seed)
    process = subprocess.Popen(
        [sys.executable, ".", "batch", "run", morning, "--detect", "--name", "paused", "--root", str(root)],
        stderr=subprocess.PIPE,
        text=True,
    )
    sessions = len([*root.glob("sessions/*.yaml")])
    while len([*root.glob("sessions/*.yaml")]) == sessions:
        assert process.poll() is None
        time.sleep(0.0005)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LIMIT)
    assert process.returncode == 75, process.returncode
    for batch in json.loads(command("batch", "list", "--json", root=root)):
        made[batch["name"]] = batch["id"]
    command("list", root=root)
    return made


def main(checkout: Path, archive: Path) -> None:
    os.chdir(checkout)
    sys.path.insert(0, "tests")
    importlib.import_module("conftest")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = {"core": make_core(folder / "core"), "bpy": make_bpy(folder / "bpy")}
        (folder / "made.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        for lease in folder.rglob("lease.*"):
            head, counter = lease.read_text(encoding="ascii").split("\n", 1)
            owner = {**json.loads(head), "host": "workstation", "machine": "0" * 32, "boot": "1"}
            lease.write_text(f"{json.dumps(owner)}\n{counter}", encoding="ascii")
        with tarfile.open(archive, "w:xz", preset=9) as tar:
            for name in ("made.json", "core", "bpy"):
                tar.add(folder / name, name)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
