# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of every format: the checks accept whole files, name damage, and survive any content."""

from __future__ import annotations

import os
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tracking_sessions.core.errors import FootageUnusable
from tracking_sessions.core.footage.details import describe
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.footage.frames import check_whole
from tracking_sessions.core.footage.pictures.file import Picture, PictureDamaged, PictureFile, read_at
from tracking_sessions.core.footage.pictures.formats import HEAD, inspect, inspect_whole
from tracking_sessions.tests import plates
from tracking_sessions.tests.damage import DAMAGES, OTHERS, damaged
from tracking_sessions.tools import footage_table

WINDOWS = {  # data windows that differ from the display window: size, and left and top in it
    "exr-data-smaller": (114, 64, 10, 6),
    "exr-data-larger": (166, 92, -16, -8),
    "exr-tiled-data-larger": (166, 92, -16, -8),
    "exr-data-offset": (plates.WIDTH, plates.HEIGHT, 12, 8),
}
BEHIND = {damage for damage in DAMAGES if "behind" in damage}

# Blender reads the same pixels from these as from whole files.
HARMLESS = {
    *[("tif-pages", damage) for damage in ("cut at half", "cut at nine tenths", "last byte missing")],  # a later page
    *[(f"tga-{name}", "last byte missing") for name in ("blender-raw", "blender-rle", "raw-footer", "rle-footer")],
    *[
        (variant, "no table") for variant in plates.variants() if variant.startswith("dpx")
    ],  # the header has the offset twice
}


def inspected(path: Path) -> Picture:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(descriptor).st_size
        return inspect(PictureFile(descriptor, size, read_at(descriptor, 0, min(size, HEAD))))
    finally:
        os.close(descriptor)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> footage_table.Cells:
    return footage_table.cells(tmp_path_factory.mktemp("cells"))


# Whole pictures


@pytest.mark.parametrize("variant", plates.variants())
def test_whole_pictures_are_accepted_and_measured(variant: str, tmp_path: Path) -> None:
    plates.lay(tmp_path, variant)
    footage = find_footage(tmp_path)
    details = describe(footage)
    for frame in range(1, footage.count + 1):
        check_whole(footage, frame)
    picture = inspected(footage.file(1))
    width, height, left, top = WINDOWS.get(variant, (plates.WIDTH, plates.HEIGHT, 0, 0))
    assert details.size == (width, height) and details.frame_count == 6
    assert (picture.width, picture.height, picture.left, picture.top) == (width, height, left, top)


@pytest.mark.parametrize("kind", [0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF])
def test_a_kind_of_jpeg_that_ends_blender_is_named(kind: int, tmp_path: Path) -> None:
    path = plates.lay(tmp_path, "jpg-baseline")[0]
    data = path.read_bytes()
    at = data.index(b"\xff\xc0")
    path.write_bytes(data[:at] + bytes((0xFF, kind)) + data[at + 2 :])
    with pytest.raises(PictureDamaged, match="kind that Blender does not read"):
        inspected(path)


@pytest.mark.slow
def test_bytes_behind_the_end_harm_nothing(cells: footage_table.Cells) -> None:
    messages = {message for (_, damage), cell in cells.items() if damage in BEHIND for message in cell.values()}
    assert messages == {"tracked"}


@pytest.mark.slow
def test_a_picture_under_another_suffix_is_accepted(cells: footage_table.Cells) -> None:
    for (variant, damage), cell in cells.items():
        if damage in ("a PNG", "a TIFF") and variant not in WINDOWS:
            assert set(cell.values()) == {"tracked"}, variant


# Damaged pictures


@pytest.mark.slow
def test_each_damage_is_named_before_anything_is_tracked(cells: footage_table.Cells) -> None:
    unnamed = {"tracked", footage_table.LATER}
    passed = {
        (variant, damage)
        for (variant, damage), cell in cells.items()
        if damage not in BEHIND and damage not in OTHERS and set(cell.values()) & unnamed
    }
    assert passed == HARMLESS
    sizes = {message for (_, damage), cell in cells.items() if damage == "another size" for message in cell.values()}
    assert sizes == {"is … pixels, the first one …"}


