# SPDX-License-Identifier: GPL-3.0-or-later
"""The built package, installed in a Blender of its own."""

import os
import subprocess
import sys
from pathlib import Path

INSTALL_AND_DISABLE = """
import sys
from pathlib import Path
import bpy

package, extensions = Path(sys.argv[1]), Path(sys.argv[2])
module = "bl_ext.user_default.tracking_sessions"
wheels = "lib/python3.*/site-packages/yaml/__init__.py"
bpy.ops.extensions.package_install_files(filepath=str(package), repo="user_default", enable_on_install=True)
assert module in bpy.context.preferences.addons, "not enabled"
assert list((extensions / ".local").glob(wheels)), "no PyYAML"
bpy.ops.preferences.addon_disable(module=module)
assert module not in bpy.context.preferences.addons, "not disabled"
assert not list((extensions / ".local").glob(wheels)), "PyYAML left behind"
"""


def test_the_package_installs_with_yaml_and_leaves_nothing_when_disabled(package: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path)}
    command = [sys.executable, "-c", INSTALL_AND_DISABLE, package, tmp_path / "extensions"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
