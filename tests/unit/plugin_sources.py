# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python files of the plugins, parsed once for all tests of a process."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from pathlib import Path

from .conftest import CHECKOUT

PLUGINS = CHECKOUT / "plugins"
FILES = sorted(PLUGINS.rglob("*.py"))


@functools.cache
def trees() -> Mapping[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