@pytest.mark.slow
def test_the_place_in_the_sequence_makes_no_difference(cells: footage_table.Cells) -> None:
    for key, cell in cells.items():
        assert set(cell) == set(footage_table.PLACES) and len(set(cell.values())) == 1, (key, cell)


@pytest.mark.slow
def test_the_table_of_the_page_has_the_messages(cells: footage_table.Cells) -> None:
    page = footage_table.PAGE.read_text(encoding="utf-8")
    inside = page.partition(footage_table.BEGIN)[2].partition(footage_table.END)[0]
    assert inside == footage_table.table(cells), "python tools/footage_table.py writes it anew"


def test_the_message_names_the_frame_the_file_and_the_remedy(tmp_path: Path) -> None:
    paths = plates.lay(tmp_path, "exr-half-zip", first=1001)
    paths[3].write_bytes(paths[3].read_bytes()[:3000])
    with pytest.raises(FootageUnusable) as raised:
        describe(find_footage(tmp_path))
    assert str(raised.value) == "Frame 1004 (plate.1004.exr) is cut off: copy or render it again"
    assert (raised.value.frame, raised.value.path, raised.value.exit_code) == (4, paths[3], 3)


def test_a_dark_picture_is_no_hole(tmp_path: Path) -> None:
    paths = plates.lay(tmp_path, "tga-raw")
    content = paths[2].read_bytes()
    paths[2].write_bytes(content[:18] + bytes(len(content) - 18))
    assert describe(find_footage(tmp_path)).frame_count == 6
    for path in paths[2:]:  # from there on the lower half is black
        path.write_bytes(content[:18] + bytes(len(content) // 2) + content[18 + len(content) // 2 :])
    assert describe(find_footage(tmp_path)).frame_count == 6


@pytest.mark.parametrize("place", [1, 3, 6])
def test_a_data_window_elsewhere_is_named(place: int, tmp_path: Path) -> None:
    paths = plates.lay(tmp_path, "exr-half-zip")
    paths[place - 1].write_bytes(plates.picture("exr-data-offset", place))
    with pytest.raises(FootageUnusable, match="data window that begins at") as raised:
        describe(find_footage(tmp_path))
    assert raised.value.frame == max(2, place)


def test_both_windows_may_move(tmp_path: Path) -> None:
    paths = plates.lay(tmp_path, "exr-half-zip")
    paths[2].write_bytes(plates.picture("exr-display-offset", 3))
    assert describe(find_footage(tmp_path)).size == (plates.WIDTH, plates.HEIGHT)


def test_a_large_png_is_walked_to_its_end(tmp_path: Path) -> None:
    body = random.Random(3).randbytes(8 << 20)
    whole = png([body[at : at + 8192] for at in range(0, len(body) - 100, 8192)], last=body[-100:])
    path = tmp_path / "plate.png"
    path.write_bytes(whole)
    assert inspected(path)[:2] == (2000, 1500)
    inspect_whole(path)
    for cut in (1, 5, 20, 150, 8200, 9000, len(whole) // 2):
        path.write_bytes(whole[:-cut])
        with pytest.raises(PictureDamaged, match="cut off"):
            inspected(path)
    for size in (1 << 16, 1 << 20):  # more than three chunks
        for start in (1 << 20, 3_333_333, 7 << 20):
            path.write_bytes(whole[:start] + bytes(size) + whole[start + size :])
            with pytest.raises(PictureDamaged, match="partly written"):
                inspected(path)
    path.write_bytes(whole[:3_000_000] + bytes([whole[3_000_000] ^ 1]) + whole[3_000_001:])
    assert inspected(path)[:2] == (2000, 1500)
    with pytest.raises(PictureDamaged, match="wrong checksum"):
        inspect_whole(path)


def png(parts: list[bytes], last: bytes) -> bytes:
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 2000, 1500, 8, 2, 0, 0, 0))]
    chunks += [(b"IDAT", part) for part in [*parts, last]] + [(b"IEND", b"")]
    made = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


