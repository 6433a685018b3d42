# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What monitoring runs on a host without Ansible: the module_utils of this collection as one file (Python's zipapp)."""

from __future__ import annotations

import io
import os
import zipfile

PACKAGE = "tetech_key_rotation"  # none of the application's own
MAIN = f"import sys\nfrom {PACKAGE}.monitoring import timer\nsys.exit(timer.main(sys.argv[1]))\n"
MODULE_UTILS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "module_utils")
NOT_THERE = ("module.py", "stores/vault_file.py", "stores/hashi_vault.py", "stores/aws_secrets_manager.py")


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
    """Paths below module_utils, without what needs Ansible and without the key stores."""
    found = [
        os.path.relpath(os.path.join(folder, name), MODULE_UTILS)
        for folder, _, names in os.walk(MODULE_UTILS)
        for name in names
        if name.endswith(".py")
    ]
    return [name for name in found if name not in NOT_THERE]


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)
