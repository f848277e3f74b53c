# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads the checkout, in a folder of any name, as the package that its manifest names.

Tests import `tracking_sessions.core…`, and their helpers as `tracking_sessions.tests.…`.
"""

import importlib.util
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
MANIFEST: dict[str, Any] = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))


def _load_checkout() -> None:
    name = MANIFEST["id"]
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


_load_checkout()


@pytest.fixture(scope="session")
def extension() -> Path:
    """The root of the checkout, which is the extension."""
    return ROOT


@pytest.fixture(scope="session")
def manifest() -> dict[str, Any]:
    return MANIFEST


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension package, built from the checkout."""
    folder = tmp_path_factory.mktemp("package")
    command = [sys.executable, ROOT / "tools" / "package.py", f"--output={folder}"]
    built = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / f"{MANIFEST['id']}-{MANIFEST['version']}.zip"


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk in memory of a size such as 256k, or 50% of the memory. Skips the test without the right to."""
    disk = tmp_path / "disk"

    def mount(size: str) -> Path:
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk]
        try:
            subprocess.run(command, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("mounting a small disk takes root")
        return disk

    yield mount
    if os.path.ismount(disk):
        subprocess.run(["umount", "-l", disk], check=True)
