# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A systemctl that shows what the files of a folder say, each named as its unit."""

from __future__ import annotations

from pathlib import Path


def write_systemctl(folder: Path) -> Path:
    """Write the program into a folder, and return the folder of what it shows."""
    shown = folder / "shown"
    shown.mkdir()
    program = folder / "systemctl"
    program.write_text(
        f"#!/bin/sh\nfor last; do :; done\ncd {shown}\n"
        'for f in $last; do cat "$f" 2>/dev/null || echo LoadState=not-found; echo; done\n'
    )
    program.chmod(0o755)
    return shown
