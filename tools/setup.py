# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a fresh virtual environment from a lock in tools/requirements. Needs only Python and its registry.

    python3 tools/setup.py .venv                          with a bpy that fits a Python of this machine
    python3 tools/setup.py .venvs/4.2 --blender 4.2       with this bpy; exit code 3 without its Python
    python3 tools/setup.py .venvs/newest --newest         with the newest versions instead of the locked ones
    python3 tools/setup.py .venvs/lock --lock lock        with the packages of this lock, without bpy

As root on Debian it installs missing system packages; otherwise it prints the command that does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent / "requirements"
# Each bpy runs on one Python only. Without --blender the first whose Python is found is taken.
PYTHON_OF_BLENDER = {"5.0": "3.11", "5.2": "3.13", "4.5": "3.11", "4.2": "3.11"}
# The shared libraries that bpy expects from the system, and their Debian packages.
PACKAGE_OF_LIBRARY = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXext.so.6": "libxext6",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
    "libgomp.so.1": "libgomp1",
}


class SetupError(Exception):
    """The environment cannot be made; the message has the missing part and the command that installs it."""


def find_python(version: str) -> str | None:
    """The path of a Python of this version (as "3.11"), or None."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"), reverse=True)
    for candidate in (os.environ.get("PYTHON"), "python3", f"python{version}", *map(str, pyenv)):
        path = shutil.which(candidate) if candidate else None
        if path is None:
            continue
        # a pyenv shim also exists for disabled versions, so Python itself reports its version
        code = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable, sep='\\n')"
        answer = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False).stdout.splitlines()
        if answer and answer[0] == version:
            return answer[1]
    return None


def install_system_packages(packages: list[str], reason: str) -> None:
    """Install Debian packages as root, else print the command that does."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if not shutil.which("apt-get"):
        raise SetupError(f"{reason}. On Debian these packages have it: {' '.join(packages)}")
    if os.geteuid() != 0:
        raise SetupError(f"{reason}. Run this, then try again:\n  sudo apt-get update && sudo {' '.join(command)}")
    print(f"{reason}: installing {' '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update", "-qq"], [*command, "-qq"]):
        subprocess.run(step, check=True, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def fails(*command: str | Path) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


def make_environment(folder: Path, python: str, words: str, requirements: list[str]) -> None:
    # Debian's python3 package lacks ensurepip
    if fails(python, "-c", "import ensurepip, venv"):
        install_system_packages(["python3-venv"], "Python cannot make virtual environments here")
    # A fresh folder holds only the requested packages. A link may lead to the environment of another checkout.
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", folder], check=True)
    print(f"{folder.name}: installing {words} for {python}", flush=True)
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "install", "--quiet", "--only-binary=:all:", *requirements], check=True)


def locked(name: str) -> list[str]:
    """The arguments with which pip installs the packages of this lock and compares their hashes."""
    return ["--require-hashes", f"--requirement={REQUIREMENTS / name}.txt"]


def missing_libraries(folder: Path) -> list[str]:
    library = next(folder.glob("lib/python*/site-packages/bpy/__init__.so"), None)
    if library is None or not shutil.which("ldd"):
        return []
    lines = subprocess.run(["ldd", library], capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted({line.split()[0] for line in lines if line.endswith("not found")})


def main() -> int:
    parser = argparse.ArgumentParser(description="Make a virtual environment anew, of a lock in tools/requirements.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--blender", choices=sorted(PYTHON_OF_BLENDER))
    parser.add_argument("--newest", action="store_true", help="leave the lock aside")
    parser.add_argument("--lock", metavar="NAME", help="another lock than that of the tests on this bpy")
    arguments = parser.parse_args()
    choices = [arguments.blender] if arguments.blender else list(PYTHON_OF_BLENDER)
    found = ((blender, find_python(PYTHON_OF_BLENDER[blender])) for blender in choices)
    blender, python = next((pair for pair in found if pair[1]), ("", None))
    if python is None:
        wanted = " or ".join(sorted({PYTHON_OF_BLENDER[blender] for blender in choices}))
        print(f"bpy needs Python {wanted}, and there is none here. Set PYTHON to name one", file=sys.stderr)
        return 3
    words, requirements = f"bpy {blender} (about 350 MB) and the test tools", locked(f"bpy-{blender}")
    if arguments.newest:
        requirements = [f"bpy=={blender}.*", f"--requirement={REQUIREMENTS / 'tests.in'}"]
    elif arguments.lock:
        words, requirements = f"the packages of {arguments.lock}.txt", locked(arguments.lock)
    try:
        make_environment(arguments.folder, python, words, requirements)
        if missing := missing_libraries(arguments.folder):
            packages = [PACKAGE_OF_LIBRARY[name] for name in missing if name in PACKAGE_OF_LIBRARY]
            install_system_packages(packages or missing, f"bpy needs {', '.join(missing)}")
            if missing := missing_libraries(arguments.folder):
                raise SetupError(f"bpy still needs {', '.join(missing)}")
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"This failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
