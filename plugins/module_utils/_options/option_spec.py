# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of an argument spec, by which Ansible validates options, and of the validated options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict


class OptionSpec(TypedDict, total=False):
    type: str
    elements: str
    required: bool
    choices: list[str]
    default: Any
    no_log: bool
    options: dict[str, OptionSpec]


Spec = dict[str, OptionSpec]
Options = Mapping[str, Any]  # of a module or a plugin: the border of Ansible
