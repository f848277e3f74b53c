# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes pictures.tar.xz: two neighbouring pictures of a pan in each variant of each format that plates come in.

It is run by hand when a variant is added, never by a test: the pictures are committed, so no test needs an imaging
library, and what is tested does not change with a release of one. Run it in a folder, in an environment of its own:

    python3.11 -m venv /tmp/plates && /tmp/plates/bin/pip install OpenImageIO tifffile imagecodecs Pillow
    /tmp/plates/bin/python tests/plate_files/make.py .venv/bin/python      (the latter is a Python with bpy)

tests/plates.py lays the pictures out and says what is in the archive.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import by_hand
import numpy as np
import OpenImageIO as oiio
import tifffile
from PIL import Image

WIDTH, HEIGHT, STEP = 134, 76, 2
HERE = Path(__file__).resolve().parent
Pixels = by_hand.Pixels


def pan() -> Pixels:
    """Tiles with grain, wide enough for all that is seen: RGB of one byte with 20 more on each side."""
    rng = np.random.default_rng(9)
    high, wide, tile = HEIGHT + 40, WIDTH + STEP + 40, 7
    y, x = np.mgrid[:high, :wide] // tile
    tiles = rng.integers(30, 226, (high // tile + 1, wide // tile + 1, 1))
    tiles = tiles + rng.integers(-24, 25, (*tiles.shape[:2], 3))
    return (tiles[y, x] + rng.integers(0, 2, (high, wide, 1))).clip(0, 255).astype(np.uint8)


def window(left: int, top: int, width: int, height: int, index: int) -> Pixels:
    """A part of picture `index`, measured from the corner of the picture."""
    top, left = top + 20, left + 20 + index * STEP
    return np.ascontiguousarray(PAN[top : top + height, left : left + width])


PAN = pan()


def pillow(kind: str, change: Callable[[bytes], bytes] = lambda file: file, grey: bool = False, **options: Any) -> Any:
    def write(rgb: Pixels) -> bytes:
        image, file = Image.fromarray(rgb), io.BytesIO()
        (image.convert("L") if grey else image).save(file, kind, **options)
        return change(file.getvalue())

    return write


def tiff(change: Callable[[Pixels], Any] = lambda rgb: rgb, pages: int = 1, **options: Any) -> Any:
    order, big = options.pop("byteorder", "<"), options.pop("bigtiff", False)

    def write(rgb: Pixels) -> bytes:
        file = io.BytesIO()
        with tifffile.TiffWriter(file, byteorder=order, bigtiff=big) as out:
            for _ in range(pages):
                out.write(change(rgb), metadata=None, **{"photometric": "rgb", **options})
        return file.getvalue()

    return write


def with_alpha(rgb: Pixels) -> Any:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def deep(rgb: Pixels) -> Any:
    return rgb.astype(np.uint16) * 257


def floats(rgb: Pixels) -> Any:
    return rgb.astype(np.float32) / 256  # exact in half floats


def exr(
    compression: str,
    kind: str = "half",
    data: tuple[int, int, int, int] | None = None,
    display: tuple[int, int] = (0, 0),
    parts: tuple[tuple[str, str], ...] = (("rgb", "RGB"),),
    tile: int = 0,
    **attributes: Any,
) -> Any:
    """EXR; `data` is the data window as left, top, width and height beside the display window's corner.

    `parts` are names and channels. Blender reads several parts as layers, and layers only of RGBA rightly.
    """

    def write(index: int, width: int, height: int) -> bytes:
        left, top, wide, high = (width == WIDTH and data) or (0, 0, width, height)
        rgb = floats(window(left, top, wide, high, index) if width == WIDTH else half(index))
        pixels = np.dstack([rgb, np.ones((high, wide), np.float32)])
        specs: list[Any] = []
        for name, channels in parts:
            spec = oiio.ImageSpec(wide, high, len(channels), kind)
            spec.channelnames = tuple(channels)
            spec.x, spec.y, spec.tile_width, spec.tile_height = left + display[0], top + display[1], tile, tile
            spec.full_x, spec.full_y, spec.full_width, spec.full_height = (*display, width, height)
            for key, value in {"compression": compression, "oiio_subimagename": name, **attributes}.items():
                spec.attribute(key.replace("_", ":"), value)
            specs.append(spec)
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/one.exr"
            out = oiio.ImageOutput.create(path)
            ok = out.open(path, tuple(specs)) if len(parts) > 1 else out.open(path, specs[0])
            for number, spec in enumerate(specs):
                ok = ok and (not number or out.open(path, spec, "AppendSubimage"))
                ok = ok and out.write_image(np.ascontiguousarray(pixels[..., : spec.nchannels]))
            if not (ok and out.close()):
                raise SystemExit(f"{compression}: {out.geterror()}")
            return Path(path).read_bytes()

    return write


def mip_mapped(index: int, width: int, height: int) -> bytes:
    """EXR with the picture in all sizes down to one pixel, as texture tools write it."""
    rgb = window(0, 0, width, height, index) if width == WIDTH else half(index)
    spec = oiio.ImageSpec()
    spec.set_format("half")
    spec.tile_width = spec.tile_height = 32
    spec.attribute("compression", "zip")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/one.exr"
        if not oiio.ImageBufAlgo.make_texture(oiio.MakeTxTexture, oiio.ImageBuf(floats(rgb)), path, spec):
            raise SystemExit(oiio.geterror())
        return Path(path).read_bytes()


def half(index: int) -> Pixels:
    """The picture at half its size."""
    return np.ascontiguousarray(window(0, 0, WIDTH, HEIGHT, index)[::2, ::2])


def palette(rgb: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).quantize(128).save(file, "PNG")
    return file.getvalue()


def thumbnailed(file: bytes) -> bytes:
    small = pillow("JPEG", quality=80)(half(0)[:40, :60])
    return by_hand.with_thumbnail(file, small)


def extended(grey: int) -> Any:
    """WebP with a VP8X chunk, which an ICC profile or Exif brings; `grey` chooses lossless."""
    exif = Image.Exif()
    exif[0x131] = "plates"
    return pillow("WEBP", quality=92, lossless=bool(grey), exif=exif)


WHOLE: dict[str, Callable[[Pixels], bytes]] = {
    "png-8bit-8k-chunks": lambda rgb: by_hand.png(rgb, 8192),
    "png-one-chunk": by_hand.png,
    "png-16bit": lambda rgb: by_hand.png(rgb, bits=16),
    "png-interlaced": lambda rgb: by_hand.png(rgb, 8192, interlaced=True),
    "png-alpha-32k-chunks": lambda rgb: by_hand.png(rgb, 32768, alpha=True),
    "png-libpng": pillow("PNG"),
    "png-grey": pillow("PNG", grey=True),
    "png-palette": palette,
    "jpg-baseline": pillow("JPEG", quality=92),
    "jpg-progressive": pillow("JPEG", quality=92, progressive=True),
    "jpg-restart": pillow("JPEG", quality=92, restart_marker_blocks=4),
    "jpg-exif-thumbnail": pillow("JPEG", thumbnailed, quality=92),
    "jpg-grey": pillow("JPEG", grey=True, quality=92),
    "jpeg-444-progressive-exif": pillow("JPEG", thumbnailed, quality=88, progressive=True, subsampling=0),
    "jp2-lossless": pillow("JPEG2000"),
    "jp2-lossy": pillow("JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[20, 10, 5]),
    "jp2-tiled": pillow("JPEG2000", tile_size=(64, 64)),
    "j2c-lossless": pillow("JPEG2000", no_jp2=True),
    "j2c-tiled": pillow("JPEG2000", no_jp2=True, tile_size=(64, 64), progression="RPCL"),
    "tif-striped": tiff(rowsperstrip=16),
    "tif-one-strip": tiff(),
    "tif-tiled": tiff(tile=(32, 32)),
    "tif-lzw": tiff(rowsperstrip=16, compression="lzw", predictor=2),
    "tif-deflate": tiff(rowsperstrip=16, compression="zlib", predictor=2),
    "tif-deflate-tiled": tiff(tile=(32, 32), compression="zlib"),
    "tif-packbits": tiff(rowsperstrip=16, compression="packbits"),
    "tif-jpeg": tiff(tile=(64, 64), compression="jpeg", compressionargs={"level": 92}),
    "tif-16bit": tiff(deep, rowsperstrip=16),
    "tif-16bit-lzw": tiff(deep, rowsperstrip=16, compression="lzw", predictor=2),
    "tif-float": tiff(floats, rowsperstrip=16),
    "tif-float-deflate": tiff(floats, rowsperstrip=16, compression="zlib", predictor=3),
    "tif-big-endian": tiff(byteorder=">", rowsperstrip=16),
    "tif-16bit-big-endian": tiff(deep, byteorder=">", rowsperstrip=16),
    "tif-bigtiff": tiff(bigtiff=True, rowsperstrip=16),
    "tif-planar": tiff(lambda rgb: rgb.transpose(2, 0, 1), planarconfig="separate", rowsperstrip=16),
    "tif-pages": tiff(pages=3, rowsperstrip=16),
    "tif-grey": tiff(lambda rgb: rgb[..., 1], photometric="minisblack", rowsperstrip=16),
    "tiff-alpha": tiff(with_alpha, extrasamples=["unassalpha"]),
    "dpx-10bit-big-endian": lambda rgb: by_hand.dpx(rgb, ">"),
    "dpx-10bit-little-endian": lambda rgb: by_hand.dpx(rgb, "<"),
    "dpx-10bit-data-at-8192": lambda rgb: by_hand.dpx(rgb, ">", start=8192),
    "dpx-8bit": lambda rgb: by_hand.dpx(rgb, ">", 8),
    "dpx-12bit": lambda rgb: by_hand.dpx(rgb, ">", 12),
    "dpx-16bit": lambda rgb: by_hand.dpx(rgb, ">", 16),
    "dpx-16bit-little-endian": lambda rgb: by_hand.dpx(rgb, "<", 16),
    "cin-10bit": by_hand.cineon,
    "tga-raw": lambda rgb: by_hand.tga(rgb, False, False),
    "tga-raw-footer": lambda rgb: by_hand.tga(rgb, False, True, True),
    "tga-rle": lambda rgb: by_hand.tga(rgb, True, False),
    "tga-rle-footer": lambda rgb: by_hand.tga(rgb, True, True),
    "bmp-24bit": by_hand.bmp,
    "bmp-32bit": lambda rgb: by_hand.bmp(rgb, 32),
    "bmp-top-down": lambda rgb: by_hand.bmp(rgb, top_down=True),
    "sgi-rle": by_hand.sgi,
    "sgi-raw": lambda rgb: by_hand.sgi(rgb, False),
    "sgi-16bit": lambda rgb: by_hand.sgi(rgb, False, 16),
    "rgb-rle": by_hand.sgi,
    "bw-raw": lambda rgb: by_hand.sgi(rgb, False, grey=True),
    "hdr-rle": lambda rgb: by_hand.hdr(rgb, True),
    "hdr-flat": lambda rgb: by_hand.hdr(rgb, False),
    "webp-lossy": pillow("WEBP", quality=92),
    "webp-lossless": pillow("WEBP", lossless=True),
    "webp-extended": extended(0),
    "webp-extended-lossless": extended(1),
    "psd-raw": lambda rgb: by_hand.psd(rgb, False),
    "psd-rle": lambda rgb: by_hand.psd(rgb, True),
    "psd-16bit": lambda rgb: by_hand.psd(rgb, False, 16),
}

EXR = {
    "exr-half-none": exr("none"),
    "exr-half-rle": exr("rle"),
    "exr-half-zips": exr("zips"),
    "exr-half-zip": exr("zip"),
    "exr-half-piz": exr("piz"),
    "exr-half-pxr24": exr("pxr24"),
    "exr-half-b44": exr("b44"),
    "exr-half-b44a": exr("b44a"),
    "exr-half-dwaa": exr("dwaa"),
    "exr-half-dwab": exr("dwab"),
    "exr-float-none": exr("none", "float"),
    "exr-float-zip": exr("zip", "float"),
    "exr-alpha-zip": exr("zip", parts=(("rgba", "RGBA"),)),
    "exr-tiled": exr("zip", tile=32),
    "exr-tiled-none": exr("none", tile=32),
    "exr-mip-mapped": mip_mapped,
    "exr-multi-part": exr("zip", parts=(("rgba", "RGBA"), ("depth", "Z"), ("mask", "RGBA"))),
    "exr-decreasing": exr("zip", openexr_lineOrder="decreasingY"),
    "exr-data-smaller": exr("zip", data=(10, 6, 114, 64)),
    "exr-data-larger": exr("zip", data=(-16, -8, 166, 92)),
    "exr-data-offset": exr("zip", data=(12, 8, WIDTH, HEIGHT)),
    "exr-display-offset": exr("zip", display=(100, -50)),
    "exr-tiled-data-larger": exr("zip", tile=32, data=(-16, -8, 166, 92)),
}


def main() -> None:
    bpy_python = sys.argv[1]
    files: dict[str, bytes] = {}
    for name, write in WHOLE.items():
        suffix = name.partition("-")[0]
        for index in (0, 1):
            files[f"{name}/{index}.{suffix}"] = write(window(0, 0, WIDTH, HEIGHT, index))
        files[f"{name}/half.{suffix}"] = write(half(0))
    for name, write_exr in EXR.items():
        for index in (0, 1):
            files[f"{name}/{index}.exr"] = write_exr(index, WIDTH, HEIGHT)
        files[f"{name}/half.exr"] = write_exr(0, WIDTH // 2, HEIGHT // 2)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("0", "1", "half"):
            rgb = half(0) if name == "half" else window(0, 0, WIDTH, HEIGHT, int(name))
            Path(folder, f"{name}.png").write_bytes(by_hand.png(rgb))
        subprocess.run([bpy_python, str(HERE / "blender_written.py"), folder], check=True, timeout=280)
        for path in sorted(Path(folder, "out").rglob("*.*")):
            files[path.relative_to(Path(folder, "out")).as_posix()] = path.read_bytes()
    with tarfile.open(HERE / "pictures.tar.xz", "w:xz", format=tarfile.USTAR_FORMAT, preset=9) as archive:
        # By kind of data, so that what is alike lies near to its like.
        for name in sorted(files, key=lambda name: (len(files[name]) > 30000, name)):
            info = tarfile.TarInfo(name)
            info.size = len(files[name])
            archive.addfile(info, io.BytesIO(files[name]))
    print(len(files), "files,", sum(map(len, files.values())), "bytes,", (HERE / "pictures.tar.xz").stat().st_size)


if __name__ == "__main__":
    main()
