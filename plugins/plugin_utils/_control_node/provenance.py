# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identify the code that a run used, for the record: versions, and one hash over all of this collection's code."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import yaml
from ansible.release import __version__ as ansible_version

COLLECTION = str(Path(__file__).resolve().parents[3])
CODE = ("playbooks", "plugins", "roles")
ENDS = (".py", ".yml", ".j2")


def provenance() -> dict[str, str]:
    """Versions of the collection, ansible-core and Python, and the SHA-256 over names and contents of the code."""
    return {
        "collection": _version(),
        "sha256": _sha256(),
        "ansible_core": ansible_version,
        "python": platform.python_version(),
    }


@functools.cache
def _sha256() -> str:
    """Return the digest of the code that this process runs."""
    digest = hashlib.sha256()
    for path in sorted(_code()):
        with open(os.path.join(COLLECTION, path), "rb") as handle:
            digest.update(f"{path} {hashlib.sha256(handle.read()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _code() -> Iterator[str]:
    for part in CODE:
        for folder, _, names in os.walk(os.path.join(COLLECTION, part)):
            for name in names:
                if name.endswith(ENDS):
                    yield os.path.relpath(os.path.join(folder, name), COLLECTION)


def _version() -> str:
    """Return the version of an installed collection from its manifest, or of a checkout from galaxy.yml."""
    try:
        with open(os.path.join(COLLECTION, "MANIFEST.json"), encoding="utf-8") as handle:
            return str(json.load(handle)["collection_info"]["version"])
    except FileNotFoundError:
        with open(os.path.join(COLLECTION, "galaxy.yml"), encoding="utf-8") as handle:
            return str(yaml.safe_load(handle)["version"])
