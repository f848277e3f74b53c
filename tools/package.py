# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the extension package into dist/, with Blender's own tool and the wheels that the manifest names.

It downloads each wheel once from the Python registry and compares it with tools/wheels.sha256.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path) -> None:
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"This failed: {' '.join(map(str, command))}")


def fetch_wheel(path: Path) -> None:
    name, version, python, abi, platforms = path.stem.split("-")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"]
    tags = [f"--python-version={python.removeprefix('cp')}", "--implementation=cp", f"--abi={abi}"]
    tags += [f"--platform={platform}" for platform in platforms.split(".")]
    folder = f"--dest={path.parent}"
    run(*pip, "--no-deps", "--only-binary=:all:", *tags, folder, f"{name}=={version}")


def check_wheels(wheels: list[str]) -> None:
    """Fetch missing wheels, and compare each wheel with its recorded checksum."""
    lines = (ROOT / "tools" / "wheels.sha256").read_text(encoding="utf-8").splitlines()
    recorded = {name: checksum for checksum, name in map(str.split, lines)}
    for path in (ROOT / wheel for wheel in wheels):
        if not path.exists():
            fetch_wheel(path)
        if hashlib.sha256(path.read_bytes()).hexdigest() != recorded.get(path.name):
            sys.exit(f"{path} is not the file recorded in tools/wheels.sha256: find out where it came from")


def blender_scripts() -> Path:
    """Blender's scripts folder in the installed bpy, found without importing it."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        sys.exit("There is no bpy in this Python: run this as `make package`")
    return next(Path(spec.origin).parent.glob("*/scripts"))


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the extension package.")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="FOLDER")
    folder = parser.parse_args().output
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    check_wheels(manifest["wheels"])
    folder.mkdir(parents=True, exist_ok=True)
    package = folder / f"{manifest['id']}-{manifest['version']}.zip"
    scripts = blender_scripts()
    tool = (sys.executable, scripts / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py")
    tags = f"--valid-tags={scripts / 'modules' / '_bpy_internal' / 'extensions' / 'tags.py'}"
    run(*tool, "build", f"--source-dir={ROOT}", f"--output-filepath={package}", tags)
    run(*tool, "validate", tags, package)


if __name__ == "__main__":
    main()
