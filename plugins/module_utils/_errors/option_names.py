# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of options. A text names an option as ``O(ignore)``, and a person reads the variable."""

from __future__ import annotations

import re

_OPTION = re.compile(r"\bO\(([a-z_.]+)\)")


def variable_of(option: str) -> str:
    """The variable of the playbooks that sets an option."""
    return f"key_rotation_{option}"


def spell_options(text: str) -> str:
    """A text with the variable of each option that it names."""
    return _OPTION.sub(lambda match: variable_of(match[1]), text)
