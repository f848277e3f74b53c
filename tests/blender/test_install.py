# SPDX-License-Identifier: GPL-3.0-or-later
"""The built package in a real Blender."""

from pathlib import Path

from tracking_sessions.tests.blender.real import SCREEN, Blender


def test_the_command_answers_help(blender: Blender) -> None:
    done = blender.run("-c", "tracking_sessions", "--help")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "track" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_yaml_comes_with_the_package(blender: Blender) -> None:
    code = "import yaml; print(f'PyYAML with libyaml: {yaml.__with_libyaml__}, {yaml.__file__}')"
    done = blender.run("--python-exit-code", "7", "--python-expr", code)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"PyYAML with libyaml: True, {blender.folder}" in done.stdout


def test_a_window_opens_with_the_extension_enabled(blender: Blender) -> None:
    script = blender.folder / "start.py"
    script.write_text(
        "import bpy\n"
        "bpy.context.preferences.view.show_splash = False\n"
        "bpy.app.timers.register(lambda: print('shown', flush=True), first_interval=1)\n"
        "bpy.app.timers.register(lambda: bpy.ops.wm.quit_blender() and None, first_interval=60)\n"
    )
    with blender.window("--python", script) as window:
        printed = window.wait_for("shown")
        picture = window.screenshot(blender.folder / "window.png")
    assert "Traceback" not in printed
    assert _size_of_png(picture) == SCREEN
    assert picture.stat().st_size > 20_000, "a screen of one colour is smaller"


def _size_of_png(picture: Path) -> tuple[int, int]:
    header = picture.read_bytes()[:24]
    return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")
