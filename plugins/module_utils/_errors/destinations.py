# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys in a configuration file or a Python module, and in a place that a command reads and writes."""

from __future__ import annotations

from .base import RotationError


class ConfigSyntax(RotationError):
    code = "E_CONFIG_SYNTAX"
    path: str
    line: str
    format: str
    problem = "{path}{line} is not valid {format}"
    remedy = "Fix that line, or set the format of this destination in O(keys)."


class ConfigParser(RotationError):
    code = "E_CONFIG_PARSER"
    path: str
    format: str
    python: str
    packages: str
    problem = "{path}: {python} has no parser for {format}"
    remedy = "Install {packages} for it, or keep the key in a file of its own."


class ConfigValue(RotationError):
    code = "E_CONFIG_VALUE"
    path: str
    place: str
    found: str
    advice: str
    problem = "{path}: {place} {found}"
    remedy = "{advice}"
