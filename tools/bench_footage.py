# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the check of a shot's files before tracking: milliseconds and bytes read a frame, for each format."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from tracking_sessions.core.footage.check import FootageCheck
from tracking_sessions.core.footage.details import describe
from tracking_sessions.core.footage.files import Footage, find_footage
from tracking_sessions.core.footage.pictures import file as picture_file
from tracking_sessions.tests.footage import make_long
from tracking_sessions.tests.pictures import link
from tracking_sessions.tests.plate_files import by_hand
from tracking_sessions.tools.bench_figures import Cost, Report

FRAMES = 4000
PICTURES = 16  # files; the other frames are links to them
WIDTH, HEIGHT = 1920, 1080


def measure_footage(folder: Path, frames: int, report: Report) -> None:
    """Check the files of each format, first to fill the system's cache, then to measure."""
    print(f"Footage of {frames:,} frames, checked before tracking:", flush=True)
    for name, files in _kinds(folder):
        size = sum(os.path.getsize(file) for file in files) / len(files)
        target = folder / name.split()[0].lower()
        target.mkdir()
        for number in range(frames):
            link(files[number % len(files)], target / f"plate.{1001 + number:04d}{files[0].suffix}")
        footage = find_footage(target)
        with _counted() as read:
            details = describe(footage)
        cost = best(_cost(footage) for _ in range(5))
        check = FootageCheck(footage, details)
        begun = time.perf_counter()
        for frame in range(1, frames + 1):
            check.frame(frame)
        step = (time.perf_counter() - begun) / frames
        title = f"{name}, {size / 1e6:.2f} MB"
        print(f"  {title}: {read[0] / frames:.0f} reads of {read[1] / frames / 1024:.1f} KB a frame; ", end="")
        print(f"check in a step {step * 1e6:.0f} us")
        report.target(f"{title}, {cost.processors:.2f} ms of the processor", cost.clock, 1, " ms a frame")


def best(costs: Iterable[Cost]) -> Cost:
    """The least of repeated measurements: other work on the machine only adds to them."""
    clock, processors = zip(*costs, strict=True)
    return Cost(min(clock), min(processors))


def _cost(footage: Footage) -> Cost:
    clock, processors = time.perf_counter(), time.process_time()
    describe(footage)
    clock, processors = time.perf_counter() - clock, time.process_time() - processors
    return Cost(clock / footage.count * 1000, processors / footage.count * 1000)


@contextmanager
def _counted() -> Iterator[list[int]]:
    """Count the reads inside the block, and their bytes."""
    counts = [0, 0]
    inner = picture_file._pread

    def pread(descriptor: int, count: int, at: int) -> bytes:
        data = inner(descriptor, count, at)
        counts[0] += 1
        counts[1] += len(data)
        return data

    picture_file._pread = pread
    try:
        yield counts
    finally:
        picture_file._pread = inner


def _kinds(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Some files of each format."""
    shot = make_long(folder / "720p", PICTURES, tracks=1, loop=PICTURES)
    yield "PNG 1280x720, one chunk", list(shot.files)
    noise = np.random.default_rng(9)
    ramp = np.linspace(30, 200, WIDTH)[None, :, None] + np.linspace(0, 30, HEIGHT)[:, None, None]
    plates = [(ramp + noise.normal(0, 6, (HEIGHT, WIDTH, 3))).clip(0, 255).astype(np.uint8) for _ in range(4)]
    (folder / "made").mkdir()
    for name, write in (
        ("PNG-of-8-KB-chunks 1920x1080", lambda plate: by_hand.png(plate, 8192)),
        ("DPX 1920x1080, 10 bit", lambda plate: by_hand.dpx(plate, ">")),
    ):
        files = [folder / "made" / f"{name.split()[0]}{index}.{name[:3].lower()}" for index in range(len(plates))]
        for file, plate in zip(files, plates, strict=True):
            file.write_bytes(write(plate))
        yield name, files
    for name, kind, depth, suffix in (
        ("JPEG 1920x1080", "JPEG", "8", "jpg"),
        ("EXR 1920x1080, ZIP, half", "OPEN_EXR", "16", "exr"),
        ("TIFF 1920x1080, deflate, 16 bit", "TIFF", "16", "tif"),
    ):
        files = [folder / "made" / f"{kind}{index}.{suffix}" for index in range(len(plates))]
        for file, plate in zip(files, plates, strict=True):
            _save(file, plate, kind, depth)
        yield name, files


def _save(path: Path, plate: Any, kind: str, depth: str) -> None:
    scene: Any = bpy.data.scenes.new("Footage")
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = kind, "RGB", depth
    if kind == "OPEN_EXR":
        settings.exr_codec = "ZIP"
    elif kind == "TIFF":
        settings.tiff_codec = "DEFLATE"
    image: Any = bpy.data.images.new("Footage", WIDTH, HEIGHT, float_buffer=kind == "OPEN_EXR")
    pixels = np.ones((HEIGHT, WIDTH, 4), np.float32)
    pixels[..., :3] = plate.astype(np.float32) / 255
    image.pixels.foreach_set(pixels.ravel())
    image.save_render(str(path), scene=scene)
    bpy.data.images.remove(image)
    bpy.data.scenes.remove(scene)