# Hostile files: the checks raise only PictureDamaged, soon and with little memory


HEADERS = (  # variants whose every header field is overwritten
    *("bmp-24bit", "cin-10bit", "dpx-10bit-big-endian", "dpx-16bit-little-endian", "exr-half-zip", "exr-tiled"),
    *("exr-multi-part", "hdr-rle", "j2c-tiled", "jp2-lossy", "jpg-restart", "jpeg-444-progressive-exif", "png-palette"),
    *("psd-rle", "psd-raw", "sgi-rle", "tga-rle", "tga-raw", "tif-lzw", "tif-deflate-tiled", "tif-bigtiff"),
    *("webp-extended", "webp-lossless", "webp-lossy"),
)


@pytest.fixture
def outcome(tmp_path: Path) -> Iterator[Callable[[bytes], str]]:
    """Reports the message for a content; the file is in memory where the system has such files."""
    descriptor = os.memfd_create("plate") if hasattr(os, "memfd_create") else os.open(tmp_path / "plate", os.O_CREAT)
    path = Path(f"/proc/self/fd/{descriptor}") if hasattr(os, "memfd_create") else tmp_path / "plate"

    def outcome(content: bytes) -> str:
        path.write_bytes(content)
        message = "accepted"
        for attempt in (inspected, inspect_whole):
            try:
                attempt(path)
            except PictureDamaged as error:
                message = str(error)
                assert message and not message[0].isupper()
        return message

    yield outcome
    os.close(descriptor)


@pytest.mark.slow
@pytest.mark.parametrize("variant", plates.variants())
def test_headers_of_any_length_and_with_any_bytes(variant: str, outcome: Callable[[bytes], str]) -> None:
    whole = plates.picture(variant)
    for length in range(300 if variant in HEADERS else 20):
        assert outcome(whole[:length]) != "accepted"
    rng = random.Random(variant)
    for _ in range(40):
        content = bytearray(whole)
        for _ in range(rng.choice((1, 1, 2, 8, 60))):
            content[rng.randrange(min(len(content), rng.choice((40, 400, 2000, 1 << 30))))] = rng.randrange(256)
        outcome(bytes(content))


@pytest.mark.slow
@pytest.mark.parametrize("variant", HEADERS)
def test_huge_numbers_in_every_field(variant: str, outcome: Callable[[bytes], str]) -> None:
    whole = plates.picture(variant)
    for number in (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", bytes(4)):
        for at in range(0, min(len(whole), 64 if variant.startswith(("hdr", "tga")) else 900), 2):
            outcome(whole[:at] + number + whole[at + 4 :])


def tiff_of_many_strips(count: int, tags: int = 1) -> bytes:
    """A directory that points into a hole as long as it likes; with more `tags` again and again."""
    entries = [(256, 4, 1, 1000), (257, 4, 1, 1000)]
    for _ in range(tags):
        entries += [(273, 4, count, 1 << 17), (279, 4, count, 1 << 17)]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4)


def exr_of_many_chunks(count: int) -> bytes:
    def attribute(name: bytes, kind: bytes, value: bytes) -> bytes:
        return name + b"\0" + kind + b"\0" + struct.pack("<I", len(value)) + value

    box = struct.pack("<4i", 0, 0, 99, 2_000_000_000)
    return (
        b"\x76\x2f\x31\x01\x02\0\0\0"
        + attribute(b"chunkCount", b"int", struct.pack("<I", count))
        + attribute(b"compression", b"compression", b"\0")
        + attribute(b"dataWindow", b"box2i", box)
        + attribute(b"displayWindow", b"box2i", box)
        + b"\0"
    )


