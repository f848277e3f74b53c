# SPDX-License-Identifier: GPL-3.0-or-later
"""Metadata of real and of damaged files."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

import pytest

from tracking_sessions.core.errors import FootageUnusable
from tracking_sessions.core.footage.metadata import Metadata, extract_metadata, get_frame_rate
from tracking_sessions.tests.plates import HEIGHT, WIDTH, lay, picture, variants


def of(folder: Path, variant: str) -> Metadata:
    lay(folder / variant, variant, 3, first=1001)
    return extract_metadata(folder / variant)


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("exr-half-zip", ("OpenEXR", 16, True, "ZIP")),
        ("exr-float-none", ("OpenEXR", 32, True, "uncompressed")),
        ("exr-half-dwaa", ("OpenEXR", 16, True, "DWAA")),
        ("dpx-10bit-big-endian", ("DPX", 10, False, "uncompressed")),
        ("dpx-16bit-little-endian", ("DPX", 16, False, "uncompressed")),
        ("cin-10bit", ("Cineon", 10, False, "uncompressed")),
        ("png-16bit", ("PNG", 16, False, "Deflate")),
        ("jpg-progressive", ("JPEG", 8, False, "progressive JPEG")),
        ("tif-16bit-big-endian", ("TIFF", 16, False, "uncompressed")),
        ("tif-bigtiff", ("TIFF", 8, False, "uncompressed")),
        ("tif-float-deflate", ("TIFF", 32, True, "Deflate")),
    ],
)
def test_depth_and_codec_are_those_of_the_file(tmp_path: Path, variant: str, expected: tuple[object, ...]) -> None:
    found = of(tmp_path, variant)
    assert (found.format, found.bits, found.is_float, found.codec) == expected
    assert (found.source, found.size, found.frames, found.start) == ("SEQUENCE", (WIDTH, HEIGHT), 3, 1001)
    assert found.remarks == ()


def attribute(name: str, kind: str, value: bytes) -> bytes:
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(value)) + value


def with_attributes(data: bytes, *attributes: bytes) -> bytes:
    """An EXR with these attributes first; the offsets in its table grow by their length."""
    added = b"".join(attributes)
    end = _header_end(data)
    chunks = data.index(struct.pack("<i", 0), end)  # the first chunk is of line 0
    count = (chunks - end) // 8
    table = [offset + len(added) for offset in struct.unpack_from(f"<{count}Q", data, end)]
    return data[:8] + added + data[8:end] + struct.pack(f"<{count}Q", *table) + data[end + 8 * count :]


def _header_end(data: bytes) -> int:
    at = 8
    while data[at]:
        at = data.index(0, data.index(0, at) + 1) + 1
        at += 4 + struct.unpack_from("<I", data, at)[0]
    return at + 1


def test_the_tags_of_an_exr(tmp_path: Path) -> None:
    rec709 = struct.pack("<8f", 0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.329)
    data = with_attributes(
        picture("exr-half-none"),
        attribute("framesPerSecond", "rational", struct.pack("<iI", 24000, 1001)),
        attribute("timeCode", "timecode", struct.pack("<II", 0x10203012, 0)),
        attribute("chromaticities", "chromaticities", rec709),
        attribute("cameraModel", "string", b"Example One"),
        attribute("focalLength", "float", struct.pack("<f", 35.5)),
        attribute("isoSpeed", "float", struct.pack("<f", float("nan"))),
    )
    (tmp_path / "a.1.exr").write_bytes(data)
    found = extract_metadata(tmp_path / "a.1.exr")
    assert found.fps == pytest.approx(23.976024)
    assert found.time_code == "10:20:30:12"
    assert found.colour_space == "Rec.709 primaries"
    assert found.tags["camera model"] == "Example One" and found.tags["focal length (mm)"] == "35.5"
    assert "ISO" not in found.tags


def test_the_tags_of_a_dpx(tmp_path: Path) -> None:
    data = bytearray(picture("dpx-10bit-big-endian"))
    struct.pack_into(">II", data, 1628, 2, 1)
    struct.pack_into(">f", data, 1724, 25.0)
    struct.pack_into(">I", data, 1920, 0x01020304)
    (tmp_path / "a.1.dpx").write_bytes(data)
    found = extract_metadata(tmp_path / "a.1.dpx")
    assert (found.pixel_aspect, found.fps, found.time_code) == (2.0, 25.0, "01:02:03:04")
    assert get_frame_rate(tmp_path / "a.1.dpx") == 25.0


def exif() -> bytes:
    """A TIFF header, a directory with a make, and an EXIF directory with a focal length of 50 mm."""
    make = struct.pack("<HHI", 271, 2, 8) + struct.pack("<I", 100)
    pointer = struct.pack("<HHII", 34665, 4, 1, 40)
    first = b"II*\0" + struct.pack("<IH", 8, 2) + make + pointer + struct.pack("<I", 0)
    inner = struct.pack("<H", 1) + struct.pack("<HHII", 37386, 5, 1, 110) + struct.pack("<I", 0)
    data = first.ljust(40, b"\0") + inner
    return data.ljust(100, b"\0") + b"Camera\0\0".ljust(10, b"\0") + struct.pack("<II", 500, 10)


def test_the_tags_of_a_jpeg_and_a_png(tmp_path: Path) -> None:
    body = b"Exif\0\0" + exif()
    data = picture("jpg-baseline")
    (tmp_path / "a.1.jpg").write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:])
    data = picture("png-libpng")
    chunk = b"eXIf" + exif()
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "b.1.png").write_bytes(data[:33] + chunk + data[33:])
    for name in ("a.1.jpg", "b.1.png"):
        found = extract_metadata(tmp_path / name)
        assert found.tags == {"camera make": "Camera", "focal length (mm)": "50"} and found.remarks == ()


def box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I4s", len(data) + 8, kind) + data


def movie(rate: int = 24, frames: int = 48, *, time_code: int = 90_000) -> bytes:
    """A QuickTime file with a ProRes track of 640x360 anamorphic pixels and a time code track, without frames."""
    full = bytes(4)
    sample = bytes(24) + struct.pack(">HH", 640, 360) + bytes(50) + box(b"pasp", struct.pack(">II", 2, 1))
    head = box(b"ftyp", b"qt  ", bytes(8))
    code = struct.pack(">I", time_code)

    def track(kind: bytes, description: bytes, *tables: bytes) -> bytes:
        media = box(b"mdhd", full, struct.pack(">4I", 0, 0, rate * 100, frames * 100), full)
        handler = box(b"hdlr", full, full, kind, bytes(12))
        table = box(b"stbl", box(b"stsd", full, struct.pack(">I", 1), description), *tables)
        return box(b"trak", box(b"mdia", media, handler, box(b"minf", table)))

    times = box(b"stts", full, struct.pack(">III", 1, frames, 100))
    where = box(b"stco", full, struct.pack(">II", 1, len(head) + 8))
    counting = bytes(12) + struct.pack(">IIIB", 0, rate * 100, 100, rate) + bytes(3)
    tracks = track(b"vide", box(b"apcn", sample), times) + track(b"tmcd", box(b"tmcd", counting), where)
    return head + box(b"mdat", code) + box(b"moov", tracks)


def test_the_tags_of_a_movie(tmp_path: Path) -> None:
    (tmp_path / "a.mov").write_bytes(movie())
    found = extract_metadata(tmp_path / "a.mov")
    assert (found.source, found.format, found.codec) == ("MOVIE", "QuickTime", "ProRes 422")
    assert (found.size, found.pixel_aspect, found.fps, found.frames) == ((640, 360), 2.0, 24.0, 48)
    assert found.time_code == "01:02:30:00"


def test_an_unknown_movie_leaves_a_remark(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(b"\x1aE\xdf\xa3" + bytes(100))
    found = extract_metadata(tmp_path / "a.mkv")
    assert found.fps == 0 and "not read here" in found.remarks[0]


def test_a_damaged_header_gives_what_is_sound_with_a_remark(tmp_path: Path) -> None:
    path = tmp_path / "a.1.exr"
    data = picture("exr-half-zip")
    path.write_bytes(data[: data.index(b"screenWindowWidth") + 4])
    found = extract_metadata(path)
    assert found.size == (WIDTH, HEIGHT) and found.codec == "ZIP" and len(found.remarks) == 1
    with pytest.raises(FootageUnusable):
        extract_metadata(tmp_path / "none.exr")


def test_no_damage_ends_in_another_error_or_an_absurd_value(tmp_path: Path) -> None:
    """Bytes at random, and numbers of the largest size, in the headers of all formats."""
    rng = random.Random(1)
    sources = {variant: picture(variant) for variant in variants()[::2]} | {"mov-": movie()}
    for variant, data in sources.items():
        path = tmp_path / f"plate.1.{variant.partition('-')[0]}"
        for _ in range(12):
            damaged = bytearray(data[: rng.randrange(8, len(data))] if rng.random() < 0.3 else data)
            for _ in range(rng.randrange(1, 6)):
                at = rng.randrange(min(len(damaged), 2048))
                damaged[at : at + 4] = rng.choice([b"\xff" * 4, bytes(4), rng.randbytes(4)])
            path.write_bytes(damaged)
            found = extract_metadata(path)
            assert 0 <= found.fps <= 100_000 and 0 <= found.frames <= 1 << 24 and 0 <= found.bits <= 64
            assert all(0 <= side <= 65_536 for side in found.size) and 0 <= found.pixel_aspect <= 20
            assert len(found.tags) <= 64 and all(
                len(text) <= 200 and text.isprintable() for text in found.tags.values()
            )
