# SPDX-License-Identifier: GPL-3.0-or-later
"""Renews the locks: writes the versions and hashes of all packages that each tools/requirements/*.in needs.

make lock                        the newest versions that go together
make lock ARGS=--keep            the locked versions, and new entries of a list
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from setup import PYTHON_OF_BLENDER, REQUIREMENTS

# A lock resolves for this system and holds the hashes of the wheels of all systems.
PLATFORM = "x86_64-manylinux_2_28"


def compile_lock(name: str, sources: list[str], *options: str, given: str = "") -> None:
    """Write the lock `name` from the lists `sources` and from the requirements in the text `given`."""
    arguments = ["pip", "compile", "--quiet", "--generate-hashes", "--no-emit-index-url", "--only-binary=:all:"]
    command = [sys.executable, "-m", "uv", *arguments, *options, *sources, f"--output-file={name}.txt"]
    environment = {**os.environ, "UV_CUSTOM_COMPILE_COMMAND": "make lock"}
    subprocess.run(command, check=True, cwd=REQUIREMENTS, env=environment, input=given, text=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Renew the locks in tools/requirements.")
    parser.add_argument("--keep", action="store_true", help="change what is locked only where a list asks for it")
    renewed = [] if parser.parse_args().keep else ["--upgrade"]
    pythons = sorted(PYTHON_OF_BLENDER.values(), key=lambda version: [int(part) for part in version.split(".")])
    try:
        # these fit every Python; another lock takes shared packages in the version of `check`: both go into one folder
        for name in ("check", "yaml-lowest", "lock", "farm"):
            compile_lock(name, [f"{name}.in"], "--universal", f"--python-version={pythons[0]}", *renewed)
        for blender, python in PYTHON_OF_BLENDER.items():
            target = ("--constraints=check.txt", f"--python-version={python}", f"--python-platform={PLATFORM}")
            compile_lock(f"bpy-{blender}", ["tests.in", "-"], *target, *renewed, given=f"bpy=={blender}.*\n")
        # The versions of the tests with bpy, for every Python.
        same = f"--constraints=bpy-{next(iter(PYTHON_OF_BLENDER))}.txt"
        compile_lock("core", ["core.in"], same, "--universal", f"--python-version={pythons[0]}", *renewed)
    except subprocess.CalledProcessError as error:
        print(f"This failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
