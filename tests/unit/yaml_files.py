# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The YAML files of the collection, each read once for all tests of a process."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first one is ten times as fast


@functools.cache
def read_yaml(path: Path) -> Any:
    """Read a file. All tests share what this returns: change a copy."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
