# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that the file of a picture is whole and reads its size, from the structure alone: no pixel is decoded."""
