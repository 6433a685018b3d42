# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the monitoring program for hosts without Ansible: module_utils of this collection in one file (Python's
zipapp)."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

PACKAGE = "tetech_key_rotation"  # none of the application's own
MAIN = f"import sys\nfrom {PACKAGE}._monitoring import timer\nsys.exit(timer.main(sys.argv[1]))\n"
MODULE_UTILS = str(Path(__file__).resolve().parents[2] / "module_utils")
# What monitoring imports: no key store, and nothing that needs Ansible.
FOLDERS = (
    "_backup",
    "_engine",
    "_destinations",
    "_errors",
    "_kubernetes",
    "_monitoring",
    "_options",
    "_record",
    "_result_types",
    "_services",
    "_system",
)


def program() -> bytes:
    """The archive; the same bytes for the same sources, so that copying it again changes nothing."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", MAIN.encode())
        _add(archive, f"{PACKAGE}/__init__.py", b"")
        for name in sorted(_sources()):
            with open(os.path.join(MODULE_UTILS, name), "rb") as handle:
                _add(archive, f"{PACKAGE}/{name}", handle.read())
    return content.getvalue()


def _sources() -> list[str]:
    """Paths below module_utils, of the folders that monitoring imports."""
    return [
        os.path.relpath(os.path.join(folder, name), MODULE_UTILS)
        for shipped in FOLDERS
        for folder, _, names in os.walk(os.path.join(MODULE_UTILS, shipped))
        for name in names
        if name.endswith(".py")
    ]


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)
