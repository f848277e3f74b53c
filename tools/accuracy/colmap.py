# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras of a folder of pictures by pycolmap: `python colmap.py PICTURES WORK RESULT`, by a Python that has it.

RESULT is JSON: `focal`, pixels; `cameras`: by picture, the upper three rows of world to camera, x right, y down.
"""

import json
import sys
from pathlib import Path

import pycolmap  # pyright: ignore[reportMissingImports]  # of another environment


def main(pictures: Path, work: Path, result: Path) -> None:
    work.mkdir()
    database = work / "database.db"
    pycolmap.set_random_seed(0)
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = "SIMPLE_RADIAL"
    names = sorted(path.name for path in pictures.glob("*.png"))
    pycolmap.extract_features(
        database, pictures, image_names=names, camera_mode=pycolmap.CameraMode.SINGLE, reader_options=reader
    )
    pycolmap.match_exhaustive(database)
    found = pycolmap.incremental_mapping(database, pictures, work)
    best = max(found.values(), key=lambda one: one.num_reg_images())
    cameras = {image.name: image.cam_from_world().matrix().tolist() for image in best.images.values()}
    (camera,) = best.cameras.values()
    values = {"focal": camera.mean_focal_length(), "cameras": cameras, "error": best.compute_mean_reprojection_error()}
    result.write_text(json.dumps(values), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
