# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line outside Blender: `python <folder of the extension> <command> …`."""

import importlib
import importlib.util
import sys
import tomllib
from pathlib import Path


def _load() -> str:
    """Load the folder, under any name, as the package that its manifest names; returns that name."""
    root = Path(__file__).resolve().parent
    name = tomllib.loads((root / "blender_manifest.toml").read_text(encoding="utf-8"))["id"]
    spec = importlib.util.spec_from_file_location(name, root / "__init__.py", submodule_search_locations=[str(root)])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return name


if __name__ == "__main__":
    sys.exit(importlib.import_module(f"{_load()}.cli").main(sys.argv[1:]))