@pytest.mark.parametrize(
    "content",
    [
        tiff_of_many_strips(0xFFFFFFFF),
        tiff_of_many_strips(1 << 20),
        tiff_of_many_strips(1 << 20, 2000),
        exr_of_many_chunks(0xFFFFFFFF),
        exr_of_many_chunks(1 << 20),
        exr_of_many_chunks(1 << 28),
        b"\x01\xda\x01\x01" + struct.pack(">HHHH", 3, 60000, 60000, 60000),
        b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 60000, 60000, 60000, 8, 3) + bytes(12) + b"\0\1",
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 13, b"IHDR") + struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0),
        b"\xff\xd8" + b"\xff" * 4000,
        b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 41, 0, 99, 99, 0, 0),
        b"RIFF" + struct.pack("<I", 0xFFFFFFF0) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(10),
        struct.pack("<BBBHHBHHHHBB", 0, 0, 10, 0, 0, 0, 0, 0, 60000, 60000, 24, 0),
        b"#?RADIANCE\n\n-Y 60000 +X 30000\n",
        b"SDPX" + bytes(2044),
        b"BM" + b"\xff" * 60,
    ],
    ids=lambda content: repr(content[:4]) + str(len(content)),
)
@pytest.mark.parametrize("filling", [b"\0", b"\xff"])
def test_a_file_of_a_terabyte_takes_no_time_and_no_memory(content: bytes, filling: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plate.exr"
    with path.open("wb") as file:
        file.write(content + filling * (1 << 16))
        file.truncate(1 << 40)  # zeros that take no room on the disk
    tracemalloc.start()
    try:
        for attempt in (inspected, inspect_whole):
            with suppress(PictureDamaged):  # zeros may stand for a black picture
                attempt(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 400 << 20


def endless(kind: str) -> bytes:
    if kind == "png":
        return png([b""] * 300_000, b"")[:-12]
    if kind == "webp":
        return b"RIFF" + struct.pack("<I", 0x7FFFFFF0) + b"WEBP" + struct.pack("<4sI", b"JUNK", 0) * 300_000
    if kind == "jp2":
        return plates.picture("j2c-lossless")[:51] + b"\xff\x64\0\2" * 300_000
    return b"\xff\xd8" + b"\xff\xe1\0\2" * 300_000


@pytest.mark.parametrize("kind", ["png", "webp", "jp2", "jpg"])
def test_a_file_of_very_many_small_parts_is_given_up(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"plate.{kind}"
    with path.open("wb") as file:
        file.write(endless(kind))
        file.truncate(1 << 31)
    with pytest.raises(PictureDamaged, match="points to more than a picture has"):
        inspected(path)


@pytest.mark.parametrize(
    "variant", ["exr-tiled", "tif-lzw", "png-8bit-8k-chunks", "jpg-progressive", "jp2-tiled", "tga-rle"]
)
def test_a_file_that_gets_shorter_during_the_check(variant: str, tmp_path: Path) -> None:
    whole = plates.picture(variant)
    path = tmp_path / f"plate{plates.suffix(variant)}"
    for left in range(0, len(whole), 97):
        path.write_bytes(whole)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            file = PictureFile(descriptor, len(whole), whole[: min(HEAD, left)])
            os.truncate(path, left)
            with suppress(PictureDamaged):  # what is not read may be missing
                inspect(file)
        finally:
            os.close(descriptor)


@pytest.mark.parametrize("damage", ["another size", "cut at half"])
def test_one_picture_that_nobody_can_read_is_never_the_first_of_others(damage: str, tmp_path: Path) -> None:
    for suffix in ("hdr", "exr"):
        variant = f"{suffix}-blender"
        paths = plates.lay(tmp_path / suffix, variant, 2)
        content = damaged(variant, damage)
        assert content is not None
        paths[0].write_bytes(content)
        with pytest.raises(FootageUnusable):
            describe(find_footage(paths[1]))
