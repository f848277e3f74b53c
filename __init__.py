# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking Sessions: motion tracking in Blender's Movie Clip Editor that is never lost."""


def register() -> None:
    from . import registration

    registration.register()


def unregister() -> None:
    from . import registration

    registration.unregister()
