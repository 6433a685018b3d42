# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's modules, imported from this checkout for what is generated from their tables."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"


def module(name: str, package: str = "module_utils") -> ModuleType:
    """A module by its name below ``package``, which is a folder of plugins."""
    if str(PLUGINS) not in sys.path:
        sys.path.append(str(PLUGINS))
    return importlib.import_module(f"{package}.{name}")
