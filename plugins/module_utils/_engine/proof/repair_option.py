# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Format the option with which a rollback takes values from the backup."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..._errors.option_names import variable_of


def format_repair(values: Sequence[str]) -> str:
    """The options of the rollback playbook that take these values, as table.column:key, from the backup."""
    option = json.dumps({variable_of("prefer"): "repair", variable_of("repair"): list(values)})
    return f"-e '{option}'"
